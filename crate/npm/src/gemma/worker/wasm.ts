/**
 * The one file that knows the engine's generated glue. Loaded inside the worker only.
 * The address is seen from dist/worker.js, which all of this becomes.
 */

import init, * as engine from '../../../wasm/worker/hybridge_worker.js'

export type Engine = typeof engine
export type { Digest, Download, Generation, Model } from '../../../wasm/worker/hybridge_worker.js'

let ready: Promise<Engine> | undefined

/** The engine's wasm, loaded once in this worker. A failed load is tried again at the next call. */
export function loadEngine(wasmUrl: string | undefined): Promise<Engine> {
  ready ??= init({
    module_or_path: wasmUrl ?? new URL('../wasm/worker/hybridge_worker_bg.wasm', import.meta.url),
  }).then(
    () => engine,
    (cause: unknown) => {
      ready = undefined
      throw cause
    },
  )
  return ready
}
