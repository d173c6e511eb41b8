/** Chrome's built-in model as a branch. The browser downloads, stores and runs it. */

import type { LifeTask } from '../model/life.js'
import { Lifecycle } from '../model/lifecycle.js'
import { Watchers } from '../model/watchers.js'
import { HybridError } from '../border/errors.js'
import { optionsArgument } from '../border/json.js'
import { defineModel } from '../model/model.js'
import { normaliseRequest, wantsJson, type ModelRequest } from '../border/request.js'
import type { Reply } from '../border/replies.js'
import { settledState, type RunOptions } from '../model/runner.js'
import { cancelled } from '../border/thrown.js'
import type { Availability, LoadProgress, ModelState, OnDeviceModel } from '../types.js'
import { languageModel, type LanguageModelGlobal, type LanguageModelSession } from './language-model.js'
import { isFiltered, promptApiFailure } from './prompt-api-errors.js'
import { conversationOf } from './prompt-api-messages.js'

/**
 * Chrome's built-in model. It supports neither tools nor log-probabilities and reports only its own finish reasons. It
 * fails with FAILED_PRECONDITION if the browser has no such model, and with UNAVAILABLE until `load()` has downloaded
 * it. It supports the options `temperature: 0` and `stopSequences`; any other option is ignored, with a warning in the
 * console and in `response.raw.warnings`.
 *
 * @example
 * const onDevice = promptApiModel()
 * if ((await onDevice.availability()).status === 'downloadable') button.onclick = () => onDevice.load()
 */
export function promptApiModel(options: { name?: string } = {}): OnDeviceModel {
  const { name = 'prompt-api' } = optionsArgument(options, 'promptApiModel')
  const builtIn = new BuiltIn()
  const face = defineModel({
    name,
    info: {
      supports: { multiturn: true, systemRole: true, tools: false, media: true, json: 'constrained', prefix: true },
      inferenceSource: 'on_device',
    },
    generate: (request, run) => builtIn.generate(request, run),
  })
  const more: Omit<OnDeviceModel, keyof typeof face | 'state'> = {
    availability: () => builtIn.availability(),
    onStateChange: builtIn.watchers.add,
    load: (options = {}) => builtIn.load(options),
    countTokens: (request) => builtIn.countTokens(normaliseRequest(request)),
    dispose: async () => builtIn.dispose(),
    remove: async () => {
      throw new HybridError(
        'UNIMPLEMENTED',
        "the browser owns its built-in model; it is removed in the browser's settings",
      )
    },
  }
  Object.defineProperty(face, settledState, { value: () => builtIn.settled() })
  return Object.defineProperty(Object.assign(face, more), 'state', {
    get: () => builtIn.state,
    enumerable: true,
  }) as typeof face & OnDeviceModel
}

type Report = (fraction: number) => void

