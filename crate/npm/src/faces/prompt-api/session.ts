/** One session: a queue of prompts in one conversation. */

import type { GenerateRequest, GenerateResponse, JsonSchema, Message, Model, Part } from '../../index.js'
import { jsonTextOf } from '../json-text.js'
import { openStream } from '../opening.js'
import { randomId } from '../way-back.js'
import type { Context, CountTokens } from './context.js'
import { exception, exceptionOf } from './errors.js'
import { readInput, type PromptContent, type PromptInput } from './input.js'
import { constraintOf, type Setup } from './options.js'

/** Options of one prompt. */
export interface PromptApiPromptOptions {
  /** A JSON Schema. */
  responseConstraint?: object | null
  omitResponseConstraintInput?: boolean
  signal?: AbortSignal
}

/** The maximum number of steps in which a model calls tools. */
const mostToolTurns = 32

export interface SessionParts {
  model: Model
  setup: Setup
  context: Context
  count: CountTokens
  onOverflow: () => void
}

export class Session {
  readonly parts: SessionParts
  readonly #life = new AbortController()
  #queue: Promise<unknown> = Promise.resolve()
  /** The model's references by the IDs that the page received. */
  readonly #references: Map<string, string>

  constructor(parts: SessionParts, references: ReadonlyMap<string, string> = new Map()) {
    this.parts = parts
    this.#references = new Map(references)
  }

  destroy(reason: unknown = exception('AbortError', 'the session was destroyed')): void {
    this.#life.abort(reason)
  }

  /** Throws the error with which a call must reject before it begins. */
  requireAlive(signal?: AbortSignal): void {
    this.#life.signal.throwIfAborted()
    signal?.throwIfAborted()
  }

