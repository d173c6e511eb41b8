/** Hybrids: several models behind one interface, and the strategy that chooses between them. */

import { invalid } from '../border/errors.js'
import { isObject, kindOf, optionsArgument } from '../border/json.js'
import { continueFromArgument } from '../border/request.js'
import { kCloud, kOnDevice } from './keys.js'
import { infoOf, RunnableModel } from '../model/model.js'
import { Router, type Plan, type RouterParts } from './router.js'
import { shadowArgument } from './shadow.js'
import {
  functionArgument,
  nameOf,
  numberArgument,
  orderArgument,
  strategyArgument,
  treeOf,
  type Leaf,
} from './strategy.js'
import { isStatus } from '../border/thrown.js'
import type {
  CascadeCalibration,
  CascadeOptions,
  ConfidenceScore,
  GenerateResponse,
  HybridModel,
  HybridOptions,
  HybridPolicy,
  Model,
  ModelInfo,
} from '../types.js'

/**
 * Creates a model with any number of branches. The strategy chooses for each request. After a transient failure the
 * next branch takes over, unless content was already sent; then only `continueFrom` allows it.
 *
 * @example
 * const ai = hybridModel({
 *   branches: { tiny, large, cloud },
 *   strategy: new FirstMatch([
 *     new PrivacyStrategy({ keep: 'large' }),
 *     new FallbackStrategy(['tiny', 'large', 'cloud']),
 *   ]),
 * })
 */
export function hybridModel(description: HybridOptions & { branches: Record<string, Model> }): HybridModel {
  const { branches, strategy, ...options } = optionsArgument(description, 'hybridModel')
  const fixed = branchesArgument(branches)
  strategyArgument(strategy, 'strategy')
  const leaves: Leaf[] = []
  return assemble(
    fixed,
    { strategy: treeOf(strategy, leaves), strategyName: nameOf(strategy) },
    { name: 'hybrid', ...options },
    { leaves },
  )
}

/**
 * Creates a hybrid of a model on the device and one in the cloud, under the keys `kOnDevice` and `kCloud`.
 *
 * @example
 * const ai = hybridModelOnDeviceCloud({ onDevice, cloud, strategy: new FallbackStrategy([kOnDevice, kCloud]) })
 * const { text, branch } = await ai.generate('Hello')
 */
export function hybridModelOnDeviceCloud(description: HybridOptions & { onDevice: Model; cloud: Model }): HybridModel {
  const { onDevice, cloud, ...options } = optionsArgument(description, 'hybridModelOnDeviceCloud')
  return hybridModel({ branches: { [kOnDevice]: onDevice, [kCloud]: cloud }, ...options })
}

/**
 * Creates a cascade, which runs `order` left to right and moves on while `accept` returns false. The last branch's
 * answer is returned without a check, or the last rejected answer if all branches after it fail. `accept` needs the
 * complete answer, so a stream delivers it in one chunk.
 *
 * @example
 * const accept = ({ text }) => text.length > 20
 * const ai = cascadeModel({ branches: { small, large }, order: ['small', 'large'], accept })
 */
export function cascadeModel(
  description: CascadeOptions & {
    branches: Record<string, Model>
    order: string[]
    accept: (response: GenerateResponse) => boolean | Promise<boolean>
  },
): HybridModel {
  const { branches, order, accept, ...options } = optionsArgument(description, 'cascadeModel')
  const fixed = branchesArgument(branches)
  const fixedOrder = orderArgument(order, 'order')
  for (const key of fixedOrder) knownArgument(key, fixed, 'order')
  functionArgument(accept, 'accept')
  return assemble(
    fixed,
    { strategy: { fallback: { order: fixedOrder } }, strategyName: 'cascade', judge: 'accept' },
    { name: 'cascade', ...options },
    { accept },
  )
}

