/**
 * The engine behind a model of this package: its worker, its state, and its return after a fault.
 *
 * ```text
 * absent ──load──► loading ──► ready ──fault──► loading (from the store, at most twice in a row) ──► ready
 *    ▲                │          │                 └──► failed ──load──► loading
 *    └────────────────┘          └──dispose──► disposed ──load──► loading
 *       failed, stopped
 * ```
 *
 * A page that is left for the back/forward cache gives everything up, and comes back as after a fault.
 */

import { HybridError } from '../../border/errors.js'
import { cancelled, fromThrown } from '../../border/thrown.js'
import type { GemmaOptions, LoadOptions, OnDeviceModel } from '../../types.js'
import { findMark, mark } from './crash-marker.js'
import type { KnownModel } from './known-models.js'
import { loadLock } from '../layout.js'
import { ProgressMeter } from './progress.js'
import { watchPage } from './page-life.js'
import type { Calls, LoadParams, Loaded, Method, Step } from '../protocol.js'
import { knownPlan, knownVerdict, rememberPlan, rememberVerdict } from './self-test.js'
import { checkSimd } from './simd.js'
import { keyOf, sourceOf, type ModelSource } from './source.js'
import { fatalCodes, WorkerClient, type CallOptions } from './worker-client.js'

export type HostState = OnDeviceModel['state']

/** How often in a row a fault is answered by building the engine again. */
const rebuilds = 2

const defaultContextWindow = 4096

interface Loading {
  readonly done: Promise<Loaded>
  readonly work: AbortController
  readonly meters: Set<ProgressMeter>
  /** How many callers want it. The last one to leave stops it. */
  callers: number
  last: Step | undefined
}

export class EngineHost {
  readonly source: ModelSource
  readonly options: Omit<GemmaOptions, 'waitForLoad'>
  readonly contextWindow: number
  readonly #kind: KnownModel['kind']
  readonly #client: WorkerClient
  #state: HostState = 'absent'
  #loading: Loading | undefined
  #loaded: Loaded | undefined
  #faultsInRow = 0
  #hasRun = false
  #wasReady = false
  #unmark: () => void = () => {}
  #stopWatching: () => void = () => {}

  constructor(options: Omit<GemmaOptions, 'waitForLoad'>, kind: KnownModel['kind']) {
    const { contextWindow = defaultContextWindow, workerUrl, wasmUrl } = options
    if (!Number.isSafeInteger(contextWindow) || contextWindow < 1) throw new HybridError('INVALID_ARGUMENT', `\`contextWindow\` must be a positive whole number, found ${contextWindow}`)
    this.source = sourceOf(options.model, kind)
    this.options = options
    this.contextWindow = contextWindow
    this.#kind = kind
    this.#client = new WorkerClient({ ...(workerUrl === undefined ? {} : { workerUrl }), ...(wasmUrl === undefined ? {} : { wasmUrl }) }, () => this.#fell())
  }

  get state(): HostState {
    return this.#state
  }

  /** What is loaded, or undefined. */
  get loaded(): Loaded | undefined {
    return this.#state === 'ready' ? this.#loaded : undefined
  }

  /** The key of its folder; undefined for a file in the caller's hand. */
  async key(): Promise<string | undefined> {
    return this.source.kind === 'blob' || globalThis.crypto?.subtle === undefined ? undefined : await keyOf(this.source)
  }

