/**
 * A conversation with any model. The history is complete and kept in one place; each branch receives the part that
 * fits its context window.
 *
 * Turns run one at a time: `send` during a turn waits for its end. With `persist`, a turn also waits for the same
 * conversation in other tabs, starts from the state that they stored, and is stored while it streams, so that a reload
 * loses at most half a second.
 */

import { Feed, streamOf } from '../answer/stream.js'
import { unlessAborted } from '../border/abort.js'
import { now } from '../border/clock.js'
import { HybridError, invalid, reportQuietly } from '../border/errors.js'
import { isObject, optionsArgument } from '../border/json.js'
import { continueFromArgument, mediaArgument, readOptions } from '../border/request.js'
import { cancelled, fromThrown } from '../border/thrown.js'
import { addUsage, follow, streamTools, type PausedRun, type StreamToolsOptions } from '../agent/stream-tools.js'
import type {
  Chat,
  ChatEntry,
  ChatInput,
  ChatOptions,
  ChatSnapshot,
  GenerateChunk,
  GenerateOptions,
  GenerateRequest,
  GenerateResponse,
  GenerateStream,
  Message,
  Model,
  Part,
  Usage,
  WindowPolicy,
} from '../types.js'
import { repaired, snapshotArgument } from './history.js'
import { begunIn, goingOnFrom, type Begun } from './partial.js'
import { loadChat, recordVersion, removeChat, saveChat, withChatLock, type ChatRecord } from './store.js'
import { Fitter, type Summarise } from './window.js'

/** How often an answer is stored while it streams. */
const storeEveryMs = 500

/**
 * Starts a conversation, or resumes a stored one.
 *
 * @example
 * const talk = chat(ai, { system: 'You are brief.', persist: { name: 'support' } })
 * for await (const { text } of talk.send('Hello')) print(text)
 * console.log(talk.messages, talk.lastBranch)
 */
export function chat(model: Model, options: ChatOptions = {}): Chat {
  return new Conversation(model, options)
}

/** Deletes a stored conversation. */
export async function deleteChat(name: string): Promise<void> {
  await withChatLock(name, new AbortController().signal, () => removeChat(name))
  channelOf(name)?.postMessage('changed')
}

class Conversation implements Chat {
  readonly ready: Promise<void>
  readonly #model: Model
  readonly #options: ChatOptions
  readonly #fitter: Fitter
  readonly #listeners = new Set<() => void>()
  readonly #channel: BroadcastChannel | undefined
  #entries: ChatEntry[]
  /** The options of the running turn, and of the summaries that it requests. */
  #bounds: Pick<GenerateOptions, 'allow' | 'context'> = {}
  #revision = 0
  #caution: HybridError | undefined
  #lastBranch: string | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #isBusy = false
  #isClosed = false

