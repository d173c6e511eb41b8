/** The class `LanguageModel` for any model. */

import { HybridError } from '../../index.js'
import type { LoadProgress, Model, OnDeviceModel } from '../../index.js'
import { isModel } from '../served.js'
import { Context, counterOf, defaultContextWindow, type CountTokens } from './context.js'
import { exceptionOf, notSupported, quotaExceeded } from './errors.js'
import type { PromptContent, PromptInput } from './input.js'
import { obstacleOf, setupOf, type PromptApiCoreOptions, type SamplingMode, type Setup } from './options.js'
import { Session, unlessAborted, type PromptApiPromptOptions } from './session.js'

/** Options of `promptApi`. */
export interface PromptApiOptions {
  /** The context window in tokens; default: the model's own, else 8192. */
  contextWindow?: number
  /** Counts messages on their own. Default: the model's own count once it is loaded, else an estimate. */
  countTokens?: CountTokens
  /**
   * The model whose download `availability` and `create` report; for a hybrid, its branch on this device. Default: the
   * model itself, if it has a download.
   */
  download?: Pick<OnDeviceModel, 'availability' | 'load' | 'state'>
}

/** Options of `create`. */
export interface PromptApiCreateOptions extends PromptApiCoreOptions {
  initialPrompts?: Exclude<PromptInput, string>
  /** Called with an event target that reports `downloadprogress`. */
  monitor?: (monitor: EventTarget) => void
  /** Aborts the creation, or destroys the session later. */
  signal?: AbortSignal
}

/** A session of the Prompt API. */
export interface PromptApiSession extends EventTarget {
  prompt(input: PromptInput, options?: PromptApiPromptOptions): Promise<string>
  promptStreaming(input: PromptInput, options?: PromptApiPromptOptions): ReadableStream<string>
  append(input: PromptInput, options?: { signal?: AbortSignal }): Promise<undefined>
  measureContextUsage(input: PromptInput, options?: PromptApiPromptOptions): Promise<number>
  clone(options?: { signal?: AbortSignal }): Promise<PromptApiSession>
  destroy(): undefined
  readonly contextUsage: number
  readonly contextWindow: number
  readonly samplingMode: SamplingMode
  oncontextoverflow: ((event: Event) => unknown) | null
}

/** `LanguageModel` itself. */
export interface PromptApiClass {
  readonly prototype: PromptApiSession
  readonly name: string
  availability(options?: PromptApiCoreOptions): Promise<'unavailable' | 'downloadable' | 'downloading' | 'available'>
  create(options?: PromptApiCreateOptions): Promise<PromptApiSession>
}

type Given = [input: PromptInput, options?: PromptApiPromptOptions | null]

/** Checks the arguments of a method like the platform: an input is required, and options must not be null. */
function argumentsOf(given: Partial<Given>): [PromptInput, PromptApiPromptOptions] {
  if (given.length === 0) throw new TypeError('1 argument required, but only 0 present')
  return [given[0] as PromptInput, given[1] ?? {}]
}

/**
 * The mark by which `promptApiModel` recognises an installed hybridge model, so that no model calls itself endlessly.
 */
const marker = Symbol.for('hybridge.prompt-api')
const key = {}

/**
 * Creates a class like the browser's `LanguageModel` for any model. Sessions share the model, which stays loaded when
 * one is destroyed.
 *
 * @example
 * const LanguageModel = promptApi(hybrid)
 * const session = await LanguageModel.create({ initialPrompts: [{ role: 'system', content: 'Answer briefly.' }] })
 * console.log(await session.prompt('Why is the sky blue?'))
 */
