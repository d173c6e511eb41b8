import { DataStrategy, invalid, keyArgument, numberArgument } from './strategy.js'

/**
 * One branch for small requests, another for large ones: strictly more than `threshold`.
 *
 * Characters are counted over all text of all messages, as Dart and JavaScript count them. Tokens are counted exactly where a
 * branch's model is loaded and can count, and estimated otherwise; the trace's reason says which.
 *
 * @example
 * new InputSizeStrategy({ threshold: 1000, unit: 'tokens', small: kOnDevice, large: kCloud })
 */
export class InputSizeStrategy extends DataStrategy {
  readonly name = 'InputSizeStrategy'

  constructor({ threshold, small, large, unit = 'characters' }: { threshold: number; small: string; large: string; unit?: 'characters' | 'tokens' }) {
    numberArgument(threshold, 'threshold')
    keyArgument(small, 'small')
    keyArgument(large, 'large')
    if (unit !== 'characters' && unit !== 'tokens') throw invalid('unit must be \'characters\' or \'tokens\'')
    super(() => ({ inputSize: { threshold, small, large, unit } }))
  }
}
