/** Signals of correctness from the log-probabilities of an answer's tokens. */

import type { Confidence } from '../types.js'

/** A signal by name. Higher values mean higher confidence. */
export type SignalName = 'mean' | 'min' | 'p10' | 'p25' | 'p50' | 'first' | 'margin' | 'entropy'

/** A bias, then a weight for mean, min, p10, p25, p50, first and 1 / tokens. */
export type Combination = readonly number[]

/** A summary of log-probabilities, from which signals are computed. */
export interface Signals {
  readonly confidence: Confidence
  /** The 25 % quantile, the median and the first value, if individual tokens were reported. */
  readonly detail?: readonly [number, number, number]
}

/** Without the signals for a combination. */
export const combined = 8

/** Summarises log-probabilities; `undefined` for an empty list. */
export function signalsOf(logprobs: readonly number[]): Signals | undefined {
  const known = logprobs.filter((it) => !Number.isNaN(it))
  const sorted = Float64Array.from(known).sort()
  if (sorted.length === 0) return undefined
  // Nearest rank, as everywhere.
  const quantile = (parts: number): number => sorted[Math.ceil(sorted.length / parts) - 1] ?? 0
  let sum = 0
  for (const it of sorted) sum += it
  const confidence = {
    tokens: sorted.length,
    meanLogprob: sum / sorted.length,
    minLogprob: sorted[0] ?? 0,
    p10Logprob: quantile(10),
  }
  return { confidence, detail: [quantile(4), quantile(2), known[0] ?? 0] }
}

/** Returns the weighted sum of a combination; `undefined` if a part of it is unknown. */
export function featuresOf({ confidence, detail }: Signals): number[] | undefined {
  if (detail === undefined) return undefined
  const { tokens, meanLogprob, minLogprob, p10Logprob } = confidence
  // A token of probability zero has minus infinity, which would make the sum useless.
  return [...[meanLogprob, minLogprob, p10Logprob, ...detail].map((it) => Math.max(-25, it)), 1 / Math.max(1, tokens)]
}

/** Returns the signal of an answer; `undefined` if the required values were not reported. */
export function signalOf(signals: Signals, signal: SignalName | Combination): number | undefined {
  const { confidence, detail } = signals
  if (typeof signal !== 'string') {
    const features = featuresOf(signals)
    return features?.reduce((sum, feature, at) => sum + (signal[at + 1] ?? 0) * feature, signal[0] ?? 0)
  }
  switch (signal) {
    case 'mean':
      return confidence.meanLogprob
    case 'min':
      return confidence.minLogprob
    case 'p10':
      return confidence.p10Logprob
    case 'p25':
      return detail?.[0]
    case 'p50':
      return detail?.[1]
    case 'first':
      return detail?.[2]
    case 'margin':
      return confidence.firstMargin
    case 'entropy':
      return confidence.meanEntropy === undefined ? undefined : -confidence.meanEntropy
  }
}
