/** Converts values to JSON that Rust accepts. */

import { HybridError } from './errors.js'

/**
 * Serialises a value as JSON. Unpaired surrogates, which JavaScript's strings may contain and Rust's may not, become
 * U+FFFD. A value without a JSON form (a cycle, a bigint) is INVALID_ARGUMENT.
 */
export function toJson(value: unknown, what: string): string {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    throw new HybridError('INVALID_ARGUMENT', `${what} has no JSON form`, { cause })
  }
  // Only unpaired surrogates are escaped this way; an escaped backslash before `u` is not an escape.
  return json?.includes('\\ud')
    ? json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, '$1\\ufffd')
    : (json ?? 'null')
}

/** `Array.isArray` for a value already typed as an array, without narrowing it to `any[]`. */
export const isArray: (value: unknown) => boolean = Array.isArray

/** Replaces each unpaired surrogate by U+FFFD. */
export function wellFormed(text: string): string {
  const { isWellFormed } = text as { isWellFormed?: () => boolean }
  if (isWellFormed?.call(text) === true) return text
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

/** Rust parses at most 127 levels, and a value is nested up to nine levels deep in the JSON sent to it. */
const deepest = 118

/** The maximum number of values in a request; a small graph of shared objects can expand beyond the memory. */
const mostValues = 500_000

/** Creates an error from a description: `data` + `refers to itself`. */
export type Refuse = (problem: string) => HybridError

/**
 * Copies a value by its JSON form: getters and `toJSON` run once, here, so that the judged value is the one that is
 * sent. Members without a JSON form are left out; non-finite numbers become null.
 */
export function plainCopy(value: unknown, refuse: Refuse): unknown {
  const open = new Set<object>()
  let values = 0
  const copy = (value: unknown, key: string, depth: number): unknown => {
    if (++values > mostValues) throw refuse(`holds more than ${mostValues} values`)
    if (typeof value === 'string') return wellFormed(value)
    if (typeof value === 'number') return Number.isFinite(value) ? value : null
    if (typeof value === 'boolean' || value === null) return value
    if (typeof value === 'bigint') throw refuse('holds a bigint, which has no JSON form')
    if (typeof value !== 'object') return undefined
    if (depth >= deepest) throw refuse(`is nested too deeply: at most ${deepest} levels are possible`)
    if (open.has(value)) throw refuse('refers to itself')
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
      throw refuse('holds binary data, which has no JSON form')
    if (value instanceof String || value instanceof Number || value instanceof Boolean)
      return copy(value.valueOf(), key, depth)
    open.add(value)
    const { toJSON } = value as { toJSON?: unknown }
    let made: unknown
    if (typeof toJSON === 'function') made = copy(toJSON.call(value, key), key, depth + 1)
    else if (Array.isArray(value))
      made = Array.from(value, (item, index) => copy(item, String(index), depth + 1) ?? null)
    else {
      // Assignment would invoke the setter of `__proto__`.
      made = Object.fromEntries(
        Object.keys(value).flatMap((name) => {
          const member = copy((value as Record<string, unknown>)[name], name, depth + 1)
          return member === undefined ? [] : [[wellFormed(name), member]]
        }),
      )
    }
    open.delete(value)
    return made
  }
  return copy(value, '', 0)
}

/** The same for a value that must be an object. */
export function plainObject(value: unknown, refuse: Refuse): Record<string, unknown> {
  if (!isObject(value)) throw refuse(`must be an object, found ${kindOf(value)}`)
  const copy = plainCopy(value, refuse)
  if (!isObject(copy)) throw refuse('must be an object')
  return copy
}

/**
 * Copies the result of `plainCopy` or a border function: data without cycles, getters or class instances. Strings are
 * shared.
 */
export function cloned<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(cloned) as T
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cloned(member) as unknown])) as T
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Checks that options are an object, so that they can be destructured. */
export function optionsArgument<T extends object>(options: T, what: string): T {
  if (!isObject(options))
    throw new HybridError('INVALID_ARGUMENT', `${what} needs an object of options, found ${kindOf(options)}`)
  return options
}

/** Describes a value's type for a message, never the value itself. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value === undefined ? 'undefined' : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`
}
