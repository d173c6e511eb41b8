/** Runs cases on models and evaluates the results. */

import { HybridError, invalid } from '../border/errors.js'
import { isArray } from '../border/json.js'
import { kCloud } from '../hybrid/keys.js'
import { signalOf, signalsOf } from '../learn/signal.js'
import { pairedDifference, wilson, type Interval } from '../learn/statistics.js'
import type { GenerateRequest, GenerateResponse, Model } from '../types.js'
import { caseArgument, type EvalCase } from './case.js'
import { curveOf, type Curve } from './curve.js'
import type { Judge } from './judges.js'

/** The result of one model on one case. */
export interface EvalResult {
  case: string
  /** 0 to 1, by the strictest judge; 0 if the model failed. */
  score: number
  /** The score of each judge. */
  judges: Record<string, number>
  text: string
  latencyMs: number
  inputTokens: number
  outputTokens: number
  /** The branch that answered, if the model is a hybrid. */
  branch: string
  isCloud: boolean
  /** The 10 % quantile of the answer's log-probabilities. */
  confidence?: number
  /** The status of the model's failure, if it failed. */
  error?: string
}

/** The results of one model over all cases. */
export interface EvalSummary {
  quality: Interval
  failures: number
  cloudShare: number
  meanLatencyMs: number
  inputTokens: number
  outputTokens: number
  results: EvalResult[]
}

/** One model against the baseline, case by case. */
export interface EvalComparison {
  model: string
  baseline: string
  difference: Interval
  better: number
  same: number
  worse: number
  verdict: 'better' | 'worse' | 'no difference shown'
}

/** A report as plain data. */
export interface EvalReport {
  kind: 'hybridge.eval'
  version: 1
  name: string
  createdAt: string
  baseline: string
  cases: Array<{ id: string; tags: string[]; prompt: string; expected?: string | string[] }>
  models: Record<string, EvalSummary>
  comparisons: EvalComparison[]
  /** Quality against the share of cloud calls, if a device and a cloud model were evaluated. */
  curve?: Curve
}

/** The models to evaluate. */
export interface EvaluateOptions {
  /** The models by their names in the report. */
  models?: Record<string, Model>
  /** A hybrid, named 'hybrid' in the report. */
  hybrid?: Model
  cases: readonly EvalCase[]
  judges: readonly Judge[]
  /** The model with which the others are compared. Default: 'cloud' if there is one, else the last. */
  baseline?: string
  /** The model whose confidence the curve uses. Default: the first that runs on the device. */
  device?: string
  name?: string
  /** How many cases of one model run in parallel. Default 1, because a device computes one answer at a time. */
  concurrency?: number
  signal?: AbortSignal
  onProgress?: (progress: { model: string; done: number; total: number }) => void
  /** A clock for tests; default `Date.now`. */
  createdAt?: string
}

/**
 * Runs each case on each model, scores the answers by judges, and compares the models case by case. A failed model
 * scores 0, with its status in the result; a failed judge rejects the evaluation.
 *
 * @example
 * const report = await evaluate({ models: { local, cloud }, hybrid: ai, cases, judges: [exactMatch()] })
 * report.comparisons[0].verdict // 'worse'
 */
