/** Runs in the dedicated worker: loads the engine at the first call, answers each call once. Decides nothing. */

import type { Answer, Call, Calls, Failure, Method } from './device/protocol.js'
import { loadEngine, type Engine } from './glue/worker.js'

type Handlers = { [M in Method]: (engine: Engine, params: Calls[M]['params']) => Promise<Calls[M]['result']> }

const handlers: Handlers = {
  selfTest: async (engine) => JSON.parse(await engine.self_test()) as Calls['selfTest']['result'],
}

/** The engine throws our error as JSON text; anything else is a bug or a failed load. */
function failureOf(thrown: unknown, isLoaded: boolean): Failure {
  if (typeof thrown === 'string') return JSON.parse(thrown) as Failure
  if (!isLoaded) return { status: 'UNAVAILABLE', code: 'WASM_UNAVAILABLE', message: 'the engine (hybridge_worker_bg.wasm) could not be loaded; serve it beside the worker, or name it with wasmUrl' }
  return { status: 'INTERNAL', code: 'ENGINE_PANIC', message: 'the engine stopped unexpectedly; the browser console holds the cause' }
}

async function answer<M extends Method>(call: Call<M>): Promise<Answer> {
  let isLoaded = false
  try {
    const engine = await loadEngine(call.wasmUrl)
    isLoaded = true
    return { id: call.id, result: await handlers[call.method](engine, call.params) }
  } catch (thrown) {
    if (typeof thrown !== 'string') console.error(thrown)
    return { id: call.id, failure: failureOf(thrown, isLoaded) }
  }
}

self.addEventListener('message', (event: MessageEvent<Call>) => {
  void answer(event.data).then((reply) => self.postMessage(reply))
})
