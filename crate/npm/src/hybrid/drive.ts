/**
 * Drives one run: feeds events to the state machine in Rust and performs the actions it returns. Nothing is decided
 * here.
 *
 * Branches, callbacks and timers may report while an action is being performed; the actions that follow are queued, so
 * that all are performed in the order in which Rust returned them.
 */

import { now } from '../border/clock.js'
import { fromCore, HybridError, invalid, reportQuietly, type CoreError } from '../border/errors.js'
import { answerTo, type Question, type World } from './consideration.js'
import type { Run, Seam } from '../border/wasm.js'
import { cloned, toJson } from '../border/json.js'
import { outputErrorOf } from '../answer/output.js'
import { addUsage } from '../agent/stream-tools.js'
import { Continuation, withPartial } from '../answer/continuation.js'
import type { Describer } from './describer.js'
import { calledBy } from './tool-turns.js'
import { wantsJson, type ModelRequest } from '../border/request.js'
import { Response, saysSomething } from '../answer/response.js'
import { passedOn, type RunOptions, type Runner } from '../model/runner.js'
import type { Answer, ChunkDetails } from '../border/replies.js'
import { CallerFault, cancelled, fromThrown, withRouting } from '../border/thrown.js'
import type {
  Attempt as TracedAttempt,
  Confidence,
  GenerateResponse,
  Message,
  Model,
  Part,
  RoutingTrace,
} from '../types.js'

/** `hybridge_core::route::Action`. */
type Action =
  | { do: 'ask'; question: Question }
  | { do: 'start'; attempt: number; branch: string; streaming: boolean; allow?: string[] }
  | { do: 'stop'; attempt: number; reason: 'aborted' | 'deadline' | 'overtaken' | 'unsure' }
  | { do: 'show'; attempt: number }
  | { do: 'extend'; attempt: number }
  | { do: 'judge'; attempt: number; trace: RoutingTrace }
  | { do: 'wake'; at: number }
  | { do: 'finish'; attempt: number; whole: boolean; confidence?: Confidence; trace: RoutingTrace }
  | { do: 'fail'; attempt?: number; error: CoreError; trace: RoutingTrace }

/** A branch as a drive sees it. */
export interface Branch {
  readonly model: Model
  readonly runner: Runner
}

/** The parts that all runs of a hybrid share. */
export interface Circuit {
  readonly branches: ReadonlyMap<string, Branch>
  readonly accept?: ((response: GenerateResponse) => boolean | Promise<boolean>) | undefined
  readonly onTrace?: ((trace: RoutingTrace) => void | Promise<void>) | undefined
  readonly describer: Describer
  /** The position at which a text continues; `isExact` if the model continues the text token by token. */
  readonly makeSeam: (before: string, isExact: boolean) => Seam
}

interface Attempt {
  readonly branch: string
  readonly work: AbortController
  readonly startedAt: number
  readonly streaming: boolean
  /** Whether the caller has received any of it. */
  isShown: boolean
  /** The attempt that it continues, if another branch began the answer. */
  readonly continuation?: Continuation
  held: Array<{ content: Part[]; details: ChunkDetails }>
  answer?: Answer
  error?: HybridError
}

interface Settle {
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

/** The maximum delay of a timer; a longer one would fire at once. */
const longestSleep = 2 ** 31 - 1

export class Drive {
  readonly #machine: Run
  readonly #circuit: Circuit
  readonly #worldOf: (request: ModelRequest) => World
  readonly #request: ModelRequest
  readonly #run: RunOptions
  readonly #attempts = new Map<number, Attempt>()
  readonly #settle: Settle
  readonly #actions: Action[] = []
  readonly #abort = (): void => this.#feed((machine) => machine.aborted(now()))
  readonly answer: Promise<Answer>
  /** Everything shown to the caller so far. */
  readonly #shown: Part[] = []
  /** The request as strategies and branches see it, with the text so far if another branch continues it. */
  #asked: { request: ModelRequest; world: World; isBegun: boolean }
  #isActing = false
  #isOver = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #fault: CallerFault | undefined

