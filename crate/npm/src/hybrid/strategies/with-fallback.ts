import { DataStrategy, invalid, keyArgument, strategyArgument, treeOf } from './strategy.js'
import type { RoutingStrategy } from '../../types.js'

/**
 * A strategy with a fixed tail: its order, then whatever of `fallbackOrder` is not in it. Without an inner opinion the tail
 * stands alone. A constraint of the inner strategy holds for the tail too.
 *
 * @example
 * new WithFallback(new ReadyStrategy(), { fallbackOrder: [kOnDevice, kCloud] })
 */
export class WithFallback extends DataStrategy {
  readonly name = 'WithFallback'

  constructor(inner: RoutingStrategy, { fallbackOrder }: { fallbackOrder: string[] }) {
    strategyArgument(inner, 'WithFallback\'s inner strategy')
    if (!Array.isArray(fallbackOrder)) throw invalid('fallbackOrder must be an array of branch keys')
    const fixed = fallbackOrder.map((key, index) => keyArgument(key, `fallbackOrder[${index}]`))
    super((leaves) => ({ withFallback: { inner: treeOf(inner, leaves), fallbackOrder: fixed } }))
  }
}
