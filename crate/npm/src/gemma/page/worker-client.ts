/**
 * A worker as an object with methods. It starts at the first call, and every way in which it can end becomes an error
 * of the calls in flight.
 */

import { configuredFile } from '../../border/wasm.js'
import { reasonOf } from '../../border/thrown.js'
import { HybridError } from '../../border/errors.js'
import type { Abort, Call, Calls, Failure, Farewell, FromWorker, Method, Step, WasmUrls } from '../protocol.js'

/** Addresses of the engine's files, for bundlers and policies that need them named. */
export interface WorkerPlaces {
  workerUrl?: string | URL
  wasmUrl?: string | URL
  cpuWasmUrl?: string | URL
  threadsWasmUrl?: string | URL
}

export interface CallOptions {
  /** Fails the call at once with the signal's reason and stops its work in the worker. */
  signal?: AbortSignal
  onProgress?: (step: Step) => void
  /** Receives the finished share of the work on an image. */
  onShare?: (share: number) => void
}

interface Waiting {
  readonly method: Method
  resolve(result: unknown): void
  reject: (error: HybridError) => void
  onProgress: CallOptions['onProgress']
  onShare: CallOptions['onShare']
}

/** Codes after which the worker's engine is unusable. */
export const fatalCodes: ReadonlySet<string | undefined> = new Set(['ENGINE_PANIC', 'WORKER_CRASHED', 'DEVICE_LOST'])

/**
 * Codes after which a loaded model's state cannot be trusted. During a load they only mean that it failed, and would
 * fail again.
 */
const fatalWhileRunning: ReadonlySet<string | undefined> = new Set(['OUT_OF_MEMORY', 'GPU_FAILED'])

/** How long a worker may take to free its resources before it is terminated. */
const farewellMs = 1000

export class WorkerClient {
  readonly #places: WorkerPlaces
  /** Called when the worker ends without a request from the page. */
  readonly #onDeath: (error: HybridError) => void
  #worker: Worker | undefined
  #lockWatch: AbortController | undefined
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  constructor(places: WorkerPlaces = {}, onDeath: (error: HybridError) => void = () => {}) {
    this.#places = places
    this.#onDeath = onDeath
  }

  get isRunning(): boolean {
    return this.#worker !== undefined
  }