class BuiltIn {
  readonly watchers = new Watchers<ModelState>()
  readonly #life = new Lifecycle({
    isKept: false,
    perform: (task) => this.#perform(task),
    onChange: () => this.#changed(),
  })
  /** The load in progress. */
  #work: AbortController | undefined
  readonly #reports = new Set<Report>()
  #progress: LoadProgress | undefined
  #look: Promise<unknown> | undefined
  readonly #sessions = new Set<LanguageModelSession>()
  readonly #warned = new Set<string>()

  #changed(): void {
    const { state } = this.#life
    const progress = state === 'loading' ? this.#progress : undefined
    this.watchers.notify({ state, queued: 0, ...(progress === undefined ? {} : { progress }) })
  }

  /**
   * The browser may have the model already, which only an asynchronous call can find out; the first reader makes it.
   */
  get state(): OnDeviceModel['state'] {
    void this.settled()
    return this.#life.state
  }

  /** Resolves once the state is the one that the browser reports. */
  async settled(): Promise<void> {
    if (this.#life.state !== 'absent' || languageModel() === undefined) return
    await (this.#look ??= this.availability())
  }

  async availability(): Promise<Availability> {
    const builtIn = languageModel()
    if (builtIn === undefined)
      return {
        status: 'unavailable',
        reason: 'this browser has no built-in language model',
        code: 'PROMPT_API_MISSING',
      }
    try {
      const status = await builtIn.availability()
      this.#life.feed({ kind: status === 'available' ? 'found' : 'gone' })
      return status === 'unavailable'
        ? { status, reason: "this device cannot run the browser's built-in model", code: 'DEVICE_UNSUITABLE' }
        : { status }
    } catch (thrown) {
      const { message, code } = promptApiFailure(thrown)
      return { status: 'unavailable', reason: message, ...(code === undefined ? {} : { code }) }
    }
  }

  /** Concurrent loads are shared; a load of a ready model asks the browser again. */
  async load({ onProgress, signal }: NonNullable<Parameters<OnDeviceModel['load']>[0]>): Promise<void> {
    if (signal?.aborted === true) throw cancelled(signal.reason)
    const builtIn = this.#builtIn()
    const report = reporter(onProgress)
    if (this.#life.state === 'ready') {
      report(0)
      await this.#open(builtIn, signal, report)
      return report(1)
    }
    this.#reports.add(report)
    report((this.#life.state === 'loading' ? this.#progress?.fraction : undefined) ?? 0)
    try {
      // The browser downloads only in response to a click, so `create` is called in the same task.
      await this.#life.join(signal)
      report(1)
    } finally {
      this.#reports.delete(report)
    }
  }

  #perform(task: LifeTask): void {
    if (task.kind === 'start') return this.#begin()
    if (task.kind !== 'stop' && task.kind !== 'end') return
    this.#work?.abort(task.why)
    this.#work = undefined
  }

  #begin(): void {
    const work = new AbortController()
    this.#work = work
    const report = (fraction: number): void => {
      if (this.#work !== work) return
      this.#progress = progressOf(fraction)
      this.#changed()
      for (const each of this.#reports) each(fraction)
    }
    this.#progress = progressOf(0)
    this.#open(this.#builtIn(), work.signal, report).then(
      () => {
        if (this.#work === work) this.#life.feed({ kind: 'loaded' })
      },
      (thrown: unknown) => {
        if (this.#work === work) this.#life.feed({ kind: 'loadFailed', error: this.#failure(thrown, undefined) })
      },
    )
  }

  /** Creates a session, for which the browser downloads the model. */
  async #open(builtIn: LanguageModelGlobal, signal: AbortSignal | undefined, report: Report): Promise<void> {
    try {
      const session = await builtIn.create({
        ...(signal === undefined ? {} : { signal }),
        monitor: (monitor) =>
          monitor.addEventListener('downloadprogress', (event) => report(Math.min((event as ProgressEvent).loaded, 1))),
      })
      session.destroy()
    } catch (thrown) {
      throw this.#failure(thrown, signal)
    }
  }

  async generate(request: ModelRequest, { streaming, sendChunk, signal }: RunOptions): Promise<Reply> {
    const warnings = this.#warn(request)
    const stops = request.config.stopSequences ?? []
    const { session, input, options } = await this.#session(request, signal)
    const cut = new StopCut(stops)
    try {
      if (streaming) {
        const reader = session.promptStreaming(input, options).getReader()
        for (let read = await reader.read(); !read.done && !cut.isOver; read = await reader.read()) {
          const piece = cut.feed(read.value)
          if (piece !== '') sendChunk(piece)
        }
        void reader.cancel().catch(() => {})
        const rest = cut.end()
        if (rest !== '') sendChunk(rest)
      } else {
        cut.feed(await session.prompt(input, options))
        cut.end()
      }
      const totalTokens = session.contextUsage
      return {
        text: cut.text,
        finishReason: 'stop',
        ...(totalTokens === undefined ? {} : { usage: { totalTokens } }),
        ...(warnings.length === 0 ? {} : { raw: { warnings } }),
      }
    } catch (thrown) {
      if (isFiltered(thrown)) return { text: cut.text, finishReason: 'blocked', finishMessage: 'NotReadableError' }
      throw this.#failure(thrown, signal)
    } finally {
      this.#end(session)
    }
  }

  async countTokens(request: ModelRequest): Promise<number> {
    const { session, input, options } = await this.#session(request, undefined)
    try {
      const measured = await session.measureContextUsage?.(input, options)
      if (measured === undefined)
        throw new HybridError('UNIMPLEMENTED', 'this browser does not count the tokens of its built-in model')
      return (session.contextUsage ?? 0) + measured
    } catch (thrown) {
      throw this.#failure(thrown, undefined)
    } finally {
      this.#end(session)
    }
  }

  dispose(): void {
    this.#life.feed({ kind: 'dispose' })
    for (const session of [...this.#sessions]) this.#end(session)
  }

  get #isDisposed(): boolean {
    return this.#life.state === 'disposed'
  }

  #end(session: LanguageModelSession): void {
    this.#sessions.delete(session)
    session.destroy()
  }

  /**
   * CANCELLED is reserved for the caller's own signal: any other end of a session lets a hybrid try the next branch.
   */
  #failure(thrown: unknown, signal: AbortSignal | undefined): HybridError {
    if (signal?.aborted === true) return cancelled(signal.reason)
    if (this.#isDisposed) return disposed()
    const failure = promptApiFailure(thrown)
    return failure.status === 'CANCELLED'
      ? new HybridError('UNAVAILABLE', "the browser ended the built-in model's session", { cause: thrown })
      : failure
  }

  /** Names the options that this model does not support: once each in the console, and in the reply. */
  #warn({ config }: ModelRequest): string[] {
    const ignored = (['topK', 'topP', 'minP', 'seed', 'maxOutputTokens'] as const)
      .filter((name) => config[name] !== undefined)
      .map(String)
    if (config.temperature !== undefined && config.temperature !== 0) ignored.push('temperature')
    const warnings = ignored.map((name) => `the browser's built-in model ignores \`${name}\``)
    for (const warning of warnings) {
      if (this.#warned.has(warning)) continue
      this.#warned.add(warning)
      console.warn(`hybridge: ${warning}`)
    }
    return warnings
  }

  /** Each request gets its own session: the history comes from the request, and nothing leaks from one to the next. */
  async #session(request: ModelRequest, signal: AbortSignal | undefined) {
    const builtIn = this.#usable()
    const { initialPrompts, input, expectedInputs } = conversationOf(request)
    const shared = signal === undefined ? {} : { signal }
    const options = { ...shared, ...(wantsJson(request) ? { responseConstraint: request.output?.schema ?? {} } : {}) }
    try {
      const status = await builtIn.availability({ expectedInputs })
      if (status === 'unavailable')
        throw new HybridError('FAILED_PRECONDITION', "the browser's built-in model cannot take this request", {
          code: 'DEVICE_UNSUITABLE',
        })
      if (status !== 'available')
        throw new HybridError(
          'UNAVAILABLE',
          "the browser's built-in model is not downloaded; call load() from a click",
          { code: 'MODEL_NOT_LOADED' },
        )
      const session: LanguageModelSession = await builtIn.create({
        ...shared,
        initialPrompts,
        expectedInputs,
        ...(request.config.temperature === 0 ? { samplingMode: 'most-predictable' } : {}),
      })
      this.#sessions.add(session)
      // Disposed of while the session was being created.
      if (this.#isDisposed) {
        this.#end(session)
        throw disposed()
      }
      this.#life.feed({ kind: 'found' })
      return { session, input, options }
    } catch (thrown) {
      throw this.#failure(thrown, signal)
    }
  }

  #usable(): LanguageModelGlobal {
    if (this.#isDisposed)
      throw new HybridError('FAILED_PRECONDITION', 'this model was disposed of; call load() to use it again', {
        code: 'DISPOSED',
      })
    return this.#builtIn()
  }

  #builtIn(): LanguageModelGlobal {
    const builtIn = languageModel()
    if (builtIn === undefined)
      throw new HybridError('FAILED_PRECONDITION', 'this browser has no built-in language model', {
        code: 'PROMPT_API_MISSING',
      })
    return builtIn
  }
}

/** The API reports a fraction only, to prevent fingerprinting. */
function progressOf(fraction: number): LoadProgress {
  return { phase: 'download', loadedBytes: 0, totalBytes: 0, fraction }
}

/**
 * Wraps a caller's progress callback, called with growing fractions only; its exceptions are reported as the page's
 * own.
 */
function reporter(onProgress: ((progress: LoadProgress) => void) | undefined): Report {
  let last = -1
  return (fraction) => {
    if (!(fraction > last)) return
    last = fraction
    try {
      onProgress?.(progressOf(fraction))
    } catch (thrown) {
      globalThis.reportError?.(thrown)
    }
  }
}

/** Disposed of during the call: a hybrid moves on to another branch. */
function disposed(): HybridError {
  return new HybridError('UNAVAILABLE', 'this model was disposed of', { code: 'DISPOSED' })
}

/**
 * Ends a text before the first stop sequence, which the browser's model does not support. Holds back a possible
 * beginning of one.
 */
class StopCut {
  readonly #stops: readonly string[]
  #held = ''
  text = ''
  isOver = false

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** Takes the next chunk and returns the text that is certain to be before a stop sequence. */
  feed(piece: string): string {
    if (this.isOver) return ''
    const held = this.#held + piece
    const found = this.#stops.map((stop) => held.indexOf(stop)).filter((at) => at >= 0)
    this.isOver = found.length > 0
    const end = this.isOver ? Math.min(...found) : held.length - this.#longestBeginning(held)
    this.#held = this.isOver ? '' : held.slice(end)
    return this.#add(held.slice(0, end))
  }

  /** Returns the held text at the end: it was no stop sequence. */
  end(): string {
    const rest = this.#held
    this.#held = ''
    return this.#add(rest)
  }

  #add(text: string): string {
    this.text += text
    return text
  }

  /** Returns how many characters at the end of the text may begin a stop sequence. */
  #longestBeginning(text: string): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }
}
