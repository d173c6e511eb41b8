/**
 * Maps anything that was thrown to our error, in one total function.
 *
 * The message of a foreign error may contain a prompt, an answer or a key, so it never becomes our message and never
 * enters a trace: it stays on `cause`, for debugging. The message of a HybridError was written for people, and is kept.
 */

import { HybridError, withPartial } from './errors.js'
import type { RoutingTrace, Status } from '../types.js'

const statuses: ReadonlySet<string> = new Set<Status>([
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
])

export function isStatus(value: unknown): value is Status {
  return typeof value === 'string' && statuses.has(value)
}

/**
 * Converts an exception of a branch to our error. Aborts are checked before any status, so that pressing Stop never
 * sends a prompt elsewhere. An error that carries one of our statuses keeps it, even if it is not a HybridError.
 */
export function fromThrown(thrown: unknown): HybridError {
  if (isOurs(thrown)) return thrown
  const name = property(thrown, 'name')
  if (name === 'AbortError' || name === 'TimeoutError') return cancelled(thrown)
  const status = property(thrown, 'status')
  if (!isStatus(status)) {
    return new HybridError('INTERNAL', 'the model threw something that is not a HybridError; see the cause', {
      cause: thrown,
    })
  }
  const code = property(thrown, 'code')
  const retryAfterMs = property(thrown, 'retryAfterMs')
  return new HybridError(status, `the model failed with ${status}; see the cause`, {
    cause: thrown,
    ...(typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? { code } : {}),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
  })
}

/**
 * Returns the error for a stop by the caller's signal or by leaving the loop: CANCELLED, or DEADLINE_EXCEEDED if the
 * signal comes from `AbortSignal.timeout`.
 */
export function cancelled(reason?: unknown): HybridError {
  const options = reason === undefined ? {} : { cause: reason }
  if (property(reason, 'name') === 'TimeoutError')
    return new HybridError('DEADLINE_EXCEEDED', 'no answer in time', options)
  return new HybridError('CANCELLED', 'stopped by the caller', options)
}

/**
 * Returns why an internal signal was aborted: its reason if that is one of our errors, otherwise the caller's stop.
 */
export function reasonOf(reason: unknown): HybridError {
  return isOurs(reason) ? reason : cancelled(reason)
}

/**
 * CANCELLED is reserved for the caller's own signal. A stop for any other reason (a service's 499, another caller who
 * ended the load, `dispose()`) means that the branch is unavailable, and a hybrid tries the next one.
 */
export function unlessOurs(error: HybridError): HybridError {
  if (error.status !== 'CANCELLED') return error
  const { code = 'STOPPED_ELSEWHERE' } = error
  return withPartial(
    new HybridError('UNAVAILABLE', 'the model stopped, though this request was not', { code, cause: error }),
    error.partial,
  )
}

/**
 * Returns the error with the trace. An error that already passed a router, or is frozen, becomes the cause of a copy.
 */
export function withRouting(error: HybridError, branch: string | undefined, routing: RoutingTrace): HybridError {
  const details = { routing, ...(branch === undefined ? {} : { branch }) }
  if (error.routing === undefined && Object.isExtensible(error)) return Object.assign(error, details)
  const { status, message, code, retryAfterMs, partial } = error
  const copy = new HybridError(status, message, {
    cause: error,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
  return Object.assign(withPartial(copy, partial), details)
}

/**
 * Carries an exception of a caller's callback (a strategy, `accept`, a tool) out through the branches around it. It
 * never counts as a branch's failure; the outermost model unwraps it and throws the original object.
 */
export class CallerFault {
  constructor(readonly fault: unknown) {}
}

function isOurs(thrown: unknown): thrown is HybridError {
  try {
    return HybridError.isInstance(thrown) && isStatus(thrown.status)
  } catch {
    return false
  }
}

/** Reads a property of any value; a getter that throws counts as undefined. */
function property(thrown: unknown, key: string): unknown {
  try {
    return typeof thrown === 'object' && thrown !== null ? (thrown as Record<string, unknown>)[key] : undefined
  } catch {
    return undefined
  }
}
