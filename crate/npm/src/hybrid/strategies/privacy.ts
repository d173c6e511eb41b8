import { DataStrategy, functionArgument, invalid, keyArgument } from './strategy.js'
import { kOnDevice } from '../keys.js'
import type { RoutingContext, SensitiveKind } from '../../types.js'

const kinds: ReadonlySet<unknown> = new Set<SensitiveKind>(['email', 'phone', 'credit-card', 'iban', 'ssn', 'ip-address', 'api-key', 'date-of-birth'])

/**
 * Pins a request to `keep` when it holds personal data, or when `isSensitive` says so; says nothing otherwise.
 * No combinator, fallback, hedge or cascade around it can send such a request anywhere else.
 *
 * @example
 * new FirstMatch([new PrivacyStrategy({ keep: kOnDevice }), new FallbackStrategy([kCloud])])
 */
export class PrivacyStrategy extends DataStrategy {
  readonly name = 'PrivacyStrategy'

  constructor({ keep = kOnDevice, isSensitive, detect }: { keep?: string; isSensitive?: (context: RoutingContext) => boolean | Promise<boolean>; detect?: SensitiveKind[] } = {}) {
    keyArgument(keep, 'keep')
    if (isSensitive !== undefined) functionArgument(isSensitive, 'isSensitive')
    if (detect !== undefined && !(Array.isArray(detect) && detect.every((it) => kinds.has(it)))) throw invalid(`detect must be a list of ${[...kinds].join(', ')}`)
    const looked = detect === undefined ? {} : { detect: [...detect] }
    super((leaves) => ({ privacy: { keep, ...looked, ...(isSensitive === undefined ? {} : { leaf: leaves.push({ looks: true, ask: isSensitive }) - 1 }) } }))
  }
}
