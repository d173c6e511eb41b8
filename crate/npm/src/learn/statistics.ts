/** Statistics with confidence intervals. */

import { invalid } from '../border/errors.js'
import { Random } from './arithmetic.js'

/** An estimate with its 95 % confidence interval. */
export interface Interval {
  mean: number
  low: number
  high: number
}

/** The quantile of a normal distribution that leaves 2.5 % on each side. */
const z = 1.959963984540054
const draws = 2000

/**
 * Returns the share of `hits` in `count` with Wilson's score interval, which is 0 to 1 for a count of 0.
 *
 * @example
 * wilson(8, 10) // { mean: 0.8, low: 0.49, high: 0.94 }
 */
export function wilson(hits: number, count: number): Interval {
  if (count === 0) return { mean: 0, low: 0, high: 1 }
  const p = hits / count
  const centre = p + (z * z) / (2 * count)
  const spread = z * Math.sqrt((p * (1 - p)) / count + (z * z) / (4 * count * count))
  const scale = 1 + (z * z) / count
  const low = hits === 0 ? 0 : (centre - spread) / scale
  const high = hits >= count ? 1 : (centre + spread) / scale
  return { mean: p, low: Math.max(0, low), high: Math.min(1, high) }
}

/**
 * Returns the probability that a right answer has a higher signal than a wrong one (the area under the ROC curve);
 * ties count half. `undefined` if all answers are right, or all wrong.
 *
 * @example
 * auroc([{ signal: -0.1, right: true }, { signal: -2, right: false }]) // 1
 */
export function auroc(pairs: ReadonlyArray<{ signal: number; right: boolean }>): number | undefined {
  if (pairs.some(({ signal }) => typeof signal !== 'number' || Number.isNaN(signal)))
    throw invalid('a signal must be a number')
  const sorted = [...pairs].sort((a, b) => a.signal - b.signal)
  let [wrong, right, doubled] = [0, 0, 0]
  for (let at = 0; at < sorted.length;) {
    const signal = sorted[at]?.signal
    let [hits, misses] = [0, 0]
    for (; sorted[at]?.signal === signal && at < sorted.length; at++) {
      if (sorted[at]?.right === true) hits++
      else misses++
    }
    doubled += hits * (2 * wrong + misses)
    right += hits
    wrong += misses
  }
  return right > 0 && wrong > 0 ? doubled / (2 * right * wrong) : undefined
}

/**
 * Returns the mean difference of two branches on the same cases, by the bootstrap over cases. The same differences
 * give the same interval.
 *
 * @example
 * pairedDifference(cases.map(({ local, cloud }) => local - cloud))
 */
export function pairedDifference(differences: readonly number[]): Interval {
  const count = differences.length
  if (count === 0) return { mean: 0, low: 0, high: 0 }
  const random = new Random(0x5eed)
  const means = new Float64Array(draws)
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0
    for (let at = 0; at < count; at++) sum += differences[random.below(count)] ?? 0
    means[draw] = sum / count
  }
  means.sort()
  let sum = 0
  for (const difference of differences) sum += difference
  return { mean: sum / count, low: means[draws / 40] ?? 0, high: means[draws - 1 - draws / 40] ?? 0 }
}
