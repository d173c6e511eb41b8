/** Hooks around a model for caching, logging and guardrails. */

import { unlessAborted } from '../border/abort.js'
import { invalid } from '../border/errors.js'
import { cloned, isObject, kindOf } from '../border/json.js'
import { readChunk, readReply, type Answer, type ChunkDetails, type Reply } from '../border/replies.js'
import { readRequest, type ModelRequest } from '../border/request.js'
import { CallerFault } from '../border/thrown.js'
import type { GenerateRequest, Model, Part } from '../types.js'
import { RunnableModel } from './model.js'
import type { Runner } from './runner.js'

/** The context of a hook, passed after the request. */
export interface HookContext {
  readonly model: string
  readonly streaming: boolean
  readonly signal: AbortSignal
  readonly context: Record<string, unknown>
  /** The branches that may see the request, if its conversation is pinned to some. */
  readonly allow?: readonly string[]
}

/**
 * Hooks of `wrapModel`. Each may return nothing to leave things unchanged. Exceptions are thrown to the caller, and
 * cause no fallback.
 */
export interface ModelHooks {
  /** Before the model: returns another request to run, or `{ reply }` to answer without running the model. */
  onRequest?(
    request: ModelRequest,
    context: HookContext,
  ): GenerateRequest | { reply: Reply } | void | Promise<GenerateRequest | { reply: Reply } | void>
  /** After the model: returns another reply. Chunks that were streamed are not taken back. */
  onResponse?(
    reply: Exclude<Reply, string>,
    request: ModelRequest,
    context: HookContext,
  ): Reply | void | Promise<Reply | void>
  /** For each chunk, before it is shown: returns other content; `[]` drops it. */
  onChunk?(content: Part[], request: ModelRequest, context: HookContext): string | Part[] | void
}

/**
 * Adds hooks to a model. Everything else, such as `load()` or `explain()`, stays as it is.
 *
 * @example
 * const cache = new Map()
 * const cached = wrapModel(cloud, {
 *   onRequest: (request) => (cache.has(keyOf(request)) ? { reply: cache.get(keyOf(request)) } : undefined),
 *   onResponse: (reply, request) => void cache.set(keyOf(request), reply),
 * })
 */
export function wrapModel<M extends Model>(model: M, hooks: ModelHooks): M {
  if (typeof model?.generate !== 'function' || typeof model.generateStream !== 'function')
    throw invalid('wrapModel needs a model; make one with defineModel()')
  if (!isObject(hooks)) throw invalid(`wrapModel needs an object of hooks, found ${kindOf(hooks)}`)
  for (const name of ['onRequest', 'onResponse', 'onChunk'] as const) {
    if (hooks[name] !== undefined && typeof hooks[name] !== 'function')
      throw invalid(`\`${name}\` must be a function, found ${kindOf(hooks[name])}`)
  }
  const wrapped = RunnableModel.around(model, (runner) => hooked(model.name, runner, hooks))
  return withRestOf(model, wrapped)
}

/** Copies everything else of the model, such as `load()` or `explain()`, to the wrapped one. */
export function withRestOf<M extends Model>(model: M, wrapped: Model): M {
  const descriptors: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(model)
  const { generate, generateStream, ...rest } = descriptors
  // Getters such as `state` remain getters of the model.
  for (const [key, descriptor] of Object.entries(rest))
    if (!Object.hasOwn(wrapped, key)) Object.defineProperty(wrapped, key, descriptor)
  return wrapped as M
}

function hooked(model: string, runner: Runner, hooks: ModelHooks): Runner {
  return async (asked, run) => {
    const { signal } = run
    const context: HookContext = {
      model,
      streaming: run.streaming,
      signal,
      context: run.context,
      ...(run.allow === undefined ? {} : { allow: run.allow }),
    }
    const called = async <T>(hook: () => T | Promise<T>): Promise<T> => {
      const result = (async () => hook())().catch((thrown: unknown) => {
        throw new CallerFault(thrown)
      })
      return await unlessAborted(result, signal)
    }
    const instead = await called(() => hooks.onRequest?.(cloned(asked), context))
    if (isObject(instead) && 'reply' in instead) {
      const answer = readReply(instead.reply, [])
      if (run.streaming) run.sendChunk(answer.message.content)
      return await after(answer)
    }
    const request = instead === undefined ? asked : await called(() => readRequest(instead))
    if (hooks.onChunk === undefined) return await after(await runner(request, run))
    // An exception of the hook must not reach the model, which would treat it as its own failure.
    const work = new AbortController()
    const onAbort = (): void => work.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const answer = await new Promise<Answer>((resolve, reject) => {
        const fail = (thrown: unknown): void => {
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the outermost model unwraps it
          reject(new CallerFault(thrown))
          work.abort(new DOMException('a hook failed', 'AbortError'))
        }
        runner(request, {
          ...run,
          signal: work.signal,
          sendChunk: (content, details) => sendChunk(content, details, fail),
        }).then(resolve, reject)
      })
      return await after(answer)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }

    function sendChunk(
      content: string | Part[],
      details: ChunkDetails | undefined,
      fail: (thrown: unknown) => void,
    ): void {
      try {
        const other = hooks.onChunk?.(cloned(content as Part[]), asked, context)
        const parts = other === undefined ? content : readChunk(other)
        if (parts.length > 0) run.sendChunk(parts, details)
      } catch (thrown) {
        fail(thrown)
      }
    }

    async function after(answer: Answer): Promise<Answer> {
      const { branch, inferenceSource, routing, ...reply } = answer
      const other = await called(() => hooks.onResponse?.({ ...reply, message: cloned(reply.message) }, asked, context))
      if (other === undefined) return answer
      const places = {
        ...(branch === undefined ? {} : { branch }),
        ...(inferenceSource === undefined ? {} : { inferenceSource }),
        ...(routing === undefined ? {} : { routing }),
      }
      return { ...readReply(other, answer.message.content), ...places }
    }
  }
}
