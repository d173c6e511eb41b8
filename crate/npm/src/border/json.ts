/** JSON as Rust reads it. */

import { HybridError } from './errors.js'

/**
 * A value as JSON. Half a surrogate pair, which JavaScript's strings may hold and Rust's may not, becomes U+FFFD.
 * What has no JSON form (a cycle, a bigint) is INVALID_ARGUMENT.
 */
export function toJson(value: unknown, what: string): string {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    throw new HybridError('INVALID_ARGUMENT', `${what} has no JSON form`, { cause })
  }
  // Only halves are escaped this way; and only where the backslash is not itself escaped is it an escape.
  return json?.includes('\\ud') ? json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, '$1\\ufffd') : (json ?? 'null')
}
