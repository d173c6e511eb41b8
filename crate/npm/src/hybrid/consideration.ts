/** Answers the questions of strategies. Rust asks one at a time, and only those that a strategy in the tree needs. */

import { deviceFacts } from '../border/device-facts.js'
import { fromCore, type CoreError } from '../border/errors.js'
import { loadPage, type Consideration, type Hybrid, type Page } from '../border/wasm.js'
import { toJson } from '../border/json.js'
import type { Leaf, Tree } from './strategy.js'
import type { Decision, RoutingContext } from '../types.js'

/** `hybridge_core::route::Question`. */
export type Question = 'request' | 'device' | 'branches' | { leaf: number } | { tokens: string }

/** `hybridge_core::route::BranchFacts`. */
export interface BranchFacts {
  key: string
  state?: string
  countsTokens: boolean
  queued?: number
  redacts?: readonly string[]
  window?: number
}

/** Everything that a strategy can ask about one request. */
export interface World {
  readonly leaves: readonly Leaf[]
  readonly request: RoutingContext['request']
  /** The context for callbacks, created for the first one that uses it, because it contains the device's facts. */
  context(): Promise<RoutingContext>
  branches(): BranchFacts[] | Promise<BranchFacts[]>
  countTokens(key: string): Promise<unknown>
}

/** How the branches of a context count and redact, for strategies that are evaluated on their own. */
const remembered = new WeakMap<object, Pick<World, 'countTokens'> & { facts: readonly BranchFacts[] }>()

export function rememberBranches(
  context: RoutingContext,
  branches: Pick<World, 'countTokens'> & { facts: readonly BranchFacts[] },
): void {
  remembered.set(context, branches)
}

/** Returns the answer to a question, as JSON. Exceptions of callbacks are rethrown. */
export async function answerTo(question: Question, world: World): Promise<string> {
  if (question === 'request') return toJson(world.request, 'the request')
  if (question === 'device') return toJson(await deviceFacts(), "the device's facts")
  if (question === 'branches') return toJson(await world.branches(), "the branches' facts")
  if ('tokens' in question) {
    // A tokenizer that fails counts as missing.
    const count = await world.countTokens(question.tokens).catch(() => null)
    return toJson(typeof count === 'number' && count >= 0 ? Math.ceil(count) : null, 'a count')
  }
  const leaf = world.leaves[question.leaf]
  const answer = await (leaf?.looks === true ? leaf.ask(await world.context()) : leaf?.ask())
  // A function or a symbol has no JSON form, and would be mistaken for no decision.
  return typeof answer === 'function' || typeof answer === 'symbol'
    ? 'false'
    : toJson(answer, 'what a strategy returned')
}

/** A hybrid in Rust. */
export function engineOf(page: Page, plan: unknown): Hybrid {
  try {
    return new page.Hybrid(toJson(plan, 'the routing options'))
  } catch (thrown) {
    throw typeof thrown === 'string' ? fromCore(JSON.parse(thrown) as CoreError) : thrown
  }
}

/** Asks and answers until there is a decision. */
export async function consider<T>(consideration: Consideration, kind: 'opinion' | 'route', world: World): Promise<T> {
  for (let failure: string | undefined; ;) {
    const step = JSON.parse(failure ?? consideration[kind]()) as { ask: Question } | { done: T } | { fail: CoreError }
    if ('done' in step) return step.done
    if ('fail' in step) throw fromCore(step.fail)
    failure = consideration.answer(await answerTo(step.ask, world))
  }
}

/** Returns the decision of a strategy on its own, outside a hybrid or inside one of the caller's. */
export async function opinionOf(tree: Tree, leaves: readonly Leaf[], context: RoutingContext): Promise<Decision> {
  const page = await loadPage()
  const health = Object.entries(context.branches ?? {})
  const hybrid = engineOf(page, { keys: [...(context.branchKeys ?? [])], strategy: tree, strategyName: '' })
  hybrid.recall(toJson(health, "the branches' health"))
  const consideration = hybrid.consider()
  const { countTokens, facts = [] } = remembered.get(context) ?? {}
  try {
    return await consider<Decision>(consideration, 'opinion', {
      leaves,
      request: context.request,
      context: async () => context,
      branches: () =>
        health.map(([key, { state }]) => {
          const { redacts, window } = facts.find((it) => it.key === key) ?? {}
          return {
            key,
            state,
            countsTokens: countTokens !== undefined,
            ...(redacts && { redacts }),
            ...(window !== undefined && { window }),
          }
        }),
      countTokens: countTokens ?? (async () => null),
    })
  } finally {
    consideration.free()
    hybrid.free()
  }
}