  async load({ onProgress, signal, despiteCrash = false }: LoadOptions = {}): Promise<void> {
    if (signal?.aborted === true) throw cancelled(signal.reason)
    const meter = new ProgressMeter((progress) => onProgress?.(progress))
    meter.begin(this.source.kind === 'blob' ? this.source.blob.size : (this.source.approximateBytes ?? 0))
    if (this.#state === 'ready') {
      meter.end()
      return
    }
    checkSimd()
    this.#faultsInRow = 0
    this.#stopWatching()
    this.#stopWatching = watchPage({ leave: () => this.#leave(), comeBack: () => this.#comeBack() })
    const loading = (this.#loading ??= this.#begin({ mayDownload: true, despiteCrash }))
    loading.meters.add(meter)
    loading.callers++
    if (loading.last !== undefined) meter.step(loading.last)
    let onAbort: (() => void) | undefined
    const stopped = new Promise<never>((_, reject) => {
      onAbort = () => reject(cancelled(signal?.reason))
      signal?.addEventListener('abort', onAbort, { once: true })
    })
    try {
      await Promise.race([loading.done, stopped])
      meter.end()
    } finally {
      loading.meters.delete(meter)
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
      if (--loading.callers === 0) loading.work.abort()
    }
  }

  /** Resolves once the model can be run. Where a load is under way it is waited for only if `waitForLoad` says so. */
  async ready({ waitForLoad, signal }: { waitForLoad: boolean; signal: AbortSignal }): Promise<void> {
    switch (this.#state) {
      case 'ready':
        return
      case 'loading': {
        if (!waitForLoad || this.#loading === undefined) throw new HybridError('UNAVAILABLE', 'the model is still loading; set waitForLoad to wait for it', { code: 'MODEL_LOADING' })
        const { done } = this.#loading
        await new Promise<void>((resolve, reject) => {
          const onAbort = (): void => reject(cancelled(signal.reason))
          signal.addEventListener('abort', onAbort, { once: true })
          done.then(() => resolve(), reject).finally(() => signal.removeEventListener('abort', onAbort))
        })
        return
      }
      case 'failed':
        throw new HybridError('UNAVAILABLE', 'the model failed repeatedly and rests; load it again', { code: 'MODEL_FAILED' })
      default:
        throw new HybridError('UNAVAILABLE', 'the model is not loaded; call load() first', { code: 'MODEL_ABSENT' })
    }
  }

  call<M extends Method>(method: M, params: Calls[M]['params'], options?: CallOptions): Promise<Calls[M]['result']> {
    return this.#client.call(method, params, options)
  }

  /** Something came out of the engine: the last fault is healed, and the first run did not end the tab. */
  succeeded(): void {
    this.#faultsInRow = 0
    if (this.#hasRun) return
    this.#hasRun = true
    this.#unmark()
  }

  async dispose(): Promise<void> {
    this.#stopWatching()
    this.#letGo('disposed')
    await this.#client.close()
  }

  #letGo(state: HostState): void {
    this.#loading?.work.abort()
    this.#loading = undefined
    this.#state = state
    this.#loaded = undefined
    this.#unmark()
  }

  /** The page goes into the back/forward cache. */
  #leave(): void {
    this.#wasReady = this.#state === 'ready' || (this.#state === 'loading' && this.#loading?.callers === 0)
    if (!this.#wasReady && this.#state !== 'loading') return
    // First, so that whoever waits hears why, and not that it was stopped.
    this.#client.terminate(new HybridError('ABORTED', 'the page was left; the model is loaded again when it is shown', { code: 'PAGE_LEFT' }))
    this.#letGo('absent')
  }

  /** It is shown again. What was loaded comes back out of the store; a download waits for someone who asks for it. */
  #comeBack(): void {
    if (this.#wasReady && this.#state === 'absent') this.#rebuild()
  }

  #begin(how: { mayDownload: boolean; despiteCrash: boolean }): Loading {
    const work = new AbortController()
    const loading: Loading = { done: this.#run(how, work.signal, (step) => this.#report(loading, step)), work, meters: new Set(), callers: 0, last: undefined }
    this.#state = 'loading'
    loading.done.then(
      (loaded) => {
        if (this.#loading !== loading) return
        this.#loading = undefined
        this.#loaded = loaded
        this.#state = 'ready'
      },
      (thrown: unknown) => {
        if (this.#loading !== loading) return
        this.#loading = undefined
        const { status, code } = fromThrown(thrown)
        // What went wrong inside the engine may go wrong again; everything else leaves the world as it was before.
        if (status === 'CANCELLED') this.#state = 'absent'
        else if (!fatalCodes.has(code)) this.#state = 'failed'
        if (this.#state !== 'loading') this.#client.terminate()
      },
    )
    return loading
  }

  #report(loading: Loading, step: Step): void {
    loading.last = step
    for (const meter of loading.meters) meter.step(step)
  }

  async #run({ mayDownload, despiteCrash }: { mayDownload: boolean; despiteCrash: boolean }, signal: AbortSignal, onProgress: (step: Step) => void): Promise<Loaded> {
    const { source } = this
    const key = await this.key()
    const { contextWindow } = this
    if (key !== undefined && mayDownload && !despiteCrash) {
      const crash = await findMark(key)
      if (crash !== undefined && contextWindow >= crash.contextWindow) {
        throw new HybridError('FAILED_PRECONDITION', `loading this model with a context window of ${crash.contextWindow} ended the page before; choose a smaller one, or load with despiteCrash: true`, { code: 'CRASHED_BEFORE' })
      }
    }
    const { device = 'auto', precision = 'exact', cache = 'opfs', headers } = this.options
    const params: LoadParams = {
      source: source.kind === 'blob' ? { blobs: [source.blob] } : { key: key ?? source.name, name: source.name, files: source.files, headers: (await headers?.()) ?? {} },
      kind: this.#kind,
      cache,
      mayDownload,
      contextWindow,
      precision,
      device,
      gpuIsRight: device !== 'cpu' && (await knownVerdict()) === true,
      gpuPlan: device === 'cpu' ? '' : await knownPlan(precision),
      ...policyOf(this.options),
    }
    if (source.kind === 'remote' && cache === 'opfs' && mayDownload) void askToKeep()
    return await holding(key, async () => {
      this.#hasRun = false
      this.#unmark = key === undefined ? () => {} : mark(key, { contextWindow })
      try {
        const loaded = await this.#client.call('load', params, { signal, onProgress })
        if (loaded.device === 'gpu' && !params.gpuIsRight) await rememberVerdict(true)
        if (loaded.gpuPlan !== undefined && loaded.gpuPlan !== params.gpuPlan) await rememberPlan(precision, loaded.gpuPlan)
        return loaded
      } catch (thrown) {
        this.#unmark()
        if (fromThrown(thrown).code === 'GPU_WRONG_RESULTS') await rememberVerdict(false)
        throw thrown
      }
    })
  }

  /** The worker died or its engine did: builds it again out of the store, unless that has been tried enough. */
  #fell(): void {
    const last = this.#loading?.last
    this.#loaded = undefined
    this.#loading = undefined
    // The worker is gone and the page is not: that is no crash to remember.
    this.#unmark()
    if (this.#state === 'disposed' || this.#state === 'absent') return
    // What had not all arrived is not in the store: the next load fetches the rest.
    if (last?.phase === 'download' && last.loadedBytes < last.totalBytes) {
      this.#state = 'absent'
      return
    }
    if (this.#faultsInRow >= rebuilds || this.source.kind === 'remote' && this.options.cache === 'none') {
      this.#state = 'failed'
      return
    }
    this.#faultsInRow++
    this.#rebuild()
  }

  /** Out of the store, without a download. Nobody waits for it; its failure is told by the next request. */
  #rebuild(): void {
    const loading = (this.#loading = this.#begin({ mayDownload: false, despiteCrash: true }))
    loading.done.catch(() => {})
  }
}

/** Holds the model's load lock meanwhile, so that another tab does not take this tab's mark for a crash. */
async function holding<T>(key: string | undefined, act: () => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks
  if (key === undefined || locks === undefined) return await act()
  return (await locks.request(loadLock(key), { mode: 'shared' }, act)) as T
}

/** Asks the browser not to evict the origin's files. A refusal changes nothing. */
async function askToKeep(): Promise<void> {
  try {
    await navigator.storage.persist()
  } catch {
    // Not every context may ask.
  }
}

/** Tests make the planner quicker than any real network wants it. */
function policyOf(options: object): { policy?: Readonly<Record<string, number>> } {
  const policy = (options as { [testing]?: Readonly<Record<string, number>> })[testing]
  return policy === undefined ? {} : { policy }
}

const testing = Symbol.for('hybridge.downloadPolicy')
