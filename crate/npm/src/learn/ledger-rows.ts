/**
 * What a ledger counts: whole numbers alone, so that sums are exact in any order. `hybridge_core::ledger` computes
 * the same.
 */

import type { Attempt, Usage } from '../types.js'

/** What a branch charges, in any currency, for a million tokens and for each request. */
export interface Price {
  inputPerMillion: number
  outputPerMillion: number
  /** Of input tokens that the service had cached. Default: as other input. */
  cachedInputPerMillion?: number
  perRequest?: number
}

/** What one branch did for one feature on one day. Money is in billionths. */
export interface Row {
  day: string
  feature: string
  branch: string
  attempts: number
  answers: number
  inputTokens: number
  outputTokens: number
  cost: number
  /** What the baseline would have charged for the answers. */
  baseline: number
}

/** One attempt that used something. `path` leads to it through hybrids inside of hybrids; `key` is its end. */
export interface Entry {
  path: string
  key: string
  usage: Usage
  isAnswer: boolean
}

const sums = ['attempts', 'answers', 'inputTokens', 'outputTokens', 'cost', 'baseline'] as const

/** The attempts of a trace that used tokens or answered; those of inner hybrids in the place of the outer attempt. */
export function entriesOf(attempts: readonly Attempt[], path = '', isOnTheWay = true): Entry[] {
  return attempts.flatMap(({ branch, outcome, usage, routing }) => {
    const here = path === '' ? branch : `${path}/${branch}`
    const isAnswer = isOnTheWay && outcome === 'answered'
    if (routing !== undefined && routing.attempts.length > 0) return entriesOf(routing.attempts, here, isAnswer)
    if (usage === undefined && !isAnswer) return []
    return [{ path: here, key: branch, usage: usage ?? {}, isAnswer }]
  })
}

/** What a branch charges, in billionths. */
export function costOf(
  { inputTokens, outputTokens, totalTokens, thoughtsTokens, cachedContentTokens }: Usage,
  price: Price,
): number {
  const input = count(inputTokens)
  const output = count(outputTokens)
  const cached = Math.min(input, count(cachedContentTokens))
  // Some services count thinking within the output, some beside it: the total shows which.
  const thoughts = count(thoughtsTokens)
  const beside =
    totalTokens === undefined ? thoughts : Math.min(thoughts, Math.max(0, count(totalTokens) - input - output))
  const { inputPerMillion, outputPerMillion, cachedInputPerMillion = inputPerMillion, perRequest = 0 } = price
  const thousandths =
    (input - cached) * inputPerMillion + cached * cachedInputPerMillion + (output + beside) * outputPerMillion
  return Math.min(Number.MAX_SAFE_INTEGER, Math.floor(thousandths * 1000 + perRequest * 1e9 + 0.5))
}

/** Two rows as one. Sums stop at the largest whole number. */
export function addRow(a: Row, b: Row): Row {
  const sum = { ...a }
  for (const key of sums) sum[key] = Math.min(Number.MAX_SAFE_INTEGER, a[key] + b[key])
  return sum
}

/** Whether this is a row, and nothing else that was stored in its place. */
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