/**
 * Creates a cascade that runs the device first and falls back to the cloud if the device's confidence is low. The
 * first `holdTokens` tokens (24 by default; `Infinity` for the whole answer) are held back until the score of their
 * log-probabilities (the 10 % quantile by default) reaches `threshold`. A `calibration`, from `calibrate` of
 * `hybridge/learn`, sets all three. A device that does not report log-probabilities is accepted, and the trace says
 * so.
 *
 * @example
 * const ai = confidenceCascade({ onDevice, cloud, threshold: -0.5 })
 */
export function confidenceCascade(
  description: CascadeOptions & {
    onDevice: Model
    cloud: Model
    threshold?: number
    score?: ConfidenceScore
    holdTokens?: number
    calibration?: CascadeCalibration
  },
): HybridModel {
  const { onDevice, cloud, threshold, score, holdTokens, calibration, ...options } = optionsArgument(
    description,
    'confidenceCascade',
  )
  const branches = branchesArgument({ [kOnDevice]: onDevice, [kCloud]: cloud })
  if (threshold !== undefined && calibration !== undefined) throw invalid('give either a threshold or a calibration')
  const gate = { threshold, score, holdTokens, ...calibration }
  const held = gate.holdTokens === 'all' ? Infinity : (gate.holdTokens ?? 24)
  const scored = gate.score ?? 'p10'
  if (held !== Infinity && !(Number.isInteger(held) && held >= 1))
    throw invalid('holdTokens must be a whole number of at least 1, or Infinity')
  if (scored === 'custom' || !(scores.has(scored) || Array.isArray(scored)))
    throw invalid(`score must be one of ${[...scores].join(', ')}`)
  // JSON has no infinity, and no answer has this many tokens.
  const judge = {
    threshold: numberArgument(gate.threshold as number, 'threshold'),
    score: scored,
    holdTokens: Math.min(held, 2 ** 32 - 1),
  }
  return assemble(
    branches,
    { strategy: { fallback: { order: [kOnDevice, kCloud] } }, strategyName: 'confidence', judge },
    { name: 'cascade', ...options },
  )
}

const scores: ReadonlySet<unknown> = new Set(['mean', 'min', 'p10', 'p25', 'p50', 'first', 'margin', 'entropy'])

/** Assembles a hybrid from checked branches, a plan, and the options that all hybrids share. */
function assemble(
  branches: Record<string, Model>,
  decision: Pick<Plan, 'strategy' | 'strategyName' | 'judge'>,
  {
    name,
    policy,
    branchPolicies = {},
    onTrace,
    shadow,
  }: CascadeOptions & Pick<HybridOptions, 'shadow'> & { name: string },
  { leaves = [], accept }: Partial<Pick<RouterParts, 'leaves' | 'accept'>> = {},
): HybridModel {
  if (typeof name !== 'string' || name === '') throw invalid('`name` must be a text that is not empty')
  if (onTrace !== undefined) functionArgument(onTrace, 'onTrace')
  if (policy !== undefined) policyArgument(policy, 'policy')
  if (!isObject(branchPolicies)) throw invalid(`branchPolicies must be an object, found ${kindOf(branchPolicies)}`)
  for (const [key, own] of Object.entries(branchPolicies)) {
    knownArgument(key, branches, 'branchPolicies')
    policyArgument(own, `branchPolicies.${key}`)
  }
  const plan: Plan = {
    ...decision,
    keys: Object.keys(branches),
    remote: Object.keys(branches).filter((key) => branches[key]?.info?.inferenceSource === 'in_cloud'),
    branchPolicies: Object.entries(branchPolicies),
    ...(policy === undefined ? {} : { policy }),
  }
  const router = new Router({
    branches,
    plan,
    leaves,
    ...(accept === undefined ? {} : { accept }),
    ...(onTrace === undefined ? {} : { onTrace }),
    ...(shadow === undefined ? {} : { shadow: shadowArgument(shadow, branches) }),
  })
  const model = new RunnableModel(infoOver(name, Object.entries(branches)), router.run, { routes: true })
  return Object.assign(model, {
    explain: (...request: Parameters<HybridModel['explain']>) => router.explain(...request),
    health: () => router.health(),
  })
}

