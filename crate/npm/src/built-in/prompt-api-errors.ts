/** Converts the errors of the Prompt API. */

import { HybridError } from '../border/errors.js'
import { cancelled } from '../border/thrown.js'
import type { Status } from '../types.js'

/**
 * The error table of the specification. `NotReadableError` is not in it: filtered output is a result, not a failure.
 */
const table: Record<string, [Status, string, string?]> = {
  NotAllowedError: ['PERMISSION_DENIED', 'the browser or its policy does not let this page use the built-in model'],
  NotSupportedError: ['FAILED_PRECONDITION', 'the built-in model supports neither this language nor these options'],
  QuotaExceededError: [
    'INVALID_ARGUMENT',
    "the request is longer than the built-in model's context",
    'CONTEXT_TOO_LONG',
  ],
  NetworkError: ['UNAVAILABLE', 'the built-in model could not be downloaded', 'DOWNLOAD_FAILED'],
  SyntaxError: ['INVALID_ARGUMENT', 'the built-in model cannot satisfy this schema', 'SCHEMA_UNSUPPORTED'],
  InvalidStateError: ['FAILED_PRECONDITION', 'the page or the session is not active any more'],
  DataCloneError: ['INVALID_ARGUMENT', 'a part of the request cannot be read by the built-in model'],
  TypeError: ['INVALID_ARGUMENT', 'the built-in model refused the form of the request'],
  TimeoutError: ['DEADLINE_EXCEEDED', 'no answer in time'],
  OperationError: ['INTERNAL', 'the built-in model failed'],
  UnknownError: ['INTERNAL', 'the built-in model failed for an unknown reason'],
}

/** The original message may quote the prompt, so it stays on the cause. */
export function promptApiFailure(thrown: unknown): HybridError {
  if (HybridError.isInstance(thrown)) return thrown
  const name = nameOf(thrown)
  if (name === 'AbortError') return cancelled(thrown)
  const [status, message, code] = (Object.hasOwn(table, name) ? table[name] : undefined) ?? [
    'INTERNAL',
    'the built-in model failed in an unforeseen way; see the cause',
  ]
  return new HybridError(status, message, { cause: thrown, ...(code === undefined ? {} : { code }) })
}

/** Whether the browser withheld the answer as harmful. */
export function isFiltered(thrown: unknown): boolean {
  return nameOf(thrown) === 'NotReadableError'
}

function nameOf(thrown: unknown): string {
  const name = (thrown as { name?: unknown } | null | undefined)?.name
  return typeof name === 'string' ? name : ''
}
