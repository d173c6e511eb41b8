/** The router of a hybrid: its branches, its plan, and its wasm object once that is loaded. */

import { newId, now } from '../border/clock.js'
import { consider, engineOf, rememberBranches, type BranchFacts, type World } from './consideration.js'
import { deviceFacts } from '../border/device-facts.js'
import { Describer } from './describer.js'
import { Drive, type Branch, type Circuit } from './drive.js'
import { loadPage, type Hybrid, type Page } from '../border/wasm.js'
import { cloned, toJson } from '../border/json.js'
import { callerOf } from './tool-turns.js'
import { unlessAborted } from '../border/abort.js'
import { readOptions, readRequest, wantsJson, type ModelRequest } from '../border/request.js'
import { RunnableModel } from '../model/model.js'
import { settledState, type RunOptions } from '../model/runner.js'
import { Shadow } from './shadow.js'
import type { Leaf, Tree } from './strategy.js'
import type { Answer } from '../border/replies.js'
import type {
  BranchHealth,
  ConfidenceScore,
  GenerateOptions,
  GenerateRequest,
  GenerateResponse,
  HybridPolicy,
  Model,
  RoutingContext,
  RoutingTrace,
  ShadowOptions,
} from '../types.js'

/** `hybridge_core::route::Plan`. */
export interface Plan {
  keys: string[]
  strategy: Tree
  strategyName: string
  /** The branches behind a network. They get a default deadline while another branch is left. */
  remote?: string[]
  policy?: HybridPolicy
  branchPolicies?: Array<[string, HybridPolicy]>
  judge?: 'accept' | { threshold: number; score: ConfidenceScore; holdTokens: number }
}

/** The parts of a router. */
export interface RouterParts {
  branches: Record<string, Model>
  plan: Plan
  leaves: readonly Leaf[]
  accept?: (response: GenerateResponse) => boolean | Promise<boolean>
  onTrace?: (trace: RoutingTrace) => void | Promise<void>
  shadow?: ShadowOptions
}

/** Optional members of a model. */
/** How long a decision waits for models to determine their state. */
const settlingMs = 500

interface MoreThanAModel {
  state?: unknown
  countTokens?: unknown
  queued?: unknown
}

export class Router {
  readonly #branches: ReadonlyMap<string, Branch>
  readonly #plan: Plan
  readonly #leaves: readonly Leaf[]
  readonly #circuit: Circuit
  #page: Page | undefined
  readonly #shadow: Shadow | undefined
  #engine: Hybrid | undefined

  constructor({ branches, plan, leaves, accept, onTrace, shadow }: RouterParts) {
    this.#branches = new Map(
      Object.entries(branches).map(([key, model]) => [key, { model, runner: RunnableModel.runnerOf(model) }]),
    )
    this.#plan = plan
    this.#leaves = leaves
    this.#circuit = {
      branches: this.#branches,
      accept,
      onTrace,
      describer: new Describer(this.#branches),
      // The wasm object was created from it.
      makeSeam: (before, isExact) => new (this.#page as Page).Seam(before, isExact),
    }
    this.#shadow = shadow && new Shadow(shadow, this.#branches)
  }

  /** Returns the hybrid's runner. */
  readonly run = async (request: ModelRequest, run: RunOptions): Promise<Answer> => {
    const engine = this.#engine ?? (await this.#load(run.signal))
    const machine = engine.run(
      toJson(
        {
          id: newId(),
          streaming: run.streaming,
          config: request.config,
          stay: callerOf(request, this.#branches),
          allow: run.allow,
          continueFrom: run.continueFrom,
          wantsJson: wantsJson(request),
        },
        "the request's config",
      ),
    )
    const startedAt = now()
    const answer = await new Drive(machine, this.#circuit, (it) => this.#world(it, run), request, run).answer
    this.#shadow?.consider(request, run, answer, now() - startedAt)
    return answer
  }

  async explain(
    request: string | GenerateRequest,
    options?: GenerateOptions,
  ): Promise<Pick<RoutingTrace, 'strategy' | 'order' | 'allow' | 'reason'>> {
    const { signal = new AbortController().signal, context } = readOptions(options)
    const normalised = await readRequest(request)
    const engine = this.#engine ?? (await this.#load(signal))
    const consideration = engine.consider()
    try {
      return await unlessAborted(
        consider(consideration, 'route', this.#world(normalised, { streaming: false, signal, context })),
        signal,
      )
    } finally {
      // The caller may have aborted while a callback was still pending; its result is not used any more.
      if (!signal.aborted) consideration.free()
    }
  }

  health(): Record<string, BranchHealth> {
    const facts = this.#facts()
    // Before the first run, the models' own state is all that is known.
    const engine = this.#engine
    if (engine === undefined) {
      return Object.fromEntries(
        facts.map(({ key, state = 'ready', queued = 0 }) => [
          key,
          { state: knownState(state), failuresInRow: 0, queued },
        ]),
      )
    }
    return Object.fromEntries(
      JSON.parse(engine.health(toJson(facts, "the branches' facts"), now())) as Array<[string, BranchHealth]>,
    )
  }

  async #load(signal: AbortSignal): Promise<Hybrid> {
    const page = (this.#page = await unlessAborted(loadPage(), signal))
    return (this.#engine ??= engineOf(page, this.#plan))
  }

  #world(request: ModelRequest, run: Pick<RunOptions, 'streaming' | 'signal' | 'context'>): World {
    let context: Promise<RoutingContext> | undefined
    const countTokens: World['countTokens'] = async (key) => {
      const { countTokens } = (this.#branches.get(key)?.model ?? {}) as MoreThanAModel
      return typeof countTokens === 'function'
        ? (countTokens.call(this.#branches.get(key)?.model, request) as unknown)
        : null
    }
    const makeContext = async (): Promise<RoutingContext> => {
      const made: RoutingContext = {
        // A copy, so that a strategy that modifies it does not change the request.
        request: cloned(request),
        branchKeys: new Set(this.#plan.keys),
        isStreaming: run.streaming,
        device: await deviceFacts(),
        branches: (await this.#settled(), this.health()),
        context: run.context,
        signal: run.signal,
      }
      rememberBranches(made, { countTokens, facts: this.#facts() })
      return made
    }
    return {
      leaves: this.#leaves,
      request,
      context: () => (context ??= makeContext()),
      branches: async () => (await this.#settled(), this.#facts()),
      countTokens,
    }
  }

  /** Waits briefly for models that must ask their browser before they know their state. */
  async #settled(): Promise<void> {
    const asked = [...this.#branches.values()].flatMap(
      ({ model }) => (model as { [settledState]?: () => Promise<void> })[settledState]?.() ?? [],
    )
    if (asked.length === 0) return
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, settlingMs)
    })
    await Promise.race([Promise.allSettled(asked), late])
    clearTimeout(timer)
  }

  #facts(): BranchFacts[] {
    return [...this.#branches].map(([key, { model }]) => {
      const { state, countTokens, queued } = model as MoreThanAModel
      const { redacts, contextWindow } = model.info ?? {}
      return {
        key,
        ...(Array.isArray(redacts) ? { redacts: redacts.map(String) } : {}),
        ...(Number.isSafeInteger(contextWindow) && { window: contextWindow as number }),
        ...(typeof state === 'string' ? { state } : {}),
        countsTokens: typeof countTokens === 'function',
        ...(typeof queued === 'number' ? { queued } : {}),
      }
    })
  }
}

function knownState(state: string): BranchHealth['state'] {
  return state === 'ready' || state === 'loading' || state === 'failed' ? state : 'absent'
}
