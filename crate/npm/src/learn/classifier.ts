/** A prompt classifier: trained from labelled samples, stored as JSON of at most 64 KB. */

import { HybridError, invalid } from '../border/errors.js'
import { isArray } from '../border/json.js'
import { probabilities } from './arithmetic.js'
import { termsOf, type Terms } from './features.js'
import { trainHead, vectorsFor, type Example } from './head.js'

/** A prompt, or its embedding, and its label. */
export interface LabelledPrompt {
  prompt: string | ArrayLike<number>
  label: string
}

/** A trained classifier as plain data. */
export interface ClassifierJson {
  kind: 'hybridge.classifier'
  version: 1
  input: 'text' | 'vector'
  /** The number of buckets for a text, or of dimensions of an embedding. */
  size: number
  labels: string[]
  biases: number[]
  scales: number[]
  /** Base64 of 8-bit weights, `[vector][size]`. */
  weights: string
}

/** The maximum number of weights of all vectors: 8 bits each, so that the JSON stays below 64 KB. */
const maxWeights = 40_960
const mostBuckets = 16_384
const maxLabels = 32
const maxLabelBytes = 128
const kind = 'hybridge.classifier'

/** One vector of weights: integers times a scale. */
interface Plane {
  bias: number
  scale: number
  weights: Int8Array
}

/**
 * Logistic regression on hashed character n-grams and words: a text classifier that is trained in a page in less than
 * a second, classifies in microseconds and downloads nothing. It also supports embeddings instead of texts.
 *
 * @example
 * const classifier = Classifier.train([{ prompt: 'What is 2 + 2?', label: 'sum' }, { prompt: 'Translate "cat"',
 * label: 'language' }])
 * const { label, probability } = classifier.classify('What is 3 + 9?')
 */
export class Classifier {
  readonly labels: readonly string[]
  readonly input: 'text' | 'vector'
  readonly #size: number
  readonly #planes: readonly Plane[]

  private constructor(labels: readonly string[], input: 'text' | 'vector', size: number, planes: readonly Plane[]) {
    this.labels = labels
    this.input = input
    this.#size = size
    this.#planes = planes
  }

  /** Trains a classifier. The same samples in the same order and the same seed give the same classifier everywhere. */
  static train(
    samples: readonly LabelledPrompt[],
    { seed = 0, buckets }: { seed?: number; buckets?: number } = {},
  ): Classifier {
    if (!isArray(samples)) throw invalid('training samples must be an array of { prompt, label }')
    samples.forEach((sample, index) => sampleArgument(sample, index))
    if (!Number.isInteger(seed)) throw invalid('seed must be a whole number')
    const labels = [...new Set(samples.map(({ label }) => label))].sort(byCodePoints)
    checkLabels(labels)
    const vectors = vectorsFor(labels.length)
    const first = samples[0]?.prompt
    const input = typeof first === 'string' ? 'text' : 'vector'
    const size = typeof first === 'string' ? (buckets ?? bucketsFor(vectors)) : (first?.length ?? 0)
    checkSize(vectors, size, input)
    const examples: Example[] = samples.map(({ prompt, label }) => ({
      terms: termsFor(prompt, input, size),
      label: labels.indexOf(label),
    }))
    const head = trainHead(examples, labels.length, size, seed)
    return new Classifier(
      labels,
      input,
      size,
      head.weights.map((weights, at) => planeOf(weights, head.biases[at] ?? 0)),
    )
  }

  /**
   * Reads the output of `toJSON`, as an object or as text. Anything else, including the format of a later version, is
   * INVALID_ARGUMENT.
   */
  static fromJSON(json: unknown): Classifier {
    const found = (typeof json === 'string' ? parsed(json) : json) as Partial<
      Record<keyof ClassifierJson, unknown>
    > | null
    if (typeof found !== 'object' || found === null || found.kind !== kind)
      throw refused('its kind is not hybridge.classifier')
    const { version, input, labels, size, weights } = found
    if (version !== 1)
      throw refused(
        typeof version === 'number' && version > 1
          ? 'a later version of hybridge wrote it; train it again'
          : 'it has no known version',
      )
    if (input !== 'text' && input !== 'vector') throw refused('its input is neither text nor vector')
    if (!isStrings(labels)) throw refused('its labels must be different strings in alphabetical order')
    if (labels.some((label, at) => at > 0 && byCodePoints(labels[at - 1] ?? '', label) >= 0))
      throw refused('its labels must be different strings in alphabetical order')
    checkLabels(labels)
    const vectors = vectorsFor(labels.length)
    if (typeof size !== 'number') throw refused('it has no size')
    checkSize(vectors, size, input)
    const [biases, scales] = [singles(found.biases, vectors), singles(found.scales, vectors)]
    const bytes = typeof weights === 'string' && weights.length <= maxWeights * 2 ? decoded(weights) : undefined
    if (bytes?.length !== vectors * size) throw refused('its weights do not have the size that it states')
    const planes = biases.map((bias, at) => ({
      bias,
      scale: scales[at] ?? 0,
      weights: new Int8Array(bytes.buffer, at * size, size),
    }))
    return new Classifier([...labels], input, size, planes)
  }