  constructor(model: Model, given: ChatOptions) {
    if (typeof model?.generateStream !== 'function') throw invalid('a chat needs a model')
    const options = optionsArgument(given, 'chat')
    const { messages = [], persist, window } = options
    if (persist !== undefined && (typeof persist.name !== 'string' || persist.name === ''))
      throw invalid('`persist.name` must be a name')
    continueFromArgument(options.continueFrom, 'continueFrom')
    mediaArgument(options.media, 'media')
    this.#model = model
    this.#options = options
    this.#entries = snapshotArgument({ version: 1, entries: messages.map((message) => ({ message })) }).entries
    this.#fitter = new Fitter(summariserOf(model, window, () => this.#bounds))
    this.#channel = persist === undefined ? undefined : channelOf(persist.name)
    if (this.#channel !== undefined) this.#channel.onmessage = () => void this.#refresh()
    this.ready = persist === undefined ? Promise.resolve() : this.#refresh()
  }

  get messages(): readonly Message[] {
    return this.#entries.map(({ message }) => message)
  }

  get entries(): readonly ChatEntry[] {
    return this.#entries
  }

  get usage(): Usage {
    return this.#entries.reduce<Usage>((total, { usage }) => addUsage(total, usage ?? {}), {})
  }

  get lastBranch(): string | undefined {
    return this.#lastBranch ?? this.#entries.findLast(({ branch }) => branch !== undefined)?.branch
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  get caution(): HybridError | undefined {
    return this.#caution
  }

  send(input: ChatInput, options: GenerateOptions = {}): GenerateStream {
    const content = contentOf(input)
    return this.#start(options, () => this.#entries.push({ message: { role: 'user', content } }))
  }

  regenerate(options: GenerateOptions = {}): GenerateStream {
    let begun: Begun | undefined
    const begin = (): void => {
      const last = this.#entries.findLastIndex(({ message }) => message.role === 'user')
      if (last < 0) throw new HybridError('FAILED_PRECONDITION', 'there is no message to answer again; send one first')
      const mayGoOn = options.continueFrom === 'partial' && this.#options.output === undefined
      begun = mayGoOn && this.#entries.length === last + 2 ? begunIn(this.#entries[last + 1]) : undefined
      this.#cutTo(last + 1)
    }
    return this.#start(options, begin, { begun: () => begun })
  }

  approve(approvals: Approvals, options: GenerateOptions = {}): GenerateStream {
    let resumed: Resumed | undefined
    const begin = (): void => {
      const paused = this.#entries.at(-1)?.paused
      if (paused === undefined)
        throw new HybridError('FAILED_PRECONDITION', 'no tool call waits for approval', { code: 'NOTHING_TO_APPROVE' })
      resumed = { resume: paused, approvals }
      this.#cutTo(this.#entries.findLastIndex(({ message }) => message.role === 'user') + 1)
    }
    return this.#start(options, begin, { resumed: () => resumed })
  }

  rewindTo(index: number): void {
    if (this.#isBusy)
      throw new HybridError('FAILED_PRECONDITION', 'an answer is being written; stop it before you rewind', {
        code: 'CHAT_BUSY',
      })
    this.#cutTo(indexArgument(index, this.#entries.length))
    this.#changed()
    const { persist } = this.#options
    if (persist === undefined) return
    // Later turns wait for this write, as they do for each other.
    this.#turn = this.#turn
      .then(() => this.#locked(persist.name, new AbortController().signal, () => this.#store()))
      .catch(() => {})
  }

  fork(index = this.#entries.length): Chat {
    const end = indexArgument(index, this.#entries.length)
    const { persist, messages, ...options } = this.#options
    const copy = new Conversation(this.#model, options)
    copy.#entries = structuredClone(this.#entries.slice(0, end))
    return copy
  }

  toJSON(): ChatSnapshot {
    return { version: 1, entries: structuredClone(this.#entries) }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#isClosed = true
    this.#listeners.clear()
    this.#channel?.close()
  }

  /** Replaces the history, for `chatFromJSON`. */
  restore(snapshot: ChatSnapshot): this {
    this.#entries = snapshotArgument(snapshot).entries
    return this
  }

  // ── One turn ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #start(
    options: GenerateOptions,
    begin: () => void,
    from: { resumed?: () => Resumed | undefined; begun?: () => Begun | undefined } = {},
  ): GenerateStream {
    readOptions(options)
    const work = new AbortController()
    const feed = new Feed<GenerateChunk>(() => work.abort(new DOMException('the loop was left', 'AbortError')))
    const before = this.#turn
    const response = follow(options.signal, work, async (signal) => {
      await unlessAborted(before, signal)
      if (this.#isClosed) throw new HybridError('FAILED_PRECONDITION', 'the chat is closed')
      const { persist } = this.#options
      const turn = (): Promise<GenerateResponse> =>
        this.#run({ ...options, signal }, begin, (chunk) => feed.push(chunk), from)
      if (persist === undefined) return await turn()
      return await this.#locked(persist.name, signal, async () => {
        await this.#load(persist.name)
        return await turn()
      })
    })
    this.#turn = Promise.allSettled([before, response])
    response.then(
      () => feed.close(),
      (error: unknown) => feed.fail(error),
    )
    return streamOf(feed, response)
  }

  async #run(
    options: GenerateOptions & { signal: AbortSignal },
    begin: () => void,
    push: (chunk: GenerateChunk) => void,
    from: { resumed?: () => Resumed | undefined; begun?: () => Begun | undefined },
  ): Promise<GenerateResponse> {
    const before = this.#entries
    begin()
    const [resumed, begun] = [from.resumed?.(), from.begun?.()]
    this.#isBusy = true
    const shown = new Shown()
    const entry: ChatEntry = { message: { role: 'model', content: [] }, state: 'streaming' }
    const asked = this.#entries.length
    let storedAt = now()
    let storing: Promise<void> = Promise.resolve()
    if (begun !== undefined) {
      shown.add(begun.content)
      entry.message = { role: 'model', content: shown.content }
      this.#entries.push(entry)
    }
    const onChunk = (chunk: GenerateChunk): void => {
      shown.add(chunk.content)
      entry.message = { role: 'model', content: shown.content }
      if (this.#entries.length === asked) this.#entries.push(entry)
      push(chunk)
      this.#changed()
      if (this.#options.persist === undefined || now() - storedAt < storeEveryMs) return
      storedAt = now()
      storing = storing.then(() => this.#store())
    }
    try {
      this.#changed()
      if (this.#options.persist !== undefined) await this.#store()
      return await this.#answer(options, asked, onChunk, resumed, begun)
    } catch (thrown) {
      const error = fromThrown(thrown)
      // A decision that could not be acted on is requested again.
      if (resumed !== undefined) this.#entries = before
      else this.#settle(asked, shown, options.signal.aborted ? 'aborted' : 'failed', error)
      throw thrown
    } finally {
      await storing
      if (this.#options.persist !== undefined) await this.#store()
      this.#isBusy = false
      this.#changed()
    }
  }

  /** Runs the model, and tools if they have functions, and stores the messages that they add. */
  async #answer(
    options: GenerateOptions & { signal: AbortSignal },
    asked: number,
    onChunk: (chunk: GenerateChunk) => void,
    resumed: Resumed | undefined,
    begun: Begun | undefined,
  ): Promise<GenerateResponse> {
    const { tools = {}, system, config, output, toolChoice, window = 'trim', maxSteps, context } = this.#options
    const history = await repaired(this.#entries.slice(0, asked).map(({ message }) => message))
    const allow = this.#allowed(options.allow)
    const request: GenerateRequest = {
      messages: history,
      ...(system === undefined ? {} : { system }),
      ...(config === undefined ? {} : { config }),
      ...(output === undefined ? {} : { output }),
      ...(toolChoice === undefined ? {} : { toolChoice }),
    }
    const continueFrom = options.continueFrom ?? this.#options.continueFrom
    const run: GenerateOptions = {
      signal: options.signal,
      context: { ...context, ...options.context },
      window: options.window ?? window,
      media: options.media ?? this.#options.media ?? 'drop-earlier',
      ...(allow === undefined ? {} : { allow }),
      ...(continueFrom === undefined ? {} : { continueFrom }),
    }
    this.#bounds = { ...(allow === undefined ? {} : { allow }), context: run.context ?? {} }
    const last = this.#entries[asked - 1]
    const model = begun === undefined ? this.#model : goingOnFrom(this.#model, begun)
    const through = watched(model, this.#fitter, onChunk, (response) => this.#pin(last, response))
    if (Object.keys(tools).length === 0 && resumed === undefined) {
      const response = await through.generate(request, run)
      this.#keep(asked, [response.message], response)
      return response
    }
    const limit = maxSteps === undefined ? {} : { maxSteps }
    const ran = await streamTools({ model: through.model, request, tools, ...limit, ...run, ...resumed }).result
    const response = ran.response ?? through.last
    if (response === undefined) throw new HybridError('INTERNAL', 'the run ended without an answer')
    const added = ran.messages.slice(history.length + (system === undefined ? 0 : 1))
    this.#keep(asked, added, response, ran.usage, ran.status === 'paused' ? ran.paused : undefined)
    return response
  }

  #keep(
    asked: number,
    messages: readonly Message[],
    response: GenerateResponse,
    usage: Usage = response.usage,
    paused?: ChatEntry['paused'],
  ): void {
    this.#cutTo(asked)
    this.#lastBranch = response.branch
    const answered = this.#entries[asked - 1]
    if (answered !== undefined) {
      const { state, error, ...entry } = answered
      this.#entries[asked - 1] = entry
    }
    for (const [index, message] of messages.entries()) {
      const isLast = index === messages.length - 1
      this.#entries.push({
        message,
        ...(message.role === 'model' ? { branch: response.branch } : {}),
        ...(isLast ? { usage, ...(paused === undefined ? {} : { paused }) } : {}),
      })
    }
  }

  /** After a stop or a failure, the content shown so far is kept and marked. */
  #settle(asked: number, shown: Shown, state: 'aborted' | 'failed', error: HybridError): void {
    this.#cutTo(asked)
    const { branch, routing, status, code } = error
    this.#pinTo(this.#entries[asked - 1], routing?.allow)
    if (!shown.isEmpty) {
      this.#entries.push({
        message: { role: 'model', content: shown.content, metadata: { [state]: true } },
        state,
        ...(branch === undefined ? {} : { branch }),
      })
    } else {
      const entry = this.#entries[asked - 1]
      if (entry !== undefined)
        this.#entries[asked - 1] = { ...entry, state, error: { status, ...(code === undefined ? {} : { code }) } }
    }
  }

  // ── Pins ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A conversation that was pinned to some branches stays pinned: its history is part of every later turn. */
  #allowed(own: readonly string[] | undefined): readonly string[] | undefined {
    const pins: Array<readonly string[]> = this.#entries.flatMap(({ allow }) => (allow === undefined ? [] : [allow]))
    if (own !== undefined) pins.push(own)
    const [first, ...others] = pins
    return first?.filter((key) => others.every((it) => it.includes(key)))
  }

  #pin(entry: ChatEntry | undefined, { routing }: GenerateResponse): void {
    this.#pinTo(entry, routing.allow)
  }

  #pinTo(entry: ChatEntry | undefined, allow: readonly string[] | undefined): void {
    if (entry === undefined || allow === undefined) return
    const at = this.#entries.indexOf(entry)
    if (at >= 0) this.#entries[at] = { ...entry, allow: [...allow] }
  }

  // ── Storage ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #locked<T>(name: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    try {
      return await withChatLock(name, signal, act)
    } catch (thrown) {
      throw signal.aborted ? cancelled(signal.reason) : thrown
    }
  }

