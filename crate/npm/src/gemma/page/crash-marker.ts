/**
 * Detects loads that crashed the tab. When memory runs out, a tab ends without an error that could be caught. So a
 * mark is set while weights are uploaded to the device, and removed when that ends in any other way. A mark found
 * later comes from a tab that crashed.
 *
 * Systems also kill tabs for other reasons, especially hidden ones. So neither a download nor a hidden page has a
 * mark, a single crash is ignored, and marks expire after a day.
 */

import { counts, nextMark, type CrashMark } from '../../model/life.js'
import { loadLock } from '../layout.js'

const nameOf = (key: string): string => `hybridge-loading-${key}`

/** Reads a mark. A damaged or expired one, or one from the future, is ignored. */
export function markOf(text: string | undefined, now: number): CrashMark | undefined {
  try {
    const { contextWindow, loads, at } = JSON.parse(text ?? 'null') as Partial<CrashMark>
    if (!Number.isSafeInteger(contextWindow) || !Number.isSafeInteger(loads) || typeof at !== 'number') return undefined
    const mark = { contextWindow: contextWindow as number, loads: loads as number, at }
    return counts(mark, now) ? mark : undefined
  } catch {
    return undefined
  }
}

/**
 * Sets the mark until the returned function is called. The mark is removed while the page is hidden or after it is
 * left.
 */
export function mark(key: string, contextWindow: number): () => void {
  const storage = localStorageOf()
  if (storage === undefined) return () => {}
  const name = nameOf(key)
  const write = (crash: CrashMark | undefined): void => {
    try {
      if (crash === undefined) storage.removeItem(name)
      else storage.setItem(name, JSON.stringify(crash))
    } catch {
      // If storage is full or blocked, only the detection of crashes is lost.
    }
  }
  const previous = markOf(read(storage, name), Date.now())
  const set = (): void => {
    if (globalThis.document?.visibilityState !== 'hidden') write(nextMark(previous, contextWindow, Date.now()))
  }
  const lift = (): void => write(previous)
  const onVisibility = (): void => (document.visibilityState === 'hidden' ? lift() : set())
  set()
  addEventListener('pagehide', lift)
  addEventListener('pageshow', set)
  globalThis.document?.addEventListener('visibilitychange', onVisibility)
  return () => {
    removeEventListener('pagehide', lift)
    removeEventListener('pageshow', set)
    globalThis.document?.removeEventListener('visibilitychange', onVisibility)
    // The load ended while the page was running: it did not cause the earlier crashes.
    write(undefined)
  }
}

/** Returns the mark left by crashed tabs. A mark whose tab is still loading is ignored. */
export async function findMark(key: string): Promise<CrashMark | undefined> {
  const storage = localStorageOf()
  const found = storage === undefined ? undefined : markOf(read(storage, nameOf(key)), Date.now())
  if (found === undefined) return undefined
  try {
    const { held = [] } = (await (navigator as { locks?: LockManager }).locks?.query()) ?? {}
    return held.some(({ name }) => name === loadLock(key)) ? undefined : found
  } catch {
    return undefined
  }
}

export function forgetMark(key: string): void {
  try {
    localStorageOf()?.removeItem(nameOf(key))
  } catch {
    // As above.
  }
}

function read(storage: Storage, name: string): string | undefined {
  try {
    return storage.getItem(name) ?? undefined
  } catch {
    return undefined
  }
}

function localStorageOf(): Storage | undefined {
  try {
    return globalThis.localStorage
  } catch {
    return undefined
  }
}
