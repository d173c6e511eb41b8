/**
 * The life cycle of a model on this device: which callers wait for a load, how an abort by one affects the others,
 * when the engine is rebuilt, and when a load is suspected of crashing its tab. The twin of `core/life`, tested with
 * the same table: a model's state is needed before any wasm is loaded.
 *
 * It takes events and returns actions. It owns no worker, no promise and no clock.
 *
 * ```text
 * absent ──load──► loading ──► ready ──fault──► loading (from the store, at most twice in a row) ──► ready
 *    ▲                │          │                 └──► failed ──load──► loading
 *    └────────────────┘          └──dispose──► disposed ──load──► loading
 *       failed, the last caller left
 * ```
 */

import { HybridError } from '../border/errors.js'
import { cancelled } from '../border/thrown.js'
import type { OnDeviceModel } from '../types.js'

export type LifeState = OnDeviceModel['state']

/** The phase of a load: downloading bytes, reading the store, or uploading to the device, which can crash a tab. */
export type LifePhase = 'download' | 'stored' | 'device'

/** An event. The driver assigns each caller a number. */
export type LifeEvent =
  | { kind: 'load'; caller: number }
  /** A load without `force` found the mark of tabs that crashed. */
  | { kind: 'marked'; mark: CrashMark; contextWindow: number; now: number }
  /** The model is on the device without a load, or no longer there. */
  | { kind: 'found' | 'gone' }
  /** A caller's own signal aborted its wait. */
  | { kind: 'callerLeft'; caller: number; reason?: unknown }
  | { kind: 'reached'; phase: LifePhase }
  | { kind: 'loaded' }
  /** The load failed but the engine still runs, or the engine died. */
  | { kind: 'loadFailed' | 'engineDied'; error: HybridError }
  /** The engine has produced output, so the last fault no longer counts. */
  | { kind: 'succeeded' }
  /** The page enters the back/forward cache, or is shown again. */
  | { kind: 'pageLeft' | 'pageBack' }
  | { kind: 'dispose' }

/** An action for the driver. `stop` lets the worker record the received bytes, `end` does not. */
export type LifeAction =
  | { kind: 'start'; mayDownload: boolean }
  | { kind: 'stop' | 'end'; why: HybridError }
  | { kind: 'mark' | 'unmark' }
  | { kind: 'settle'; caller: number; error?: HybridError }

/** The tasks of the branch; `Lifecycle` settles the callers. */
export type LifeTask = Exclude<LifeAction, { kind: 'settle' }>

/**
 * The record of loads that crashed their tab: the smallest context window, how many in a row, and the time of the
 * last.
 */
export interface CrashMark {
  readonly contextWindow: number
  readonly loads: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** How many times in a row the engine is rebuilt after a fault. */
const rebuilds = 2

/** How many tabs in a row must have ended before a load is suspected. Systems end tabs for other reasons, too. */
const enough = 2

/** How long a mark remains valid. */
const lifetimeMs = 24 * 60 * 60 * 1000

/** Whether a mark is neither expired nor from the future. */
export function counts(mark: CrashMark, now: number): boolean {
  return now - mark.at >= 0 && now - mark.at < lifetimeMs
}

/** Returns the mark to set for a load that begins after `previous` was found. */
export function nextMark(previous: CrashMark | undefined, contextWindow: number, now: number): CrashMark {
  if (previous === undefined || !counts(previous, now)) return { contextWindow, loads: 1, at: now }
  return { contextWindow: Math.min(previous.contextWindow, contextWindow), loads: previous.loads + 1, at: now }
}

/** Whether a valid mark blocks a load with this context window. */
export function isSuspect(mark: CrashMark | undefined, contextWindow: number): mark is CrashMark {
  return mark !== undefined && mark.loads >= enough && contextWindow >= mark.contextWindow
}

export class Life {
  #state: LifeState = 'absent'
  /** The callers that wait for the load in progress. */
  #waiting: number[] = []
  /** A rebuild continues whether or not a caller waits for it. */
  #isRebuild = false
  #phase: LifePhase | undefined
  #faultsInRow = 0
  #wasReady = false
  /** Whether weights are stored, so that the engine can be rebuilt from them. */
  readonly #isKept: boolean

  constructor(isKept: boolean) {
    this.#isKept = isKept
  }

  get state(): LifeState {
    return this.#state
  }

