/** A worker as an object with methods: starts at the first call, and turns every way it can die into an error on each call in flight. */

import { HybridError } from '../errors.js'
import type { Answer, Call, Calls, Method } from './protocol.js'

/** For pages whose bundler or policy needs the files named. */
export interface WorkerPlaces {
  workerUrl?: string | URL
  wasmUrl?: string | URL
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: HybridError): void
}

export class WorkerClient {
  readonly #places: WorkerPlaces
  #worker: Worker | undefined
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  constructor(places: WorkerPlaces = {}) {
    this.#places = places
  }

  call<M extends Method>(method: M, params: Calls[M]['params']): Promise<Calls[M]['result']> {
    return new Promise<unknown>((resolve, reject) => {
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      try {
        const worker = (this.#worker ??= this.#start())
        const wasmUrl = this.#places.wasmUrl
        // A worker resolves addresses against its own script, a caller means the page's.
        const message: Call<M> = { id, method, params, wasmUrl: wasmUrl === undefined ? undefined : new URL(wasmUrl, location.href).href }
        worker.postMessage(message)
      } catch (cause) {
        this.#waiting.delete(id)
        reject(new HybridError('UNAVAILABLE', 'the worker could not be started; is its script allowed by the page’s policy (worker-src)?', { code: 'WORKER_UNAVAILABLE', cause }))
      }
    }) as Promise<Calls[M]['result']>
  }

  /** Ends the worker at once; calls in flight fail with CANCELLED. */
  terminate(): void {
    this.#end(new HybridError('CANCELLED', 'the worker was ended by the page'))
  }

  #start(): Worker {
    // Written out in full, because bundlers look for just these words; seen from dist/index.js.
    const worker =
      this.#places.workerUrl === undefined
        ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'hybridge' })
        : new Worker(this.#places.workerUrl, { type: 'module', name: 'hybridge' })
    worker.addEventListener('message', (event: MessageEvent<Answer>) => this.#settle(event.data))
    worker.addEventListener('error', (event) => {
      const neverRan = event.message === undefined
      this.#end(
        neverRan
          ? new HybridError('UNAVAILABLE', 'the worker’s script could not be loaded; serve worker.js beside the package’s other files, or name it with workerUrl', { code: 'WORKER_UNAVAILABLE' })
          : new HybridError('INTERNAL', 'the worker stopped unexpectedly; the browser console holds the cause', { code: 'WORKER_CRASHED' }),
      )
    })
    return worker
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (waiting === undefined) return
    if ('result' in answer) waiting.resolve(answer.result)
    else waiting.reject(new HybridError(answer.failure.status, answer.failure.message, answer.failure))
  }

  #end(error: HybridError): void {
    this.#worker?.terminate()
    this.#worker = undefined
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(error)
  }
}
