/**
 * The only file that imports the page's generated glue. Glue and wasm are evaluated at the first use, never at import.
 * Addresses are relative to dist/index.js, into which all of this is bundled; bundlers look for exactly these
 * expressions.
 */

import { HybridError, invalid } from './errors.js'
import { optionsArgument } from './json.js'
import { fetchWasm, foreign, startFault, unreachable, type WasmFault } from './wasm-file.js'

export type Page = typeof import('../../wasm/page/hybridge_page.js')
export type { Consideration, Hybrid, Run, Seam } from '../../wasm/page/hybridge_page.js'

/** The URL of the page's wasm, for bundlers and policies that need it named; or its bytes. */
export type WasmSource = string | URL | BufferSource

/**
 * The wasm itself in base64, in the entry that `pkg-scripts/bundle.mjs` builds for Node and similar hosts, which fetch
 * no files.
 */
declare const EMBEDDED_PAGE_WASM: string | undefined

let source: WasmSource | undefined
let base: string | undefined
let ready: Promise<Page> | undefined

/**
 * Sets the locations of the package's own files, before the first use. Bundlers that understand `new URL(…,
 * import.meta.url)` need none of this, nor does Node.
 *
 * `baseUrl` is the address of a copy of the package's folder, with `dist/` and `wasm/` inside: on the page's own host
 * or on a CDN that allows the page by CORS. `wasmUrl` names the routing wasm alone, or is its bytes, and comes first.
 *
 * @example
 * configure({ baseUrl: 'https://cdn.example.org/npm/hybridge@0.1.0/' })
 */
export function configure(options: { baseUrl?: string | URL; wasmUrl?: WasmSource }): void {
  const { baseUrl, wasmUrl } = optionsArgument(options, 'configure')
  if (wasmUrl !== undefined) source = wasmUrl
  if (baseUrl === undefined) return
  try {
    base = new URL(`${String(baseUrl).replace(/\/+$/, '')}/`, globalThis.location?.href).href
  } catch (cause) {
    throw invalid('`baseUrl` must be the address of a copy of the package', cause)
  }
}

/** Returns the address of one of the package's files below `baseUrl`; undefined if none is configured. */
export function configuredFile(path: string): string | undefined {
  return base === undefined ? undefined : new URL(path, base).href
}

/** The page's wasm, loaded once. A failed load is retried by the next call. */
export function loadPage(): Promise<Page> {
  ready ??= load().catch((thrown: unknown) => {
    ready = undefined
    throw thrown
  })
  return ready
}

async function load(): Promise<Page> {
  const page = await import('../../wasm/page/hybridge_page.js')
  const place = source ?? configuredFile('wasm/page/hybridge_page_bg.wasm') ?? ownWasm()
  const bytes = typeof place === 'string' || place instanceof URL ? await bytesAt(String(place)) : place
  try {
    await page.default({ module_or_path: bytes })
  } catch (cause) {
    throw unavailable(startFault(cause), cause)
  }
  return page
}

function ownWasm(): WasmSource {
  if (typeof EMBEDDED_PAGE_WASM === 'string')
    return Uint8Array.from(atob(EMBEDDED_PAGE_WASM), (character) => character.charCodeAt(0))
  return new URL('../wasm/page/hybridge_page_bg.wasm', import.meta.url)
}

async function bytesAt(address: string): Promise<ArrayBuffer> {
  try {
    const response = await fetchWasm(address, option)
    const bytes = await response.arrayBuffer().catch((cause: unknown) => {
      throw unreachable(address, cause)
    })
    const [a, b, c, d] = new Uint8Array(bytes, 0, Math.min(4, bytes.byteLength))
    if (a === 0 && b === 0x61 && c === 0x73 && d === 0x6d) return bytes
    throw foreign(address, response, option)
  } catch (thrown) {
    const { message, cause } = thrown as WasmFault
    throw unavailable(message, cause)
  }
}

const option = 'configure({ wasmUrl })'

function unavailable(why: string, cause?: unknown): HybridError {
  return new HybridError('UNAVAILABLE', `the routing engine could not be loaded: ${why}`, {
    code: 'WASM_UNAVAILABLE',
    ...(cause === undefined ? {} : { cause }),
  })
}
