/** Converts exceptions of models for the faces. */

import { HybridError } from '../index.js'
import type { Status } from '../index.js'

/** The maximum delay that clients wait before a retry; they ignore longer ones and use their own. */
const longestDelayMs = 60_000

/**
 * Returns the error as a HybridError. Exceptions of the application's callbacks are not shown to clients, because they
 * may contain anything.
 */
export function hybridErrorOf(thrown: unknown): HybridError {
  if (HybridError.isInstance(thrown)) return thrown
  return new HybridError('INTERNAL', 'a function of the application failed; see the cause', { cause: thrown })
}

/**
 * Returns the delay after which a retry makes sense. A hybrid has already tried its branches, so clients retry only on
 * request: "not loaded" would delay them by seconds.
 */
export function retryDelayOf({ status, retryAfterMs }: HybridError): number | undefined {
  if (status === 'INVALID_ARGUMENT' || status === 'CANCELLED') return undefined
  return retryAfterMs !== undefined && retryAfterMs >= 0 && retryAfterMs < longestDelayMs ? retryAfterMs : undefined
}

/** Statuses whose HTTP status is not 500. 499 is the usual status of a request closed by its client. */
const httpStatuses: Partial<Record<Status, number>> = {
  INVALID_ARGUMENT: 400,
  OUT_OF_RANGE: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  ABORTED: 409,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
}

/** HTTP statuses for Genkit's statuses. */
export function httpStatusOf({ status }: HybridError): number {
  return httpStatuses[status] ?? 500
}