  copy(onOverflow: () => void): Session {
    return new Session({ ...this.parts, context: this.parts.context.copy(), onOverflow }, this.#references)
  }

  read(input: PromptInput, isInitial = false): Array<Message | Promise<Message>> {
    return readInput(input, {
      inputs: this.parts.setup.inputs,
      isInitial,
      refOf: (callID) => this.#references.get(callID) ?? callID,
    })
  }

  /** Runs after all earlier calls. A waiting call that is aborted never runs. */
  async #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#queue
    const run = (async () => {
      await before
      signal.throwIfAborted()
      return await work()
    })()
    this.#queue = run.then(
      () => undefined,
      () => undefined,
    )
    return await unlessAborted(run, signal)
  }

  /** Combines the signals of a call: the caller's, the session's, and leaving the stream. Each keeps its own reason. */
  #work(signal: AbortSignal | undefined): { controller: AbortController; settle: () => void } {
    const controller = new AbortController()
    const stops = [this.#life.signal, ...(signal === undefined ? [] : [signal])].map((source) => {
      const stop = (): void => controller.abort(source.reason)
      source.addEventListener('abort', stop, { once: true })
      return () => source.removeEventListener('abort', stop)
    })
    return { controller, settle: () => stops.forEach((stop) => stop()) }
  }

  /** Runs the model and remembers the turn. `onText` is called with text as it arrives. */
  ask(
    input: PromptInput,
    options: PromptApiPromptOptions,
    onText?: (text: string) => void,
  ): { answer: Promise<string | PromptContent[]>; stop: (reason: unknown) => void } {
    this.requireAlive(options.signal)
    const { model } = this.parts
    const schema = constraintOf(options.responseConstraint, model.info)
    if (options.omitResponseConstraintInput === true && schema === undefined)
      throw new TypeError('omitResponseConstraintInput needs a responseConstraint')
    const read = this.read(input)
    const { controller, settle } = this.#work(options.signal)
    const { signal } = controller
    const answer = this.#inTurn(signal, () => this.#answer(read, schema, signal, onText))
      .catch((thrown: unknown) => {
        signal.throwIfAborted()
        throw exceptionOf(thrown)
      })
      .finally(settle)
    return { answer, stop: (reason) => controller.abort(reason) }
  }

  async append(input: PromptInput, signal: AbortSignal | undefined): Promise<void> {
    this.requireAlive(signal)
    const read = this.read(input)
    const { controller, settle } = this.#work(signal)
    try {
      await this.#inTurn(controller.signal, async () => {
        const { context, count, onOverflow } = this.parts
        const messages = await Promise.all(read)
        const tokens = await count(messages)
        const { kept, isOverflow } = context.fit(tokens)
        controller.signal.throwIfAborted()
        context.remember(kept, { messages, tokens })
        if (isOverflow) onOverflow()
      })
    } finally {
      settle()
    }
  }

  async measure(
    input: PromptInput,
    { signal, responseConstraint, omitResponseConstraintInput }: PromptApiPromptOptions,
  ): Promise<number> {
    this.requireAlive(signal)
    if (omitResponseConstraintInput === true && responseConstraint == null)
      throw new TypeError('omitResponseConstraintInput needs a responseConstraint')
    constraintOf(responseConstraint, this.parts.model.info)
    const messages = Promise.all(this.read(input))
    const { controller, settle } = this.#work(signal)
    try {
      return await unlessAborted((async () => this.parts.count(await messages))(), controller.signal)
    } finally {
      settle()
    }
  }

  async #answer(
    read: Array<Message | Promise<Message>>,
    schema: JsonSchema | undefined,
    signal: AbortSignal,
    onText: ((text: string) => void) | undefined,
  ): Promise<string | PromptContent[]> {
    const { context, count, model, setup, onOverflow } = this.parts
    const said = await Promise.all(read)
    const tokens = await count(said)
    const { kept, isOverflow } = context.fit(tokens)
    if (isOverflow) onOverflow()
    const turn = [...said]
    const request = {
      config: setup.config,
      ...(setup.definitions.length === 0 ? {} : { tools: setup.definitions }),
      ...(schema === undefined ? {} : { output: { format: 'json' as const, schema } }),
    }
    for (let round = 0; ; round++) {
      const response = await this.#generate(
        model,
        { ...request, messages: spoken([...context.messages(kept), ...turn]) },
        signal,
        onText,
      )
      if (response.finishReason === 'blocked') throw exception('NotReadableError', 'the answer was withheld as harmful')
      turn.push(response.message)
      const calls = response.toolRequests
      if (calls.length === 0 || setup.isOpenLoop) {
        signal.throwIfAborted()
        const isPushed = context.remember(kept, {
          messages: turn,
          tokens: tokens + (await count(turn.slice(said.length))),
        })
        if (isPushed) onOverflow()
        return calls.length === 0 ? jsonTextOf(request, response) : this.#outward(response)
      }
      if (round === mostToolTurns)
        throw exception('OperationError', `the model still calls tools after ${mostToolTurns} turns`)
      turn.push({
        role: 'tool',
        content: await unlessAborted(Promise.all(calls.map((call) => this.#run(call))), signal),
      })
    }
  }

  async #generate(
    model: Model,
    request: GenerateRequest,
    signal: AbortSignal,
    onText: ((text: string) => void) | undefined,
  ): Promise<GenerateResponse> {
    if (onText === undefined) return await model.generate(request, { signal })
    const { chunks, response } = await openStream(model, request, { signal })
    for await (const { text } of chunks) if (text !== '') onText(text)
    return await response
  }

  async #run({ name, input, ref }: GenerateResponse['toolRequests'][number]): Promise<Part> {
    const tool = this.parts.setup.tools.find((it) => it.name === name)
    let output: unknown
    try {
      output =
        tool?.execute === undefined
          ? { error: `there is no tool \`${name}\`` }
          : ((await tool.execute(input ?? {})) ?? null)
    } catch (thrown) {
      output = { error: thrown instanceof Error ? thrown.message : String(thrown) }
    }
    return { toolResponse: { name, output, ...(ref === undefined ? {} : { ref }) } }
  }

  /** Returns calls for the page to answer, with unique IDs. */
  #outward({ text, toolRequests }: GenerateResponse): PromptContent[] {
    const calls = toolRequests.map(({ name, input, ref }): PromptContent => {
      const callID = `call_${randomId()}`
      if (ref !== undefined) this.#references.set(callID, ref)
      const value = { callID, name, arguments: input ?? {} }
      // Chromium's newer name; not enumerable, so that stored calls have one id.
      return { type: 'tool-call', value: Object.defineProperty(value, 'callId', { value: callID }) }
    })
    return [...(text === '' ? [] : [{ type: 'text' as const, value: text }]), ...calls]
  }
}

/** A model needs at least one message; an empty prompt becomes one without text. */
function spoken(messages: Message[]): Message[] {
  return messages.length === 0 ? [{ role: 'user', content: [{ text: '' }] }] : messages
}

/** Returns the promise's result, or throws the signal's reason as soon as it is aborted. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
