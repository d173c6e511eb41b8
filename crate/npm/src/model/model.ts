/** Models: functions behind the public interface of a model. */

import { newId, now } from '../border/clock.js'
import { invalid } from '../border/errors.js'
import { isObject, kindOf } from '../border/json.js'
import { readOptions, readRequest, wantsJson, type ModelRequest } from '../border/request.js'
import type { InferSchema, Schema } from '../border/schema.js'
import { CallerFault, fromThrown, withRouting } from '../border/thrown.js'
import { chat } from '../chat/chat.js'
import { withoutMedia } from '../chat/media.js'
import { Fitter } from '../chat/window.js'
import type {
  Attempt,
  Chat,
  ChatOptions,
  CloudModel,
  GenerateChunk,
  GenerateOptions,
  GenerateRequest,
  GenerateResponse,
  GenerateStream,
  JsonSchema,
  Model,
  ModelInfo,
  RoutingTrace,
} from '../types.js'
import { outputErrorOf } from '../answer/output.js'
import { PartialOutput } from '../answer/partial-json.js'
import { Chunk, Response, textOf } from '../answer/response.js'
import { enforceContract, throughFace, type Generate, type Runner, type RunOptions } from './runner.js'
import { Feed, streamOf } from '../answer/stream.js'

/** The parts of a model. */
export interface ModelDefinition {
  name: string
  info?: Partial<Omit<ModelInfo, 'name'>>
  generate: Generate
}

/**
 * Creates a model from any function: a test double, another runtime, another cloud.
 *
 * The function may return a string or a reply, may send chunks, and may throw: an error with a `status` keeps it,
 * anything else is INTERNAL. A function that never sends a chunk streams its answer as one.
 *
 * @example
 * const echo = defineModel({
 *   name: 'echo',
 *   async generate({ messages }, { sendChunk }) {
 *     for (const part of messages.at(-1)?.content ?? []) sendChunk([part])
 *     return { finishReason: 'stop' }
 *   },
 * })
 */
export function defineModel(definition: ModelDefinition): RunnableModel {
  if (typeof definition?.generate !== 'function') throw invalid('a model needs a `generate` function')
  if (typeof definition.name !== 'string' || definition.name === '') throw invalid('a model needs a name')
  const { name, info = {} } = definition
  if (!isObject(info)) throw invalid(`\`info\` must be an object, found ${kindOf(info)}`)
  return new RunnableModel(
    infoOf(name, info),
    enforceContract((request, run) => definition.generate(request, run)),
  )
}

/** Capabilities missing from a model's info are assumed to be supported; a model without them fails. */
export function infoOf(name: string, info: Partial<Omit<ModelInfo, 'name'>> = {}): ModelInfo {
  const { supports, inferenceSource = 'unknown', contextWindow, redacts } = info
  return {
    name,
    supports: { multiturn: true, systemRole: true, tools: true, media: true, json: 'prompted', ...supports },
    inferenceSource,
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(redacts === undefined ? {} : { redacts }),
  }
}

/** The public interface of a runner. A model that `routes` creates its own trace, on answers and on errors. */
export class RunnableModel implements Model {
  readonly name: string
  readonly info: ModelInfo
  readonly #runner: Runner
  readonly #routes: boolean

  constructor(info: ModelInfo, runner: Runner, { routes = false }: { routes?: boolean } = {}) {
    this.name = info.name
    this.info = info
    // A router passes on the whole conversation: each branch fits it to its own window.
    this.#runner = routes ? runner : inWords(this, fitted(this, runner))
    this.#routes = routes
  }

  /** Returns any model's runner. Foreign models are called through their public interface. */
  static runnerOf(model: Model): Runner {
    return #runner in model ? model.#runner : throughFace(model)
  }

  /** Returns a model with the same name, info (with `more`) and trace reports, and another runner around this one's. */
  static around(model: Model, wrap: (runner: Runner) => Runner, more: Partial<ModelInfo> = {}): RunnableModel {
    const routes = #runner in model && model.#routes
    return new RunnableModel(infoOf(model.name, { ...model.info, ...more }), wrap(RunnableModel.runnerOf(model)), {
      routes,
    })
  }

