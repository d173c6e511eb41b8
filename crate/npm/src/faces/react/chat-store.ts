/** A conversation as a store: its state for the page, and its actions. */

import { HybridError, streamTools, withResults } from '../../index.js'
import type {
  ExecutableTool,
  GenerateRequest,
  GenerateResponse,
  Message,
  Model,
  Part,
  PausedRun,
  ToolCall,
  ToolFunction,
  ToolStream,
} from '../../index.js'
import { hybridErrorOf } from '../failure.js'

/** A message with a stable ID, the key of its element. */
export interface ChatMessage extends Message {
  readonly id: string
  /** All text parts, joined. */
  readonly text: string
  /** Of a complete answer: the branch, the usage and the trace. */
  readonly response?: GenerateResponse
}

/** The state of a chat. A snapshot is never modified; a new state is a new object. */
export interface ChatState {
  readonly messages: readonly ChatMessage[]
  /** `submitted` until the first chunk, `streaming` until the last. */
  readonly status: 'ready' | 'submitted' | 'streaming' | 'error'
  readonly error?: HybridError
  /** Calls that wait for approval: show those with `waits`, and decide with `approve`. It is JSON. */
  readonly paused?: PausedRun
}

/** Decisions about waiting calls, by `ref`, or by name if a call has none. */
export type Approvals = Readonly<Record<string, boolean | { approved: boolean; reason?: string }>>

export interface ChatOptions {
  model: Model
  /** A system message at the beginning of every conversation. */
  system?: string
  /** Initial messages, for example stored ones. */
  initialMessages?: readonly Message[]
  /** A stored `paused`, to be used with the messages that were stored with it. */
  initialPaused?: PausedRun
  /** The rest of each request: config, tools, output. */
  request?: Omit<GenerateRequest, 'messages' | 'prompt' | 'system'>
  /** Functions for the model's calls, by name: whole tools, or functions for those described in `request.tools`. */
  tools?: Readonly<Record<string, ToolFunction | ExecutableTool>>
  /** The maximum number of steps per answer in which the model calls tools. Default 5. */
  maxTurns?: number
}

let count = 0

export class ChatStore {
  readonly #listeners = new Set<() => void>()
  #state: ChatState
  #work: AbortController | undefined

