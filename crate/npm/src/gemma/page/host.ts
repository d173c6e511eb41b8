/**
 * The engine behind a model of this package: its worker, its state, and its recovery after a fault.
 *
 * Events are passed to its `Life`, which decides; this file runs the actions that it returns.
 *
 * A page that enters the back/forward cache releases everything, and reloads the model when it is shown, as after a
 * fault.
 */

import { loadStopped, type LifeTask, type LifePhase } from '../../model/life.js'
import { Lifecycle } from '../../model/lifecycle.js'
import { unlessAborted } from '../../border/abort.js'
import { HybridError } from '../../border/errors.js'
import { cancelled, fromThrown, reasonOf } from '../../border/thrown.js'
import type { GemmaOptions, LoadOptions, LoadProgress, OnDeviceModel } from '../../types.js'
import { folder, hasStore, heldOf, loadLock, readCard } from '../layout.js'
import type { Calls, FileSource, LoadParams, Loaded, Method, Step } from '../protocol.js'
import { findMark, mark } from './crash-marker.js'
import type { KnownModel } from './known-models.js'
import { watchPage } from './page-life.js'
import { ProgressMeter } from './progress.js'
import { knownPlan, knownVerdict, rememberPlan, rememberVerdict } from './self-test.js'
import { checkSimd } from './simd.js'
import { adaptersOf, keyOf, sourceOf, towerOf, type AdapterSource, type ModelSource } from './source.js'
import { WorkerClient, type CallOptions } from './worker-client.js'

export type HostState = OnDeviceModel['state']

const defaultContextWindow = 4096

/** A load in progress. */
interface Loading {
  readonly work: AbortController
  readonly meters: Set<ProgressMeter>
  /** The key of its folder, once known. */
  key: string | undefined
  last: Step | undefined
}

