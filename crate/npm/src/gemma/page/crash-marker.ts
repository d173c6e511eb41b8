/**
 * Remembers a load that took the tab down. Where memory runs out, a tab ends without an error that anyone could catch:
 * so a mark is set before a load and taken away after it, and one that is found later was left by a crash.
 */

import { loadLock } from '../layout.js'

export interface CrashMark {
  readonly contextWindow: number
}

const nameOf = (key: string): string => `hybridge-loading-${key}`

/** Sets the mark. A page that is left on purpose takes it away. */
export function mark(key: string, crash: CrashMark): () => void {
  const storage = localStorageOf()
  if (storage === undefined) return () => {}
  const clear = (): void => {
    removeEventListener('pagehide', clear)
    try {
      storage.removeItem(nameOf(key))
    } catch {
      // Storage that went away holds no mark.
    }
  }
  try {
    storage.setItem(nameOf(key), JSON.stringify(crash))
    addEventListener('pagehide', clear)
  } catch {
    // A full or forbidden storage only costs the memory of a crash.
  }
  return clear
}

/** The mark of a crash. One whose tab is still loading is none. */
export async function findMark(key: string): Promise<CrashMark | undefined> {
  try {
    const text = localStorageOf()?.getItem(nameOf(key)) ?? undefined
    if (text === undefined) return undefined
    const { held = [] } = (await (navigator as { locks?: LockManager }).locks?.query()) ?? {}
    if (held.some(({ name }) => name === loadLock(key))) return undefined
    const mark = JSON.parse(text) as Partial<CrashMark>
    return typeof mark.contextWindow === 'number' ? { contextWindow: mark.contextWindow } : undefined
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

function localStorageOf(): Storage | undefined {
  try {
    return globalThis.localStorage
  } catch {
    return undefined
  }
}