  constructor(
    machine: Run,
    circuit: Circuit,
    worldOf: (request: ModelRequest) => World,
    request: ModelRequest,
    run: RunOptions,
  ) {
    this.#machine = machine
    this.#circuit = circuit
    this.#worldOf = worldOf
    this.#request = request
    this.#asked = { request, world: worldOf(request), isBegun: false }
    this.#run = run
    // `Promise.withResolvers` is missing in browsers of 2023.
    let settle: Settle = { resolve: () => {}, reject: () => {} }
    this.answer = new Promise((resolve, reject) => (settle = { resolve, reject }))
    this.#settle = settle
    run.signal.addEventListener('abort', this.#abort, { once: true })
    if (run.signal.aborted) this.#abort()
    else this.#feed(() => machine.start(now()))
  }

  /** Feeds an event to the state machine and performs the actions it returns. Events after the end are dropped. */
  #feed(event: (machine: Run) => string | undefined): void {
    if (this.#isOver) return
    try {
      const actions = event(this.#machine)
      if (actions !== undefined) this.#perform(JSON.parse(actions) as Action[])
    } catch (cause) {
      this.#crash(cause)
    }
  }

  /** Performs actions in order, after those in progress. */
  #perform(actions: readonly Action[]): void {
    this.#actions.push(...actions)
    if (this.#isActing) return
    this.#isActing = true
    try {
      for (let action = this.#actions.shift(); action !== undefined; action = this.#actions.shift()) this.#act(action)
    } catch (cause) {
      this.#crash(cause)
    } finally {
      this.#isActing = false
    }
  }

  /** Handles a trap in the wasm, or a bug here: every pending promise is rejected. */
  #crash(cause: unknown): void {
    this.#actions.length = 0
    this.#release()
    this.#settle.reject(new HybridError('INTERNAL', 'the router failed; this is a bug of hybridge', { cause }))
  }

  #act(action: Action): void {
    switch (action.do) {
      case 'ask':
        this.#ask(
          () => answerTo(action.question, this.#asked.world),
          (answer) => this.#feed((machine) => machine.answer(answer, now())),
        )
        break
      case 'start':
        this.#start(action)
        break
      case 'stop':
        this.#attempts
          .get(action.attempt)
          ?.work.abort(new DOMException(action.reason, action.reason === 'deadline' ? 'TimeoutError' : 'AbortError'))
        break
      case 'show':
        this.#show(action.attempt)
        break
      case 'extend': {
        const request = { ...this.#request, messages: withPartial(this.#request.messages, this.#shown) }
        this.#asked = { request, world: this.#worldOf(request), isBegun: true }
        break
      }
      case 'judge':
        this.#ask(
          () => this.#accepts(action.attempt, action.trace),
          (isGood) => this.#feed((machine) => machine.judged(isGood, now())),
        )
        break
      case 'wake':
        this.#sleepUntil(action.at)
        break
      case 'finish':
        this.#finish(action)
        break
      case 'fail': {
        const failed = action.attempt === undefined ? undefined : this.#attempts.get(action.attempt)
        const error = withRouting(
          failed?.error ?? (this.#run.signal.aborted ? cancelled(this.#run.signal.reason) : fromCore(action.error)),
          failed?.branch,
          action.trace,
        )
        this.#end(action.trace)
        this.#settle.reject(this.#fault ?? error)
      }
    }
  }

  /** Calls a function of the caller. Its exceptions go to the caller, not to a branch. */
  #ask<T>(question: () => Promise<T>, then: (answer: T) => void): void {
    question().then(then, (thrown: unknown) => this.#fail(thrown))
  }

  #fail(thrown: unknown): void {
    this.#fault ??= thrown instanceof CallerFault ? thrown : new CallerFault(thrown)
    this.#feed((machine) => machine.callerThrew(now()))
  }

  #start({ attempt: number, branch, streaming, allow }: Extract<Action, { do: 'start' }>): void {
    const { request, isBegun } = this.#asked
    const entry = this.#circuit.branches.get(branch)
    const isExact = entry?.model.info?.supports?.prefix === true
    const attempt: Attempt = {
      branch,
      work: new AbortController(),
      startedAt: now(),
      streaming,
      isShown: false,
      held: [],
      ...(isBegun && {
        continuation: new Continuation([...this.#shown], (before) => this.#circuit.makeSeam(before, isExact)),
      }),
    }
    this.#attempts.set(number, attempt)
    const deliver = (content: Part[], details: ChunkDetails): void => {
      if (this.#run.streaming && streaming) attempt.held.push({ content, details })
      const { text, reasoning, other } = measured(content)
      const logprobs = details.logprobs === undefined ? undefined : Float64Array.from(details.logprobs)
      this.#feed((machine) => {
        const next = machine.chunk(number, text, reasoning, other, logprobs, now())
        if (next === 1) this.#perform([{ do: 'show', attempt: number }])
        return next === 2 ? machine.waiting() : undefined
      })
    }
    const sendChunk: RunOptions['sendChunk'] = (content, details = {}) => {
      if (this.#isOver || typeof content === 'string') return
      deliver(attempt.continuation?.add(content) ?? content, details)
    }
    entry
      ?.runner(requestFor(request, branch), {
        streaming,
        sendChunk,
        signal: attempt.work.signal,
        ...passedOn(this.#run),
        ...this.#eyes(allow),
        isNested: true,
      })
      .then(
        (answer) => {
          attempt.answer = answer
          const rest = this.#isOver ? [] : (attempt.continuation?.end() ?? [])
          if (rest.length > 0) deliver(rest, {})
          this.#feed((machine) => machine.finished(number, summaryOf(answer), now()))
        },
        (thrown: unknown) => {
          if (thrown instanceof CallerFault) return this.#fail(thrown)
          const error = (attempt.error = fromThrown(thrown))
          const { status, message, code, retryAfterMs, routing } = error
          this.#feed((machine) =>
            machine.failed(
              number,
              toJson({ status, message, code, retryAfterMs: whole(retryAfterMs) }, "the branch's error"),
              routing && toJson(routing, "the branch's trace"),
              now(),
            ),
          )
        },
      )
  }

  /** Describes images for a branch, by another branch of this hybrid or of one around it. */
  #eyes(allow: readonly string[] | undefined): Pick<RunOptions, 'describe'> {
    const { media, describe: around } = this.#run
    if (typeof media !== 'object') return {}
    const describe = this.#circuit.describer.of(media.describe.branch, allow, this.#run) ?? around
    return describe === undefined ? {} : { describe }
  }

  #show(number: number): void {
    const attempt = this.#attempts.get(number)
    if (attempt === undefined) return
    const pieces = attempt.held
    attempt.held = []
    for (const { content } of pieces) {
      this.#shown.push(...content)
      attempt.isShown ||= content.some(saysSomething)
    }
    for (const { content, details } of pieces) this.#run.sendChunk(content, { ...details, branch: attempt.branch })
  }