export class EngineHost {
  readonly source: ModelSource
  /** Its vision tower, if it reads images. */
  readonly tower: ModelSource | undefined
  readonly adapters: readonly AdapterSource[]
  /** All files beside the model's own: the tower and the adapters. */
  readonly companions: readonly ModelSource[]
  readonly options: Omit<GemmaOptions, 'waitForLoad'>
  readonly contextWindow: number
  readonly #kind: KnownModel['kind']
  readonly #client: WorkerClient
  readonly #onChange: () => void
  readonly #life: Lifecycle
  /** Whether the next load ignores a suspected crash. */
  #isForced = false
  #progress: LoadProgress | undefined
  #loading: Loading | undefined
  #loaded: Loaded | undefined
  /** A model that lost its GPU is rebuilt from the store, on whichever device is left. */
  #hasGpuFile = false
  #closing: Promise<void> = Promise.resolve()
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
    const { template = 'auto' } = options
    if (!['auto', 'chat', 'none'].includes(template))
      throw new HybridError('INVALID_ARGUMENT', "`template` must be 'auto', 'chat' or 'none'")
    const { threads = 'auto' } = options
    if (threads !== 'auto' && !(Number.isSafeInteger(threads) && threads >= 1))
      throw new HybridError('INVALID_ARGUMENT', "`threads` must be 'auto' or a positive whole number")
    this.source = sourceOf(options.model, kind)
    this.tower = towerOf(options)
    this.adapters = adaptersOf(options)
    const towers = this.tower === undefined ? [] : [this.tower]
    this.companions = [...towers, ...this.adapters.map(({ source }) => source)]
    if (this.tower !== undefined && kind === 'embedder')
      throw new HybridError('INVALID_ARGUMENT', 'an embedding model reads no pictures: leave out `mmproj`')
    this.options = options
    this.contextWindow = contextWindow
    this.#kind = kind
    this.#life = new Lifecycle({
      isKept: this.source.kind === 'blob' || options.cache !== 'none',
      perform: (task) => this.#perform(task),
      onChange,
    })
    this.#client = new WorkerClient(options, (error) => this.#onWorkerDeath(error))
  }

  get state(): HostState {
    return this.#life.state
  }

  /** Aborts the load in progress. */
  get progress(): LoadProgress | undefined {
    return this.state === 'loading' ? this.#progress : undefined
  }

  /** Whether its worker runs, which may hold locks and files. */
  get isAtWork(): boolean {
    return this.#client.isRunning
  }

  /** The loaded model, or undefined. */
  get loaded(): Loaded | undefined {
    return this.state === 'ready' ? this.#loaded : undefined
  }

  /** The key of its folder; undefined for a file supplied by the caller. */
  async key(): Promise<string | undefined> {
    return await keyIn(this.source)
  }

  /** The keys of its companions' folders. */
  async companionKeys(): Promise<Array<string | undefined>> {
    return await Promise.all(this.companions.map(keyIn))
  }

  async load({ onProgress, signal, force = false }: LoadOptions = {}): Promise<void> {
    if (signal?.aborted === true) throw cancelled(signal.reason)
    const meter = new ProgressMeter(guarded(onProgress))
    if (this.state === 'ready') {
      meter.end([this.source, ...this.companions].reduce((sum, it) => sum + approximateSize(it), 0))
      return
    }
    checkSimd()
    this.#stopWatching()
    this.#stopWatching = watchPage({
      leave: () => this.#life.feed({ kind: 'pageLeft' }),
      comeBack: () => this.#life.feed({ kind: 'pageBack' }),
    })
    this.#isForced = force
    const joined = this.#life.join(signal)
    const loading = this.#loading
    loading?.meters.add(meter)
    if (loading?.last !== undefined) meter.step(loading.last)
    try {
      await joined
      meter.end()
    } finally {
      loading?.meters.delete(meter)
    }
  }

  /** Resolves once the model is ready. A load in progress is awaited only with `waitForLoad`. */
  async ready({ waitForLoad, signal }: { waitForLoad: boolean; signal: AbortSignal }): Promise<void> {
    switch (this.state) {
      case 'ready':
        return
      case 'loading':
        if (!waitForLoad)
          throw new HybridError('UNAVAILABLE', 'the model is still loading; set waitForLoad to wait for it', {
            code: 'MODEL_LOADING',
          })
        return await this.#life.join(signal)
      case 'failed':
        throw new HybridError('UNAVAILABLE', 'the model failed repeatedly; call load() to retry', {
          code: 'MODEL_FAILED',
        })
      case 'absent':
      case 'disposed':
        throw new HybridError('UNAVAILABLE', 'the model is not loaded; call load() first', { code: 'MODEL_ABSENT' })
    }
  }

  /**
   * Calls the worker. CANCELLED is reserved for the caller's own signal: a worker that was ended meanwhile is
   * UNAVAILABLE.
   */
  call<M extends Method>(method: M, params: Calls[M]['params'], options?: CallOptions): Promise<Calls[M]['result']> {
    return this.#client.call(method, params, options).catch((thrown: unknown) => {
      throw options?.signal?.aborted === true ? thrown : ofAnother(thrown)
    })
  }

  /** Called whenever the engine has produced output, so the last fault no longer counts. */
  succeeded(): void {
    this.#life.feed({ kind: 'succeeded' })
  }

  async dispose(): Promise<void> {
    this.#stopWatching()
    this.#life.feed({ kind: 'dispose' })
    await this.#closing
  }

  #perform(action: LifeTask): void {
    switch (action.kind) {
      case 'start':
        return this.#begin({ mayDownload: action.mayDownload, force: this.#isForced || !action.mayDownload })
      case 'stop':
        this.#abandon(action.why)
        // Runs in the background: the received bytes are recorded before the worker ends.
        this.#closing = this.#client.close(action.why)
        return
      case 'end':
        // Set first, so that calls in flight fail with this reason.
        this.#client.terminate(action.why)
        return this.#abandon(action.why)
      case 'mark':
        if (this.#loading?.key !== undefined) this.#unmark = once(mark(this.#loading.key, this.contextWindow))
        return
      case 'unmark':
        return this.#unmark()
    }
  }

  /** Later reports of the load in progress are ignored. */
  #abandon(why: HybridError): void {
    const loading = this.#loading
    this.#loading = undefined
    this.#loaded = undefined
    loading?.work.abort(why)
  }

  #begin(how: { mayDownload: boolean; force: boolean }): void {
    const loading: Loading = { work: new AbortController(), meters: new Set(), key: undefined, last: undefined }
    this.#loading = loading
    this.#progress = undefined
    const meter = new ProgressMeter((progress) => {
      if (this.#loading !== loading) return
      this.#progress = progress
      this.#onChange()
    })
    loading.meters.add(meter)
    this.#run(how, loading).then(
      (loaded) => {
        if (this.#loading !== loading) return
        meter.end()
        this.#loading = undefined
        this.#loaded = loaded
        this.#life.feed({ kind: 'loaded' })
      },
      (thrown: unknown) => {
        // The worker's own failure has been handled by then.
        if (this.#loading === loading) this.#life.feed({ kind: 'loadFailed', error: fromThrown(thrown) })
      },
    )
  }

  #report(loading: Loading, step: Step): void {
    loading.last = step
    for (const meter of loading.meters) meter.step(step)
  }

  #reached(loading: Loading, phase: LifePhase): void {
    if (this.#loading === loading) this.#life.feed({ kind: 'reached', phase })
  }

  async #run({ mayDownload, force }: { mayDownload: boolean; force: boolean }, loading: Loading): Promise<Loaded> {
    const { source, tower, adapters, companions, contextWindow } = this
    const { signal } = loading.work
    const key = (loading.key = await this.key())
    if (key !== undefined && mayDownload && !force) {
      const crash = await findMark(key)
      if (crash !== undefined && this.#loading === loading)
        this.#life.feed({ kind: 'marked', mark: crash, contextWindow, now: Date.now() })
    }
    const {
      device = 'auto',
      precision = 'exact',
      cache = 'opfs',
      threads = 'auto',
      template = 'auto',
      headers,
      imageTokens,
    } = this.options
    const keys = await this.companionKeys()
    const isKept = cache !== 'none'
    const first = joined(
      await firstStep(source, isKept ? key : undefined),
      await Promise.all(companions.map((it, at) => firstStep(it, isKept ? keys[at] : undefined))),
    )
    if (first !== undefined && !signal.aborted) {
      this.#report(loading, first)
      this.#reached(loading, first.phase === 'download' ? 'download' : 'stored')
    }
    const isRemote = [source, ...companions].some(({ kind }) => kind === 'remote')
    const sent = isRemote ? ((await unlessAborted(headers?.(), signal, reasonOf)) ?? {}) : {}
    const files = companions.map((it, at) => filesOf(it, keys[at], sameOrigin(source, it) ? sent : {}))
    const mmproj = tower === undefined ? undefined : files.shift()
    const params: LoadParams = {
      source: filesOf(source, key, sent),
      ...(mmproj === undefined ? {} : { mmproj }),
      adapters: files.map((source, at) => ({ source, scale: adapters[at]?.scale ?? 1 })),
      ...(imageTokens === undefined ? {} : { imageTokens }),
      kind: this.#kind,
      cache,
      mayDownload,
      contextWindow,
      precision,
      device,
      threads,
      template,
      gpuIsRight: device === 'cpu' ? undefined : await knownVerdict(),
      hasGpuFile: this.#hasGpuFile,
      gpuPlan: device === 'cpu' ? '' : await knownPlan(precision),
      ...policyOf(this.options),
    }
    if (isRemote && cache === 'opfs' && mayDownload) void requestPersistence()
    return await withLoadLocks([key, ...keys], signal, async () => {
      if (signal.aborted) throw reasonOf(signal.reason)
      const onStep = (step: Step): void => {
        this.#report(loading, step)
        this.#reached(loading, phaseOf(step))
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
      }
    })
  }

  /** Handles the death of the worker or its engine. */
  #onWorkerDeath(error: HybridError): void {
    this.#loaded = undefined
    this.#loading = undefined
    this.#life.feed({ kind: 'engineDied', error })
  }
}

