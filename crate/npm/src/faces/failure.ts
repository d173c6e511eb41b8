/** What a model threw, as faces read it. */

import { HybridError } from '../index.js'
import type { Status } from '../index.js'

/** The longest delay that clients wait for before they try again; they ignore longer ones and use their own. */
const longestDelayMs = 60_000

/** The error as ours. What a callback of the application threw is not shown to clients: it may hold anything. */
export function hybridErrorOf(thrown: unknown): HybridError {
  if (HybridError.isInstance(thrown)) return thrown
  return new HybridError('INTERNAL', 'a function of the application failed; see the cause', { cause: thrown })
}

/**
 * The delay after which trying again makes sense. A hybrid has already tried its branches, so nothing else invites a
 * client to retry: "not loaded" would take it seconds to report.
 */
export function retryDelayOf({ status, retryAfterMs }: HybridError): number | undefined {
  if (status === 'INVALID_ARGUMENT' || status === 'CANCELLED') return undefined
  return retryAfterMs !== undefined && retryAfterMs >= 0 && retryAfterMs < longestDelayMs ? retryAfterMs : undefined
}

/** Statuses whose number on HTTP is not 500. 499 is the usual number of a request that its client closed. */
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

/** Genkit's statuses on HTTP. */
export function httpStatusOf({ status }: HybridError): number {
  return httpStatuses[status] ?? 500
}
