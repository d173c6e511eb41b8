/** The one file that knows the engine's generated glue. Loaded inside the worker only. */

import init, * as engine from '../../wasm/worker/hybridge_worker.js'

export type Engine = typeof engine

let ready: Promise<Engine> | undefined

/** The engine's wasm, loaded once in this worker. */
export function loadEngine(wasmUrl: string | undefined): Promise<Engine> {
  ready ??= init(wasmUrl === undefined ? undefined : { module_or_path: wasmUrl }).then(() => engine)
  return ready
}
