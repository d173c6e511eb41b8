/** Derives a threshold with a guarantee from answers of known correctness. */

import { invalid } from '../border/errors.js'
import { isArray } from '../border/json.js'
import type { Confidence } from '../types.js'
import { Random } from './arithmetic.js'
import { trainHead, type Example } from './head.js'
import { finite, fitIsotonic, probabilityAt, type Block } from './isotonic.js'
import { combined, featuresOf, signalOf, signalsOf, type Combination, type SignalName, type Signals } from './signal.js'
import { auroc, wilson, type Interval } from './statistics.js'

/**
 * One answer of the device whose correctness is known. The `logprobs` of its tokens are the most informative;
 * `confidence` is that of a response; `signal` is any number that increases with confidence.
 */
export interface CalibrationSample {
  logprobs?: readonly number[]
  confidence?: Confidence
  signal?: number
  /** Whether the device's answer was right. */
  right: boolean
  /** Whether the cloud's answer was right. Without it, the cloud counts as always right. */
  cloudRight?: boolean
}

/** The goal of a threshold: a share of the cloud's quality, or a maximum share of cloud calls. */
export type CalibrationTarget = { quality: number } | { cloudShare: number }

/** A threshold and its expected results. Plain data, which `JSON.stringify` preserves. */
export interface Calibration {
  kind: 'hybridge.calibration'
  version: 1
  /**
   * The score that is compared with the threshold; weights if several signals are combined, `'custom'` if the caller
   * gave the signal.
   */
  score: SignalName | Combination | 'custom'
  /** Answers below it go to the cloud. The largest number if none may be kept. */
  threshold: number
  /** The number of tokens for the score: 'all' holds back the whole answer. */
  holdTokens: number | 'all'
  /** The share of right answers at this threshold, with 95 % intervals; on average 1 / samples too high. */
  quality: Interval
  /** The share of cloud calls. */
  cloudShare: Interval
  /** How well the score separates right from wrong answers; null if all samples have the same correctness. */
  auroc: number | null
  /** Maps the score to the probability of being right. */
  map: Block[]
  samples: number
}

interface Judged {
  signal: number
  right: boolean
  cloudRight: boolean
}
interface Observed {
  signals: Signals
  right: boolean
  cloudRight: boolean
}

const folds = 5
/**
 * How much better than the best single signal a combination must separate right from wrong, to be worth its opacity.
 */
const worth = 0.005
/**
 * The minimum number of right and of wrong answers for choosing a score: with fewer, the best of many is best by
 * chance.
 */
const each = 25
const seed = 0x0ca11b8a
const names: readonly SignalName[] = ['p10', 'mean', 'min', 'p25', 'p50', 'first', 'margin', 'entropy']

/**
 * Finds the score that best separates right from wrong answers, and the threshold that meets a target for unseen
 * answers: `quality: 0.98` is 98 % of the cloud's quality with as few cloud calls as possible (this takes at least 49
 * samples), `cloudShare: 0.3` is the best quality with at most 30 % of cloud calls.
 *
 * @example
 * const calibration = calibrate({ samples, target: { quality: 0.98 } })
 * const ai = confidenceCascade({ onDevice, cloud, calibration })
 */
export function calibrate({
  samples,
  target,
  score,
  holdTokens = Infinity,
}: {
  samples: readonly CalibrationSample[]
  target: CalibrationTarget
  score?: SignalName
  holdTokens?: number
}): Calibration {
  if (!isArray(samples) || samples.length === 0) throw invalid('calibrate needs at least one sample')
  targetArgument(target)
  if (!(holdTokens === Infinity || (Number.isInteger(holdTokens) && holdTokens >= 1)))
    throw invalid('holdTokens must be a whole number of at least 1, or Infinity')
  if (score !== undefined && !names.includes(score)) throw invalid(`score must be one of ${names.join(', ')}`)
  samples.forEach((sample, index) => sampleArgument(sample, index))
  const held = holdTokens === Infinity ? 'all' : holdTokens
  if (samples.every(({ signal }) => signal !== undefined)) {
    const judged = samples.map(({ signal = 0, right, cloudRight = true }) => ({ signal, right, cloudRight }))
    return decide('custom', judged, target, held)
  }
  const observed = samples.map((sample, index) => observedOf(sample, index, holdTokens))
  if (score !== undefined) {
    const judged = judgedBy(observed, score)
    if (judged === undefined)
      throw invalid(
        `not every sample has what the score \`${score}\` is made of; log-probabilities show it, or the branch has to report it`,
      )
    return decide(score, judged, target, held)
  }
  return best(observed, target, held)
}

