/** Keys and headers from the caller: fetched at each attempt, sent as headers and nowhere else. */

import { HybridError } from '../border/errors.js'
import { kindOf } from '../border/json.js'
import { fromThrown, isStatus } from '../border/thrown.js'

/** A string, or a function that fetches one. */
export type Secret = string | (() => string | Promise<string>)

/** The credentials for a service. */
export interface Credentials {
  apiKey?: Secret | undefined
  headers?: (() => Record<string, string> | Promise<Record<string, string>>) | undefined
  /** Whether the service requires a key. */
  keyNeeded: boolean
}

/** The headers, as alternating names and values. `place` is the key's header: `name: prefix`. */
export async function secretHeaders({ apiKey, headers, keyNeeded }: Credentials, place: string): Promise<string[]> {
  const all = headers === undefined ? [] : await called(async () => pairsOf(await headers()), 'headers')
  if (apiKey !== undefined) {
    const key = typeof apiKey === 'function' ? await called(apiKey, 'apiKey') : apiKey
    // A pasted key often ends with a newline, which no header may contain.
    const trimmed = typeof key === 'string' ? key.trim() : ''
    if (trimmed === '') throw new HybridError('UNAUTHENTICATED', 'the API key is empty', { code: 'API_KEY_MISSING' })
    const [name = '', before = ''] = place.split(': ')
    all.push(name, before + trimmed)
  } else if (keyNeeded) {
    throw new HybridError(
      'UNAUTHENTICATED',
      'the service needs an `apiKey`, or `headers`, or a `baseUrl` of your own proxy',
      { code: 'API_KEY_MISSING' },
    )
  }
  return all
}

/** Converts a plain object, a `Headers` or a list of pairs to alternating names and values. */
function pairsOf(headers: unknown): string[] {
  if (typeof headers !== 'object' || headers === null) {
    throw new HybridError(
      'UNAUTHENTICATED',
      `the \`headers\` function of this model returned ${kindOf(headers)}; expected an object of strings`,
      { code: 'CREDENTIALS_FAILED' },
    )
  }
  const isIterable = typeof (headers as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function'
  const pairs = isIterable ? [...(headers as Iterable<[string, unknown]>)] : Object.entries(headers)
  return pairs.flatMap(([name, value]) => [String(name), String(value)])
}

/**
 * A failing callback is for the caller to fix: no other branch is tried because of it, unless its error has a status.
 */
async function called<T>(callback: () => T | Promise<T>, name: string): Promise<T> {
  try {
    return await callback()
  } catch (thrown) {
    const { status, name: kind } = (thrown ?? {}) as { status?: unknown; name?: unknown }
    if (isStatus(status) || kind === 'AbortError' || kind === 'TimeoutError') throw fromThrown(thrown)
    throw new HybridError('UNAUTHENTICATED', `the \`${name}\` function of this model failed; see the cause`, {
      code: 'CREDENTIALS_FAILED',
      cause: thrown,
    })
  }
}
