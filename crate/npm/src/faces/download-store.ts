/** The download of a model as a store: one state for all components, for `useSyncExternalStore` and similar hooks. */

import { HybridError } from '../index.js'
import type { LoadProgress, OnDeviceModel } from '../index.js'

/** The state of a download. A snapshot is never modified; a new state is a new object. */
export interface DownloadState {
  readonly status: 'unavailable' | 'downloadable' | 'downloading' | 'ready' | 'failed'
  /** From 0 to 1. */
  readonly progress: number
  /** The model's last report during a load. */
  readonly report?: LoadProgress
  /** Why the model is unavailable, or why its load failed. */
  readonly error?: HybridError
}

/** In the form of `useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot)`. */
export interface DownloadStore {
  /** The first subscription calls `availability()`, which downloads nothing. */
  readonly subscribe: (onChange: () => void) => () => void
  readonly getSnapshot: () => DownloadState
  readonly getServerSnapshot: () => DownloadState
  /**
   * Starts the download, or joins the one in progress. Call it from a click. Never rejects: a failure is part of the
   * state.
   */
  readonly load: () => Promise<void>
  /** Aborts the download; the received bytes are kept, and `load` resumes. */
  readonly cancel: () => void
}

/** A model or embedder with a download. */
export type Loadable = Pick<OnDeviceModel, 'availability' | 'load'> & { readonly state?: OnDeviceModel['state'] }

const initial: DownloadState = Object.freeze({ status: 'downloadable', progress: 0 })
const stores = new WeakMap<object, DownloadStore>()

/**
 * Returns the download of a model as a store, the same one at every call.
 *
 * @example
 * const store = downloadStore(gemma)
 * const { status, progress } = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot)
 */
export function downloadStore(model: Loadable): DownloadStore {
  const known = stores.get(model)
  if (known !== undefined) return known
  const made = makeStore(model)
  stores.set(model, made)
  return made
}

function makeStore(model: Loadable): DownloadStore {
  const listeners = new Set<() => void>()
  let state = initial
  let running: Promise<void> | undefined
  let work: AbortController | undefined
  let isAsked = false

  const set = (next: DownloadState): void => {
    state = Object.freeze(next)
    for (const listener of [...listeners]) listener()
  }
  const isReady = (): boolean => model.state === 'ready'
  /** The result of `availability()`. A load that began meanwhile is more recent. */
  const ask = async (): Promise<void> => {
    try {
      if (isReady()) return set({ status: 'ready', progress: 1 })
      const { status, code, reason } = await model.availability()
      if (running !== undefined) return
      if (status === 'unavailable')
        set({
          status,
          progress: 0,
          error: new HybridError(
            'FAILED_PRECONDITION',
            reason ?? 'this model cannot run here',
            code === undefined ? {} : { code },
          ),
        })
      else if (isReady()) set({ status: 'ready', progress: 1 })
      else if (status === 'downloading' || model.state === 'loading') void load()
    } catch (thrown) {
      if (running === undefined) set({ status: 'failed', progress: 0, error: errorOf(thrown) })
    }
  }
  const run = async (signal: AbortSignal): Promise<void> => {
    set({ status: 'downloading', progress: 0 })
    try {
      await model.load({
        signal,
        onProgress: (report) => set({ status: 'downloading', progress: report.fraction, report }),
      })
      set({ status: 'ready', progress: 1 })
    } catch (thrown) {
      set(signal.aborted ? initial : { status: 'failed', progress: state.progress, error: errorOf(thrown) })
    } finally {
      running = undefined
    }
  }
  const load = (): Promise<void> => {
    if (running !== undefined) return running
    work = new AbortController()
    return (running = run(work.signal))
  }
  return {
    subscribe(onChange) {
      listeners.add(onChange)
      if (!isAsked) {
        isAsked = true
        void ask()
      }
      return () => listeners.delete(onChange)
    },
    getSnapshot: () => state,
    getServerSnapshot: () => initial,
    load,
    cancel: () => work?.abort(new DOMException('the download was stopped', 'AbortError')),
  }
}

function errorOf(thrown: unknown): HybridError {
  return HybridError.isInstance(thrown)
    ? thrown
    : new HybridError('INTERNAL', 'the load failed; see the cause', { cause: thrown })
}
