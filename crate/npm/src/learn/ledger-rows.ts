/**
 * The rows of a ledger, with integers only, so that sums are exact in any order. `hybridge_core::ledger` computes the
 * same.
 */

import type { Attempt, Usage } from '../types.js'

/** The prices of a branch, in any currency, per million tokens and per request. */
export interface Price {
  inputPerMillion: number
  outputPerMillion: number
  /** Per million cached input tokens. Default: like other input. */
  cachedInputPerMillion?: number
  perRequest?: number
}

/** The totals of one branch for one feature on one day. Money is in billionths. */
export interface Row {
  day: string
  feature: string
  branch: string
  attempts: number
  answers: number
  inputTokens: number
  outputTokens: number
  cost: number
  /** The cost of the same answers from the baseline. */
  baseline: number
}

/** One attempt with usage. `path` names nested hybrids; `key` is its last element. */
export interface Entry {
  path: string
  key: string
  usage: Usage
  isAnswer: boolean
}

const sums = ['attempts', 'answers', 'inputTokens', 'outputTokens', 'cost', 'baseline'] as const

/** Returns the attempts of a trace with usage or an answer; those of inner hybrids replace the outer attempt. */
export function entriesOf(attempts: readonly Attempt[], path = '', isOnTheWay = true): Entry[] {
  return attempts.flatMap(({ branch, outcome, usage, routing }) => {
    const here = path === '' ? branch : `${path}/${branch}`
    const isAnswer = isOnTheWay && outcome === 'answered'
    if (routing !== undefined && routing.attempts.length > 0) return entriesOf(routing.attempts, here, isAnswer)
    if (usage === undefined && !isAnswer) return []
    return [{ path: here, key: branch, usage: usage ?? {}, isAnswer }]
  })
}

/** Returns the price of an attempt, in billionths. */
export function costOf(
  { inputTokens, outputTokens, totalTokens, thoughtsTokens, cachedContentTokens }: Usage,
  price: Price,
): number {
  const input = count(inputTokens)
  const output = count(outputTokens)
  const cached = Math.min(input, count(cachedContentTokens))
  // Some services include reasoning in the output, some count it separately: the total shows which.
  const thoughts = count(thoughtsTokens)
  const beside =
    totalTokens === undefined ? thoughts : Math.min(thoughts, Math.max(0, count(totalTokens) - input - output))
  const { inputPerMillion, outputPerMillion, cachedInputPerMillion = inputPerMillion, perRequest = 0 } = price
  const thousandths =
    (input - cached) * inputPerMillion + cached * cachedInputPerMillion + (output + beside) * outputPerMillion
  return Math.min(Number.MAX_SAFE_INTEGER, Math.floor(thousandths * 1000 + perRequest * 1e9 + 0.5))
}

/** Adds two rows. Sums saturate at the largest safe integer. */
export function addRow(a: Row, b: Row): Row {
  const sum = { ...a }
  for (const key of sums) sum[key] = Math.min(Number.MAX_SAFE_INTEGER, a[key] + b[key])
  return sum
}

/** Whether this is a valid row. */
export function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null) return false
  const row = value as Record<string, unknown>
  const isText = [row['day'], row['feature'], row['branch']].every((it) => typeof it === 'string')
  return (
    isText &&
    /^\d{4}-\d\d-\d\d$/.test(String(row['day'])) &&
    sums.every((key) => Number.isSafeInteger(row[key]) && (row[key] as number) >= 0)
  )
}

function count(value: number | undefined): number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0 ? value : 0
}
