/** Validates answers against the schema of their request, whichever branch gave them. */

import { HybridError } from '../border/errors.js'
import { loadPage } from '../border/wasm.js'
import { parseJson } from './partial-json.js'
import { wantsJson, type ModelRequest } from '../border/request.js'
import type { Answer } from '../border/replies.js'
import { toJson } from '../border/json.js'
import { textOf } from './response.js'
import type { JsonSchema } from '../types.js'

/**
 * Returns what is wrong with a JSON answer; undefined if it is valid, or if there is nothing to validate: a blocked
 * answer, or a tool call. It never fails a request: the caller or a cascade decides.
 */
export async function outputErrorOf(
  request: ModelRequest,
  { message, finishReason }: Answer,
): Promise<HybridError | undefined> {
  if (!wantsJson(request) || finishReason === 'blocked' || message.content.some((part) => 'toolRequest' in part))
    return undefined
  const value = parseJson(textOf(message.content))
  if (value === undefined) {
    const isCut = finishReason === 'length'
    return mismatch(
      { path: '', expected: isCut ? 'JSON, but it was cut off at `maxOutputTokens`' : 'JSON' },
      isCut ? 'OUTPUT_INCOMPLETE' : 'OUTPUT_MISMATCH',
    )
  }
  const schema = request.output?.schema
  if (schema === undefined) return undefined
  try {
    const found = await mismatchOf(schema, value)
    return found === undefined ? undefined : mismatch(found, 'OUTPUT_MISMATCH')
  } catch {
    // The answer remains usable if the validator's wasm cannot be loaded.
    return undefined
  }
}

/** Returns the first mismatch of a value with a schema. */
export async function mismatchOf(schema: JsonSchema, value: unknown): Promise<Mismatch | undefined> {
  const { findMismatch } = await loadPage()
  const asked = toJson(schema, 'the schema')
  let found: string | undefined
  try {
    found = findMismatch(asked, toJson(value, 'the answer'), isOfProperty)
  } catch {
    // Only a value nested deeper than the stack cannot be serialised here: it was parsed from JSON.
    return { path: '', expected: 'JSON that is not nested too deeply' }
  }
  return found === undefined ? undefined : (JSON.parse(found) as Mismatch)
}

/** A mismatch with the schema. `path` is a JSON pointer; an undeclared name is shown as `*`. */
interface Mismatch {
  path: string
  expected: string
}

function mismatch(cause: Mismatch, code: string): HybridError {
  const place = cause.path === '' ? '' : ` at ${cause.path}`
  return new HybridError('INTERNAL', `the answer does not match its schema${place}: expected ${cause.expected}`, {
    code,
    cause,
  })
}

/**
 * Whether a character has a Unicode property, such as `\p{Lu}`; undefined if the property is unknown, which is then
 * ignored.
 */
function isOfProperty(property: string, character: string): boolean | undefined {
  try {
    return new RegExp(`^${property}$`, 'u').test(character)
  } catch {
    return undefined
  }
}