/** From the upload on, the device's memory may run out and crash the tab. */
function phaseOf({ phase, loadedBytes, totalBytes }: Step): LifePhase {
  if (phase === 'upload' || phase === 'warmup') return 'device'
  return phase === 'download' && loadedBytes < totalBytes ? 'download' : 'stored'
}

/** Returns the key of a source's folder; undefined for a file supplied by the caller. */
async function keyIn(source: ModelSource): Promise<string | undefined> {
  return source.kind === 'blob' || globalThis.crypto?.subtle === undefined ? undefined : await keyOf(source)
}

const approximateSize = (source: ModelSource): number =>
  source.kind === 'blob' ? source.blob.size : (source.approximateBytes ?? 0)

function filesOf(source: ModelSource, key: string | undefined, headers: Record<string, string>): FileSource {
  return source.kind === 'blob'
    ? { blobs: [source.blob] }
    : { key: key ?? source.name, name: source.name, files: source.files, headers }
}

/** The caller's headers are only for the host of the model's first address. */
function sameOrigin(model: ModelSource, companion: ModelSource): boolean {
  const originOf = (it: ModelSource): string | undefined =>
    it.kind === 'blob' ? undefined : new URL(it.files[0]?.url ?? '').origin
  return originOf(model) === undefined || originOf(model) === originOf(companion)
}