  /** Handles an event and returns the actions to run, in order. Events that come too late have no effect. */
  feed(event: LifeEvent): LifeAction[] {
    const actions: LifeAction[] = []
    const isLoading = this.#state === 'loading'
    switch (event.kind) {
      case 'load':
        this.#load(event.caller, actions)
        break
      case 'marked':
        if (isLoading && counts(event.mark, event.now) && isSuspect(event.mark, event.contextWindow))
          this.#fail(crashedBefore(event.mark), actions)
        break
      case 'found':
        if (this.#state === 'absent') this.#state = 'ready'
        break
      case 'gone':
        if (this.#state === 'ready') this.#state = 'absent'
        break
      case 'callerLeft':
        this.#leave(event.caller, event.reason, actions)
        break
      case 'reached':
        if (!isLoading) break
        if (event.phase === 'device' && this.#phase !== 'device') actions.push({ kind: 'mark' })
        this.#phase = event.phase
        break
      case 'loaded':
        if (isLoading) this.#end('ready', undefined, actions)
        break
      case 'loadFailed':
        if (isLoading) this.#fail(event.error, actions)
        break
      case 'engineDied':
        this.#died(event.error, actions)
        break
      case 'succeeded':
        this.#faultsInRow = 0
        break
      case 'pageLeft':
        this.#wasReady = this.#state === 'ready' || this.#isRebuild
        if (isLoading || this.#state === 'ready') this.#stop('end', 'absent', pageLeft(), actions)
        break
      case 'pageBack':
        if (this.#wasReady && this.#state === 'absent') this.#start(true, actions)
        break
      case 'dispose':
        if (this.#state !== 'disposed') this.#stop('stop', 'disposed', disposed(), actions)
        this.#wasReady = false
    }
    return actions
  }

  #load(caller: number, actions: LifeAction[]): void {
    if (this.#state === 'ready') return void actions.push({ kind: 'settle', caller })
    this.#waiting.push(caller)
    if (this.#state === 'loading') return
    this.#faultsInRow = 0
    this.#start(false, actions)
  }

  #start(isRebuild: boolean, actions: LifeAction[]): void {
    this.#state = 'loading'
    this.#isRebuild = isRebuild
    this.#phase = undefined
    this.#wasReady = false
    actions.push({ kind: 'start', mayDownload: !isRebuild })
  }

  /** Ends one caller's wait. The load is aborted when no caller is left. */
  #leave(caller: number, reason: unknown, actions: LifeAction[]): void {
    if (!this.#waiting.includes(caller)) return
    this.#waiting = this.#waiting.filter((it) => it !== caller)
    actions.push({ kind: 'settle', caller, error: cancelled(reason) })
    if (this.#waiting.length === 0 && !this.#isRebuild) this.#stop('stop', 'absent', loadStopped(), actions)
  }

  #fail(error: HybridError, actions: LifeAction[]): void {
    // CANCELLED is reserved for a caller's own signal; here another caller aborted.
    if (error.status === 'CANCELLED') this.#stop('end', 'absent', loadStopped(error), actions)
    else this.#stop('end', 'failed', error, actions)
  }

  #died(error: HybridError, actions: LifeAction[]): void {
    if (this.#state !== 'loading' && this.#state !== 'ready') return
    // Weights that had not arrived completely are not stored: the next load fetches the rest.
    if (this.#phase === 'download') return this.#end('absent', error, actions)
    const isEnough = this.#faultsInRow >= rebuilds || !this.#isKept
    this.#end('failed', error, actions)
    if (isEnough) return
    this.#faultsInRow++
    this.#start(true, actions)
  }

  #stop(kind: 'stop' | 'end', state: LifeState, why: HybridError, actions: LifeAction[]): void {
    actions.push({ kind, why })
    this.#end(state, why, actions)
  }

  #end(state: LifeState, error: HybridError | undefined, actions: LifeAction[]): void {
    if (this.#phase === 'device') actions.push({ kind: 'unmark' })
    this.#state = state
    this.#isRebuild = false
    this.#phase = undefined
    for (const caller of this.#waiting.splice(0))
      actions.push({ kind: 'settle', caller, ...(error === undefined ? {} : { error }) })
  }
}

function crashedBefore({ contextWindow, loads }: CrashMark): HybridError {
  return new HybridError(
    'FAILED_PRECONDITION',
    `loading this model with a context window of ${contextWindow} ended the page ${loads} times; choose a smaller one, or load with force: true`,
    { code: 'CRASHED_BEFORE' },
  )
}

export function loadStopped(cause?: unknown): HybridError {
  return new HybridError('UNAVAILABLE', 'the load was stopped by another caller; call load() again', {
    code: 'LOAD_STOPPED',
    ...(cause === undefined ? {} : { cause }),
  })
}

function disposed(): HybridError {
  return new HybridError('UNAVAILABLE', 'the model was disposed of; call load() to use it again', { code: 'DISPOSED' })
}

function pageLeft(): HybridError {
  return new HybridError('ABORTED', 'the page was left; the model is loaded again when it is shown', {
    code: 'PAGE_LEFT',
  })
}