export function promptApi(model: Model, options: PromptApiOptions = {}): PromptApiClass {
  if (!isModel(model)) throw new HybridError('INVALID_ARGUMENT', 'promptApi needs a model')
  const own = options.download ?? (model as Partial<OnDeviceModel>)
  const count = counterOf(model, options.countTokens)
  const window = options.contextWindow ?? model.info.contextWindow ?? defaultContextWindow

  class LanguageModel extends EventTarget implements PromptApiSession {
    readonly #session: Session
    #handler: ((event: Event) => unknown) | null = null

    constructor(secret?: unknown, makeSession?: (onOverflow: () => void) => Session) {
      super()
      if (secret !== key || makeSession === undefined)
        throw new TypeError('Illegal constructor; use LanguageModel.create()')
      this.#session = makeSession(() => this.dispatchEvent(new Event('contextoverflow')))
    }

    get [Symbol.toStringTag](): string {
      return 'LanguageModel'
    }

    static async availability(options: PromptApiCoreOptions | null = {}): ReturnType<PromptApiClass['availability']> {
      const given = options ?? {}
      const setup = setupOf(given)
      if (obstacleOf(setup, model.info, given) !== undefined) return 'unavailable'
      if (typeof own.availability !== 'function' || own.state === 'ready') return 'available'
      return (await own.availability()).status
    }

    static async create(options: PromptApiCreateOptions | null = {}): Promise<PromptApiSession> {
      const given = options ?? {}
      const { signal, monitor, initialPrompts = [] } = given
      if (Object(initialPrompts) !== initialPrompts || !(Symbol.iterator in initialPrompts))
        throw new TypeError('initialPrompts must be a list')
      signal?.throwIfAborted()
      const setup = setupOf(given)
      const obstacle = obstacleOf(setup, model.info, given)
      if (obstacle !== undefined) throw notSupported(obstacle)
      const read = reader(setup).read(initialPrompts, true)
      await prepare(own, monitor, signal)
      const messages = await Promise.all(read)
      const tokens = await count(messages)
      signal?.throwIfAborted()
      if (tokens > window) throw quotaExceeded(tokens, window)
      const context = new Context({ messages, tokens }, window)
      return LanguageModel.#make(signal, (onOverflow) => new Session({ model, setup, context, count, onOverflow }))
    }

    static #make(signal: AbortSignal | undefined, makeSession: (onOverflow: () => void) => Session): LanguageModel {
      const made = new LanguageModel(key, makeSession)
      signal?.addEventListener('abort', () => made.#session.destroy(signal.reason), { once: true })
      return made
    }

    async prompt(...given: Given): Promise<string> {
      // In an open loop the answer may be a list that contains calls, which the platform's types do not cover yet.
      return (await this.#session.ask(...argumentsOf(given)).answer) as string
    }

    promptStreaming(...given: Given): ReadableStream<string> {
      let pieces: ReadableStreamDefaultController<string | PromptContent> | undefined
      let hasText = false
      const stream = new ReadableStream<string | PromptContent>({
        start: (controller) => void (pieces = controller),
        cancel: (reason: unknown) => running.stop(reason),
      })
      const running = this.#session.ask(...argumentsOf(given), (text) => {
        hasText = true
        try {
          pieces?.enqueue(text)
        } catch {
          // The stream was cancelled before the chunk arrived.
        }
      })
      running.answer
        .then((answer) => {
          const rest =
            typeof answer === 'string'
              ? hasText
                ? []
                : [answer]
              : answer.filter(({ type }) => type !== 'text' || !hasText)
          for (const piece of rest) if (piece !== '') pieces?.enqueue(piece)
          pieces?.close()
        })
        .catch((thrown: unknown) => pieces?.error(thrown))
      return stream as ReadableStream<string>
    }

    async append(...given: Given): Promise<undefined> {
      const [input, { signal }] = argumentsOf(given)
      await this.#session.append(input, signal)
    }

    async measureContextUsage(...given: Given): Promise<number> {
      return this.#session.measure(...argumentsOf(given))
    }

    async clone(options: { signal?: AbortSignal } | null = {}): Promise<PromptApiSession> {
      const { signal } = options ?? {}
      this.#session.requireAlive(signal)
      return LanguageModel.#make(signal, (onOverflow) => this.#session.copy(onOverflow))
    }

    destroy(): undefined {
      this.#session.destroy()
    }

    get contextUsage(): number {
      return this.#session.parts.context.usage
    }

    get contextWindow(): number {
      return window
    }

    get samplingMode(): SamplingMode {
      return this.#session.parts.setup.samplingMode
    }

    get oncontextoverflow(): ((event: Event) => unknown) | null {
      return this.#handler
    }

    set oncontextoverflow(handler: ((event: Event) => unknown) | null) {
      if (this.#handler !== null) this.removeEventListener('contextoverflow', this.#handler)
      this.#handler = typeof handler === 'function' ? handler : null
      if (this.#handler !== null) this.addEventListener('contextoverflow', this.#handler)
    }
  }

  const reader = (setup: Setup): Session =>
    new Session({
      model,
      setup,
      context: new Context({ messages: [], tokens: 0 }, window),
      count,
      onOverflow: () => undefined,
    })
  // Like the platform's own members.
  for (const [member, place] of Object.entries(Object.getOwnPropertyDescriptors(LanguageModel.prototype))) {
    if (member === 'constructor') continue
    if (/^(prompt|append|measure)/.test(member)) Object.defineProperty(place.value, 'length', { value: 1 })
    Object.defineProperty(LanguageModel.prototype, member, { ...place, enumerable: true })
  }
  Object.defineProperty(LanguageModel, 'name', { value: 'LanguageModel', configurable: true })
  Object.defineProperty(LanguageModel, marker, { value: true })
  return LanguageModel
}

// ── The download ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** The platform reports progress in steps of this size. */
const steps = 65_536

async function prepare(
  own: Partial<Pick<OnDeviceModel, 'availability' | 'load' | 'state'>>,
  monitor: PromptApiCreateOptions['monitor'],
  signal: AbortSignal | undefined,
): Promise<void> {
  const target = new Monitor()
  // Exceptions of a monitor are the caller's own errors.
  monitor?.(target)
  if (typeof own.load === 'function' && own.state !== 'ready') {
    const status = typeof own.availability === 'function' ? (await own.availability()).status : 'available'
    signal?.throwIfAborted()
    if (status === 'unavailable') throw notSupported('this model cannot run here')
    target.report(0)
    const load = own.load({
      onProgress: ({ fraction }: LoadProgress) => target.report(fraction),
      ...(signal === undefined ? {} : { signal }),
    })
    try {
      await (signal === undefined ? load : unlessAborted(load, signal))
    } catch (thrown) {
      target.close()
      signal?.throwIfAborted()
      throw exceptionOf(thrown)
    }
  }
  target.report(0)
  target.report(1)
  target.close()
}

class Monitor extends EventTarget {
  ondownloadprogress: ((event: Event) => unknown) | null = null
  #last = -1

  /** Reports strictly increasing progress, and nothing after the end. */
  report(fraction: number): void {
    const loaded = Math.floor(Math.min(1, fraction) * steps) / steps
    if (!(loaded > this.#last)) return
    this.#last = loaded
    const fields = { loaded, total: 1, lengthComputable: true }
    const event =
      typeof ProgressEvent === 'function'
        ? new ProgressEvent('downloadprogress', fields)
        : Object.defineProperties(
            new Event('downloadprogress'),
            Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { value, enumerable: true }])),
          )
    this.dispatchEvent(event)
    this.ondownloadprogress?.(event)
  }

  close(): void {
    this.#last = Infinity
  }
}
