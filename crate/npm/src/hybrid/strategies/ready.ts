import { DataStrategy, keyArgument } from './strategy.js'
import { kCloud, kOnDevice } from '../keys.js'

/**
 * Cloud now, device once its model is loaded. No request waits for a download.
 *
 * @example
 * new ReadyStrategy({ ready: kOnDevice, otherwise: kCloud })
 */
export class ReadyStrategy extends DataStrategy {
  readonly name = 'ReadyStrategy'

  constructor({ ready = kOnDevice, otherwise = kCloud }: { ready?: string; otherwise?: string } = {}) {
    keyArgument(ready, 'ready')
    keyArgument(otherwise, 'otherwise')
    super(() => ({ ready: { ready, otherwise } }))
  }
}
