/** Keys and headers of the caller's: asked for at each try, put into headers and nowhere else. */

import { HybridError } from '../border/errors.js'
import { fromThrown, isStatus } from '../border/thrown.js'

/** A text, or a function that fetches one. */
export type Secret = string | (() => string | Promise<string>)

/** What a service is shown. */
export interface Credentials {
  apiKey?: Secret | undefined
  headers?: (() => Record<string, string> | Promise<Record<string, string>>) | undefined
  /** Whether the service answers nobody without a key. */
  keyNeeded: boolean
}

/** The headers as name, value, name, value. `place` is where the key goes: `name: what stands before it`. */
export async function secretHeaders({ apiKey, headers, keyNeeded }: Credentials, place: string): Promise<string[]> {
  const all: string[] = []
  if (headers !== undefined) {
    for (const [name, value] of Object.entries(await asked(headers, 'headers'))) all.push(name, String(value))
  }
  if (apiKey !== undefined) {
    const key = typeof apiKey === 'function' ? await asked(apiKey, 'apiKey') : apiKey
    // A pasted key often brings a line end along, which no header may hold.
    const trimmed = typeof key === 'string' ? key.trim() : ''
    if (trimmed === '') throw new HybridError('UNAUTHENTICATED', 'the API key is empty', { code: 'API_KEY_MISSING' })
    const [name = '', before = ''] = place.split(': ')
    all.push(name, before + trimmed)
  } else if (keyNeeded) {
    throw new HybridError('UNAUTHENTICATED', 'the service needs an `apiKey`, or `headers`, or a `baseUrl` of your own proxy', { code: 'API_KEY_MISSING' })
  }
  return all
}

/**
 * A callback that fails is the caller's to mend: no other branch is tried because of it,
 * unless the callback says so by throwing an error with a status.
 */
async function asked<T>(callback: () => T | Promise<T>, name: string): Promise<T> {
  try {
    return await callback()
  } catch (thrown) {
    const { status, name: kind } = (thrown ?? {}) as { status?: unknown; name?: unknown }
    if (isStatus(status) || kind === 'AbortError' || kind === 'TimeoutError') throw fromThrown(thrown)
    throw new HybridError('UNAUTHENTICATED', `the \`${name}\` function of this model failed; see the cause`, { code: 'CREDENTIALS_FAILED', cause: thrown })
  }
}
