/** Chrome's own built-in model as a branch. The browser downloads it, keeps it and runs it. */

import { HybridError } from '../border/errors.js'
import { defineModel } from '../answer/model.js'
import { normaliseRequest, wantsJson, type ModelRequest } from '../border/request.js'
import type { Reply } from '../border/replies.js'
import type { RunOptions } from '../answer/runner.js'
import { cancelled } from '../border/thrown.js'
import type { Availability, LoadProgress, OnDeviceModel } from '../types.js'
import { languageModel, type LanguageModelGlobal, type LanguageModelSession } from './language-model.js'
import { isFiltered, promptApiFailure } from './prompt-api-errors.js'
import { conversationOf } from './prompt-api-messages.js'

/**
 * Chrome's built-in model. It has no tools, no log-probabilities and no finish reason but its own;
 * where the browser has none, it is FAILED_PRECONDITION, and UNAVAILABLE until `load()` has downloaded it.
 *
 * @example
 * const onDevice = promptApiModel()
 * if ((await onDevice.availability()).status === 'downloadable') button.onclick = () => onDevice.load()
 */
export function promptApiModel({ name = 'prompt-api' }: { name?: string } = {}): OnDeviceModel {
  const builtIn = new BuiltIn()
  const face = defineModel({
    name,
    info: { supports: { multiturn: true, systemRole: true, tools: false, media: true, json: 'constrained' }, inferenceSource: 'on_device' },
    generate: (request, run) => builtIn.generate(request, run),
  })
  const more: Omit<OnDeviceModel, keyof typeof face | 'state'> = {
    availability: () => builtIn.availability(),
    load: (options = {}) => builtIn.load(options),
    countTokens: (request) => builtIn.countTokens(normaliseRequest(request)),
    dispose: async () => builtIn.dispose(),
    remove: async () => {
      throw new HybridError('UNIMPLEMENTED', 'the browser owns its built-in model; it is removed in the browser\'s settings')
    },
  }
  return Object.defineProperty(Object.assign(face, more), 'state', { get: () => builtIn.state, enumerable: true }) as typeof face & OnDeviceModel
}

class BuiltIn {
  state: OnDeviceModel['state'] = 'absent'

  async availability(): Promise<Availability> {
    const builtIn = languageModel()
    if (builtIn === undefined) return { status: 'unavailable', reason: 'this browser has no built-in language model', code: 'PROMPT_API_MISSING' }
    try {
      const status = await builtIn.availability()
      if (status === 'available' && this.state === 'absent') this.state = 'ready'
      return status === 'unavailable' ? { status, reason: 'this device cannot run the browser\'s built-in model', code: 'DEVICE_UNSUITABLE' } : { status }
    } catch (thrown) {
      const { message, code } = promptApiFailure(thrown)
      return { status: 'unavailable', reason: message, ...(code === undefined ? {} : { code }) }
    }
  }

  async load({ onProgress, signal }: NonNullable<Parameters<OnDeviceModel['load']>[0]>): Promise<void> {
    if (signal?.aborted === true) throw cancelled(signal.reason)
    const builtIn = await this.#usable()
    this.state = 'loading'
    let fraction = -1
    const tell = (next: number): void => {
      if (!(next > fraction)) return
      fraction = next
      // The browser tells a share and no bytes, lest the size tell who asks.
      const progress: LoadProgress = { phase: 'download', loadedBytes: 0, totalBytes: 0, fraction }
      onProgress?.(progress)
    }
    try {
      tell(0)
      const session = await builtIn.create({
        ...(signal === undefined ? {} : { signal }),
        monitor: (monitor) => monitor.addEventListener('downloadprogress', (event) => tell(Math.min((event as ProgressEvent).loaded, 1))),
      })
      session.destroy()
      this.state = 'ready'
    } catch (thrown) {
      const failure = promptApiFailure(thrown)
      this.state = failure.status === 'CANCELLED' ? 'absent' : 'failed'
      throw failure
    }
    tell(1)
  }

  async generate(request: ModelRequest, { streaming, sendChunk, signal }: RunOptions): Promise<Reply> {
    const { session, input, options } = await this.#session(request, signal)
    let text = ''
    try {
      if (streaming) {
        const reader = session.promptStreaming(input, options).getReader()
        for (let read = await reader.read(); !read.done; read = await reader.read()) {
          text += read.value
          sendChunk(read.value)
        }
      } else {
        text = await session.prompt(input, options)
      }
      const totalTokens = session.contextUsage
      return { text, finishReason: 'stop', ...(totalTokens === undefined ? {} : { usage: { totalTokens } }) }
    } catch (thrown) {
      if (isFiltered(thrown)) return { text, finishReason: 'blocked', finishMessage: 'NotReadableError' }
      throw promptApiFailure(thrown)
    } finally {
      session.destroy()
    }
  }

  async countTokens(request: ModelRequest): Promise<number> {
    const { session, input, options } = await this.#session(request, undefined)
    try {
      const measured = await session.measureContextUsage?.(input, options)
      if (measured === undefined) throw new HybridError('UNIMPLEMENTED', 'this browser does not count the tokens of its built-in model')
      return (session.contextUsage ?? 0) + measured
    } catch (thrown) {
      throw promptApiFailure(thrown)
    } finally {
      session.destroy()
    }
  }

  dispose(): void {
    this.state = 'disposed'
  }

  /** A session of its own for each request: history is the request's, and nothing leaks from one to the next. */
  async #session(request: ModelRequest, signal: AbortSignal | undefined) {
    const builtIn = await this.#usable()
    const { initialPrompts, input, expectedInputs } = conversationOf(request)
    const shared = signal === undefined ? {} : { signal }
    const options = { ...shared, ...(wantsJson(request) ? { responseConstraint: request.output?.schema ?? {} } : {}) }
    try {
      const status = await builtIn.availability({ expectedInputs })
      if (status === 'unavailable') throw new HybridError('FAILED_PRECONDITION', 'the browser\'s built-in model cannot take this request', { code: 'DEVICE_UNSUITABLE' })
      if (status !== 'available') throw new HybridError('UNAVAILABLE', 'the browser\'s built-in model is not downloaded; call load() from a click', { code: 'MODEL_NOT_LOADED' })
      const session: LanguageModelSession = await builtIn.create({
        ...shared,
        initialPrompts,
        expectedInputs,
        ...(request.config.temperature === 0 ? { samplingMode: 'most-predictable' } : {}),
      })
      if (this.state === 'absent') this.state = 'ready'
      return { session, input, options }
    } catch (thrown) {
      throw promptApiFailure(thrown)
    }
  }

  async #usable(): Promise<LanguageModelGlobal> {
    if (this.state === 'disposed') throw new HybridError('FAILED_PRECONDITION', 'this model was disposed', { code: 'DISPOSED' })
    const builtIn = languageModel()
    if (builtIn === undefined) throw new HybridError('FAILED_PRECONDITION', 'this browser has no built-in language model', { code: 'PROMPT_API_MISSING' })
    return builtIn
  }
}
