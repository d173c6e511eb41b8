/**
 * Fits one request to the context window of the model that runs it. Rust decides which turns are left out
 * (`hybridge_core::chat`); this file counts, asks for summaries and builds the shorter request.
 *
 * The caller's history is never changed: messages left out of one request are sent again if they fit a later one.
 */

import { HybridError, invalid } from '../border/errors.js'
import { loadPage } from '../border/wasm.js'
import { normaliseRequest, type ModelRequest } from '../border/request.js'
import { CallerFault } from '../border/thrown.js'
import type { Message, ModelInfo, Part, WindowOverflow, WindowPolicy, WindowReport } from '../types.js'

/** The model that is about to run a request. */
export interface WindowModel {
  readonly info: ModelInfo
  /** Exact count, if the model has a tokenizer. */
  countTokens?(request: ModelRequest, signal: AbortSignal): Promise<number>
}

/** Writes a summary of omitted messages; undefined if none is available. */
export type Summarise = (
  messages: readonly Message[],
  previous: string | undefined,
  maxTokens: number,
  signal: AbortSignal,
) => Promise<string | undefined>

/** The cuts made for one model, so that the next request of the same conversation is cut at the same place. */
interface Cut {
  first: number
  /** The first kept message, to detect a different history. */ anchor: string
  summary?: { upTo: number; text: string } | undefined
}

/** The fitted request, and a report of the changes. */
export interface Fitted {
  request: ModelRequest
  report?: WindowReport
}

const roleLetters = { system: 's', user: 'u', model: 'm', tool: 't' } as const
/** If the request sets no limit, an answer gets a quarter of the window, and at most this. */
const usualAnswer = 1024
/** The maximum number of exact counts per request; each round corrects the estimates by the last count. */
const rounds = 4
const summaryTokens = 256

/** Fits the requests of one conversation. Create one object per conversation: it remembers where it cut. */
export class Fitter {
  readonly #cuts = new Map<string, Cut>()
  readonly #summarise: Summarise | undefined

  constructor(summarise?: Summarise) {
    this.#summarise = summarise
  }

  /** Forgets every cut, after the history was edited. */
  reset(): void {
    this.#cuts.clear()
  }

  async fit(request: ModelRequest, policy: WindowPolicy, model: WindowModel, signal: AbortSignal): Promise<Fitted> {
    const window = model.info.contextWindow
    if (window === undefined) return { request }
    const answer = request.config.maxOutputTokens ?? Math.min(usualAnswer, Math.floor(window / 4))
    const estimates = request.messages.map(messageTokens)
    const extras = extraTokens(request)
    const estimate = sum(estimates) + extras
    // No tokenizer makes more tokens than bytes, so a text that fits by its bytes need not be counted.
    if (mostTokens(request) <= window - answer) return { request }
    if (typeof policy === 'function')
      return await this.#byCaller(request, policy, { window, answer, estimate, model, signal })
    const mode = policy === 'trim' || policy === 'refuse' ? policy : 'summarise'
    return await this.#shorten(request, mode, { window, answer, extras, estimates, model, signal })
  }

  async #shorten(
    request: ModelRequest,
    mode: 'trim' | 'refuse' | 'summarise',
    {
      window,
      answer,
      extras,
      estimates,
      model,
      signal,
    }: { window: number; answer: number; extras: number; estimates: number[]; model: WindowModel; signal: AbortSignal },
  ): Promise<Fitted> {
    const page = await loadPage()
    const { name } = model.info
    const cut = this.#cuts.get(name)
    const roles = request.messages.map(({ role }) => roleLetters[role]).join('')
    let first = cut !== undefined && anchorOf(request.messages[cut.first]) === cut.anchor ? cut.first : 0
    let summary = first > 0 ? cut?.summary : undefined
    // Before anything is cut, the estimates are corrected by one exact count of the previous request.
    let scale = await this.#scale(first === 0 ? request : shortened(request, first, summary?.text), model, signal)
    for (let round = 0; ; round++) {
      const tokens = Uint32Array.from(estimates, (it) => Math.ceil(it * scale))
      const noted = first > 0 && mode === 'summarise' ? summaryTokens : 0
      const decide = (note: number): number[] => [
        ...page.fitConversation(roles, tokens, window, answer, Math.ceil(extras * scale) + note, first),
      ]
      let [kind = 0, at = 0, kept = 0] = decide(noted)
      // The first cut has to leave room for its summary.
      if (kind === 0 && at > first && noted === 0 && mode === 'summarise')
        [kind = 0, at = 0, kept = 0] = decide(summaryTokens)
      if (kind === 1) throw tooLong(mode, { needed: at, available: kept, window, answer })
      if (mode === 'refuse' && at > 0)
        throw tooLong(mode, { needed: sum([...tokens]) + extras, available: window - answer, window, answer })
      first = at
      if (mode === 'summarise' && first > 0 && summary?.upTo !== first) {
        const text = await this.#summary(request.messages, summary, first, signal)
        summary = text === undefined ? undefined : { upTo: first, text }
      }
      const fitted = first === 0 ? request : shortened(request, first, summary?.text)
      const counted = round < rounds ? await exactly(fitted, model, signal) : undefined
      if (counted !== undefined && counted > window - answer) {
        scale *= Math.max(1.05, counted / (window - answer))
        continue
      }
      if (first === 0) return { request }
      this.#cuts.set(name, { first, anchor: anchorOf(request.messages[first]), summary })
      const leftOut = request.messages.slice(0, first).filter(({ role }) => role !== 'system').length
      const report: WindowReport = {
        leftOut,
        tokens: counted ?? kept + extras,
        window,
        ...(summary === undefined ? {} : { summarised: true }),
      }
      return { request: fitted, report }
    }
  }

  /** The number of real tokens per estimated token. */
  async #scale(request: ModelRequest, model: WindowModel, signal: AbortSignal): Promise<number> {
    const counted = await exactly(request, model, signal)
    return counted === undefined
      ? 1
      : counted / Math.max(1, sum(request.messages.map(messageTokens)) + extraTokens(request))
  }

  async #summary(
    messages: readonly Message[],
    previous: Cut['summary'],
    first: number,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const from = previous?.upTo ?? 0
    const outgrown = messages.slice(from, first).filter(({ role }) => role !== 'system')
    try {
      return await this.#summarise?.(outgrown, previous?.text, summaryTokens, signal)
    } catch (error) {
      if (signal.aborted) throw error
      // Without a summary, the turns are left out anyway, and the report says so.
      return undefined
    }
  }

  async #byCaller(
    request: ModelRequest,
    policy: Extract<WindowPolicy, (...given: never[]) => unknown>,
    {
      window,
      answer,
      estimate,
      model,
      signal,
    }: { window: number; answer: number; estimate: number; model: WindowModel; signal: AbortSignal },
  ): Promise<Fitted> {
    const needed = (await exactly(request, model, signal)) ?? estimate
    const available = window - answer
    if (needed <= available) return { request }
    const messages = await askCaller(policy, {
      messages: structuredClone(request.messages),
      needed,
      available,
      window,
      model: model.info.name,
      signal,
    })
    const fitted = { ...request, messages }
    const tokens = (await exactly(fitted, model, signal)) ?? sum(messages.map(messageTokens)) + extraTokens(request)
    if (tokens > available) throw tooLong('trim', { needed: tokens, available, window, answer })
    return {
      request: fitted,
      report: { leftOut: Math.max(0, request.messages.length - messages.length), tokens, window },
    }
  }
}

