/** The interface to a store's engine: in a worker, or in this process if there are no workers. */

import { configuredFile, HybridError } from '../index.js'
import type { Failure, StoreAnswer, StoreCall, StoreCalls, StoreMethod, StoreSettings, StoreState } from './protocol.js'

export interface StorePlaces {
  workerUrl?: string | URL
  wasmUrl?: string | URL
}

interface Waiting {
  resolve(result: unknown): void
  reject: (error: HybridError) => void
}

/** A connection to the engine. `end` terminates it. */
interface Link {
  send(call: StoreCall): void
  end(): void
}

export class StoreClient {
  readonly #settings: StoreSettings
  readonly #places: StorePlaces
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #link: Promise<Link> | undefined
  #opening: Promise<StoreState> | undefined
  #isClosed = false

  constructor(settings: StoreSettings, places: StorePlaces) {
    this.#settings = settings
    this.#places = places
  }

  /** Opens the store once. A failed open is retried by the next call. */
  open(): Promise<StoreState> {
    if (this.#isClosed) return Promise.reject(closed())
    this.#opening ??= this.#send('open', { settings: this.#settings, wasmUrl: addressOf(this.#places.wasmUrl) }).catch(
      (thrown: unknown) => {
        this.#opening = undefined
        throw thrown
      },
    )
    return this.#opening
  }

  async call<M extends Exclude<StoreMethod, 'open' | 'close'>>(
    method: M,
    params: StoreCalls[M]['params'],
  ): Promise<StoreCalls[M]['result']> {
    await this.open()
    return await this.#send(method, params)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const link = await this.#link?.catch(() => undefined)
    if (link === undefined) return
    try {
      await this.#send('close', null)
    } finally {
      link.end()
      this.#failAll(closed())
    }
  }

  async #send<M extends StoreMethod>(method: M, params: StoreCalls[M]['params']): Promise<StoreCalls[M]['result']> {
    const link = await (this.#link ??= this.#start())
    const id = ++this.#lastId
    return await new Promise<StoreCalls[M]['result']>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      link.send({ id, method, params })
    })
  }

  #start(): Promise<Link> {
    const isPage = typeof Worker !== 'undefined' && typeof location !== 'undefined'
    const started = isPage ? this.#startWorker() : this.#startHere()
    return started.catch((cause: unknown) => {
      this.#link = undefined
      throw new HybridError(
        'UNAVAILABLE',
        'the worker of the store could not be started; serve retrieval-worker.js beside the package’s other files, or name it with workerUrl',
        { code: 'WORKER_UNAVAILABLE', cause },
      )
    })
  }

  async #startWorker(): Promise<Link> {
    const worker = workerAt(this.#places.workerUrl ?? configuredFile('dist/retrieval-worker.js'))
    const onEnd = (error: HybridError): void => {
      worker.terminate()
      this.#restart(error)
    }
    worker.addEventListener('message', ({ data }: MessageEvent<StoreAnswer>) => {
      this.#receive(data)
      // The wasm's state can no longer be trusted.
      if ('failure' in data && data.failure.code === 'STORE_FAILED') onEnd(errorOf(data.failure))
    })
    worker.addEventListener('messageerror', () => onEnd(crashed()))
    worker.addEventListener('error', (event) => onEnd(event.message === undefined ? absent() : crashed()))
    return {
      send: (call) => worker.postMessage(call),
      end: () => worker.terminate(),
    }
  }

  async #startHere(): Promise<Link> {
    const { serveStore } = await import('./worker.js')
    const answer = serveStore()
    return {
      send: (call) => void answer(call).then((message) => this.#receive(message)),
      end: () => {},
    }
  }

  #receive(answer: StoreAnswer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('result' in answer) waiting?.resolve(answer.result)
    else waiting?.reject(errorOf(answer.failure))
  }

  /** Fails every call in flight; the next one restarts the worker. */
  #restart(error: HybridError): void {
    this.#link = undefined
    this.#opening = undefined
    this.#failAll(error)
  }

  #failAll(error: HybridError): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const call of waiting) call.reject(error)
  }
}

export function errorOf({ status, message, code }: Failure): HybridError {
  return new HybridError(status, message, code === undefined ? {} : { code })
}

/** A worker resolves addresses relative to its own script, but callers mean the page's. */
function addressOf(url: string | URL | undefined): string | undefined {
  if (url === undefined) return undefined
  return typeof location === 'undefined' ? String(url) : new URL(url, location.href).href
}

const options = { type: 'module', name: 'hybridge-retrieval' } as const

function workerAt(place: string | URL | undefined): Worker {
  if (place === undefined) {
    try {
      // Written out in full, because bundlers look for exactly this expression; relative to dist/retrieval.js.
      return new Worker(new URL('./retrieval-worker.js', import.meta.url), {
        type: 'module',
        name: 'hybridge-retrieval',
      })
    } catch (thrown) {
      // The package's scripts come from another origin, for example a CDN.
      if ((thrown as { name?: unknown } | null)?.name !== 'SecurityError') throw thrown
      return workerAt(import.meta.url.replace(/[^/]*$/, 'retrieval-worker.js'))
    }
  }
  const { origin, href } = new URL(place, location.href)
  // A worker's script must be same-origin; one that only imports the real script is.
  const script =
    origin === location.origin
      ? href
      : URL.createObjectURL(new Blob([`import ${JSON.stringify(href)}`], { type: 'text/javascript' }))
  return new Worker(script, options)
}

function closed(): HybridError {
  return new HybridError('FAILED_PRECONDITION', 'the store was closed; make a new one', { code: 'STORE_CLOSED' })
}

function crashed(): HybridError {
  return new HybridError(
    'INTERNAL',
    'the worker of the store stopped unexpectedly; the browser console may hold the cause',
    {
      code: 'WORKER_CRASHED',
    },
  )
}

function absent(): HybridError {
  return new HybridError(
    'UNAVAILABLE',
    'the worker of the store could not be loaded; serve retrieval-worker.js beside the package’s other files, or name it with workerUrl',
    { code: 'WORKER_UNAVAILABLE' },
  )
}
