/** A strategy that routes by the class of a request. */

import { HybridError, invalid } from '../border/errors.js'
import { kCloud, kOnDevice } from '../hybrid/keys.js'
import type { Decision, Embedder, RoutingContext, RoutingStrategy } from '../types.js'
import { Classifier, type ClassifierJson, type LabelledPrompt } from './classifier.js'
import { simpleOrHard } from './simple-or-hard.js'

/** The result of a custom classifier: a label, or the probability of each. */
export type Classified = string | { label: string; probabilities?: Record<string, number> }

/** Options of a ClassifierStrategy. */
export interface ClassifierStrategyOptions {
  /**
   * A trained classifier, its JSON, or any function. Default: the included "simple" or "hard" classifier.
   */
  classifier?:
    Classifier | ClassifierJson | ((prompt: string, context: RoutingContext) => Classified | Promise<Classified>)
  /**
   * The decision for each label. Default: `simple` and `local` go to the device, `hard` and `cloud` to the cloud, each
   * with the other as fallback; a label that is a branch's key goes there.
   */
  routes?: Record<string, Decision>
  /** Below this probability the strategy makes no decision. Default 0: it always decides. */
  minProbability?: number
  /** Embeds prompts, for a classifier that was trained on embeddings. */
  embedder?: Pick<Embedder, 'embed'>
}

const defaults: Readonly<Record<string, readonly string[]>> = {
  simple: [kOnDevice, kCloud],
  local: [kOnDevice, kCloud],
  hard: [kCloud, kOnDevice],
  cloud: [kCloud, kOnDevice],
}

/**
 * Routes by the class of the last user message, on the device and in microseconds. The trace's reason contains the
 * probabilities.
 *
 * @example
 * // The classifier that comes with the package: "simple" or "hard".
 * hybridModelOnDeviceCloud({ onDevice, cloud, strategy: new ClassifierStrategy() })
 *
 * @example
 * const strategy = ClassifierStrategy.train([{ prompt: 'Where is my parcel?', label: 'local' }, { prompt: 'Draft a
 * contract', label: 'cloud' }])
 * localStorage.setItem('router', JSON.stringify(strategy))
 */
export class ClassifierStrategy implements RoutingStrategy {
  readonly name = 'ClassifierStrategy'
  #classifier: Classifier | Extract<ClassifierStrategyOptions['classifier'], (...given: never) => unknown>
  readonly #options: ClassifierStrategyOptions

  constructor(options: ClassifierStrategyOptions = {}) {
    const { classifier, routes, minProbability = 0, embedder } = options
    if (routes !== undefined && (typeof routes !== 'object' || routes === null))
      throw invalid('routes must be an object: a decision for each label')
    if (!(minProbability >= 0 && minProbability <= 1)) throw invalid('minProbability must be a number from 0 to 1')
    if (embedder !== undefined && typeof embedder?.embed !== 'function')
      throw invalid('embedder must have an embed() method')
    this.#options = { ...options }
    if (classifier === undefined) this.#classifier = simpleOrHard()
    else
      this.#classifier =
        typeof classifier === 'function' || classifier instanceof Classifier
          ? classifier
          : Classifier.fromJSON(classifier)
    if (this.#classifier instanceof Classifier && this.#classifier.input === 'vector' && embedder === undefined)
      throw invalid('this classifier judges embeddings; give the embedder that made them')
  }

  /** Trains a strategy on prompts with their labels: branches, task kinds, or `local` and `cloud`. */
  static train(
    samples: readonly LabelledPrompt[],
    { seed, ...options }: Omit<ClassifierStrategyOptions, 'classifier'> & { seed?: number } = {},
  ): ClassifierStrategy {
    return new ClassifierStrategy({
      ...options,
      classifier: Classifier.train(samples, seed === undefined ? {} : { seed }),
    })
  }

  /** Creates a strategy from a classifier stored as JSON. */
  static fromJSON(json: unknown, options: Omit<ClassifierStrategyOptions, 'classifier'> = {}): ClassifierStrategy {
    return new ClassifierStrategy({ ...options, classifier: Classifier.fromJSON(json) })
  }

  /** Trains a new classifier, replacing the current one. */
  train(samples: readonly LabelledPrompt[], options: { seed?: number } = {}): this {
    this.#classifier = Classifier.train(samples, options)
    return this
  }

  /** Returns the classifier as plain data, at most 64 KB. */
  toJSON(): ClassifierJson {
    if (typeof this.#classifier === 'function')
      throw new HybridError('FAILED_PRECONDITION', 'this strategy classifies by a function, which has no JSON form')
    return this.#classifier.toJSON()
  }

  async route(context: RoutingContext): Promise<Decision> {
    const prompt = lastPrompt(context)
    if (prompt === undefined) return undefined
    const { label, probability, shares } = await this.#classify(prompt, context)
    const { routes, minProbability = 0 } = this.#options
    const listed = shares.map(([name, share]) => `${name} ${share.toFixed(3)}`).join(', ')
    if (probability !== undefined && probability < minProbability) return undefined
    const reason = `classified as ${label}${listed === '' ? '' : `: ${listed}`}`
    const decision =
      routes === undefined ? routeOf(label, context) : Object.hasOwn(routes, label) ? routes[label] : undefined
    if (decision === undefined) return undefined
    if (typeof decision === 'object' && !Array.isArray(decision)) return { reason, ...decision }
    const order = typeof decision === 'string' ? [decision] : [...(decision as readonly string[])]
    return { order: order.filter((key) => key !== ''), reason }
  }

  async #classify(
    prompt: string,
    context: RoutingContext,
  ): Promise<{ label: string; probability?: number; shares: Array<[string, number]> }> {
    const classifier = this.#classifier
    if (typeof classifier !== 'function') {
      const input =
        classifier.input === 'text'
          ? prompt
          : (await this.#options.embedder?.embed(prompt, { task: 'classification', signal: context.signal }))?.[0]
      const { label, probability, probabilities } = classifier.classify(input ?? prompt)
      return { label, probability, shares: Object.entries(probabilities).sort(([, a], [, b]) => b - a) }
    }
    const found = await classifier(prompt, context)
    const { label, probabilities = {} } = typeof found === 'string' ? { label: found } : (found ?? {})
    if (typeof label !== 'string')
      throw invalid('the classifier function must return a label, or { label, probabilities }')
    const shares = Object.entries(probabilities)
      .filter(([, share]) => Number.isFinite(share))
      .sort(([, a], [, b]) => b - a)
    const probability = probabilities[label]
    return { label, shares, ...(probability === undefined ? {} : { probability }) }
  }
}

/** Returns the default decision for a label, with existing branches only. */
function routeOf(label: string, { branchKeys }: RoutingContext): Decision {
  if (branchKeys.has(label)) return label
  const order = Object.hasOwn(defaults, label) ? defaults[label] : undefined
  return order?.filter((key) => branchKeys.has(key))
}

function lastPrompt({ request }: RoutingContext): string | undefined {
  const message = request.messages.findLast(({ role }) => role === 'user')
  const text = message?.content.map((part) => ('text' in part ? part.text : '')).join('')
  return text === '' ? undefined : text
}