/**
 * Checks the return value of the caller's function like a request. Its exceptions do not count as a branch's failure.
 */
async function askCaller(
  policy: Extract<WindowPolicy, (...given: never[]) => unknown>,
  overflow: WindowOverflow,
): Promise<Message[]> {
  try {
    const messages: unknown = await policy(overflow)
    if (!Array.isArray(messages)) throw invalid('the `window` function must return the messages to send')
    return normaliseRequest({ messages: messages as Message[] }).messages
  } catch (thrown) {
    throw thrown instanceof CallerFault ? thrown : new CallerFault(thrown)
  }
}

/** Returns an upper bound of the tokens: one per byte, and sixteen for the markers of a message. */
function mostTokens({ messages, tools, output }: ModelRequest): number {
  return (
    sum(
      messages.map(
        ({ content }) => 16 + (content.some((part) => 'media' in part) ? Infinity : JSON.stringify(content).length * 3),
      ),
    ) +
    JSON.stringify([tools, output]).length * 3
  )
}

/** Estimates the tokens of a message, like `hybridge_core::tokens`. */
export function messageTokens({ content }: Message): number {
  return 4 + sum(content.map(partTokens))
}

function partTokens(part: Part): number {
  if ('text' in part) return textTokens(part.text)
  if ('reasoning' in part) return textTokens(part.reasoning)
  if ('media' in part) return 256
  const { metadata, ...content } = part
  return textTokens(JSON.stringify(content))
}

function textTokens(text: string): number {
  let wide = 0
  for (const letter of text) if (letter >= '\u2e80') wide++
  return Math.ceil((text.length - wide) / 4) + wide
}

function extraTokens({ tools, output }: ModelRequest): number {
  return (
    sum(tools.map((tool) => textTokens(JSON.stringify(tool)))) +
    (output?.schema === undefined ? 0 : textTokens(JSON.stringify(output.schema)))
  )
}

/** Returns all system messages, the summary after them, then everything from `first` on. */
function shortened(request: ModelRequest, first: number, summary: string | undefined): ModelRequest {
  const system = request.messages.slice(0, first).filter(({ role }) => role === 'system')
  const note: Message[] =
    summary === undefined
      ? []
      : [{ role: 'system', content: [{ text: `Summary of the conversation so far: ${summary}` }] }]
  return { ...request, messages: [...system, ...note, ...request.messages.slice(first)] }
}

/** Returns the exact count; undefined if the model has no tokenizer, or cannot count now. */
async function exactly(request: ModelRequest, model: WindowModel, signal: AbortSignal): Promise<number | undefined> {
  try {
    const counted = await model.countTokens?.(request, signal)
    return typeof counted === 'number' && counted >= 0 ? counted : undefined
  } catch (error) {
    if (signal.aborted) throw error
    return undefined
  }
}

/** Returns enough of a message to detect that it is a different one. */
function anchorOf(message: Message | undefined): string {
  return message === undefined ? '' : JSON.stringify(message).slice(0, 256)
}

/**
 * `refuse` is the caller's decision and ends the request; in other cases a branch with a larger window may still
 * answer.
 */
function tooLong(
  mode: 'trim' | 'refuse' | 'summarise',
  { needed, available, window, answer }: { needed: number; available: number; window: number; answer: number },
): HybridError {
  const room = `${needed} tokens are needed and ${Math.max(0, available)} are available (window ${window}, ${answer} kept for the answer)`
  if (mode === 'refuse')
    return new HybridError(
      'INVALID_ARGUMENT',
      `the conversation does not fit: ${room}; shorten it, or allow \`window: 'trim'\``,
      { code: 'CONTEXT_FULL' },
    )
  return new HybridError(
    'RESOURCE_EXHAUSTED',
    `the newest turn does not fit: ${room}; shorten it, or choose a model with a larger window`,
    { code: 'CONTEXT_FULL' },
  )
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, it) => total + it, 0)
}