/** Returns the first step of a load of several sources: reading, if all are stored, otherwise the missing download. */
function joined(model: Step | undefined, companions: ReadonlyArray<Step | undefined>): Step | undefined {
  const steps = [model, ...companions].filter((step) => step !== undefined)
  if (steps.length <= companions.length) return undefined
  const isFetched = steps.some(({ phase }) => phase === 'download')
  const held = ({ phase, loadedBytes, totalBytes }: Step): number => (phase === 'download' ? loadedBytes : totalBytes)
  return {
    phase: isFetched ? 'download' : 'upload',
    loadedBytes: isFetched ? steps.reduce((sum, step) => sum + held(step), 0) : 0,
    totalBytes: steps.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
  }
}

/**
 * Returns the first phase of a load, as far as it is known without a request: from a supplied file, the store, or the
 * network.
 */
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

/** Wraps a caller's callback; its exceptions are reported as the page's own. */
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

/** Converts a failure that this caller did not cause: an abort by another caller is not CANCELLED here. */
function ofAnother(thrown: unknown): unknown {
  return HybridError.isInstance(thrown) && thrown.status === 'CANCELLED' ? loadStopped(thrown) : thrown
}

/** Acquires the load locks of all folders. */
async function withLoadLocks<T>(
  [key, ...others]: ReadonlyArray<string | undefined>,
  signal: AbortSignal,
  act: () => Promise<T>,
): Promise<T> {
  return await withLoadLock(key, signal, () => (others.length === 0 ? act() : withLoadLocks(others, signal, act)))
}

/** Acquires the model's load lock, shared: its files stay, and this tab's mark is not mistaken for a crash. */
async function withLoadLock<T>(key: string | undefined, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const locks = (globalThis.navigator as { locks?: LockManager } | undefined)?.locks
  if (key === undefined || locks === undefined) return await act()
  try {
    return await locks.request(loadLock(key), { mode: 'shared', signal }, act)
  } catch (thrown) {
    throw signal.aborted ? reasonOf(signal.reason) : thrown
  }
}

/** Asks the browser not to evict the origin's files. A refusal has no effect. */
async function requestPersistence(): Promise<void> {
  try {
    await navigator.storage.persist()
  } catch {
    // Some contexts lack this API.
  }
}

/** Overrides of the download policy's pauses, for tests on a local network. */
function policyOf(options: object): { policy?: Readonly<Record<string, number>> } {
  const policy = (options as { [testing]?: Readonly<Record<string, number>> })[testing]
  return policy === undefined ? {} : { policy }
}

const testing = Symbol.for('hybridge.downloadPolicy')
