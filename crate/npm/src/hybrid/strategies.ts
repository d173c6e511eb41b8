/** The strategies. Rust decides; this file describes them as data. */

import { invalid } from '../border/errors.js'
import { kindsArgument } from '../border/sensitive.js'
import { kCloud, kOnDevice } from './keys.js'
import {
  custom,
  DataStrategy,
  functionArgument,
  keyArgument,
  numberArgument,
  optionsArgument,
  orderArgument,
  strategyArgument,
  treeOf,
  type Leaf,
} from './strategy.js'
import type {
  BudgetLedger,
  Decision,
  DeviceRequirements,
  RoutingContext,
  RoutingStrategy,
  SensitiveKind,
} from '../types.js'

/**
 * Tries the branches in a fixed order. A branch that is named twice is tried twice.
 *
 * @example
 * new FallbackStrategy([kOnDevice, kCloud])
 */
export class FallbackStrategy extends DataStrategy {
  readonly name = 'FallbackStrategy'

  constructor(order: string[]) {
    const fixed = orderArgument(order, "FallbackStrategy's order")
    super(() => ({ fallback: { order: fixed } }))
  }
}

/**
 * Uses the first child that decides. If a child only constrains, the next one decides within its constraint: put a
 * PrivacyStrategy first.
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
 * Extends a strategy's order by the branches of `fallbackOrder` that it lacks. If the inner strategy makes no
 * decision, `fallbackOrder` is the order. A constraint of the inner strategy applies to all of them.
 *
 * @example
 * new WithFallback(new ReadyStrategy(), { fallbackOrder: [kOnDevice, kCloud] })
 */
export class WithFallback extends DataStrategy {
  readonly name = 'WithFallback'

  constructor(inner: RoutingStrategy, options: { fallbackOrder: string[] }) {
    const { fallbackOrder } = optionsArgument(options, 'WithFallback')
    strategyArgument(inner, "WithFallback's inner strategy")
    if (!Array.isArray(fallbackOrder)) throw invalid('fallbackOrder must be an array of branch keys')
    const fixed = fallbackOrder.map((key, index) => keyArgument(key, `fallbackOrder[${index}]`))
    super((leaves) => ({ withFallback: { inner: treeOf(inner, leaves), fallbackOrder: fixed } }))
  }
}

/**
 * Decides by a function. `''`, `[]` and `undefined` mean no decision.
 *
 * @example
 * new PreRoutingStrategy(({ request }) => (request.tools.length > 0 ? kCloud : kOnDevice))
 */
export class PreRoutingStrategy extends DataStrategy {
  readonly name = 'PreRoutingStrategy'

  constructor(decide: (context: RoutingContext) => Decision | Promise<Decision>) {
    functionArgument(decide, "PreRoutingStrategy's decide")
    super((leaves) => custom('PreRoutingStrategy', { looks: true, ask: decide }, leaves))
  }
}

/**
 * Pins a request to `keep` if it contains personal data, or if `isSensitive` returns true; otherwise it makes no
 * decision. No combinator, fallback, hedge or cascade around it can send such a request to another branch.
 *
 * `redacted` names a branch created by `redacting`. It may receive the request too, after `keep`, if it replaces every
 * kind that was found. A request pinned by `isSensitive` stays with `keep`.
 *
 * `keepImages: 'onDevice'` pins every request with a picture in any of its messages: patterns cannot examine its
 * content.
 *
 * @example
 * new FirstMatch([new PrivacyStrategy({ keep: kOnDevice }), new FallbackStrategy([kCloud])])
 */
export class PrivacyStrategy extends DataStrategy {
  readonly name = 'PrivacyStrategy'

  constructor(
    options: {
      keep?: string
      redacted?: string
      isSensitive?: (context: RoutingContext) => boolean | Promise<boolean>
      detect?: SensitiveKind[]
      keepImages?: 'onDevice'
    } = {},
  ) {
    const { keep = kOnDevice, redacted, isSensitive, detect, keepImages } = optionsArgument(options, 'PrivacyStrategy')
    if (keepImages !== undefined && keepImages !== 'onDevice') throw invalid("keepImages must be 'onDevice'")
    keyArgument(keep, 'keep')
    if (redacted !== undefined) keyArgument(redacted, 'redacted')
    if (isSensitive !== undefined) functionArgument(isSensitive, 'isSensitive')
    if (detect !== undefined) kindsArgument(detect, 'detect')
    const fixed = {
      keep,
      ...(redacted === undefined ? {} : { redacted }),
      ...(detect === undefined ? {} : { detect: [...detect] }),
      ...(keepImages === undefined ? {} : { keepImages: true }),
    }
    super((leaves) => ({ privacy: { ...fixed, ...sensitiveLeaf(isSensitive, leaves) } }))
  }
}

