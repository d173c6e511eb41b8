/** Token usage, as the faces report it. */

import type { Usage } from '../index.js'

/** Reasoning is part of the output here, however the branch counts. Unknown counts are undefined. */
export interface CountedTokens {
  input: number | undefined
  cached: number | undefined
  output: number | undefined
  thoughts: number | undefined
  total: number | undefined
}

/** Foreign models may count reasoning separately. Their total shows it, or reasoning that exceeds the output. */
export function countedTokens(usage: Usage): CountedTokens {
  const { inputTokens: input, outputTokens, thoughtsTokens: thoughts, cachedContentTokens: cached, totalTokens } = usage
  const isApart =
    thoughts !== undefined &&
    thoughts > 0 &&
    (thoughts > (outputTokens ?? 0) || totalTokens === (input ?? 0) + (outputTokens ?? 0) + thoughts)
  const output = isApart ? (outputTokens ?? 0) + thoughts : outputTokens
  const total = totalTokens ?? (input === undefined || output === undefined ? undefined : input + output)
  return { input, cached, output, thoughts, total }
}
