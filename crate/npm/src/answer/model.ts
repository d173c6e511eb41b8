/** Models: any function with the face of one. */

import { newId, now } from '../border/clock.js'
import { HybridError } from '../border/errors.js'
import { outputErrorOf } from './output.js'
import { normaliseRequest, wantsJson } from '../border/request.js'
import { Chunk, Response, textOf } from './response.js'
import { setRunner, withManners, type Generate, type Runner, type RunOptions } from './runner.js'
import { Feed } from './stream.js'
import { CallerFault, fromThrown, withRouting } from '../border/thrown.js'
import type { Attempt, GenerateChunk, GenerateOptions, GenerateRequest, GenerateResponse, GenerateStream, Model, ModelInfo, RoutingTrace } from '../types.js'

/** What a model is made of. */
export interface ModelDefinition {
  name: string
  info?: Partial<Omit<ModelInfo, 'name'>>
  generate: Generate
}

/**
 * Any function as a model: a test double, another runtime, another cloud.
 *
 * The function may return a string or a reply, may send chunks, and may throw: an error with a `status` is taken at its word,
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
export function defineModel(definition: ModelDefinition): Model {
  if (typeof definition?.generate !== 'function') throw new HybridError('INVALID_ARGUMENT', 'a model needs a `generate` function')
  if (typeof definition.name !== 'string' || definition.name === '') throw new HybridError('INVALID_ARGUMENT', 'a model needs a name')
  const { name, info = {} } = definition
  return makeModel(infoOf(name, info), withManners((request, run) => definition.generate(request, run)))
}

/** What is not said about a model is assumed to work: it knows best by failing. */
export function infoOf(name: string, info: Partial<Omit<ModelInfo, 'name'>> = {}): ModelInfo {
  const { supports, inferenceSource = 'unknown', contextWindow } = info
  return {
    name,
    supports: { multiturn: true, systemRole: true, tools: true, media: true, json: 'prompted', ...supports },
    inferenceSource,
    ...(contextWindow === undefined ? {} : { contextWindow }),
  }
}

/** The public face over a runner. One that `routes` tells its own trace, on answers and on errors. */
export function makeModel(info: ModelInfo, runner: Runner, { routes = false }: { routes?: boolean } = {}): Model {
  const model: Model = {
    name: info.name,
    info,
    generate: async (request, options = {}) => launch({ info, runner, routes }, request, options, new AbortController(), undefined),
    generateStream: (request, options = {}) => {
      const work = new AbortController()
      const feed = new Feed<GenerateChunk>(() => work.abort(new DOMException('the loop was left', 'AbortError')))
      const response = launch({ info, runner, routes }, request, options, work, feed)
      response.then(() => feed.close(), (error: unknown) => feed.fail(error))
      const stream: GenerateStream = { stream: feed, response, [Symbol.asyncIterator]: () => feed[Symbol.asyncIterator]() }
      return stream
    },
  }
  setRunner(model, runner)
  return model
}

/** One request from the caller's side. The work starts at once, like `fetch`, whether or not somebody reads. */
async function launch(
  { info, runner, routes }: { info: ModelInfo; runner: Runner; routes: boolean },
  request: string | GenerateRequest,
  { signal: caller, context = {} }: GenerateOptions,
  work: AbortController,
  feed: Feed<GenerateChunk> | undefined,
): Promise<GenerateResponse> {
  const startedAtMs = now()
  let firstTokenMs: number | undefined
  const traced = (ending: Pick<Attempt, 'outcome'> & Partial<Attempt>): RoutingTrace => {
    const spoke = firstTokenMs === undefined ? {} : { firstTokenMs }
    const attempt: Attempt = { branch: info.name, startedAtMs, durationMs: now() - startedAtMs, ...spoke, ...ending }
    return { id: newId(), strategy: 'none', order: [info.name], attempts: [attempt] }
  }
  const onAbort = (): void => work.abort(caller?.reason)
  if (caller?.aborted === true) onAbort()
  else caller?.addEventListener('abort', onAbort, { once: true })
  try {
    // Nothing of the model runs before the caller holds what it asked for.
    await undefined
    const normalised = normaliseRequest(request)
    const json = wantsJson(normalised)
    let index = 0
    let textSoFar = ''
    const sendChunk: RunOptions['sendChunk'] = (content, { logprobs, branch = info.name } = {}) => {
      if (feed === undefined || typeof content === 'string') return
      if (json) textSoFar += textOf(content)
      firstTokenMs ??= now() - startedAtMs
      feed.push(new Chunk({ index: index++, content, logprobs, branch, textSoFar: json ? textSoFar : undefined }))
    }
    const answer = await runner(normalised, { streaming: feed !== undefined, sendChunk, signal: work.signal, context })
    const { branch = info.name, inferenceSource = info.inferenceSource, usage, confidence, device } = answer
    const routing = answer.routing ?? traced({ outcome: 'answered', usage, ...(confidence === undefined ? {} : { confidence }), ...(device === undefined ? {} : { device }) })
    const latencyMs = now() - startedAtMs
    const outputError = await outputErrorOf(normalised, answer)
    return new Response(answer, { latencyMs, branch, inferenceSource, routing, json, outputError })
  } catch (thrown) {
    if (thrown instanceof CallerFault) throw thrown.fault
    const error = fromThrown(thrown)
    if (routes && error.routing !== undefined) throw error
    const { status, message } = error
    throw withRouting(error, info.name, traced({ outcome: status === 'CANCELLED' ? 'stopped' : 'failed', status, message }))
  } finally {
    caller?.removeEventListener('abort', onAbort)
  }
}