/**
 * Returns the probability that an answer with this signal is right.
 *
 * @example
 * probabilityOf(calibration, { confidence: response.confidence }) // 0.93
 */
export function probabilityOf(
  calibration: Calibration,
  answer: Pick<CalibrationSample, 'logprobs' | 'confidence' | 'signal'>,
): number | undefined {
  const { score, map, holdTokens } = calibrationFromJSON(calibration)
  if (score === 'custom') return answer.signal === undefined ? undefined : probabilityAt(map, answer.signal)
  const signals = signalsIn(answer, holdTokens === 'all' ? Infinity : holdTokens)
  const signal = signals === undefined ? undefined : signalOf(signals, score)
  return signal === undefined ? undefined : probabilityAt(map, signal)
}

/**
 * Reads a calibration stored as JSON. Anything else is INVALID_ARGUMENT.
 *
 * @example
 * const calibration = calibrationFromJSON(localStorage.getItem('calibration'))
 */
export function calibrationFromJSON(json: unknown): Calibration {
  const found = (typeof json === 'string' ? parsed(json) : json) as Partial<Calibration> | null
  const bad = (why: string): never => {
    throw invalid(`this is not a calibration: ${why}`)
  }
  if (typeof found !== 'object' || found === null || found.kind !== 'hybridge.calibration')
    return bad('its kind is not hybridge.calibration')
  if (found.version !== 1) return bad('its version is not 1; calibrate again')
  const { score, threshold, holdTokens, map, quality, cloudShare, auroc: area, samples } = found
  const isWeights = Array.isArray(score) && score.length === combined && score.every(Number.isFinite)
  if (score !== 'custom' && !isWeights && !names.includes(score as SignalName)) return bad('its score is not known')
  if (!Number.isFinite(threshold)) return bad('its threshold is not a number')
  if (holdTokens !== 'all' && !(Number.isInteger(holdTokens) && (holdTokens as number) >= 1))
    return bad("its holdTokens must be a whole number or 'all'")
  if (!isInterval(quality) || !isInterval(cloudShare)) return bad('its quality and cloudShare must be intervals')
  const isBlock = (block: Block, at: number, all: Block[]): boolean =>
    Number.isFinite(block?.from) &&
    block.right >= 0 &&
    block.right <= 1 &&
    Number.isInteger(block.count) &&
    (at === 0 || (all[at - 1]?.from ?? 0) < block.from)
  if (!Array.isArray(map) || !map.every(isBlock)) return bad('its map is not a rising list of blocks')
  if (area !== null && !Number.isFinite(area)) return bad('its auroc is not a number')
  if (!Number.isInteger(samples)) return bad('its number of samples is not a number')
  return found as Calibration
}

function best(observed: readonly Observed[], target: CalibrationTarget, held: number | 'all'): Calibration {
  let chosen: SignalName = 'p10'
  let most: number | undefined
  const right = observed.filter((it) => it.right).length
  if (right < each || observed.length - right < each)
    return decide(chosen, judgedBy(observed, chosen) ?? [], target, held)
  for (const name of names) {
    const judged = judgedBy(observed, name)
    const area = judged === undefined ? undefined : auroc(judged)
    if (area !== undefined && (most === undefined || area > most)) [chosen, most] = [name, area]
  }
  const unseen = unseenByCombination(observed)
  const combination = unseen === undefined ? undefined : combine(observed)
  if (unseen !== undefined && combination !== undefined && most !== undefined) {
    const area = auroc(unseen)
    if (area !== undefined && area > most + worth) return decide(combination, unseen, target, held)
  }
  return decide(chosen, judgedBy(observed, chosen) ?? [], target, held)
}

