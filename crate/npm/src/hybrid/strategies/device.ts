import { DataStrategy, invalid, keyArgument } from './strategy.js'
import type { DeviceRequirements } from '../../types.js'

/**
 * By what this machine is: a GPU, memory, battery, data saver, a minimum measured speed.
 * What a browser does not tell is not held against the machine.
 *
 * @example
 * new DeviceStrategy({ require: { hardwareGpu: true, minMemoryGB: 4, allowSaveData: false }, capable: kOnDevice, otherwise: kCloud })
 */
export class DeviceStrategy extends DataStrategy {
  readonly name = 'DeviceStrategy'

  constructor({ require, capable, otherwise }: { require: DeviceRequirements; capable: string; otherwise: string }) {
    if (typeof require !== 'object' || require === null) throw invalid('require must tell what is asked of the machine')
    keyArgument(capable, 'capable')
    keyArgument(otherwise, 'otherwise')
    const fixed = { ...require }
    super(() => ({ device: { require: fixed, capable, otherwise } }))
  }
}