  constructor({ initialMessages = [], initialPaused }: Pick<ChatOptions, 'initialMessages' | 'initialPaused'>) {
    const messages = initialMessages.map((message) => shown(message))
    this.#state = { messages, status: 'ready', ...(initialPaused === undefined ? {} : { paused: initialPaused }) }
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
   * Sends a message and streams the answer. Never rejects: a failure is part of the state. One answer runs at a time;
   * a new one aborts it.
   */
  async send(content: string | Part[], options: ChatOptions): Promise<void> {
    const message = shown({ role: 'user', content: typeof content === 'string' ? [{ text: content }] : content })
    await this.#answer([...this.#state.messages, message], options)
  }

  /** Removes the last answer and generates another. */
  async regenerate(options: ChatOptions): Promise<void> {
    const last = this.#state.messages.findLastIndex(({ role }) => role === 'user')
    if (last >= 0) await this.#answer(this.#state.messages.slice(0, last + 1), options)
  }

  /** Continues with waiting calls. Without any, it fails like sending does: in the state. */
  async approve(approvals: Approvals, options: ChatOptions): Promise<void> {
    const { messages, paused } = this.#state
    if (paused !== undefined) return await this.#answer(messages, options, { resume: paused, approvals })
    // The second click of two: the first one's decision is being acted on.
    if (this.#work !== undefined) return
    const error = new HybridError('FAILED_PRECONDITION', 'no tool call waits for approval', {
      code: 'NOTHING_TO_APPROVE',
    })
    this.#set({ ...this.#state, status: 'error', error })
  }

  async #answer(
    messages: readonly ChatMessage[],
    options: ChatOptions,
    resumed?: { resume: PausedRun; approvals: Approvals },
  ): Promise<void> {
    this.stop()
    const work = (this.#work = new AbortController())
    // Later content of an aborted answer is not shown.
    const set = (state: ChatState): void => {
      if (this.#work === work) this.#set(state)
    }
    const { model, system, request, maxTurns } = options
    set({ messages, status: 'submitted' })
    try {
      const run = streamTools({
        model,
        request: {
          ...request,
          ...(system === undefined ? {} : { system }),
          // A call that was aborted, or never decided on, has a result that says so.
          messages: resumed === undefined ? [...(await withResults(messages.map(sent)))] : [],
        },
        tools: executable(options),
        signal: work.signal,
        ...(maxTurns === undefined ? {} : { maxSteps: maxTurns }),
        ...resumed,
      })
      let soFar = messages
      for await (const state of following(run, messages, resumed?.resume)) {
        soFar = state.messages
        set(state)
      }
      const ended = await run.result
      set({ messages: soFar, status: 'ready', ...(ended.status === 'paused' ? { paused: ended.paused } : {}) })
    } catch (thrown) {
      // Decisions that could not be acted on are requested again.
      const waits = resumed === undefined || this.#state.messages !== messages ? {} : { paused: resumed.resume }
      // An abort is not a failure; the content so far is kept.
      set(
        work.signal.aborted
          ? { messages: this.#state.messages, status: 'ready', ...waits }
          : { messages: this.#state.messages, status: 'error', error: hybridErrorOf(thrown), ...waits },
      )
    } finally {
      if (this.#work === work) this.#work = undefined
    }
  }

  #set(state: ChatState): void {
    this.#state = Object.freeze(state)
    for (const listener of [...this.#listeners]) listener()
  }
}

/** The states of a run: an answer that grows, the complete answer, then the results of its calls. */
async function* following(
  run: ToolStream,
  begin: readonly ChatMessage[],
  resumed?: PausedRun,
): AsyncGenerator<ChatState> {
  let messages = begin
  let id = nextId()
  let parts: Part[] = []
  let calls = resumed?.calls.map(({ call }) => call) ?? []
  const results = new Map<ToolCall, Part>()
  for (const { call, result } of resumed?.calls ?? []) if (result !== undefined) results.set(call, result)
  for await (const event of run) {
    if (event.type === 'text' || event.type === 'reasoning') {
      grow(parts, event.type, event.text)
      yield {
        messages: [...messages, shown({ role: 'model', content: [...parts] }, { id })],
        status: 'streaming',
      }
    } else if (event.type === 'step') {
      messages = [...messages, shown(event.response.message, { id, response: event.response })]
      id = nextId()
      parts = []
      calls = []
      results.clear()
      yield { messages, status: 'streaming' }
    } else if (event.type === 'toolCall') {
      calls.push(event.call)
    } else if (event.type === 'toolResult') {
      const { name, ref } = event.call
      results.set(event.call, {
        toolResponse: { name, output: event.output, ...(ref === undefined ? {} : { ref }) },
      })
      if (results.size < calls.length) continue
      // In the order of the calls, whichever ended first.
      const content = calls.flatMap((call) => results.get(call) ?? [])
      messages = [...messages, shown({ role: 'tool', content })]
      yield { messages, status: 'submitted' }
    }
  }
}

/** Merges adjacent texts. */
function grow(parts: Part[], kind: 'text' | 'reasoning', words: string): void {
  const last = parts.at(-1)
  const before = last?.[kind]
  const at = before === undefined ? parts.length : parts.length - 1
  parts[at] = kind === 'text' ? { text: (before ?? '') + words } : { reasoning: (before ?? '') + words }
}

/** Returns the tools with their functions. A plain function takes its description from the request. */
function executable({ tools = {}, request }: ChatOptions): Record<string, ExecutableTool> {
  const ready: Record<string, ExecutableTool> = {}
  for (const [name, given] of Object.entries(tools)) {
    if (typeof given !== 'function') {
      ready[name] = given
      continue
    }
    const { description = '', inputSchema } = request?.tools?.find((it) => it.name === name) ?? {}
    ready[name] = {
      description,
      ...(inputSchema === undefined ? {} : { inputSchema }),
      execute: (input, { ref, signal }) => given(input, { name, signal, ...(ref === undefined ? {} : { ref }) }),
    }
  }
  return ready
}

/** Returns a message without the fields that are only for display. */
function sent({ role, content, metadata }: ChatMessage): Message {
  return { role, content, ...(metadata === undefined ? {} : { metadata }) }
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

/**
 * Returns a message ID. It need not agree between server and page: messages are created by sending, and stored ones
 * include their IDs.
 */
function nextId(): string {
  return `message-${++count}`
}