/** Chooses a threshold for a score. No sample may have influenced the score that is used to judge it. */
function decide(
  score: Calibration['score'],
  judged: readonly Judged[],
  target: CalibrationTarget,
  holdTokens: number | 'all',
): Calibration {
  const threshold = thresholdFor(judged, target)
  const isCloud = ({ signal }: Judged): boolean => signal < threshold
  const cloud = judged.filter(isCloud).length
  const right = judged.filter((it) => (isCloud(it) ? it.cloudRight : it.right)).length
  return {
    kind: 'hybridge.calibration',
    version: 1,
    score,
    threshold,
    holdTokens,
    quality: wilson(right, judged.length),
    cloudShare: wilson(cloud, judged.length),
    auroc: auroc(judged) ?? null,
    map: fitIsotonic(judged),
    samples: judged.length,
  }
}

/**
 * Returns the lowest threshold that meets the target.
 *
 * For quality this is conformal risk control: the loss of a kept answer is 1 if only the cloud's was right, and one
 * more loss than observed must be allowed, so that the target holds on average for unseen answers. For 98 % this takes
 * 49 samples.
 */
function thresholdFor(pairs: readonly Judged[], target: CalibrationTarget): number {
  const sorted = [...pairs].sort((a, b) => b.signal - a.signal)
  const count = sorted.length
  const cloud = sorted.filter(({ cloudRight }) => cloudRight).length
  if ('cloudShare' in target && target.cloudShare >= 1) return Number.MAX_VALUE
  let threshold = Number.MAX_VALUE
  let losses = 0
  for (let at = 0; at < count;) {
    const signal = sorted[at]?.signal ?? 0
    for (let it = sorted[at]; it !== undefined && it.signal === signal; it = sorted[++at])
      losses += (it.cloudRight ? 1 : 0) - (it.right ? 1 : 0)
    const first = finite(signal)
    if ('quality' in target) {
      // If the device is right and the cloud is wrong, losses decrease again: a threshold beyond the first violation
      // would be chosen by chance.
      if ((losses + 1) / (count + 1) > (1 - target.quality) * (cloud / count)) break
      threshold = first
    } else {
      threshold = first
      if ((count - at) / count <= target.cloudShare) break
    }
  }
  return threshold
}

/** Returns each fifth, with the other four. */
function split<T>(all: readonly T[]): Array<[T[], T[]]> {
  const order = new Random(seed).shuffle([...all])
  return Array.from({ length: folds }, (_, fold) => [
    order.filter((_, at) => at % folds === fold),
    order.filter((_, at) => at % folds !== fold),
  ])
}

function judgedBy(observed: readonly Observed[], score: SignalName | Combination): Judged[] | undefined {
  const judged: Judged[] = []
  for (const { signals, right, cloudRight } of observed) {
    const signal = signalOf(signals, score)
    if (signal === undefined || Number.isNaN(signal)) return undefined
    judged.push({ signal, right, cloudRight })
  }
  return judged
}

/** Returns signals of a combination that was fitted without the sample it judges. */
function unseenByCombination(observed: readonly Observed[]): Judged[] | undefined {
  const all: Judged[] = []
  for (const [fold, others] of split(observed)) {
    const combination = combine(others)
    const judged = combination === undefined ? undefined : judgedBy(fold, combination)
    if (judged === undefined) return undefined
    all.push(...judged)
  }
  return all
}

/**
 * Fits weights for the features by logistic regression; `undefined` if a feature is unknown or all answers have the
 * same correctness.
 */
