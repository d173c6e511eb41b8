/** Waiting that ends with a signal. */

import { HybridError } from '../../border/errors.js'
import { cancelled } from '../../border/thrown.js'

/** The work's outcome, or the signal's reason where that comes first. The work itself goes on. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(reasonOf(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
    work.catch(() => {})
  }
}

/** Why a signal was aborted: this package's own reasons as they are, anything else as the caller's stop. */
export function reasonOf(signal: AbortSignal): HybridError {
  return HybridError.isInstance(signal.reason) ? signal.reason : cancelled(signal.reason)
}