  // Properties instead of methods, so that a model can be spread and its functions passed around.
  readonly generate = async <const S extends Schema = JsonSchema>(
    request: string | GenerateRequest<S>,
    options?: GenerateOptions,
  ): Promise<GenerateResponse<InferSchema<S>>> =>
    (await this.#launch(request, options, new AbortController(), undefined)) as GenerateResponse<InferSchema<S>>

  readonly generateStream = <const S extends Schema = JsonSchema>(
    request: string | GenerateRequest<S>,
    options?: GenerateOptions,
  ): GenerateStream<InferSchema<S>> => {
    const work = new AbortController()
    const feed = new Feed<GenerateChunk>(() => work.abort(new DOMException('the loop was left', 'AbortError')))
    const response = this.#launch(request, options, work, feed)
    response.then(
      () => feed.close(),
      (error: unknown) => feed.fail(error),
    )
    return streamOf(feed, response) as GenerateStream<InferSchema<S>>
  }

  readonly chat = (options?: ChatOptions): Chat => chat(this, options)

  /** One request from the caller's side. The work starts at once, like `fetch`, whether or not the stream is read. */
  async #launch(
    request: string | GenerateRequest,
    options: GenerateOptions | undefined,
    work: AbortController,
    feed: Feed<GenerateChunk> | undefined,
  ): Promise<GenerateResponse> {
    const { info } = this
    const startedAtMs = now()
    let firstTokenMs: number | undefined
    let caller: AbortSignal | undefined
    const onAbort = (): void => work.abort(caller?.reason)
    const traced = (ending: Pick<Attempt, 'outcome'> & Partial<Attempt>): RoutingTrace => {
      const spoke = firstTokenMs === undefined ? {} : { firstTokenMs }
      const attempt: Attempt = { branch: info.name, startedAtMs, durationMs: now() - startedAtMs, ...spoke, ...ending }
      return { id: newId(), strategy: 'none', order: [info.name], attempts: [attempt] }
    }
    try {
      const { signal, ...passed } = readOptions<Fitter>(options)
      // Copied synchronously: later changes by the caller have no effect.
      const reading = readRequest(request)
      caller = signal
      if (caller?.aborted === true) onAbort()
      else caller?.addEventListener('abort', onAbort, { once: true })
      // Nothing of the model runs before the caller has received the stream.
      const normalised = await reading
      const json = wantsJson(normalised)
      let index = 0
      const output = json ? new PartialOutput() : undefined
      const sendChunk: RunOptions['sendChunk'] = (content, { logprobs, branch = info.name } = {}) => {
        if (feed === undefined || typeof content === 'string') return
        firstTokenMs ??= now() - startedAtMs
        const outputSoFar = output?.add(textOf(content))
        feed.push(new Chunk({ index: index++, content, logprobs, branch, outputSoFar }))
      }
      const answer = await this.#runner(normalised, {
        streaming: feed !== undefined,
        sendChunk,
        signal: work.signal,
        ...passed,
      })
      const {
        branch = info.name,
        inferenceSource = info.inferenceSource,
        usage,
        confidence,
        device,
        window,
        media,
        redacted,
      } = answer
      const routing =
        answer.routing ??
        traced({
          outcome: 'answered',
          usage,
          ...(confidence === undefined ? {} : { confidence }),
          ...(device === undefined ? {} : { device }),
          ...(window === undefined ? {} : { window }),
          ...(media === undefined ? {} : { media }),
          ...(redacted === undefined ? {} : { redacted }),
        })
      const latencyMs = now() - startedAtMs
      const outputError = await outputErrorOf(normalised, answer)
      return new Response(answer, { latencyMs, branch, inferenceSource, routing, json, outputError })
    } catch (thrown) {
      if (thrown instanceof CallerFault) throw thrown.fault
      const error = fromThrown(thrown)
      if (this.#routes && error.routing !== undefined) throw error
      const { status, message } = error
      throw withRouting(
        error,
        info.name,
        traced({ outcome: work.signal.aborted ? 'stopped' : 'failed', status, message }),
      )
    } finally {
      caller?.removeEventListener('abort', onAbort)
    }
  }
}

/** Returns a runner that fits requests to the model's window, if the caller sets a policy. */
function fitted(model: Model, runner: Runner): Runner {
  return async (request, run) => {
    const { window, fitter = new Fitter(), signal } = run
    if (window === undefined) return await runner(request, run)
    const { countTokens } = model as Partial<CloudModel>
    const counter =
      countTokens === undefined ? {} : { countTokens: (it: ModelRequest) => countTokens.call(model, it, { signal }) }
    const { request: shorter, report } = await fitter.fit(request, window, { info: model.info, ...counter }, signal)
    const answer = await runner(shorter, run)
    return report === undefined ? answer : { ...answer, window: report }
  }
}

/**
 * Returns a runner that removes media from requests, if the model does not support them and the caller sets a policy.
 */
function inWords({ info }: Model, runner: Runner): Runner {
  return async (request, run) => {
    const { media, describe, signal } = run
    if (media === undefined || info.supports.media) return await runner(request, run)
    const { request: words, report } = await withoutMedia(request, media, describe, signal)
    const answer = await runner(words, run)
    return report === undefined ? answer : { ...answer, media: report }
  }
}
