import { DataStrategy, numberArgument, orderArgument } from './strategy.js'

/**
 * Prefers the first branch whose predicted time to the first token is within the budget, by measured speeds; the others stay
 * behind it. A branch that was never measured is given its chance.
 *
 * @example
 * new LatencyStrategy({ firstTokenBudgetMs: 800, order: [kOnDevice, kCloud] })
 */
export class LatencyStrategy extends DataStrategy {
  readonly name = 'LatencyStrategy'

  constructor({ firstTokenBudgetMs, order }: { firstTokenBudgetMs: number; order: string[] }) {
    numberArgument(firstTokenBudgetMs, 'firstTokenBudgetMs')
    const fixed = orderArgument(order, 'LatencyStrategy\'s order')
    super(() => ({ latency: { firstTokenBudgetMs, order: fixed } }))
  }
}
