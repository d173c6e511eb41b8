/**
 * The one file that knows the page's generated glue. Glue and wasm are evaluated at the first use, never at import.
 * Addresses are relative to dist/index.js, into which all of this is bundled; bundlers look for exactly these words.
 */

import { HybridError, invalid } from './errors.js'
import { optionsArgument } from './json.js'

export type Page = typeof import('../../wasm/page/hybridge_page.js')
export type { Consideration, Hybrid, Run } from '../../wasm/page/hybridge_page.js'

/** Where the page's wasm is, for bundlers and policies that need it named; or its bytes. */
export type WasmSource = string | URL | BufferSource

/** The wasm itself in base64, where `pkg-scripts/bundle.mjs` builds the entry for Node and its kin, which fetch no files. */
declare const EMBEDDED_PAGE_WASM: string | undefined

let source: WasmSource | undefined
let base: string | undefined
let ready: Promise<Page> | undefined

/**
 * Names the places of the package's own files, before the first use. Bundlers that understand `new URL(…, import.meta.url)` need none of
 * this, nor does Node.
 *
 * `baseUrl` is the address of a copy of the package's folder, with `dist/` and `wasm/` inside: on the page's own host or on a CDN that
 * allows the page by CORS. `wasmUrl` names the routing wasm alone, or is its bytes, and comes first.
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

/** The address of one of the package's files below `baseUrl`; undefined where none is configured. */
export function configuredFile(path: string): string | undefined {
  return base === undefined ? undefined : new URL(path, base).href
}

/** The page's wasm, loaded once. A failed load is tried again at the next call. */
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
  const bytes = typeof place === 'string' || place instanceof URL ? await fetchWasm(String(place)) : place
  try {
    await page.default({ module_or_path: bytes })
  } catch (cause) {
    const isForbidden = /content security policy|unsafe-eval|disallowed by embedder/i.test(String(cause))
    throw unavailable(
      typeof WebAssembly === 'undefined'
        ? 'this host has no WebAssembly'
        : isForbidden
          ? "the page's Content Security Policy forbids WebAssembly; add 'wasm-unsafe-eval' to its script-src"
          : 'it does not compile; is it the file of this very version of the package?',
      cause,
    )
  }
  return page
}

function ownWasm(): WasmSource {
  if (typeof EMBEDDED_PAGE_WASM === 'string')
    return Uint8Array.from(atob(EMBEDDED_PAGE_WASM), (character) => character.charCodeAt(0))
  return new URL('../wasm/page/hybridge_page_bg.wasm', import.meta.url)
}

async function fetchWasm(address: string): Promise<ArrayBuffer> {
  const failed = (why: string, cause?: unknown): HybridError => unavailable(`${address} ${why}`, cause)
  let response: Response
  let bytes: ArrayBuffer
  try {
    response = await fetch(address)
    bytes = await response.arrayBuffer()
  } catch (cause) {
    throw failed(
      address.startsWith('file:')
        ? 'is a file, which fetch does not read: serve the page over http, or give the bytes with configure({ wasmUrl })'
        : "could not be fetched: the network is down, or the page's Content Security Policy (connect-src) or the server's CORS headers forbid it",
      cause,
    )
  }
  if (!response.ok)
    throw failed(
      `is not there (the server answered ${response.status}): serve the file beside the script, or name its place with configure({ wasmUrl })`,
    )
  const [a, b, c, d] = new Uint8Array(bytes, 0, Math.min(4, bytes.byteLength))
  if (a === 0 && b === 0x61 && c === 0x73 && d === 0x6d) return bytes
  const type = response.headers.get('content-type') ?? 'an unknown type'
  throw failed(
    `is no WebAssembly (the server answered ${type}, perhaps its page for unknown addresses): serve the file beside the script, or name its place with configure({ wasmUrl })`,
  )
}

function unavailable(why: string, cause?: unknown): HybridError {
  return new HybridError('UNAVAILABLE', `the routing engine could not be loaded: ${why}`, {
    code: 'WASM_UNAVAILABLE',
    ...(cause === undefined ? {} : { cause }),
  })
}
