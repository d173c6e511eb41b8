import { custom, DataStrategy, functionArgument } from './strategy.js'
import type { Decision, RoutingContext } from '../../types.js'

/**
 * Decides by a function. `''`, `[]` and `undefined` are no opinion.
 *
 * @example
 * new PreRoutingStrategy(({ request }) => (request.tools.length > 0 ? kCloud : kOnDevice))
 */
export class PreRoutingStrategy extends DataStrategy {
  readonly name = 'PreRoutingStrategy'

  constructor(decide: (context: RoutingContext) => Decision | Promise<Decision>) {
    functionArgument(decide, 'PreRoutingStrategy\'s decide')
    super((leaves) => custom('PreRoutingStrategy', { looks: true, ask: decide }, leaves))
  }
}
