/**
 * Remembers loads that took the tab down. Where memory runs out, a tab ends without an error that anyone could catch:
 * so a mark is set while weights go to the device, and removed when that ends in any other way. A mark that is found
 * later was left by a tab that died meanwhile.
 *
 * Systems kill tabs for reasons of their own, too, most of all hidden ones. So a download sets no mark, a hidden page
 * has none, one dead tab proves nothing, and after a day all is forgotten.
 */

import { counts, nextMark, type CrashMark } from '../../model/life.js'
import { loadLock } from '../layout.js'

const nameOf = (key: string): string => `hybridge-loading-${key}`

/** Reads a mark. One that is damaged, too old, or from the future counts as none. */
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

/** Sets the mark until the returned function is called. It is lifted while the page is hidden, or left. */
export function mark(key: string, contextWindow: number): () => void {
  const storage = localStorageOf()
  if (storage === undefined) return () => {}
  const name = nameOf(key)
  const write = (crash: CrashMark | undefined): void => {
    try {
      if (crash === undefined) storage.removeItem(name)
      else storage.setItem(name, JSON.stringify(crash))
    } catch {
      // A full or forbidden storage only costs the memory of a crash.
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
    // It ended while the page was there to see it: whatever killed earlier tabs, this load did not.
    write(undefined)
  }
}

/** The mark that dead tabs left. One whose tab is still loading is none. */
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
