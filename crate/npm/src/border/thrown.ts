/**
 * Whatever was thrown, as our error: one total function.
 *
 * The words of a foreign error may hold a prompt, an answer or a key, so they never become our message or enter a trace:
 * they stay on `cause`, for whoever debugs. The words of a HybridError are written by its thrower for people, and are kept.
 */

import { HybridError } from './errors.js'
import type { RoutingTrace, Status } from '../types.js'

const statuses: ReadonlySet<string> = new Set<Status>([
  'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'UNAUTHENTICATED',
  'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS',
])

export function isStatus(value: unknown): value is Status {
  return typeof value === 'string' && statuses.has(value)
}

/**
 * What a branch threw, as our error. Abort is looked at first, so that pressing Stop never sends a prompt elsewhere.
 * An error that carries one of our statuses is taken at its word, whoever made it.
 */
export function fromThrown(thrown: unknown): HybridError {
  const name = property(thrown, 'name')
  if (name === 'AbortError') return cancelled(thrown)
  if (name === 'TimeoutError') return new HybridError('DEADLINE_EXCEEDED', 'no answer in time', { cause: thrown })
  const status = property(thrown, 'status')
  if (!isStatus(status)) {
    return new HybridError('INTERNAL', 'the model threw something that is not a HybridError; see the cause', { cause: thrown })
  }
  if (isOurs(thrown)) return thrown
  const code = property(thrown, 'code')
  const retryAfterMs = property(thrown, 'retryAfterMs')
  return new HybridError(status, `the model failed with ${status}; see the cause`, {
    cause: thrown,
    ...(typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? { code } : {}),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
  })
}

/** Stopped by the caller: by its signal, or by leaving the loop. */
export function cancelled(cause?: unknown): HybridError {
  return new HybridError('CANCELLED', 'stopped by the caller', cause === undefined ? {} : { cause })
}

/**
 * The same error with what was tried. One that has been through a router already, or cannot be written to, is kept as the cause of a copy.
 */
export function withRouting(error: HybridError, branch: string | undefined, routing: RoutingTrace): HybridError {
  const told = { routing, ...(branch === undefined ? {} : { branch }) }
  if (error.routing === undefined && Object.isExtensible(error)) return Object.assign(error, told)
  const { status, message, code, retryAfterMs } = error
  const copy = new HybridError(status, message, {
    cause: error,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
  return Object.assign(copy, told)
}

/**
 * What a callback of the caller threw (a strategy, `accept`, `onTrace`, a tool), on its way out through the branches around it.
 * It is never a branch's failure; the outermost model unwraps it and throws what was thrown, the very same object.
 */
export class CallerFault {
  constructor(readonly fault: unknown) {}
}

function isOurs(thrown: unknown): thrown is HybridError {
  try {
    return HybridError.isInstance(thrown)
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
