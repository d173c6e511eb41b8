/**
 * The one file that knows the page's generated glue. The wasm is fetched at the first use, never at import.
 * Addresses are seen from dist/index.js, which all of this becomes; bundlers look for just these words.
 */

import init, * as page from '../../wasm/page/hybridge_page.js'
import { HybridError } from './errors.js'

export type Page = typeof page
export type { Consideration, Hybrid, Run } from '../../wasm/page/hybridge_page.js'

/** Where the page's wasm is, for bundlers and policies that need it named; or its bytes. */
export type WasmSource = string | URL | BufferSource

let source: WasmSource | undefined
let ready: Promise<Page> | undefined

/** Names the wasm's place. Has no effect once it is loaded. */
export function setPageWasm(wasm: WasmSource): void {
  source = wasm
}

/** The page's wasm, loaded once. A failed load is tried again at the next call. */
export function loadPage(): Promise<Page> {
  ready ??= init({ module_or_path: source ?? new URL('../wasm/page/hybridge_page_bg.wasm', import.meta.url) }).then(
    () => page,
    (cause: unknown) => {
      ready = undefined
      throw new HybridError('UNAVAILABLE', 'the routing engine (hybridge_page_bg.wasm) could not be loaded; serve it beside the script, or name it with configure({ wasmUrl })', { code: 'WASM_UNAVAILABLE', cause })
    },
  )
  return ready
}