function sensitiveLeaf(
  isSensitive: ((context: RoutingContext) => boolean | Promise<boolean>) | undefined,
  leaves: Leaf[],
): { leaf?: number } {
  return isSensitive === undefined ? {} : { leaf: leaves.push({ looks: true, ask: isSensitive }) - 1 }
}

/**
 * Chooses one of three branches by the sum of the weights of the kinds of personal data in a request: 0 goes to
 * `cloud`, less than `threshold` to `redacted`, a branch created by `redacting`, and more stays at `edge`. The first
 * choice adds no constraint, the second restricts the request to `redacted` and `edge`, the third to `edge`. Without
 * `redacted`, or if it does not replace every kind that was found, all personal data stays at `edge`, as do requests
 * for which `isSensitive` returns true.
 *
 * The weights are PRISM's unless others are given: 1 for `ssn`, `national-id` and `api-key`, 0.95 for `credit-card`
 * and `iban`, 0.9 for `email`, 0.8 for `phone`, 0.4 for `ip-address`, 0.3 for `date-of-birth`. A weight of 0 ignores a
 * kind. Default threshold 1.
 *
 * @example
 * new SensitivityStrategy({ edge: kOnDevice, redacted: 'redacted', cloud: kCloud })
 */
export class SensitivityStrategy extends DataStrategy {
  readonly name = 'SensitivityStrategy'

  constructor(
    options: {
      edge?: string
      redacted?: string
      cloud?: string
      threshold?: number
      weights?: Partial<Record<SensitiveKind, number>>
      isSensitive?: (context: RoutingContext) => boolean | Promise<boolean>
    } = {},
  ) {
    const what = 'SensitivityStrategy'
    const {
      edge = kOnDevice,
      redacted,
      cloud = kCloud,
      threshold,
      weights,
      isSensitive,
    } = optionsArgument(options, what)
    keyArgument(edge, 'edge')
    keyArgument(cloud, 'cloud')
    if (redacted !== undefined) keyArgument(redacted, 'redacted')
    if (threshold !== undefined) numberArgument(threshold, 'threshold')
    if (isSensitive !== undefined) functionArgument(isSensitive, 'isSensitive')
    for (const [kind, weight] of Object.entries(weights === undefined ? {} : optionsArgument(weights, 'weights'))) {
      kindsArgument([kind as SensitiveKind], 'the kinds of weights')
      if (numberArgument(weight, `weights.${kind}`) < 0) throw invalid(`weights.${kind} must not be negative`)
    }
    const fixed = {
      edge,
      cloud,
      ...(redacted === undefined ? {} : { redacted }),
      ...(threshold === undefined ? {} : { threshold }),
      ...(weights === undefined ? {} : { weights: { ...weights } }),
    }
    super((leaves) => ({ sensitivity: { ...fixed, ...sensitiveLeaf(isSensitive, leaves) } }))
  }
}

/**
 * Uses the cloud until the device's model is loaded. No request waits for a download.
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

/** The capabilities that a request may need. */
export type Capability = 'vision' | 'audio' | 'tools' | 'json'

const capabilities: ReadonlySet<unknown> = new Set<Capability>(['vision', 'audio', 'tools', 'json'])

/**
 * Chooses the branches that support what the request needs: images, audio, tools, JSON. It makes no decision if none
 * does. Video and documents are not checked.
 *
 * @example
 * new CapabilityStrategy({ supports: { onDevice: ['json'], cloud: ['vision', 'audio', 'tools', 'json'] } })
 */
export class CapabilityStrategy extends DataStrategy {
  readonly name = 'CapabilityStrategy'

  constructor(options: { supports: Record<string, Capability[]>; order?: string[] }) {
    const { supports, order } = optionsArgument(options, 'CapabilityStrategy')
    if (typeof supports !== 'object' || supports === null)
      throw invalid('supports must list for each branch what it can do')
    // A list keeps the order in which the branches were written.
    const listed = Object.entries(supports).map(([key, able]) => {
      if (!Array.isArray(able) || !able.every((it) => capabilities.has(it)))
        throw invalid(`supports.${key} must be a list of vision, audio, tools and json`)
      return [key, [...able]]
    })
    const fixed = order?.map((key, index) => keyArgument(key, `order[${index}]`))
    super(() => ({ capability: { supports: listed, ...(fixed === undefined ? {} : { order: fixed }) } }))
  }
}