  /** Reads the state that another tab or an earlier visit stored. */
  async #load(name: string): Promise<void> {
    try {
      const record = await loadChat(name)
      if (record === undefined || record.revision <= this.#revision) return
      this.#revision = record.revision
      // An answer that still streams although the lock is free was cut by a reload or a crash.
      const { entries } = snapshotArgument({ version: 1, entries: record.entries })
      this.#entries = entries.map((entry) => (entry.state === 'streaming' ? cutShort(entry) : entry))
      this.#fitter.reset()
    } catch (thrown) {
      this.#caution = fromThrown(thrown)
    }
  }

  async #refresh(): Promise<void> {
    const { persist } = this.#options
    if (persist === undefined || this.#isBusy) return
    await this.#load(persist.name)
    this.#changed()
  }

  /** Stores the conversation. If that fails, it continues in memory, and `caution` says why. */
  async #store(): Promise<void> {
    const { persist } = this.#options
    // A record of a newer version, or a damaged one, is not overwritten.
    if (persist === undefined || this.#caution?.code === 'CHAT_NEWER' || this.#caution?.code === 'CHAT_DAMAGED') return
    const record: ChatRecord = {
      version: recordVersion,
      name: persist.name,
      revision: this.#revision + 1,
      updatedAt: Date.now(),
      entries: structuredClone(this.#entries),
    }
    try {
      await saveChat(record)
      this.#revision = record.revision
      this.#caution = undefined
      this.#channel?.postMessage('changed')
    } catch (thrown) {
      this.#caution = fromThrown(thrown)
    }
  }

  #cutTo(length: number): void {
    if (length < this.#entries.length) this.#entries = this.#entries.slice(0, length)
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener()
      } catch (error) {
        reportQuietly(error)
      }
    }
  }
}