  async #accepts(number: number, routing: RoutingTrace): Promise<boolean> {
    const attempt = this.#attempts.get(number)
    const isGood: unknown =
      attempt?.answer && (await this.#circuit.accept?.(await this.#response(attempt, attempt.answer, routing)))
    if (typeof isGood !== 'boolean') throw invalid(`accept returned neither true nor false, but ${typeof isGood}`)
    return isGood
  }

  #sleepUntil(at: number): void {
    clearTimeout(this.#timer)
    const rest = at - now()
    this.#timer = setTimeout(
      () => {
        if (rest > longestSleep) return this.#sleepUntil(at)
        // Timers may fire slightly early by the other clock.
        this.#feed((machine) => machine.woke(Math.max(now(), at)))
      },
      Math.min(rest, longestSleep),
    )
  }

  #finish({ attempt: number, whole, confidence, trace }: Extract<Action, { do: 'finish' }>): void {
    const attempt = this.#attempts.get(number)
    if (attempt?.answer === undefined) return
    const { branch, answer } = attempt
    // Streamed content has been shown already, even if all of it was reasoning.
    if (whole && !attempt.isShown) this.#run.sendChunk(answer.message.content, { branch })
    const { window, media, redacted } = answer
    note(trace, branch, { ...(window && { window }), ...(media && { media }), ...(redacted && { redacted }) })
    this.#end(trace)
    if (this.#fault !== undefined) return this.#settle.reject(this.#fault)
    const sure = answer.confidence ?? confidence
    this.#settle.resolve({
      ...answer,
      // The usage of branches that described images is part of the answer's usage.
      usage: media?.usage === undefined ? answer.usage : addUsage(answer.usage, media.usage),
      message: calledBy(wholeMessage(attempt, answer.message, trace.attempts[number]), branch),
      branch,
      inferenceSource: this.#source(attempt, answer),
      routing: trace,
      ...(sure === undefined ? {} : { confidence: sure }),
    })
  }

  /** Frees everything that the run holds and stops its remaining attempts. */
  #release(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#run.signal.removeEventListener('abort', this.#abort)
    const attempts = [...this.#attempts.values()]
    this.#attempts.clear()
    for (const { work, answer, error } of attempts)
      if (answer === undefined && error === undefined) work.abort(new DOMException('the run is over', 'AbortError'))
  }

  /** Ends the run and reports its trace. Exceptions of `onTrace` are reported, and fail no request. */
  #end(trace: RoutingTrace): void {
    this.#release()
    this.#machine.free()
    void (async () => this.#circuit.onTrace?.(trace))().catch(reportQuietly)
  }

  #source({ branch }: Attempt, { inferenceSource }: Answer): Model['info']['inferenceSource'] {
    return inferenceSource ?? this.#circuit.branches.get(branch)?.model.info?.inferenceSource ?? 'unknown'
  }

  async #response(attempt: Attempt, answer: Answer, routing: RoutingTrace): Promise<GenerateResponse> {
    return new Response(answer, {
      latencyMs: now() - attempt.startedAt,
      branch: attempt.branch,
      inferenceSource: this.#source(attempt, answer),
      routing,
      json: wantsJson(this.#request),
      outputError: await outputErrorOf(this.#request, answer),
    })
  }
}

