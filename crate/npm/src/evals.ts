/**
 * `hybridge/evals`: measures whether the local path is good enough, and stays so. Runs in a page, in Node and as `npx
 * hybridge eval`.
 */

export { compareReports, reportFromJSON, type ReportChange } from './evals/compare.js'
export {
  evaluate,
  type EvalComparison,
  type EvalReport,
  type EvalResult,
  type EvalSummary,
  type EvaluateOptions,
} from './evals/evaluate.js'
export {
  embeddingSimilarity,
  exactMatch,
  matchesPattern,
  matchesSchema,
  modelJudge,
  type Judge,
  type Judgement,
} from './evals/judges.js'
export { parseCases, type EvalCase } from './evals/case.js'
export { renderReport } from './evals/report.js'
export type { Curve, CurvePoint } from './evals/curve.js'
