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
 * A load is shared: it goes on as long as anyone wants its result, and one caller's abort ends only that caller's wait.
 * A page that enters the back/forward cache gives everything up, and loads again when it is shown, as after a fault.
 */

import { unlessAborted } from '../../border/abort.js'
import { HybridError } from '../../border/errors.js'
import { cancelled, fromThrown, reasonOf } from '../../border/thrown.js'
import type { GemmaOptions, LoadOptions, LoadProgress, OnDeviceModel } from '../../types.js'
import { folder, hasStore, heldOf, loadLock, readCard } from '../layout.js'
import type { Calls, LoadParams, Loaded, Method, Step } from '../protocol.js'
import { findMark, isSuspect, mark } from './crash-marker.js'
import type { KnownModel } from './known-models.js'
import { watchPage } from './page-life.js'
import { ProgressMeter } from './progress.js'
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
  /** A rebuild out of the store goes on whether or not anyone waits for it. */
  readonly isRebuild: boolean
  /** How many calls and requests wait for it. The last one to leave stops it. */
  waiting: number
  last: Step | undefined
}

export class EngineHost {
  readonly source: ModelSource
  readonly options: Omit<GemmaOptions, 'waitForLoad'>
  readonly contextWindow: number
  readonly #kind: KnownModel['kind']
  readonly #client: WorkerClient
  readonly #onChange: () => void
  #current: HostState = 'absent'
  #progress: LoadProgress | undefined
  #loading: Loading | undefined
  #loaded: Loaded | undefined
  #faultsInRow = 0
  #wasReady = false
  /** A model that lost its GPU comes back without the network, whatever it runs on then. */
  #hasGpuFile = false
  #unmark: () => void = () => {}
  #stopWatching: () => void = () => {}

  constructor(options: Omit<GemmaOptions, 'waitForLoad'>, kind: KnownModel['kind'], onChange: () => void = () => {}) {
    this.#onChange = onChange
    const { contextWindow = defaultContextWindow } = options
    if (!Number.isSafeInteger(contextWindow) || contextWindow < 1)
      throw new HybridError(
        'INVALID_ARGUMENT',
        `\`contextWindow\` must be a positive whole number, found ${contextWindow}`,
      )
    this.source = sourceOf(options.model, kind)
    this.options = options
    this.contextWindow = contextWindow
    this.#kind = kind
    this.#client = new WorkerClient(options, () => this.#onWorkerDeath())
  }

  get state(): HostState {
    return this.#state
  }

  /** Of the load in progress. */
  get progress(): LoadProgress | undefined {
    return this.#state === 'loading' ? this.#progress : undefined
  }