/** Returns the answer's message, joined to the text of earlier branches. */
function wholeMessage({ continuation }: Attempt, message: Message, traced: TracedAttempt | undefined): Message {
  if (continuation === undefined) return message
  const { continued } = traced ?? {}
  const content = continuation.whole(message.content)
  return { ...message, content, metadata: { ...message.metadata, ...(continued && { continued }) } }
}

/** Records in the trace what was left out, described or redacted in the request of the attempt that answered. */
function note(trace: RoutingTrace, branch: string, report: Pick<TracedAttempt, 'window' | 'media' | 'redacted'>): void {
  const attempt = trace.attempts.findLast((it) => it.branch === branch && it.outcome === 'answered')
  if (attempt !== undefined) Object.assign(attempt, report)
}

/** Returns the sizes of a chunk's kinds of content. The text itself does not enter the wasm. */
function measured(content: readonly Part[]): { text: number; reasoning: number; other: number } {
  const sizes = { text: 0, reasoning: 0, other: 0 }
  for (const part of content) {
    if ('text' in part) sizes.text += part.text.length
    else if ('reasoning' in part) sizes.reasoning += part.reasoning.length
    else sizes.other++
  }
  return sizes
}

/** Returns one branch's copy of the request, with that branch's options only. */
export function requestFor(request: ModelRequest, branch: string): ModelRequest {
  const { branches, ...common } = request.config
  return cloned({ ...request, config: { ...common, ...branches?.[branch] } })
}

/** The summary of an answer for the trace; `{}` if usage or confidence cannot be serialised. */
function summaryOf({ usage, confidence, device, routing }: Answer): string {
  try {
    return toJson({ usage, confidence, device, routing }, "the branch's summary")
  } catch {
    return '{}'
  }
}

function whole(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined || !(milliseconds >= 0) ? undefined : Math.ceil(milliseconds)
}