/** A hybrid supports everything that one of its branches supports. */
function infoOver(name: string, branches: Array<[string, Model]>): ModelInfo {
  const all = branches.map(([key, { info }]) => infoOf(key, info ?? {}))
  const windows = all.flatMap(({ contextWindow }) => (contextWindow === undefined ? [] : [contextWindow]))
  const can = (what: 'multiturn' | 'systemRole' | 'tools' | 'media'): boolean =>
    all.some(({ supports }) => supports[what])
  const json =
    (['constrained', 'prompted'] as const).find((how) => all.some(({ supports }) => supports.json === how)) ?? 'none'
  const [first, ...others] = all.map(({ inferenceSource }) => inferenceSource)
  return {
    name,
    supports: {
      multiturn: can('multiturn'),
      systemRole: can('systemRole'),
      tools: can('tools'),
      media: can('media'),
      json,
    },
    inferenceSource: first !== undefined && others.every((it) => it === first) ? first : 'unknown',
    ...(windows.length === 0 ? {} : { contextWindow: Math.max(...windows) }),
    ...redactsOver(all),
  }
}

/** A hybrid redacts the kinds that all its branches outside of this device redact. */
function redactsOver(branches: ModelInfo[]): Pick<ModelInfo, 'redacts'> {
  const remote = branches.filter(({ inferenceSource }) => inferenceSource !== 'on_device')
  const [first, ...others] = remote.map(({ redacts }) => redacts ?? [])
  const shared = first?.filter((kind) => others.every((it) => it.includes(kind))) ?? []
  return shared.length === 0 ? {} : { redacts: shared }
}

// ── Arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

function branchesArgument(branches: Record<string, Model>): Record<string, Model> {
  if (!isObject(branches)) throw invalid(`branches must be an object of models by key, found ${kindOf(branches)}`)
  const fixed = { ...branches }
  const keys = Object.keys(fixed)
  if (keys.length === 0) throw invalid('branches must name at least one model')
  for (const key of keys) {
    if (key === '') throw invalid('a branch key must not be empty')
    if (typeof fixed[key]?.generate !== 'function' || typeof fixed[key].generateStream !== 'function')
      throw invalid(`branch \`${key}\` is not a model; make one with defineModel()`)
  }
  return fixed
}

function knownArgument(key: string, branches: Record<string, Model>, what: string): void {
  if (!Object.hasOwn(branches, key))
    throw invalid(
      `${what} names the branch \`${key}\`, which does not exist; there are: ${Object.keys(branches).join(', ')}`,
    )
}

function policyArgument(policy: HybridPolicy, what: string): void {
  optionsArgument(policy, what)
  const { fallbackOn = [], firstTokenTimeoutMs, idleTimeoutMs, totalTimeoutMs, hedgeAfterMs, breaker } = policy
  if (breaker !== undefined) optionsArgument(breaker, `${what}.breaker`)
  const times = {
    firstTokenTimeoutMs,
    idleTimeoutMs,
    totalTimeoutMs,
    hedgeAfterMs,
    'breaker.failures': breaker?.failures,
    'breaker.cooldownMs': breaker?.cooldownMs,
  }
  for (const [name, time] of Object.entries(times)) {
    if (time !== undefined && numberArgument(time, `${what}.${name}`) < 0)
      throw invalid(`${what}.${name} must not be negative`)
  }
  if (breaker !== undefined && (!Number.isInteger(breaker.failures) || breaker.cooldownMs === undefined))
    throw invalid(`${what}.breaker needs a whole number of failures, and cooldownMs`)
  continueFromArgument(policy.continueFrom, `${what}.continueFrom`)
  if (!Array.isArray(fallbackOn) || !fallbackOn.every(isStatus))
    throw invalid(`${what}.fallbackOn must be a list of statuses`)
}
