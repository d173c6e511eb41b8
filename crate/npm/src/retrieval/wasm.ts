/** The only file that imports the generated glue of `crate/search`. */

import init, * as search from '../../wasm/search/hybridge_search.js'

export type Search = typeof search
export type { Conditions, Documents, Index } from '../../wasm/search/hybridge_search.js'

/** The wasm's bytes as base64, which the build includes in the package's script for Node. */
declare const EMBEDDED_SEARCH_WASM: string | undefined

let ready: Promise<Search> | undefined

/** The wasm, loaded once. A failed load is retried by the next call. */
export function loadSearch(wasmUrl: string | undefined): Promise<Search> {
  ready ??= init({ module_or_path: wasmUrl ?? ownWasm() }).then(
    () => search,
    (cause: unknown) => {
      ready = undefined
      throw cause
    },
  )
  return ready
}

function ownWasm(): URL | Uint8Array<ArrayBuffer> {
  if (typeof EMBEDDED_SEARCH_WASM === 'string')
    return Uint8Array.from(atob(EMBEDDED_SEARCH_WASM), (character) => character.charCodeAt(0))
  return new URL('../wasm/search/hybridge_search_bg.wasm', import.meta.url)
}
