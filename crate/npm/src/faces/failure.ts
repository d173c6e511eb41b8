/** What a model threw, as faces read it. */

import { HybridError } from '../index.js'

/** The longest delay that clients wait for before they try again; they ignore longer ones and use their own. */
const longestDelayMs = 60_000

/** The error as ours. What a callback of the application threw is not shown to clients: it may hold anything. */
export function hybridErrorOf(thrown: unknown): HybridError {
  if (HybridError.isInstance(thrown)) return thrown
  return new HybridError('INTERNAL', 'a function of the application failed; see the cause', { cause: thrown })
}

/**
 * The delay after which trying again makes sense. A hybrid has already tried its branches, so nothing else invites a client to retry:
 * "not loaded" would take it seconds to report.
 */
export function retryDelayOf({ status, retryAfterMs }: HybridError): number | undefined {
  if (status === 'INVALID_ARGUMENT' || status === 'CANCELLED') return undefined
  return retryAfterMs !== undefined && retryAfterMs >= 0 && retryAfterMs < longestDelayMs ? retryAfterMs : undefined
}