/** Restores a conversation from the result of `toJSON`. */
export function chatFromJSON(model: Model, snapshot: ChatSnapshot, options: ChatOptions = {}): Chat {
  return new Conversation(model, options).restore(snapshot)
}

/** Returns the parts shown so far, with adjacent parts of the same kind merged. */
class Shown {
  #parts: Part[] = []

  add(content: readonly Part[]): void {
    for (const part of content) {
      const last = this.#parts.at(-1)
      if (
        last !== undefined &&
        'text' in last &&
        'text' in part &&
        last.metadata === undefined &&
        part.metadata === undefined
      )
        this.#parts[this.#parts.length - 1] = { text: last.text + part.text }
      else this.#parts.push(part)
    }
  }

  get content(): Part[] {
    return [...this.#parts]
  }

  get isEmpty(): boolean {
    return this.#parts.every((part) => 'text' in part && part.text === '')
  }
}

type Approvals = NonNullable<StreamToolsOptions['approvals']>
interface Resumed {
  resume: PausedRun
  approvals: Approvals
}

interface Watched {
  readonly model: Model
  readonly last: GenerateResponse | undefined
  generate(request: GenerateRequest, options: GenerateOptions): Promise<GenerateResponse>
}

/** Returns the model, with every chunk and response also reported to the chat. */
function watched(
  model: Model,
  fitter: Fitter,
  onChunk: (chunk: GenerateChunk) => void,
  onResponse: (response: GenerateResponse) => void,
): Watched {
  let last: GenerateResponse | undefined
  const generateStream = (request: string | GenerateRequest, options: GenerateOptions = {}): GenerateStream => {
    const answer = model.generateStream(request, { ...options, fitter } as GenerateOptions)
    const feed = new Feed<GenerateChunk>(() => {})
    const response = (async () => {
      for await (const chunk of answer.stream) {
        onChunk(chunk)
        feed.push(chunk)
      }
      last = await answer.response
      onResponse(last)
      return last
    })()
    response.then(
      () => feed.close(),
      (error: unknown) => feed.fail(error),
    )
    return streamOf(feed, response)
  }
  const face = {
    name: model.name,
    info: model.info,
    generateStream,
    generate: (request: string | GenerateRequest, options?: GenerateOptions) =>
      generateStream(request, options).response,
  }
  // Outputs are typed by the caller's schema, which is unknown here.
  const wrapped = face as Model
  return {
    model: wrapped,
    get last() {
      return last
    },
    generate: (request, options) => generateStream(request, options).response,
  }
}

/**
 * Creates summaries with a named branch of the same model. A summary's request contains the omitted turns, so it is
 * restricted to the branches to which the conversation is pinned; if the named branch is not among them, there is no
 * summary.
 */
function summariserOf(
  model: Model,
  window: WindowPolicy | undefined,
  bounds: () => Pick<GenerateOptions, 'allow' | 'context'>,
): Summarise | undefined {
  if (typeof window !== 'object') return undefined
  const { branch } = window.summarise
  return async (messages, previous, maxTokens, signal) => {
    const transcript = messages
      .map(
        ({ role, content }) =>
          `${role}: ${content.map((part) => ('text' in part ? part.text : JSON.stringify(part))).join('')}`,
      )
      .join('\n')
    const before = previous === undefined ? '' : `Summary of what came before: ${previous}\n\n`
    const prompt = `${before}${transcript}\n\nSummarise this conversation in at most ${Math.floor(maxTokens / 2)} words. Keep names, numbers, decisions and open questions.`
    const { allow: kept, ...rest } = bounds()
    const allow = branch === undefined ? kept : kept === undefined ? [branch] : kept.filter((key) => key === branch)
    const { text } = await model.generate(
      { prompt, config: { maxOutputTokens: maxTokens, temperature: 0 } },
      { ...rest, signal, window: 'trim', ...(allow === undefined ? {} : { allow }) },
    )
    return text === '' ? undefined : text
  }
}

function cutShort({ message, ...entry }: ChatEntry): ChatEntry {
  return { ...entry, message: { ...message, metadata: { ...message.metadata, aborted: true } }, state: 'aborted' }
}

function contentOf(input: ChatInput): Part[] {
  if (typeof input === 'string') return [{ text: input }]
  let content: unknown
  try {
    content = structuredClone(input)
  } catch (cause) {
    throw new HybridError('INVALID_ARGUMENT', 'the message holds something that cannot be copied', { cause })
  }
  if (!Array.isArray(content) || content.length === 0 || !content.every(isObject))
    throw invalid('`send` takes a text or a list of parts')
  return content as Part[]
}

function indexArgument(index: number, length: number): number {
  if (!Number.isSafeInteger(index) || index < 0 || index > length)
    throw invalid(`the index must lie between 0 and ${length}, found ${index}`)
  return index
}

function channelOf(name: string): BroadcastChannel | undefined {
  return typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(`hybridge-chat:${name}`)
}
