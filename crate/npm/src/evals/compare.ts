/** Compares two reports of the same cases. */

import { HybridError } from '../border/errors.js'
import { pairedDifference, type Interval } from '../learn/statistics.js'
import { verdictOf, type EvalComparison, type EvalReport } from './evaluate.js'

/** The change of one model, or of one tag of its cases, between two reports. */
export interface ReportChange {
  model: string
  /** `undefined` for all cases. */
  tag?: string
  cases: number
  before: number
  after: number
  difference: Interval
  verdict: EvalComparison['verdict']
  /** Cases with a lower score than before, the largest loss first. */
  lost: Array<{ case: string; before: number; after: number }>
}

/**
 * Compares two reports, model by model and tag by tag, over the cases that both have. The verdict reports a change
 * only if it is statistically significant.
 *
 * @example
 * const regressions = compareReports(before, after).filter(({ verdict }) => verdict === 'worse')
 */
export function compareReports(before: EvalReport, after: EvalReport): ReportChange[] {
  const [old, now] = [reportFromJSON(before), reportFromJSON(after)]
  return Object.keys(now.models).flatMap((model) => {
    const scores = new Map(old.models[model]?.results.map((it) => [it.case, it.score]))
    const tags = new Map(now.cases.map(({ id, tags }) => [id, tags]))
    const pairs = (now.models[model]?.results ?? []).flatMap((it) => {
      const known = scores.get(it.case)
      return known === undefined ? [] : [{ case: it.case, before: known, after: it.score }]
    })
    if (pairs.length === 0) return []
    const names = [...new Set(pairs.flatMap((it) => tags.get(it.case) ?? []))].sort()
    const all = changeOf({ model }, pairs)
    return [
      all,
      ...names.map((tag) =>
        changeOf(
          { model, tag },
          pairs.filter((it) => tags.get(it.case)?.includes(tag) === true),
        ),
      ),
    ]
  })
}

function changeOf(name: { model: string; tag?: string }, pairs: ReportChange['lost']): ReportChange {
  const difference = pairedDifference(pairs.map((it) => it.after - it.before))
  const mean = (of: 'before' | 'after'): number => pairs.reduce((sum, it) => sum + it[of], 0) / pairs.length
  const lost = pairs.filter((it) => it.after < it.before).sort((a, b) => a.after - a.before - (b.after - b.before))
  return {
    ...name,
    cases: pairs.length,
    before: mean('before'),
    after: mean('after'),
    difference,
    verdict: verdictOf(difference),
    lost,
  }
}

/**
 * Reads a report from an object, its JSON, or the HTML of `renderReport`. Anything else is INVALID_ARGUMENT.
 *
 * @example
 * const before = reportFromJSON(await readFile('main.html', 'utf8'))
 */
export function reportFromJSON(value: unknown): EvalReport {
  let found = value
  if (typeof value === 'string') {
    const text = /<script type="application\/json" id="hybridge-eval">([^<]*)<\/script>/.exec(value)?.[1] ?? value
    try {
      found = JSON.parse(text)
    } catch {
      throw invalid('it is neither JSON nor a report of hybridge')
    }
  }
  const report = found as Partial<EvalReport> | null
  if (typeof report !== 'object' || report === null || report.kind !== 'hybridge.eval' || report.version !== 1)
    throw invalid('its kind is not hybridge.eval of version 1')
  const isCase = (it: EvalReport['cases'][number]): boolean => typeof it?.id === 'string' && Array.isArray(it.tags)
  if (!Array.isArray(report.cases) || !report.cases.every(isCase)) throw invalid('its cases are not a list')
  const isModel = (it: EvalReport['models'][string]): boolean =>
    Array.isArray(it?.results) &&
    it.results.every((one) => typeof one?.case === 'string' && one.score >= 0 && one.score <= 1)
  if (typeof report.models !== 'object' || report.models === null || !Object.values(report.models).every(isModel))
    throw invalid('its models have no results')
  return report as EvalReport
}

function invalid(why: string): HybridError {
  return new HybridError('INVALID_ARGUMENT', `this is not a report: ${why}`)
}