  call<M extends Method>(
    method: M,
    params: Calls[M]['params'],
    { signal, onProgress, onShare }: CallOptions = {},
  ): Promise<Calls[M]['result']> {
    if (signal?.aborted === true) return Promise.reject(reasonOf(signal.reason))
    const id = ++this.#lastId
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject, onProgress, onShare })
      try {
        const worker = (this.#worker ??= this.#start())
        const message: Call<M> = { id, method, params, wasmUrls: wasmUrlsOf(this.#places) }
        worker.postMessage(message)
      } catch (cause) {
        this.#waiting.delete(id)
        const message =
          typeof Worker === 'undefined'
            ? noWorkers
            : 'the worker could not be started; is its script allowed by the page’s policy (worker-src)?'
        reject(new HybridError('UNAVAILABLE', message, { code: 'WORKER_UNAVAILABLE', cause }))
      }
    }) as Promise<Calls[M]['result']>
    if (signal === undefined) return answer
    const onAbort = (): void => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      const message: Abort = { abort: id }
      this.#worker?.postMessage(message)
      waiting?.reject(reasonOf(signal.reason))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    return answer.finally(() => signal.removeEventListener('abort', onAbort))
  }

  /** Terminates the worker at once; calls in flight fail with this error. */
  terminate(error = ended()): void {
    this.#end(error)?.terminate()
  }

  /**
   * Lets the worker release its GPU and record downloaded bytes before it ends: an abandoned GPU stays in use until
   * garbage collection. Calls in flight fail at once; a worker that does not respond is terminated.
   */
  async close(error = ended()): Promise<void> {
    const worker = this.#end(error)
    if (worker === undefined) return
    const id = ++this.#lastId
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, farewellMs)
      worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
        if (!('id' in data) || data.id !== id) return
        clearTimeout(timer)
        resolve()
      })
      const message: Farewell = { farewell: id }
      worker.postMessage(message)
    })
    worker.terminate()
  }

  /** Terminates a worker that cannot be trusted any more. */
  collapse(error: HybridError): void {
    if (this.#worker === undefined) return
    this.#end(error)?.terminate()
    this.#onDeath(error)
  }

  #start(): Worker {
    const place = this.#places.workerUrl ?? configuredFile('dist/worker.js')
    const worker = place === undefined ? ownWorker() : workerAt(place)
    worker.addEventListener('message', (event: MessageEvent<FromWorker>) => {
      if (this.#worker === worker) this.#receive(event.data)
    })
    worker.addEventListener('error', (event) => {
      if (this.#worker !== worker) return
      const neverRan = event.message === undefined
      this.collapse(
        neverRan
          ? new HybridError(
              'UNAVAILABLE',
              'the worker’s script could not be loaded; serve worker.js beside the package’s other files, or name it with workerUrl',
              { code: 'WORKER_UNAVAILABLE' },
            )
          : crashed(),
      )
    })
    // An unreadable answer does not identify its call, so all calls fail.
    worker.addEventListener('messageerror', () => {
      if (this.#worker === worker) this.collapse(crashed())
    })
    return worker
  }

  #receive(message: FromWorker): void {
    if ('lock' in message) this.#watchLock(message.lock)
    else if ('share' in message) this.#waiting.get(message.report)?.onShare?.(message.share)
    else if ('report' in message) this.#waiting.get(message.report)?.onProgress?.(message.progress)
    else if ('collapse' in message) this.collapse(errorOf(message.collapse))
    else {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if ('result' in message) {
        waiting?.resolve(message.result)
        return
      }
      const error = errorOf(message.failure)
      waiting?.reject(error)
      if (fatalCodes.has(error.code) || (waiting?.method !== 'load' && fatalWhileRunning.has(error.code)))
        this.collapse(error)
    }
  }

  /** A killed worker sends nothing, but the lock that it held is released. */
  #watchLock(lock: string): void {
    const watch = (this.#lockWatch = new AbortController())
    navigator.locks.request(lock, { signal: watch.signal }, () => this.collapse(crashed())).catch(() => {})
  }

  /** Detaches the worker and fails every call in flight. */
  #end(error: HybridError): Worker | undefined {
    this.#lockWatch?.abort()
    this.#lockWatch = undefined
    const worker = this.#worker
    this.#worker = undefined
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(error)
    return worker
  }
}

/** A worker resolves addresses relative to its own script, but callers mean the page's. */
function wasmUrlsOf({ wasmUrl, cpuWasmUrl, threadsWasmUrl }: WorkerPlaces): WasmUrls {
  const address = (place: string | URL): string => new URL(place, location.href).href
  return {
    ...(wasmUrl === undefined ? {} : { gpu: address(wasmUrl) }),
    ...(cpuWasmUrl === undefined ? {} : { cpu: address(cpuWasmUrl) }),
    ...(threadsWasmUrl === undefined ? {} : { threads: address(threadsWasmUrl) }),
  }
}

/** Starts the worker of this copy of the package. */
function ownWorker(): Worker {
  try {
    // Written out in full, because bundlers look for exactly this expression; relative to dist/index.js.
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'hybridge' })
  } catch (thrown) {
    // The package's scripts come from another origin, for example a CDN.
    if ((thrown as { name?: unknown } | null)?.name !== 'SecurityError') throw thrown
    return workerAt(import.meta.url.replace(/[^/]*$/, 'worker.js'))
  }
}

/** A worker's script must be same-origin; one that only imports the real script is. */
function workerAt(place: string | URL): Worker {
  const { origin, href } = new URL(place, location.href)
  const script =
    origin === location.origin
      ? href
      : URL.createObjectURL(new Blob([`import ${JSON.stringify(href)}`], { type: 'text/javascript' }))
  return new Worker(script, { type: 'module', name: 'hybridge' })
}

function errorOf(failure: Failure): HybridError {
  return new HybridError(failure.status, failure.message, failure)
}

export const noWorkers = 'there are no web workers here: a model runs in a browser’s page'

/** Not CANCELLED, which is reserved for the caller's own signal: a hybrid moves on to another branch. */
function ended(): HybridError {
  return new HybridError('UNAVAILABLE', 'the worker was ended by the page', { code: 'WORKER_ENDED' })
}

function crashed(): HybridError {
  return new HybridError('INTERNAL', 'the worker stopped unexpectedly; the browser console may hold the cause', {
    code: 'WORKER_CRASHED',
  })
}
