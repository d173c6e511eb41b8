/** Arithmetic with the same results in every engine, bit for bit as in `hybridge_core::learn`. */

/**
 * Returns eˣ for -40 ≤ x ≤ 40, and the value at the nearest bound otherwise. `Math.exp` differs between engines
 * in the last bit.
 */
export function exp(x: number): number {
  const bounded = Math.min(40, Math.max(-40, x))
  // eˣ = 2ᵏ eʳ with |r| ≤ ln 2 / 2; ln 2 in two parts, so that r keeps its precision.
  const k = Math.floor(bounded / Math.LN2 + 0.5)
  const r = bounded - k * 0.6931471803691238 - k * 1.9082149292705877e-10
  let sum = 1
  for (let n = 13; n >= 1; n--) sum = 1 + (sum * r) / n
  for (let step = 0; step < Math.abs(k); step++) sum *= k < 0 ? 0.5 : 2
  return sum
}

/** Converts scores to probabilities, in place; a single score is that of the second class. */
export function probabilities(scores: Float64Array): void {
  if (scores.length === 1) {
    scores[0] = 1 / (1 + exp(-(scores[0] ?? 0)))
    return
  }
  let highest = -Infinity
  for (const score of scores) highest = Math.max(highest, score)
  let sum = 0
  for (let at = 0; at < scores.length; at++) sum += scores[at] = exp((scores[at] ?? 0) - highest)
  for (let at = 0; at < scores.length; at++) scores[at] = (scores[at] ?? 0) / sum
}

/** Random numbers from a seed: mulberry32. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** Returns an integer below 2³². */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  /** Returns an integer below `bound`. */
  below(bound: number): number {
    return Math.floor((this.next() * bound) / 2 ** 32)
  }

  /** Shuffles a list. */
  shuffle<T>(list: T[]): T[] {
    for (let end = list.length - 1; end >= 1; end--) {
      const other = this.below(end + 1)
      const moved = list[end] as T
      list[end] = list[other] as T
      list[other] = moved
    }
    return list
  }
}