export async function evaluate(options: EvaluateOptions): Promise<EvalReport> {
  const {
    judges,
    signal = new AbortController().signal,
    name = 'evaluation',
    concurrency = 1,
    onProgress,
    createdAt = new Date().toISOString(),
  } = options
  const models = modelsArgument(options)
  const cases = casesArgument(options.cases, judges)
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw invalid('concurrency must be a whole number of at least 1')
  const names = Object.keys(models)
  const baseline = options.baseline ?? (names.includes('cloud') ? 'cloud' : (names.at(-1) ?? ''))
  if (!Object.hasOwn(models, baseline))
    throw invalid(`baseline names the model \`${baseline}\`, which is not evaluated`)
  const summaries: Record<string, EvalSummary> = {}
  const references = new Map<string, string>()
  // The baseline runs first: its answers are the references for cases without an expected answer.
  for (const model of [baseline, ...names.filter((it) => it !== baseline)]) {
    const running = models[model] as Model
    let done = 0
    const results = await overAll(cases, concurrency, async (it) => {
      signal.throwIfAborted()
      const result = await judged(running, it, judges, references.get(it.id), signal)
      if (model === baseline && result.error === undefined) references.set(it.id, result.text)
      onProgress?.({ model, done: ++done, total: cases.length })
      return result
    })
    summaries[model] = summaryOf(results)
  }
  const device = options.device ?? names.find((it) => models[it]?.info?.inferenceSource === 'on_device')
  const curve =
    device === undefined || device === baseline
      ? undefined
      : curveOf(summaries[device]?.results ?? [], summaries[baseline]?.results ?? [])
  return {
    kind: 'hybridge.eval',
    version: 1,
    name,
    createdAt,
    baseline,
    cases: cases.map(({ id, tags = [], prompt, messages, expected }) => ({
      id,
      tags,
      prompt: typeof prompt === 'string' ? prompt : JSON.stringify(prompt ?? messages),
      ...(expected === undefined ? {} : { expected }),
    })),
    models: Object.fromEntries(names.map((it) => [it, summaries[it] as EvalSummary])),
    comparisons: names.filter((it) => it !== baseline).map((it) => comparisonOf(it, baseline, summaries)),
    ...(curve === undefined ? {} : { curve }),
  }
}

type NamedCase = EvalCase & { id: string }

async function judged(
  model: Model,
  it: NamedCase,
  judges: readonly Judge[],
  baselineAnswer: string | undefined,
  signal: AbortSignal,
): Promise<EvalResult> {
  const logprobs: number[] = []
  let response: GenerateResponse
  try {
    const answer = model.generateStream(requestOf(it), { signal })
    for await (const chunk of answer.stream) logprobs.push(...(chunk.logprobs ?? []))
    response = await answer.response
  } catch (thrown) {
    if (signal.aborted) throw thrown
    const status = HybridError.isInstance(thrown) ? thrown.status : 'INTERNAL'
    return {
      case: it.id,
      score: 0,
      judges: {},
      text: '',
      latencyMs: 0,
      inputTokens: 0,
      outputTokens: 0,
      branch: '',
      isCloud: false,
      error: status,
    }
  }
  const { text, usage, latencyMs, branch, inferenceSource } = response
  const reference = it.expected === undefined ? baselineAnswer : [it.expected].flat()[0]
  const scores: Record<string, number> = {}
  for (const judge of judges) {
    // The baseline's answers are the references: without another one, each equals itself.
    if (judge.applies(it))
      scores[judge.name] = scoreArgument(
        await judge.score({ case: it, text, response, reference: reference ?? text, signal }),
        judge.name,
      )
  }
  const seen =
    signalsOf(logprobs) ?? (response.confidence === undefined ? undefined : { confidence: response.confidence })
  const confidence = seen === undefined ? undefined : signalOf(seen, 'p10')
  return {
    case: it.id,
    score: Math.min(...Object.values(scores)),
    judges: scores,
    text,
    latencyMs,
    inputTokens: usage.inputTokens ?? 0,
    outputTokens: usage.outputTokens ?? 0,
    branch,
    isCloud: inferenceSource === 'in_cloud' || (inferenceSource === 'unknown' && branch === kCloud),
    ...(confidence === undefined || !Number.isFinite(confidence) ? {} : { confidence }),
  }
}

function requestOf({ prompt, system, messages, config, output, tools, schema }: EvalCase): GenerateRequest {
  const asked = schema === undefined ? output : { ...output, schema }
  return Object.fromEntries(
    Object.entries({ prompt, system, messages, config, output: asked, tools }).filter(
      ([, value]) => value !== undefined,
    ),
  )
}

