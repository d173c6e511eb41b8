/** A conversation as a store: what a page shows of it, and what it can do. */

import { HybridError } from '../../index.js'
import type { GenerateRequest, GenerateResponse, Message, Model, Part, ToolFunction } from '../../index.js'
import { hybridErrorOf } from '../failure.js'

/** A message with a name that stays the same while it grows: the key of its element. */
export interface ChatMessage extends Message {
  readonly id: string
  /** All text parts, joined. */
  readonly text: string
  /** Of an answer that is complete: which branch gave it, what it used, what was tried. */
  readonly response?: GenerateResponse
}

/** What a chat shows. A snapshot is never changed; a new state is a new object. */
export interface ChatState {
  readonly messages: readonly ChatMessage[]
  /** `submitted` until the first chunk, `streaming` until the last. */
  readonly status: 'ready' | 'submitted' | 'streaming' | 'error'
  readonly error?: HybridError
}

export interface ChatOptions {
  model: Model
  /** A system message that goes before every conversation. */
  system?: string
  /** Messages to begin with, for example stored ones. */
  initialMessages?: readonly Message[]
  /** The rest of each request: config, tools, output. */
  request?: Omit<GenerateRequest, 'messages' | 'prompt' | 'system'>
  /** What answers the calls of `request.tools`, by name. */
  tools?: Readonly<Record<string, ToolFunction>>
  /** How often the model may call in one answer. Default 5. */
  maxTurns?: number
}

let count = 0

export class ChatStore {
  readonly #listeners = new Set<() => void>()
  #state: ChatState
  #work: AbortController | undefined

  constructor({ initialMessages = [] }: Pick<ChatOptions, 'initialMessages'>) {
    this.#state = { messages: initialMessages.map((message) => shown(message)), status: 'ready' }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly getSnapshot = (): ChatState => this.#state

  readonly stop = (): void => this.#work?.abort(new DOMException('the answer was stopped', 'AbortError'))

  readonly setMessages = (messages: readonly Message[]): void => {
    this.stop()
    this.#set({ messages: messages.map((message) => shown(message)), status: 'ready' })
  }

  /**
   * Says something and streams the answer. Never rejects: a failure is in the state. One answer runs at a time; a new
   * one stops it.
   */
  async send(content: string | Part[], options: ChatOptions): Promise<void> {
    this.stop()
    const message = shown({ role: 'user', content: typeof content === 'string' ? [{ text: content }] : content })
    await this.#answer([...this.#state.messages, message], options)
  }

  /** Drops the last answer and asks again. */
  async regenerate(options: ChatOptions): Promise<void> {
    this.stop()
    const last = this.#state.messages.findLastIndex(({ role }) => role === 'user')
    if (last >= 0) await this.#answer(this.#state.messages.slice(0, last + 1), options)
  }

  async #answer(messages: readonly ChatMessage[], options: ChatOptions): Promise<void> {
    const work = (this.#work = new AbortController())
    // What a stopped answer still brings is not shown.
    const set = (state: ChatState): void => {
      if (this.#work === work) this.#set(state)
    }
    let soFar = messages
    set({ messages: soFar, status: 'submitted' })
    try {
      for (let turn = 0; ; turn++) {
        const response = await this.#turn(soFar, options, work.signal, set)
        soFar = [...soFar, shown(response.message, { id: nextId(), response })]
        const calls = response.toolRequests
        const functions = options.tools ?? {}
        if (calls.length === 0 || calls.some(({ name }) => !Object.hasOwn(functions, name))) break
        if (turn === (options.maxTurns ?? 5))
          throw new HybridError('ABORTED', `the model still calls tools after ${turn} turns`, {
            code: 'TOOL_TURNS_EXCEEDED',
          })
        const working = Promise.all(
          calls.map(async ({ name, input, ref }): Promise<Part> => {
            const known = ref === undefined ? {} : { ref }
            return {
              toolResponse: {
                name,
                output: (await functions[name]?.(input, { name, ...known, signal: work.signal })) ?? null,
                ...known,
              },
            }
          }),
        )
        // A function that ignores its signal is abandoned.
        const results = await unlessStopped(working, work.signal)
        soFar = [...soFar, shown({ role: 'tool', content: results })]
        set({ messages: soFar, status: 'submitted' })
      }
      set({ messages: soFar, status: 'ready' })
    } catch (thrown) {
      // A stop is no failure; what was said until then stays.
      set(
        work.signal.aborted
          ? { messages: this.#state.messages, status: 'ready' }
          : { messages: this.#state.messages, status: 'error', error: hybridErrorOf(thrown) },
      )
    } finally {
      if (this.#work === work) this.#work = undefined
    }
  }

  async #turn(
    messages: readonly ChatMessage[],
    { model, system, request }: ChatOptions,
    signal: AbortSignal,
    set: (state: ChatState) => void,
  ): Promise<GenerateResponse> {
    const id = nextId()
    const parts: Part[] = []
    const plain = messages.map(({ role, content, metadata }): Message => ({
      role,
      content,
      ...(metadata === undefined ? {} : { metadata }),
    }))
    const { stream, response } = model.generateStream(
      { ...request, ...(system === undefined ? {} : { system }), messages: plain },
      { signal },
    )
    for await (const { content } of stream) {
      for (const part of content) add(parts, part)
      if (parts.length > 0)
        set({ messages: [...messages, shown({ role: 'model', content: [...parts] }, { id })], status: 'streaming' })
    }
    return await response
  }

  #set(state: ChatState): void {
    this.#state = Object.freeze(state)
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Words that follow each other are one part. */
function add(parts: Part[], part: Part): void {
  const last = parts.at(-1)
  if (
    last !== undefined &&
    'text' in last &&
    'text' in part &&
    last.metadata === undefined &&
    part.metadata === undefined
  )
    parts[parts.length - 1] = { text: last.text + part.text }
  else if (!('text' in part) || part.text !== '') parts.push(part)
}

function shown(message: Message, beside: { id?: string; response?: GenerateResponse } = {}): ChatMessage {
  const text = message.content.map((part) => ('text' in part ? part.text : '')).join('')
  return {
    ...message,
    id: (message as { id?: unknown }).id === undefined ? nextId() : String((message as { id?: unknown }).id),
    text,
    ...beside,
  }
}

/** The same on a server and in a page is not needed: messages are made by sending, and stored ones bring their own. */
function nextId(): string {
  return `message-${++count}`
}

/** What a promise resolves to, or the abort's reason as soon as the chat is stopped. */
function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
