/** Waits for promises until a signal is aborted. */

import { invalid, type HybridError } from './errors.js'
import { cancelled } from './thrown.js'

/**
 * Returns the promise's result, or throws CANCELLED (or the error that `toError` makes of the reason) as soon as the
 * signal is aborted. The promise's later result is ignored.
 */
export function unlessAborted<T>(
  work: PromiseLike<T> | T,
  signal: AbortSignal | undefined,
  toError: (reason: unknown) => HybridError = cancelled,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(toError(signal?.reason))
    const done = Promise.resolve(work)
    done.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort))
    if (signal?.aborted === true) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Waits for a time, or throws CANCELLED as soon as the signal is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const rung = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  return unlessAborted(rung, signal).finally(() => clearTimeout(timer))
}

/** Whether a value is an AbortSignal, of this realm or another. */
export function signalArgument(value: unknown, what: string): AbortSignal | undefined {
  if (value === undefined) return undefined
  const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Partial<AbortSignal>
  if (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  )
    return value as AbortSignal
  throw invalid(`\`${what}\` must be an AbortSignal`)
}