  /** Returns the most likely class, and the probability of each. */
  classify(prompt: string | ArrayLike<number>): {
    label: string
    probability: number
    probabilities: Record<string, number>
  } {
    const shares = this.probabilities(prompt)
    let best = 0
    shares.forEach((share, at) => {
      if (share > (shares[best] ?? 0)) best = at
    })
    return {
      label: this.labels[best] ?? '',
      probability: shares[best] ?? 0,
      probabilities: Object.fromEntries(this.labels.map((label, at) => [label, shares[at] ?? 0])),
    }
  }

  /** Returns the probability of each class, in the order of `labels`. */
  probabilities(prompt: string | ArrayLike<number>): number[] {
    if (typeof prompt !== 'string' && !isVector(prompt))
      throw invalid('a classifier judges a text, or an array of numbers')
    const { buckets, values } = termsFor(prompt, this.input, this.#size)
    const scores = new Float64Array(this.#planes.length)
    this.#planes.forEach(({ bias, scale, weights }, vector) => {
      let sum = 0
      for (let at = 0; at < buckets.length; at++)
        sum += (weights[buckets[at] as number] as number) * (values[at] as number)
      scores[vector] = bias + sum * scale
    })
    probabilities(scores)
    return scores.length === 1 ? [1 - (scores[0] ?? 0), scores[0] ?? 0] : [...scores]
  }

  /** Returns the classifier as plain data, at most 64 KB of JSON. */
  toJSON(): ClassifierJson {
    const bytes = new Uint8Array(this.#planes.length * this.#size)
    this.#planes.forEach(({ weights }, at) =>
      bytes.set(new Uint8Array(weights.buffer, weights.byteOffset, weights.length), at * this.#size),
    )
    return {
      kind,
      version: 1,
      input: this.input,
      size: this.#size,
      labels: [...this.labels],
      biases: this.#planes.map(({ bias }) => bias),
      scales: this.#planes.map(({ scale }) => scale),
      weights: encoded(bytes),
    }
  }
}

/** Rounds weights to integers between -127 and 127 times a scale. */
function planeOf(weights: Float64Array, bias: number): Plane {
  let largest = 0
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight))
  const scale = Math.fround(largest / 127)
  const rounded = Int8Array.from(weights, (weight) =>
    scale === 0 ? 0 : Math.min(127, Math.max(-127, Math.floor(weight / scale + 0.5))),
  )
  return { bias: Math.fround(bias), scale, weights: rounded }
}

/** Returns the maximum number of buckets within the size limit. */
function bucketsFor(vectors: number): number {
  let buckets = mostBuckets
  while (buckets * vectors > maxWeights) buckets /= 2
  return buckets
}

function termsFor(prompt: string | ArrayLike<number>, input: 'text' | 'vector', size: number): Terms {
  if (typeof prompt === 'string') {
    if (input === 'text') return termsOf(prompt, size)
    throw invalid('this classifier judges embeddings, not texts')
  }
  if (input === 'text') throw invalid('this classifier judges texts, not embeddings')
  if (prompt.length !== size)
    throw invalid(`the embedding has ${prompt.length} numbers; this classifier judges those of ${size}`)
  const values = Float64Array.from(prompt, Math.fround)
  if (!values.every(Number.isFinite)) throw invalid('an embedding must contain finite numbers only')
  return { buckets: Int32Array.from(values, (_, at) => at), values }
}

// ── Arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

function sampleArgument(sample: LabelledPrompt, index: number): void {
  const isPrompt = typeof sample?.prompt === 'string' || isVector(sample?.prompt)
  if (!isPrompt || typeof sample.label !== 'string')
    throw invalid(
      `sample ${index} must be { prompt, label }, with a text or an embedding as prompt and a string as label`,
    )
}

function isVector(value: unknown): value is ArrayLike<number> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((it) => typeof it === 'string')
}

function checkLabels(labels: readonly string[]): void {
  if (labels.length < 2 || labels.length > maxLabels)
    throw invalid(`a classifier needs 2 to ${maxLabels} different labels, found ${labels.length}`)
  const isOdd = (label: string): boolean => label === '' || new TextEncoder().encode(label).length > maxLabelBytes
  if (labels.some(isOdd)) throw invalid(`a label must have 1 to ${maxLabelBytes} bytes of UTF-8`)
}

function checkSize(vectors: number, size: number, input: 'text' | 'vector'): void {
  if (!Number.isInteger(size) || size < 1 || size * vectors > maxWeights)
    throw invalid(`a classifier has at most ${maxWeights} weights; ${vectors} vectors of ${size} are not possible`)
  if (input === 'text' && ((size & (size - 1)) !== 0 || size > mostBuckets))
    throw invalid(`the buckets of a text classifier must be a power of two, at most ${mostBuckets}`)
}

/** Compares in the order of UTF-8, which is that of code points; UTF-16 order differs beyond the first plane. */
function byCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)]
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

function singles(value: unknown, count: number): number[] {
  const numbers =
    Array.isArray(value) && value.length === count
      ? value.map((it) => (typeof it === 'number' ? Math.fround(it) : NaN))
      : []
  if (numbers.length !== count || !numbers.every(Number.isFinite))
    throw refused('its biases and scales must be finite numbers, one for each vector')
  return numbers
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw refused('it is not JSON')
  }
}

function encoded(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** Decodes base64 in its canonical form; undefined for anything else. */
function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), (it) => it.charCodeAt(0))
    return encoded(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}

function refused(why: string): HybridError {
  return invalid(`this is not a classifier: ${why}`)
}
