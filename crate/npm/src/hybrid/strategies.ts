/** The strategies. All of them decide in Rust; what is here describes them. */

import { invalid } from '../border/errors.js'
import { kCloud, kOnDevice } from './keys.js'
import { custom, DataStrategy, functionArgument, keyArgument, numberArgument, optionsArgument, orderArgument, strategyArgument, treeOf } from './strategy.js'
import type { BudgetLedger, Decision, DeviceRequirements, RoutingContext, RoutingStrategy, SensitiveKind } from '../types.js'

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

/**
 * The first child with an opinion. A child that only constrains does so, and the next one decides within its constraint:
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

/**
 * A strategy with a fixed tail: its order, then whatever of `fallbackOrder` is not in it. Without an inner opinion the tail
 * stands alone. A constraint of the inner strategy holds for the tail too.
 *
 * @example
 * new WithFallback(new ReadyStrategy(), { fallbackOrder: [kOnDevice, kCloud] })
 */
export class WithFallback extends DataStrategy {
  readonly name = 'WithFallback'

  constructor(inner: RoutingStrategy, options: { fallbackOrder: string[] }) {
    const { fallbackOrder } = optionsArgument(options, 'WithFallback')
    strategyArgument(inner, 'WithFallback\'s inner strategy')
    if (!Array.isArray(fallbackOrder)) throw invalid('fallbackOrder must be an array of branch keys')
    const fixed = fallbackOrder.map((key, index) => keyArgument(key, `fallbackOrder[${index}]`))
    super((leaves) => ({ withFallback: { inner: treeOf(inner, leaves), fallbackOrder: fixed } }))
  }
}

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

const kinds: ReadonlySet<unknown> = new Set<SensitiveKind>(['email', 'phone', 'credit-card', 'iban', 'ssn', 'ip-address', 'api-key', 'date-of-birth', 'national-id'])

/**
 * Pins a request to `keep` when it holds personal data, or when `isSensitive` returns true; has no opinion otherwise.
 * No combinator, fallback, hedge or cascade around it can send such a request anywhere else.
 *
 * @example
 * new FirstMatch([new PrivacyStrategy({ keep: kOnDevice }), new FallbackStrategy([kCloud])])
 */
export class PrivacyStrategy extends DataStrategy {
  readonly name = 'PrivacyStrategy'

  constructor(options: { keep?: string; isSensitive?: (context: RoutingContext) => boolean | Promise<boolean>; detect?: SensitiveKind[] } = {}) {
    const { keep = kOnDevice, isSensitive, detect } = optionsArgument(options, 'PrivacyStrategy')
    keyArgument(keep, 'keep')
    if (isSensitive !== undefined) functionArgument(isSensitive, 'isSensitive')
    if (detect !== undefined && !(Array.isArray(detect) && detect.every((it) => kinds.has(it)))) throw invalid(`detect must be a list of ${[...kinds].join(', ')}`)
    const looked = detect === undefined ? {} : { detect: [...detect] }
    super((leaves) => ({ privacy: { keep, ...looked, ...(isSensitive === undefined ? {} : { leaf: leaves.push({ looks: true, ask: isSensitive }) - 1 }) } }))
  }
}

/**
 * Cloud now, device once its model is loaded. No request waits for a download.
 *
 * @example
 * new ReadyStrategy({ ready: kOnDevice, otherwise: kCloud })
 */
export class ReadyStrategy extends DataStrategy {
  readonly name = 'ReadyStrategy'

  constructor(options: { ready?: string; otherwise?: string } = {}) {
    const { ready = kOnDevice, otherwise = kCloud } = optionsArgument(options, 'ReadyStrategy')
    keyArgument(ready, 'ready')
    keyArgument(otherwise, 'otherwise')
    super(() => ({ ready: { ready, otherwise } }))
  }
}

/** What a request may need. */
export type Capability = 'vision' | 'audio' | 'tools' | 'json'

const capabilities: ReadonlySet<unknown> = new Set<Capability>(['vision', 'audio', 'tools', 'json'])

/**
 * The branches that can do what the request needs: pictures, sound, tools, JSON. No opinion where none can.
 * Video and documents are not looked for.
 *
 * @example
 * new CapabilityStrategy({ supports: { onDevice: ['json'], cloud: ['vision', 'audio', 'tools', 'json'] } })
 */
export class CapabilityStrategy extends DataStrategy {
  readonly name = 'CapabilityStrategy'

  constructor(options: { supports: Record<string, Capability[]>; order?: string[] }) {
    const { supports, order } = optionsArgument(options, 'CapabilityStrategy')
    if (typeof supports !== 'object' || supports === null) throw invalid('supports must list for each branch what it can do')
    // A list keeps the order in which the branches were written.
    const listed = Object.entries(supports).map(([key, able]) => {
      if (!Array.isArray(able) || !able.every((it) => capabilities.has(it))) throw invalid(`supports.${key} must be a list of vision, audio, tools and json`)
      return [key, [...able]]
    })
    const fixed = order?.map((key, index) => keyArgument(key, `order[${index}]`))
    super(() => ({ capability: { supports: listed, ...(fixed === undefined ? {} : { order: fixed }) } }))
  }
}

