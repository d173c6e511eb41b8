/** The quality reached with a share of cloud calls, if the answers of lowest confidence go to the cloud first. */

import type { EvalResult } from './evaluate.js'

/** The quality if `cloudShare` of the answers come from the cloud. */
export interface CurvePoint {
  cloudShare: number
  quality: number
  /** Answers of lower confidence went to the cloud. */ threshold: number
}

/** The curve by confidence, beside those of a perfect and of a random choice. */
export interface Curve {
  byConfidence: CurvePoint[]
  best: Array<Omit<CurvePoint, 'threshold'>>
  blind: [Omit<CurvePoint, 'threshold'>, Omit<CurvePoint, 'threshold'>]
}

/** Computes the curve from results case by case; undefined if the device reported no confidence. */
export function curveOf(device: readonly EvalResult[], cloud: readonly EvalResult[]): Curve | undefined {
  const pairs = device.map(({ score, confidence, error }, at) => ({
    local: score,
    cloud: cloud[at]?.score ?? 0,
    confidence: error === undefined ? confidence : -Infinity,
  }))
  if (pairs.length === 0 || pairs.some(({ confidence }) => confidence === undefined)) return undefined
  const count = pairs.length
  const local = pairs.reduce((sum, it) => sum + it.local, 0)
  const all = pairs.reduce((sum, it) => sum + it.cloud, 0)
  const walk = (sorted: typeof pairs): CurvePoint[] => {
    let quality = local
    return [
      { cloudShare: 0, quality: local / count, threshold: -Number.MAX_VALUE },
      ...sorted.map((it, at) => {
        quality += it.cloud - it.local
        // The threshold is between this answer and the next: answers below it go to the cloud.
        return {
          cloudShare: (at + 1) / count,
          quality: quality / count,
          threshold: Math.max(-Number.MAX_VALUE, sorted[at + 1]?.confidence ?? Number.MAX_VALUE),
        }
      }),
    ]
  }
  const bySureness = [...pairs].sort((a, b) => (a.confidence ?? 0) - (b.confidence ?? 0))
  const byGain = [...pairs].sort((a, b) => b.cloud - b.local - (a.cloud - a.local))
  return {
    // A threshold cannot separate answers of equal confidence.
    byConfidence: walk(bySureness).filter(
      (_, at) => at === 0 || at === count || bySureness[at - 1]?.confidence !== bySureness[at]?.confidence,
    ),
    best: walk(byGain).map(({ cloudShare, quality }) => ({ cloudShare, quality })),
    blind: [
      { cloudShare: 0, quality: local / count },
      { cloudShare: 1, quality: all / count },
    ],
  }
}