/**
 * Chooses one branch while online, another while offline.
 *
 * By default it uses the browser's own signal, which is reliable when offline but not when online (a café's login
 * page counts as online): add a fallback.
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
 * Uses the premium branch while there is a budget, with the cheap one as fallback; then only the cheap one. The budget
 * is decided by a function, or by comparing today's costs in a ledger with `daily`.
 *
 * @example
 * new CostStrategy({ budgetAvailable: () => spent < 5, premium: kCloud, cheap: kOnDevice })
 *
 * @example
 * new CostStrategy({ ledger: createLedger({ prices }), daily: 0.5, premium: kCloud, cheap: kOnDevice })
 */
export class CostStrategy extends DataStrategy {
  readonly name = 'CostStrategy'

  constructor(
    options: { premium: string; cheap: string } & (
      { budgetAvailable: () => boolean | Promise<boolean> } | { ledger: BudgetLedger; daily: number }
    ),
  ) {
    const { premium, cheap, ...budget } = optionsArgument(options, 'CostStrategy')
    const budgetAvailable =
      'ledger' in budget ? async () => (await budget.ledger.spentToday()) < budget.daily : budget.budgetAvailable
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
 * Decides by facts about this machine: GPU, memory, battery, data saver, a minimum measured speed. A fact that the
 * browser does not report counts as met.
 *
 * @example
 * const require = { hardwareGpu: true, minMemoryGB: 4, allowSaveData: false }
 * new DeviceStrategy({ require, capable: kOnDevice, otherwise: kCloud })
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
 * Chooses one branch for small requests, another for those larger than `threshold`.
 *
 * Characters are counted over all text of all messages, as Dart and JavaScript count them. Tokens are counted exactly
 * where a branch's model is loaded and can count, and estimated otherwise; the trace's reason names which.
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
    if (unit !== 'characters' && unit !== 'tokens') throw invalid("unit must be 'characters' or 'tokens'")
    super(() => ({ inputSize: { threshold, small, large, unit } }))
  }
}

/**
 * Prefers the first branch whose predicted time to the first token is within the budget, by measured speeds; the
 * others stay behind it. A branch without measurements counts as within the budget.
 *
 * @example
 * new LatencyStrategy({ firstTokenBudgetMs: 800, order: [kOnDevice, kCloud] })
 */
export class LatencyStrategy extends DataStrategy {
  readonly name = 'LatencyStrategy'

  constructor(options: { firstTokenBudgetMs: number; order: string[] }) {
    const { firstTokenBudgetMs, order } = optionsArgument(options, 'LatencyStrategy')
    numberArgument(firstTokenBudgetMs, 'firstTokenBudgetMs')
    const fixed = orderArgument(order, "LatencyStrategy's order")
    super(() => ({ latency: { firstTokenBudgetMs, order: fixed } }))
  }
}

/**
 * Prefers the branches whose context window fits the whole request with its answer. The others stay behind them, the
 * largest window first: they can answer a shortened request. A branch with an unknown window counts as large enough.
 *
 * Tokens are counted exactly where a branch's model is loaded and can count, and estimated otherwise; the trace's
 * reason names which. An answer is given `maxOutputTokens` of the request, else `answerTokens`, else a quarter of the
 * window and at most 1,024.
 *
 * @example
 * new WindowStrategy({ order: [kOnDevice, kCloud] })
 */
export class WindowStrategy extends DataStrategy {
  readonly name = 'WindowStrategy'

  constructor(options: { order?: string[]; answerTokens?: number } = {}) {
    const { order = [kOnDevice, kCloud], answerTokens } = optionsArgument(options, 'WindowStrategy')
    const fixed = orderArgument(order, "WindowStrategy's order")
    if (answerTokens !== undefined && !(Number.isSafeInteger(answerTokens) && answerTokens >= 0))
      throw invalid('answerTokens must be a whole number of at least 0')
    super(() => ({ window: { order: fixed, ...(answerTokens === undefined ? {} : { answerTokens }) } }))
  }
}