function summaryOf(results: EvalResult[]): EvalSummary {
  const sum = (of: (it: EvalResult) => number): number => results.reduce((total, it) => total + of(it), 0)
  return {
    quality: qualityOf(results.map(({ score }) => score)),
    failures: results.filter(({ error }) => error !== undefined).length,
    cloudShare: results.filter(({ isCloud }) => isCloud).length / results.length,
    meanLatencyMs: sum(({ latencyMs }) => latencyMs) / results.length,
    inputTokens: sum(({ inputTokens }) => inputTokens),
    outputTokens: sum(({ outputTokens }) => outputTokens),
    results,
  }
}

/** The bootstrap interval is empty if all scores are equal; Wilson's interval is not. */
function qualityOf(scores: number[]): Interval {
  const right = scores.filter((it) => it === 1).length
  return scores.every((it) => it === 0 || it === 1) ? wilson(right, scores.length) : pairedDifference(scores)
}

function comparisonOf(model: string, baseline: string, summaries: Record<string, EvalSummary>): EvalComparison {
  const others = summaries[baseline]?.results ?? []
  const differences = (summaries[model]?.results ?? []).map(({ score }, at) => score - (others[at]?.score ?? 0))
  const difference = pairedDifference(differences)
  return {
    model,
    baseline,
    difference,
    better: differences.filter((it) => it > 0).length,
    same: differences.filter((it) => it === 0).length,
    worse: differences.filter((it) => it < 0).length,
    verdict: verdictOf(difference),
  }
}

/** Whether a difference is statistically significant: its interval does not contain 0. */
export function verdictOf({ low, high }: Interval): EvalComparison['verdict'] {
  return high < 0 ? 'worse' : low > 0 ? 'better' : 'no difference shown'
}

/** Returns results in the order of the cases, running a few in parallel. */
async function overAll<T, R>(all: readonly T[], concurrency: number, work: (it: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  let isOver = false
  const one = async (): Promise<void> => {
    for (let at = next++; at < all.length && !isOver; at = next++) {
      try {
        results[at] = await work(all[at] as T)
      } catch (thrown) {
        isOver = true
        throw thrown
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, all.length) }, one))
  return results
}

// ── Arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

function modelsArgument({ models = {}, hybrid }: EvaluateOptions): Record<string, Model> {
  const all = { ...models, ...(hybrid === undefined ? {} : { hybrid }) }
  if (Object.keys(all).length === 0) throw invalid('evaluate needs models, or a hybrid')
  for (const [name, model] of Object.entries(all))
    if (typeof model?.generateStream !== 'function') throw invalid(`\`${name}\` is not a model`)
  return all
}

function casesArgument(cases: readonly EvalCase[], judges: readonly Judge[]): NamedCase[] {
  if (!Array.isArray(cases) || cases.length === 0) throw invalid('evaluate needs at least one case')
  if (
    !isArray(judges) ||
    judges.length === 0 ||
    !judges.every((it) => typeof it?.score === 'function' && typeof it.applies === 'function')
  )
    throw invalid('evaluate needs judges, for example exactMatch()')
  const names = new Set<string>()
  return cases.map((value, index) => {
    const it = { ...caseArgument(value, `case ${index + 1}`), id: (value as EvalCase).id ?? String(index + 1) }
    if (names.has(it.id)) throw invalid(`two cases have the id \`${it.id}\``)
    names.add(it.id)
    if (!judges.some((judge) => judge.applies(it)))
      throw invalid(`no judge applies to case ${it.id}: give it \`expected\`, a schema or a pattern, or add a judge`)
    return it
  })
}

function scoreArgument(score: number | boolean, judge: string): number {
  const number = Number(score)
  if (!(number >= 0 && number <= 1))
    throw invalid(`the judge \`${judge}\` must return a number from 0 to 1, true or false`)
  return number
}
