import { DataStrategy, orderArgument } from './strategy.js'

/**
 * Always the same branches in the same order. A branch that is named twice is tried twice.
 *
 * @example
 * new FallbackStrategy([kOnDevice, kCloud])
 */
export class FallbackStrategy extends DataStrategy {
  readonly name = 'FallbackStrategy'

  constructor(order: string[]) {
    const fixed = orderArgument(order, 'FallbackStrategy\'s order')
    super(() => ({ fallback: { order: fixed } }))
  }
}