  get #state(): HostState {
    return this.#current
  }

  set #state(state: HostState) {
    if (state === this.#current) return
    this.#current = state
    this.#onChange()
  }

  /** Whether its worker runs, which may hold locks and files. */
  get isAtWork(): boolean {
    return this.#client.isRunning
  }

  /** What is loaded, or undefined. */
  get loaded(): Loaded | undefined {
    return this.#state === 'ready' ? this.#loaded : undefined
  }

  /** The key of its folder; undefined for a file in the caller's hand. */
  async key(): Promise<string | undefined> {
    return this.source.kind === 'blob' || globalThis.crypto?.subtle === undefined ? undefined : await keyOf(this.source)
  }

  async load({ onProgress, signal, force = false }: LoadOptions = {}): Promise<void> {
    if (signal?.aborted === true) throw cancelled(signal.reason)
    const meter = new ProgressMeter(guarded(onProgress))
    if (this.#state === 'ready') {
      meter.end(this.source.kind === 'blob' ? this.source.blob.size : (this.source.approximateBytes ?? 0))
      return
    }
    checkSimd()
    this.#faultsInRow = 0
    this.#stopWatching()
    this.#stopWatching = watchPage({ leave: () => this.#onPageHide(), comeBack: () => this.#onPageShow() })
    const loading = (this.#loading ??= this.#begin({ mayDownload: true, force }))
    loading.meters.add(meter)
    if (loading.last !== undefined) meter.step(loading.last)
    try {
      await this.#join(loading, signal)
      meter.end()
    } finally {
      loading.meters.delete(meter)
    }
  }

  /** Resolves once the model can be run. Where a load is under way it is waited for only if `waitForLoad` says so. */
  async ready({ waitForLoad, signal }: { waitForLoad: boolean; signal: AbortSignal }): Promise<void> {
    switch (this.#state) {
      case 'ready':
        return
      case 'loading':
        if (!waitForLoad || this.#loading === undefined)
          throw new HybridError('UNAVAILABLE', 'the model is still loading; set waitForLoad to wait for it', {
            code: 'MODEL_LOADING',
          })
        return await this.#join(this.#loading, signal)
      case 'failed':
        throw new HybridError('UNAVAILABLE', 'the model failed repeatedly; call load() to retry', {
          code: 'MODEL_FAILED',
        })
      case 'absent':
      case 'disposed':
        throw new HybridError('UNAVAILABLE', 'the model is not loaded; call load() first', { code: 'MODEL_ABSENT' })
    }
  }

  /** Calls the worker. CANCELLED stands for the caller's own signal alone: a worker that was ended meanwhile is UNAVAILABLE. */
  call<M extends Method>(method: M, params: Calls[M]['params'], options?: CallOptions): Promise<Calls[M]['result']> {
    return this.#client.call(method, params, options).catch((thrown: unknown) => {
      throw options?.signal?.aborted === true ? thrown : ofAnother(thrown)
    })
  }

  /** Called whenever the engine has produced something: the last fault is overcome. */
  succeeded(): void {
    this.#faultsInRow = 0
  }

  async dispose(): Promise<void> {
    this.#stopWatching()
    this.#reset('disposed', disposed())
    await this.#client.close(disposed())
  }

  /** Waits for a shared load. Who stops waiting stops the load only if that was the last one who wanted it. */
  async #join(loading: Loading, signal: AbortSignal | undefined): Promise<void> {
    loading.waiting++
    try {
      await unlessAborted(loading.done, signal)
    } catch (thrown) {
      throw signal?.aborted === true ? cancelled(signal.reason) : ofAnother(thrown)
    } finally {
      if (--loading.waiting === 0 && signal?.aborted === true && !loading.isRebuild && this.#loading === loading) {
        this.#reset('absent', stoppedLoad())
        // In the background: what has arrived is recorded before the worker ends.
        void this.#client.close()
      }
    }
  }

  #reset(state: HostState, why: HybridError): void {
    this.#loading?.work.abort(why)
    this.#loading = undefined
    this.#state = state
    this.#loaded = undefined
    this.#unmark()
  }

  /** The page enters the back/forward cache. */
  #onPageHide(): void {
    this.#wasReady = this.#state === 'ready' || this.#loading?.isRebuild === true
    if (!this.#wasReady && this.#state !== 'loading') return
    const left = new HybridError('ABORTED', 'the page was left; the model is loaded again when it is shown', {
      code: 'PAGE_LEFT',
    })
    // First, so that calls in flight fail with this reason.
    this.#client.terminate(left)
    this.#reset('absent', left)
  }

  /** It is shown again. What was loaded comes back out of the store; a download waits for a call of `load`. */
  #onPageShow(): void {
    if (this.#wasReady && this.#state === 'absent') this.#rebuild()
  }

  #begin(how: { mayDownload: boolean; force: boolean }, isRebuild = false): Loading {
    const work = new AbortController()
    // The steps before the first await run at once, and report nothing.
    const report = (step: Step): void => this.#report(loading, step)
    const loading: Loading = {
      done: this.#run(how, work.signal, report),
      work,
      meters: new Set(),
      isRebuild,
      waiting: 0,
      last: undefined,
    }
    this.#progress = undefined
    const meter = new ProgressMeter((progress) => {
      if (this.#loading !== loading) return
      this.#progress = progress
      this.#onChange()
    })
    loading.meters.add(meter)
    this.#state = 'loading'
    loading.done.then(
      (loaded) => {
        if (this.#loading !== loading) return
        meter.end()
        this.#loading = undefined
        this.#loaded = loaded
        this.#state = 'ready'
      },
      (thrown: unknown) => {
        if (this.#loading !== loading) return
        this.#loading = undefined
        const { status, code } = fromThrown(thrown)
        // A fault of the engine has been dealt with when the worker ended.
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

  async #run(
    { mayDownload, force }: { mayDownload: boolean; force: boolean },
    signal: AbortSignal,
    onProgress: (step: Step) => void,
  ): Promise<Loaded> {
    const { source, contextWindow } = this
    const key = await this.key()
    if (key !== undefined && mayDownload && !force) {
      const crash = await findMark(key)
      if (isSuspect(crash, contextWindow)) {
        throw new HybridError(
          'FAILED_PRECONDITION',
          `loading this model with a context window of ${crash.contextWindow} ended the page ${crash.loads} times; choose a smaller one, or load with force: true`,
          { code: 'CRASHED_BEFORE' },
        )
      }
    }
    const { device = 'auto', precision = 'exact', cache = 'opfs', headers } = this.options
    const first = await firstStep(source, cache === 'none' ? undefined : key)
    if (first !== undefined && !signal.aborted) onProgress(first)
    const params: LoadParams = {
      source:
        source.kind === 'blob'
          ? { blobs: [source.blob] }
          : {
              key: key ?? source.name,
              name: source.name,
              files: source.files,
              headers: (await unlessAborted(headers?.(), signal, reasonOf)) ?? {},
            },
      kind: this.#kind,
      cache,
      mayDownload,
      contextWindow,
      precision,
      device,
      gpuIsRight: device === 'cpu' ? undefined : await knownVerdict(),
      hasGpuFile: this.#hasGpuFile,
      gpuPlan: device === 'cpu' ? '' : await knownPlan(precision),
      ...policyOf(this.options),
    }
    if (source.kind === 'remote' && cache === 'opfs' && mayDownload) void requestPersistence()
    return await withLoadLock(key, signal, async () => {
      if (signal.aborted) throw reasonOf(signal.reason)
      let unmark: (() => void) | undefined
      const onStep = (step: Step): void => {
        // From here on it is the device's memory that may end the tab.
        if (
          unmark === undefined &&
          key !== undefined &&
          !signal.aborted &&
          (step.phase === 'upload' || step.phase === 'warmup')
        ) {
          this.#unmark = unmark = once(mark(key, contextWindow))
        }
        onProgress(step)
      }
      try {
        const loaded = await this.#client.call('load', params, { signal, onProgress: onStep })
        if (loaded.device === 'gpu') this.#hasGpuFile = true
        if (loaded.device === 'gpu' && params.gpuIsRight !== true) await rememberVerdict(true)
        if (loaded.gpuIsWrong === true && params.gpuIsRight !== false) await rememberVerdict(false)
        if (loaded.gpuPlan !== undefined && loaded.gpuPlan !== params.gpuPlan)
          await rememberPlan(precision, loaded.gpuPlan)
        return loaded
      } catch (thrown) {
        if (fromThrown(thrown).code === 'GPU_WRONG_RESULTS') await rememberVerdict(false)
        throw thrown
      } finally {
        unmark?.()
      }
    })
  }

  /** The worker died or its engine did: builds it again out of the store, unless that has been tried enough. */
  #onWorkerDeath(): void {
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
    if (this.#faultsInRow >= rebuilds || (this.source.kind === 'remote' && this.options.cache === 'none')) {
      this.#state = 'failed'
      return
    }
    this.#faultsInRow++
    this.#rebuild()
  }

  /** Out of the store, without a download. Its failure is reported to the next request. */
  #rebuild(): void {
    const loading = (this.#loading = this.#begin({ mayDownload: false, force: true }, true))
    loading.done.catch(() => {})
  }
}

/** Where a load begins, as far as that is known without asking the host: out of the hand, the store, or the network. */
async function firstStep(source: ModelSource, key: string | undefined): Promise<Step | undefined> {
  if (source.kind === 'blob') return { phase: 'upload', loadedBytes: 0, totalBytes: source.blob.size }
  const directory = key === undefined || !hasStore() ? undefined : await folder(key, false).catch(() => undefined)
  const held =
    directory === undefined
      ? undefined
      : await heldOf(directory, (await readCard(directory))?.files ?? source.files.length).catch(() => undefined)
  if (held?.isComplete === true) return { phase: 'upload', loadedBytes: 0, totalBytes: held.bytes }
  const totalBytes = held?.size ?? source.approximateBytes
  return totalBytes === undefined || totalBytes === 0
    ? undefined
    : { phase: 'download', loadedBytes: held?.bytes ?? 0, totalBytes }
}

/** A caller's callback, whose mistakes are reported as the page's own. */
function guarded(onProgress: LoadOptions['onProgress']): (progress: LoadProgress) => void {
  return (progress) => {
    try {
      onProgress?.(progress)
    } catch (thrown) {
      globalThis.reportError?.(thrown)
    }
  }
}

function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

/** A failure that was not caused by the caller it is reported to: another one's stop is no stop of this one. */
function ofAnother(thrown: unknown): unknown {
  return HybridError.isInstance(thrown) && thrown.status === 'CANCELLED' ? stoppedLoad(thrown) : thrown
}

function stoppedLoad(cause?: unknown): HybridError {
  return new HybridError('UNAVAILABLE', 'the load was stopped by another caller; call load() again', {
    code: 'LOAD_STOPPED',
    ...(cause === undefined ? {} : { cause }),
  })
}

function disposed(): HybridError {
  return new HybridError('UNAVAILABLE', 'the model was disposed of; call load() to use it again', { code: 'DISPOSED' })
}

/** Holds the model's load lock, shared: its files stay, and this tab's crash mark is not taken for a crash. */
async function withLoadLock<T>(key: string | undefined, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const locks = (globalThis.navigator as { locks?: LockManager } | undefined)?.locks
  if (key === undefined || locks === undefined) return await act()
  try {
    return await locks.request(loadLock(key), { mode: 'shared', signal }, act)
  } catch (thrown) {
    throw signal.aborted ? reasonOf(signal.reason) : thrown
  }
}

/** Asks the browser not to evict the origin's files. A refusal changes nothing. */
async function requestPersistence(): Promise<void> {
  try {
    await navigator.storage.persist()
  } catch {
    // Not every context may ask.
  }
}

/** Overrides of the planner's patience, for tests on a network without distance. */
function policyOf(options: object): { policy?: Readonly<Record<string, number>> } {
  const policy = (options as { [testing]?: Readonly<Record<string, number>> })[testing]
  return policy === undefined ? {} : { policy }
}

const testing = Symbol.for('hybridge.downloadPolicy')