function combine(observed: readonly Observed[]): Combination | undefined {
  const features: number[][] = []
  for (const { signals } of observed) {
    const found = featuresOf(signals)
    if (found === undefined) return undefined
    features.push(found)
  }
  const right = observed.filter((it) => it.right).length
  if (right === 0 || right === observed.length) return undefined
  const count = observed.length
  const width = combined - 1
  const columns = Array.from({ length: width }, (_, at) => features.map((it) => it[at] ?? 0))
  const centres = columns.map((column) => column.reduce((sum, it) => sum + it, 0) / count)
  const spreads = columns.map((column, at) => {
    const centre = centres[at] ?? 0
    return Math.max(1e-6, Math.sqrt(column.reduce((sum, it) => sum + (it - centre) * (it - centre), 0) / count))
  })
  const buckets = Int32Array.from({ length: width }, (_, at) => at)
  const examples: Example[] = features.map((it, index) => ({
    terms: { buckets, values: Float64Array.from(it, (value, at) => (value - (centres[at] ?? 0)) / (spreads[at] ?? 1)) },
    label: observed[index]?.right === true ? 1 : 0,
  }))
  const head = trainHead(examples, 2, width, seed)
  let bias = head.biases[0] ?? 0
  const weights = Array.from(head.weights[0] ?? [], (weight, at) => {
    bias -= (weight * (centres[at] ?? 0)) / (spreads[at] ?? 1)
    return weight / (spreads[at] ?? 1)
  })
  const combination = [bias, ...weights]
  return combination.every(Number.isFinite) ? combination : undefined
}

// ── Arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

function targetArgument(target: CalibrationTarget): void {
  const found = target as { quality?: number; cloudShare?: number } | undefined
  const { quality, cloudShare } = found ?? {}
  const wanted = quality ?? cloudShare
  if (
    (quality === undefined) === (cloudShare === undefined) ||
    typeof wanted !== 'number' ||
    !(wanted >= 0 && wanted <= 1)
  )
    throw invalid('target must be { quality } or { cloudShare }, a number from 0 to 1')
}

function sampleArgument(sample: CalibrationSample, index: number): void {
  if (typeof sample?.right !== 'boolean') throw invalid(`\`right\` of sample ${index} must be true or false`)
  const { signal, cloudRight } = sample
  if (signal !== undefined && (typeof signal !== 'number' || Number.isNaN(signal)))
    throw invalid(`the signal of sample ${index} must be a number`)
  if (cloudRight !== undefined && typeof cloudRight !== 'boolean')
    throw invalid(`cloudRight of sample ${index} must be true or false`)
}

function observedOf(sample: CalibrationSample, index: number, holdTokens: number): Observed {
  const signals = signalsIn(sample, holdTokens)
  if (signals === undefined)
    throw invalid(
      `sample ${index} has neither log-probabilities nor a confidence; either all samples give a \`signal\` of their own, or none`,
    )
  return { signals, right: sample.right, cloudRight: sample.cloudRight ?? true }
}

function signalsIn(
  { logprobs, confidence }: Pick<CalibrationSample, 'logprobs' | 'confidence'>,
  holdTokens: number,
): Signals | undefined {
  const seen = Array.isArray(logprobs) ? signalsOf(logprobs.slice(0, holdTokens)) : undefined
  const reported =
    confidence !== undefined &&
    [confidence?.meanLogprob, confidence?.minLogprob, confidence?.p10Logprob].every(
      (it) => typeof it === 'number' && !Number.isNaN(it),
    )
      ? confidence
      : undefined
  if (seen === undefined) return reported === undefined ? undefined : { confidence: reported }
  const { firstMargin, meanEntropy } = reported ?? {}
  return {
    ...seen,
    confidence: {
      ...seen.confidence,
      ...(firstMargin === undefined ? {} : { firstMargin }),
      ...(meanEntropy === undefined ? {} : { meanEntropy }),
    },
  }
}

function isInterval(value: Interval | undefined): boolean {
  return typeof value === 'object' && value !== null && [value.mean, value.low, value.high].every(Number.isFinite)
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
