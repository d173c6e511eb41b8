/** Where the package's own files are, for the pages whose bundler or policy needs them named. */

import { setPageWasm, type WasmSource } from './wasm.js'

/**
 * Names the routing wasm, before the first use. Bundlers that understand `new URL(…, import.meta.url)` need none of this.
 *
 * @example
 * configure({ wasmUrl: '/assets/hybridge_page_bg.wasm' })
 */
export function configure(options: { wasmUrl: WasmSource }): void {
  setPageWasm(options.wasmUrl)
}
