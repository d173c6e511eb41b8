/** What the log-probabilities of an answer's tokens show of whether it is right. */

import type { Confidence } from '../types.js'

/** A signal by name. Each is higher where the model was surer. */
export type SignalName = 'mean' | 'min' | 'p10' | 'p25' | 'p50' | 'first' | 'margin' | 'entropy'

/** A bias, then a weight for mean, min, p10, p25, p50, first and 1 / tokens. */
export type Combination = readonly number[]

/** Log-probabilities in the few numbers that signals are made of. */
export interface Signals {
  readonly confidence: Confidence
  /** The 25 % quantile, the median and the first, where tokens were seen one by one. */
  readonly detail?: readonly [number, number, number]
}

/** Without the signals that a combination is made of. */
export const combined = 8

/** Summarises log-probabilities; `undefined` for none. */
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

/** What a combination weighs; `undefined` where a part of it is not known. */
export function featuresOf({ confidence, detail }: Signals): number[] | undefined {
  if (detail === undefined) return undefined
  const { tokens, meanLogprob, minLogprob, p10Logprob } = confidence
  // A token of no probability has minus infinity, which no sum survives.
  return [...[meanLogprob, minLogprob, p10Logprob, ...detail].map((it) => Math.max(-25, it)), 1 / Math.max(1, tokens)]
}

/** The signal of an answer; `undefined` where what it is made of was not reported. */
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
