import { DataStrategy, invalid, strategyArgument, treeOf } from './strategy.js'
import type { RoutingStrategy } from '../../types.js'

/**
 * The first child with an opinion. A child that only constrains is heard, and the next is asked within its constraint:
 * put a PrivacyStrategy first.
 *
 * @example
 * new FirstMatch([new PrivacyStrategy(), new FallbackStrategy([kCloud, kOnDevice])])
 */
export class FirstMatch extends DataStrategy {
  readonly name = 'FirstMatch'

  constructor(children: RoutingStrategy[]) {
    if (!Array.isArray(children)) throw invalid('FirstMatch needs an array of strategies')
    const fixed = children.map((child, index) => strategyArgument(child, `FirstMatch's child ${index}`))
    super((leaves) => ({ firstMatch: { children: fixed.map((child) => treeOf(child, leaves)) } }))
  }
}
