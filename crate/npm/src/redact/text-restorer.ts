/** Restores the original values in an answer, also while it streams: `hybridge_core::redact::restore`. */

import { Finder, placeholderOf, type Kind } from './placeholders.js'

/** The value behind a placeholder. */
export interface Entry {
  readonly kind: number
  readonly number: number
  /** A text, or originally a number. */
  readonly value: string | number
  /** Text of the request that looked like a placeholder, not a finding. */
  readonly isLiteral: boolean
}

/** The values replaced in one request. */
export class Hidden {
  readonly #kinds: readonly Kind[]
  readonly #entries = new Map<string, Entry>()
  readonly #numbers = new Map<string, number>()
  readonly finder: Finder

  constructor(kinds: readonly Kind[], entries: readonly Entry[]) {
    this.#kinds = kinds
    for (const entry of entries) {
      this.#entries.set(`${entry.kind} ${entry.number}`, entry)
      const kind = kinds[entry.kind]
      if (kind !== undefined && typeof entry.value === 'number')
        this.#numbers.set(placeholderOf(kind, entry.number), entry.value)
    }
    this.finder = finderOf(kinds, entries)
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  entry(kind: number, number: number): Entry | undefined {
    return this.#entries.get(`${kind} ${number}`)
  }

  /** Returns the number of different values replaced of each kind. */
  get counts(): Record<string, number> {
    const counts = new Map<string, number>()
    for (const [index, { name }] of this.#kinds.entries()) {
      const found = [...this.#entries.values()].filter((it) => it.kind === index && !it.isLiteral)
      if (found.length > 0) counts.set(name, found.length)
    }
    return Object.fromEntries(counts)
  }

  /** Restores all texts and keys of a value. Replaced numbers become numbers again. */
  restore<T>(value: T): T {
    return this.#restored(value) as T
  }

  #restored(value: unknown): unknown {
    if (typeof value === 'string')
      return this.#numbers.get(value.trim()) ?? new TextRestorer(this, false).push(value, true)
    if (Array.isArray(value)) return value.map((it) => this.#restored(it))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, it]) => [String(this.#restored(key)), this.#restored(it)]),
    )
  }
}

/** Returns a finder for the placeholders of these entries. */
export function finderOf(kinds: readonly Kind[], entries: readonly Entry[]): Finder {
  const known = new Set(entries.map(({ kind, number }) => `${kind} ${number}`))
  const live = [...new Set(entries.map(({ kind }) => kind))].sort((a, b) => a - b)
  return new Finder(kinds, live, (kind, number) => known.has(`${kind} ${number}`))
}

/**
 * Restores one streamed text. It holds back only text that could still become a placeholder, at most a few dozen
 * characters.
 */
export class TextRestorer {
  readonly #hidden: Hidden
  readonly #isJson: boolean
  #held = ''
  /** The last character before the held text. */
  #before: string | undefined
  // The position in the JSON syntax; `last` is the last character outside strings that isn't white space.
  #place = { isInString: false, isEscaped: false, last: '' }

  constructor(hidden: Hidden, isJson: boolean) {
    this.#hidden = hidden
    this.#isJson = isJson
  }

  /** Returns the restored next chunk. With `isLast` nothing is held back. */
  push(piece: string, isLast: boolean): string {
    if (this.#hidden.isEmpty) return piece
    const text = this.#held + piece
    let restored = ''
    let at = 0
    while (at < text.length) {
      const found = this.#hidden.finder.at(text, at, this.#before, !isLast)
      if (found === 'unfinished') break
      if (found === undefined) {
        const next = text.charAt(at++)
        restored += next
        this.#pass(next)
        this.#before = next
      } else {
        const entry = this.#hidden.entry(found.kind, found.number)
        restored += (entry === undefined ? '' : this.#written(entry)) + found.tail
        at = found.end
        this.#before = text.charAt(at - 1)
      }
    }
    this.#held = text.slice(at)
    return restored
  }

  /** Handles an ordinary character of the answer. */
  #pass(it: string): void {
    if (!this.#isJson) return
    const place = this.#place
    if (place.isInString) {
      place.isInString = it !== '"' || place.isEscaped
      place.isEscaped = it === '\\' && !place.isEscaped
    } else {
      place.isInString = it === '"'
      if (!/\s/.test(it)) place.last = it
    }
  }

  #written({ value }: Entry): string {
    if (!this.#isJson) return String(value)
    // A model may omit the quotes around a value.
    const standsAlone = !this.#place.isInString && /^[:,[]$/.test(this.#place.last)
    return standsAlone ? JSON.stringify(value) : JSON.stringify(String(value)).slice(1, -1)
  }
}
