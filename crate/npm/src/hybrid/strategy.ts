/** The building blocks of strategies: plain data for Rust, with the caller's functions as leaves. */

import { invalid } from '../border/errors.js'
import { isArray } from '../border/json.js'
import { opinionOf } from './consideration.js'
import type { Decision, RoutingContext, RoutingStrategy } from '../types.js'

/** A node, in the form that `hybridge_core::route::Strategy` reads. */
export type Tree = Record<string, unknown>

/** A callback at a leaf of the tree. `looks` states whether it uses the context, which is costly to create. */
export type Leaf = { looks: true; ask: (context: RoutingContext) => unknown } | { looks: false; ask: () => unknown }

/** A built-in strategy. A subclass that overrides `route` counts as a custom strategy and is called as such. */
export abstract class DataStrategy implements RoutingStrategy {
  abstract readonly name: string
  readonly #describe: (leaves: Leaf[]) => Tree

  constructor(describe: (leaves: Leaf[]) => Tree) {
    this.#describe = describe
  }

  /** The decision of this strategy alone, for custom strategies that are built around it. */
  route(context: RoutingContext): Promise<Decision> {
    const leaves: Leaf[] = []
    return opinionOf(this.#describe(leaves), leaves, context)
  }

  /** Returns the strategy as data, and adds its functions to `leaves`. */
  static describe(strategy: RoutingStrategy, leaves: Leaf[]): Tree | undefined {
    const isData = strategy instanceof DataStrategy && strategy.route === DataStrategy.prototype.route
    return isData ? strategy.#describe(leaves) : undefined
  }
}

/** Returns any strategy as data. */
export function treeOf(strategy: RoutingStrategy, leaves: Leaf[]): Tree {
  return (
    DataStrategy.describe(strategy, leaves) ??
    custom(nameOf(strategy), { looks: true, ask: (context) => strategy.route(context) }, leaves)
  )
}

export function custom(name: string, leaf: Leaf, leaves: Leaf[]): Tree {
  return { custom: { leaf: leaves.push(leaf) - 1, name } }
}

export function nameOf(strategy: RoutingStrategy): string {
  return strategy.name ?? (strategy.constructor?.name || 'custom')
}

// ── Arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function strategyArgument(value: RoutingStrategy, what: string): RoutingStrategy {
  if (typeof value?.route !== 'function') throw invalid(`${what} must be a strategy: an object with a route() method`)
  return value
}

export { optionsArgument } from '../border/json.js'

export function keyArgument(value: string, what: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(`${what} must be a branch key`)
  return value
}

export function orderArgument(value: readonly string[], what: string): string[] {
  if (!isArray(value) || value.length === 0) throw invalid(`${what} must name at least one branch`)
  return value.map((key, index) => keyArgument(key, `${what}[${index}]`))
}

export function functionArgument<T>(value: T, what: string): T {
  if (typeof value !== 'function') throw invalid(`${what} must be a function`)
  return value
}

export function numberArgument(value: number, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(`${what} must be a number`)
  return value
}
