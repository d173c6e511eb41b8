/** Common checks of arguments. */

import { isObject, kindOf, plainObject } from '../border/json.js'
import { HybridError } from '../index.js'

export { isObject, kindOf, plainObject }

/** Creates the error for a mistake of the caller. */
export function invalid(message: string, cause?: unknown): HybridError {
  return new HybridError('INVALID_ARGUMENT', message, cause === undefined ? {} : { cause })
}

export function optionsOf<T extends object>(options: T, what: string): T {
  if (isObject(options)) return options
  throw invalid(`${what} needs an object of options, found ${kindOf(options)}`)
}

export function wholeNumber(value: unknown, name: string, most: number, least = 1): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw invalid(
    `\`${name}\` must be a whole number from ${least} to ${most}, found ${typeof value === 'number' ? value : kindOf(value)}`,
  )
}

function stopped(cause: unknown): HybridError {
  const isLate = (cause as { name?: unknown } | null | undefined)?.name === 'TimeoutError'
  return isLate
    ? new HybridError('DEADLINE_EXCEEDED', 'no answer in time', { cause })
    : new HybridError('CANCELLED', 'stopped by the caller', { cause })
}

export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw stopped(signal.reason)
}

/**
 * Returns the promise's result, or throws CANCELLED as soon as the signal is aborted. The promise's later result is
 * ignored.
 */
export function unlessAborted<T>(work: PromiseLike<T> | T, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(stopped(signal?.reason))
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener('abort', onAbort))
    if (signal?.aborted === true) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
  })
}

export function signalOf(signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined
  const { addEventListener } = (signal ?? {}) as Partial<AbortSignal>
  if (typeof addEventListener === 'function') return signal as AbortSignal
  throw invalid('`signal` must be an AbortSignal')
}
