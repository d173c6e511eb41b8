/** Counted tokens as the faces report them. */

import type { Usage } from '../index.js'

/** Thoughts are part of the output here, whatever the branch counts. Unknown is undefined. */
export interface CountedTokens {
  input: number | undefined
  cached: number | undefined
  output: number | undefined
  thoughts: number | undefined
  total: number | undefined
}

/** Models of other makes may count thoughts beside the output. Their total reveals it, or more thoughts than output. */
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
