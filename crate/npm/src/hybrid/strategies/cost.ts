import { DataStrategy, functionArgument, keyArgument } from './strategy.js'

/**
 * The good branch while there is a budget, with the cheap one behind it; the cheap one alone without.
 *
 * @example
 * new CostStrategy({ budgetAvailable: () => spent < 5, premium: kCloud, cheap: kOnDevice })
 */
export class CostStrategy extends DataStrategy {
  readonly name = 'CostStrategy'

  constructor({ budgetAvailable, premium, cheap }: { budgetAvailable: () => boolean | Promise<boolean>; premium: string; cheap: string }) {
    functionArgument(budgetAvailable, 'budgetAvailable')
    keyArgument(premium, 'premium')
    keyArgument(cheap, 'cheap')
    super((leaves) => ({ cost: { leaf: leaves.push({ looks: false, ask: budgetAvailable }) - 1, premium, cheap } }))
  }
}
