/** Logistic regression over terms, trained by AdaGrad. */

import { probabilities, Random } from './arithmetic.js'
import type { Terms } from './features.js'

const epochs = 24
const rate = 0.4
/** L2 regularisation, applied to the weights of each sample. */
const decay = 2e-4
const smallest = 1e-8

/** Weights: one vector per class, or a single one for two classes. */
export interface Head {
  /** [vector][term] */
  readonly weights: Float64Array[]
  /** [vector] */
  readonly biases: Float64Array
}

export interface Example {
  readonly terms: Terms
  readonly label: number
}

/** Returns the number of vectors for this many classes. */
export function vectorsFor(classes: number): number {
  return classes <= 2 ? 1 : classes
}

/** Trains on examples in an order determined by `seed`. */
export function trainHead(examples: readonly Example[], classes: number, size: number, seed: number): Head {
  const vectors = vectorsFor(classes)
  const made = (): Head => ({
    weights: Array.from({ length: vectors }, () => new Float64Array(size)),
    biases: new Float64Array(vectors),
  })
  const head = made()
  const squares = made()
  const order = examples.map((_, index) => index)
  const random = new Random(seed)
  for (let epoch = 0; epoch < epochs; epoch++) {
    random.shuffle(order)
    for (const at of order) {
      const example = examples[at]
      if (example !== undefined) step(head, squares, example)
    }
  }
  return head
}

/** Updates the weights for one example. `squares` contains the sums of squared gradients. */
function step(head: Head, squares: Head, { terms, label }: Example): void {
  const errors = scoresOf(head, terms)
  probabilities(errors)
  const { buckets, values } = terms
  for (let vector = 0; vector < errors.length; vector++) {
    const isHit = errors.length === 1 ? label === 1 : label === vector
    const error = (errors[vector] ?? 0) - (isHit ? 1 : 0)
    squares.biases[vector] = (squares.biases[vector] ?? 0) + error * error
    head.biases[vector] =
      (head.biases[vector] ?? 0) - (rate * error) / Math.sqrt((squares.biases[vector] ?? 0) + smallest)
    const weights = head.weights[vector] ?? new Float64Array()
    const sums = squares.weights[vector] ?? new Float64Array()
    for (let at = 0; at < buckets.length; at++) {
      const bucket = buckets[at] as number
      const weight = weights[bucket] as number
      const gradient = error * (values[at] as number) + decay * weight
      const sum = (sums[bucket] as number) + gradient * gradient
      sums[bucket] = sum
      weights[bucket] = weight - (rate * gradient) / Math.sqrt(sum + smallest)
    }
  }
}

/** Returns the score of each vector. */
export function scoresOf({ weights, biases }: Head, { buckets, values }: Terms): Float64Array {
  const scores = new Float64Array(biases.length)
  for (let vector = 0; vector < scores.length; vector++) {
    const plane = weights[vector] ?? new Float64Array()
    let sum = biases[vector] ?? 0
    for (let at = 0; at < buckets.length; at++) sum += (plane[buckets[at] as number] as number) * (values[at] as number)
    scores[vector] = sum
  }
  return scores
}