/**
 * One branch while there is a network, another while there is none.
 *
 * By default the browser is asked. Its "offline" is dependable, its "online" is not (a café's login page is online):
 * give it a fallback.
 *
 * @example
 * new WithFallback(new ConnectivityStrategy({ online: kCloud, offline: kOnDevice }), { fallbackOrder: [kOnDevice] })
 */
export class ConnectivityStrategy extends DataStrategy {
  readonly name = 'ConnectivityStrategy'

  constructor(options: { isOnline?: () => boolean | Promise<boolean>; online: string; offline: string }) {
    const { isOnline = browserIsOnline, online, offline } = optionsArgument(options, 'ConnectivityStrategy')
    functionArgument(isOnline, 'isOnline')
    keyArgument(online, 'online')
    keyArgument(offline, 'offline')
    super((leaves) => ({ connectivity: { leaf: leaves.push({ looks: false, ask: isOnline }) - 1, online, offline } }))
  }
}

function browserIsOnline(): boolean {
  return globalThis.navigator?.onLine !== false
}

/**
 * The good branch while there is a budget, with the cheap one behind it; the cheap one alone without. The budget is what a function
 * says, or what a ledger has counted today against `daily`.
 *
 * @example
 * new CostStrategy({ budgetAvailable: () => spent < 5, premium: kCloud, cheap: kOnDevice })
 *
 * @example
 * new CostStrategy({ ledger: createLedger({ prices }), daily: 0.5, premium: kCloud, cheap: kOnDevice })
 */
export class CostStrategy extends DataStrategy {
  readonly name = 'CostStrategy'

  constructor(options: { premium: string; cheap: string } & ({ budgetAvailable: () => boolean | Promise<boolean> } | { ledger: BudgetLedger; daily: number })) {
    const { premium, cheap, ...budget } = optionsArgument(options, 'CostStrategy')
    const budgetAvailable = 'ledger' in budget ? async () => (await budget.ledger.spentToday()) < budget.daily : budget.budgetAvailable
    if ('ledger' in budget) {
      functionArgument(budget.ledger?.spentToday, 'ledger.spentToday')
      numberArgument(budget.daily, 'daily')
    }
    functionArgument(budgetAvailable, 'budgetAvailable')
    keyArgument(premium, 'premium')
    keyArgument(cheap, 'cheap')
    super((leaves) => ({ cost: { leaf: leaves.push({ looks: false, ask: budgetAvailable }) - 1, premium, cheap } }))
  }
}

/**
 * By what this machine is: a GPU, memory, battery, data saver, a minimum measured speed.
 * A fact that the browser does not report counts as fulfilled.
 *
 * @example
 * new DeviceStrategy({ require: { hardwareGpu: true, minMemoryGB: 4, allowSaveData: false }, capable: kOnDevice, otherwise: kCloud })
 */
export class DeviceStrategy extends DataStrategy {
  readonly name = 'DeviceStrategy'

  constructor(options: { require: DeviceRequirements; capable: string; otherwise: string }) {
    const { require, capable, otherwise } = optionsArgument(options, 'DeviceStrategy')
    if (typeof require !== 'object' || require === null) throw invalid('require must be an object of requirements')
    keyArgument(capable, 'capable')
    keyArgument(otherwise, 'otherwise')
    const fixed = { ...require }
    super(() => ({ device: { require: fixed, capable, otherwise } }))
  }
}

/**
 * One branch for small requests, another for large ones: strictly more than `threshold`.
 *
 * Characters are counted over all text of all messages, as Dart and JavaScript count them. Tokens are counted exactly where a
 * branch's model is loaded and can count, and estimated otherwise; the trace's reason names which.
 *
 * @example
 * new InputSizeStrategy({ threshold: 1000, unit: 'tokens', small: kOnDevice, large: kCloud })
 */
export class InputSizeStrategy extends DataStrategy {
  readonly name = 'InputSizeStrategy'

  constructor(options: { threshold: number; small: string; large: string; unit?: 'characters' | 'tokens' }) {
    const { threshold, small, large, unit = 'characters' } = optionsArgument(options, 'InputSizeStrategy')
    numberArgument(threshold, 'threshold')
    keyArgument(small, 'small')
    keyArgument(large, 'large')
    if (unit !== 'characters' && unit !== 'tokens') throw invalid('unit must be \'characters\' or \'tokens\'')
    super(() => ({ inputSize: { threshold, small, large, unit } }))
  }
}

/**
 * Prefers the first branch whose predicted time to the first token is within the budget, by measured speeds; the others stay
 * behind it. A branch that was never measured is given its chance.
 *
 * @example
 * new LatencyStrategy({ firstTokenBudgetMs: 800, order: [kOnDevice, kCloud] })
 */
export class LatencyStrategy extends DataStrategy {
  readonly name = 'LatencyStrategy'

  constructor(options: { firstTokenBudgetMs: number; order: string[] }) {
    const { firstTokenBudgetMs, order } = optionsArgument(options, 'LatencyStrategy')
    numberArgument(firstTokenBudgetMs, 'firstTokenBudgetMs')
    const fixed = orderArgument(order, 'LatencyStrategy\'s order')
    super(() => ({ latency: { firstTokenBudgetMs, order: fixed } }))
  }
}
