/**
 * The features of a text: its character n-grams, its words and its shape, hashed into a fixed number of buckets.
 */

/**
 * The buckets of a text, in the order in which they are found, and their values. The squares of the values sum to 1.
 */
export interface Terms {
  readonly buckets: Int32Array
  readonly values: Float64Array
}

/**
 * The number of characters read from each end of a text, so that a long document takes no longer than a page.
 */
const read = 1024
const longestGram = 4
const basis = 0x811c9dc5
const words = 0x9e3779b9
const pairs = 0x517cc1b7
const shape = 0x2545f491
const space = 0x20

/** The current buckets. The array is shared by all texts, and cleared after each. */
const weights = new Uint8Array(16384)
let order = new Int32Array(4096)
let filled = 0
let mask = 0

/** Returns a text's terms. The empty text has terms for its shape. */
export function termsOf(text: string, size: number): Terms {
  mask = size - 1
  filled = 0
  const characters = normalised(text)
  fillGrams(characters)
  fillWords(characters)
  fillShape(text, characters)
  const buckets = order.slice(0, filled)
  let squares = 0
  for (const bucket of buckets) squares += (weights[bucket] ?? 0) ** 2
  const length = Math.sqrt(Math.max(1, squares))
  const values = new Float64Array(filled)
  for (let at = 0; at < filled; at++) {
    const bucket = buckets[at] ?? 0
    values[at] = (weights[bucket] ?? 0) / length
    weights[bucket] = 0
  }
  return { buckets, values }
}

function fillGrams(characters: Int32Array): void {
  const { length } = characters
  for (let start = 0; start < length; start++) {
    let hash = basis
    const end = Math.min(length, start + longestGram)
    for (let at = start; at < end; at++) {
      hash = mix(hash, characters[at] ?? 0)
      fill(hash, 1)
    }
  }
}

/** Adds each word, and each with the previous word. They count double: one word is worth several of its n-grams. */
function fillWords(characters: Int32Array): void {
  let word = basis ^ words
  let before = basis ^ pairs
  let isInside = false
  for (const character of characters) {
    if (character !== space) {
      word = mix(word, character)
      isInside = true
    } else if (isInside) {
      fill(word, 2)
      fill(mix(before, word), 2)
      before = word ^ pairs
      word = basis ^ words
      isInside = false
    }
  }
}

/** Adds the length of a text and the shares of its character classes, in powers of two. */
function fillShape(text: string, characters: Int32Array): void {
  const counts = [0, 0, 0, 0, 0, 0]
  const count = (kind: number): void => void (counts[kind] = (counts[kind] ?? 0) + 1)
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    // The second half of a surrogate pair belongs to the first.
    if (unit >= 0xdc00 && unit <= 0xdfff && at > 0 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800) continue
    count(0)
    if (unit === 0x0a) count(2)
    else if (unit === 0x3f) count(3)
    else if (unit >= 0x30 && unit <= 0x39) count(4)
    else if (
      unit === 0x7b ||
      unit === 0x7d ||
      unit === 0x28 ||
      unit === 0x29 ||
      unit === 0x3b ||
      unit === 0x3d ||
      unit === 0x3c ||
      unit === 0x3e
    )
      count(5)
  }
  for (const character of characters) if (character === space) count(1)
  counts.forEach((count, kind) => fill(mix(mix(basis ^ shape, kind), 32 - Math.clz32(count)), 4))
}

function fill(hash: number, weight: number): void {
  let mixed = hash ^ (hash >>> 15)
  mixed = Math.imul(mixed, 0x2c1b3c6d)
  mixed ^= mixed >>> 12
  const bucket = mixed & mask
  const known = weights[bucket] ?? 0
  if (known === 0) {
    if (filled === order.length) {
      const longer = new Int32Array(filled * 2)
      longer.set(order)
      order = longer
    }
    order[filled++] = bucket
  }
  if (weight > known) weights[bucket] = weight
}

/** One step of FNV-1a, over integers instead of bytes. */
function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193)
}

/** Normalises a text: lower case, every digit as 0, white space as single spaces, with a space at both ends. */
function normalised(text: string): Int32Array {
  const length = text.length <= read ? text.length : codePoints(text)
  const characters = new Int32Array(Math.min(length, 2 * read) + 2)
  let count = 0
  characters[count++] = space
  let at = 0
  for (let unit = 0; unit < text.length; at++) {
    const point = text.codePointAt(unit) ?? 0
    unit += point > 0xffff ? 2 : 1
    if (at >= read && at < length - read) continue
    const character = simplified(point)
    if (character !== space || characters[count - 1] !== space) characters[count++] = character
  }
  if (characters[count - 1] !== space) characters[count++] = space
  return characters.subarray(0, count)
}

function simplified(point: number): number {
  if (point < 0x80) {
    if (point >= 0x41 && point <= 0x5a) return point + 0x20
    if (point >= 0x30 && point <= 0x39) return 0x30
    return point >= 0x09 && point <= 0x0d ? space : point
  }
  if (point === 0xa0) return space
  const small = String.fromCodePoint(point).toLowerCase()
  const first = small.codePointAt(0) ?? point
  return small.length === (first > 0xffff ? 2 : 1) ? first : point
}

function codePoints(text: string): number {
  let count = 0
  for (let unit = 0; unit < text.length; count++) unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1
  return count
}
