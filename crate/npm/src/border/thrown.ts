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
 * What a branch threw, as our error. Abort is looked at before any status, so that pressing Stop never sends a prompt
 * elsewhere. An error that carries one of our statuses keeps it, also where it is not a HybridError.
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
 * A stop by the caller's signal or by leaving the loop: CANCELLED; DEADLINE_EXCEEDED where the signal is
 * `AbortSignal.timeout`'s.
 */
export function cancelled(reason?: unknown): HybridError {
  const options = reason === undefined ? {} : { cause: reason }
  if (property(reason, 'name') === 'TimeoutError')
    return new HybridError('DEADLINE_EXCEEDED', 'no answer in time', options)
  return new HybridError('CANCELLED', 'stopped by the caller', options)
}

/**
 * Why a signal of this package's own was aborted: its reason where that is one of our errors, the caller's stop
 * otherwise.
 */
export function reasonOf(reason: unknown): HybridError {
  return isOurs(reason) ? reason : cancelled(reason)
}

/**
 * CANCELLED means the caller's own signal. A stop that came from anywhere else (a service's 499, another caller who
 * ended the load, `dispose()`) is a branch that is not there, and a hybrid moves on.
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
 * The same error with what was tried. One that has been through a router already, or cannot be written to, is kept as
 * the cause of a copy.
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
 * What a callback of the caller threw (a strategy, `accept`, a tool), on its way out through the branches around it.
 * It is never a branch's failure; the outermost model unwraps it and throws what was thrown, the very same object.
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

/** Reads a property of anything at all; a getter that throws reads as absent. */
function property(thrown: unknown, key: string): unknown {
  try {
    return typeof thrown === 'object' && thrown !== null ? (thrown as Record<string, unknown>)[key] : undefined
  } catch {
    return undefined
  }
}
