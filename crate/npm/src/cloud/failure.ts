/** What the wasm throws, as our error. */

import { HybridError } from '../border/errors.js'
import type { Message, Status } from '../types.js'

/** `hybridge_core::Error`. */
interface CoreError { status: Status; message: string; code?: string; retryAfterMs?: number }

/**
 * The failure of a call. The text that came before it stands on `partial`, which is not enumerable,
 * so that logging the error does not log the answer.
 */
export function failureOf(thrown: unknown, call?: { partial(): string }): HybridError {
  if (HybridError.isInstance(thrown)) return thrown
  if (typeof thrown !== 'string') return new HybridError('INTERNAL', 'the call of the cloud service failed in an unforeseen way; see the cause', { cause: thrown })
  const { status, message, code, retryAfterMs } = JSON.parse(thrown) as CoreError
  const error = new HybridError(status, message, {
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
  const partial = call === undefined ? undefined : (JSON.parse(call.partial()) as Message)
  if (partial !== undefined && partial.content.length > 0) Object.defineProperty(error, 'partial', { value: partial })
  return error
}
