/** How one model runs another: the part of a model below its public face. */

import { fromThrown, cancelled, CallerFault } from '../border/thrown.js'
import { answerOf, partsOf, saysSomething, type Answer, type Reply } from './response.js'
import type { ModelRequest } from '../border/request.js'
import type { Model, Part } from '../types.js'

/** What is told with a chunk. `branch` is told by routers only. */
export interface ChunkDetails {
  /** Of the tokens in this piece, where the runtime knows them. */
  logprobs?: readonly number[]
  branch?: string
}

/** What a run is given beside the request. */
export interface RunOptions {
  readonly streaming: boolean
  sendChunk(content: string | Part[], details?: ChunkDetails): void
  readonly signal: AbortSignal
  readonly context: Record<string, unknown>
}

/** A model's function. */
export type Generate = (request: ModelRequest, run: RunOptions) => Promise<Reply> | Reply

/**
 * A model's function with its manners: settles at once when stopped, says nothing afterwards, speaks at least one chunk where it streams,
 * and throws nothing but HybridError and CallerFault.
 */
export type Runner = (request: ModelRequest, run: RunOptions) => Promise<Answer>

const runners = new WeakMap<object, Runner>()

export function setRunner(model: Model, runner: Runner): void {
  runners.set(model, runner)
}

/** Any model's runner. A model of another make is called through its public face. */
export function runnerOf(model: Model): Runner {
  return runners.get(model) ?? withManners((request, run) => throughFace(model, request, run))
}

/** Teaches a model's function the manners a caller relies on. */
export function withManners(generate: (request: ModelRequest, run: RunOptions) => Promise<Reply | Answer> | Reply): Runner {
  return async (request, run) => {
    const { signal } = run
    if (signal.aborted) throw cancelled(signal.reason)
    const spoken: Part[] = []
    let isOver = false
    let hasSpoken = false
    const sendChunk: RunOptions['sendChunk'] = (content, details) => {
      if (isOver || signal.aborted) return
      const parts = partsOf(content)
      hasSpoken ||= parts.some(saysSomething)
      spoken.push(...parts)
      run.sendChunk(parts, details)
    }
    let onAbort: (() => void) | undefined
    const stopped = new Promise<never>((_, reject) => {
      onAbort = () => reject(cancelled(signal.reason))
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      // A function that ignores its signal must not hold up its caller: whichever is first counts.
      const work = (async () => generate(request, { streaming: run.streaming, sendChunk, signal, context: run.context }))()
      const answer = answerOf(await Promise.race([work, stopped]), spoken)
      if (run.streaming && !hasSpoken) sendChunk(answer.message.content)
      return answer
    } catch (thrown) {
      if (signal.aborted) throw cancelled(signal.reason)
      throw thrown instanceof CallerFault ? thrown : fromThrown(thrown)
    } finally {
      isOver = true
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
    }
  }
}

async function throughFace(model: Model, { messages, config, tools, toolChoice, output }: ModelRequest, run: RunOptions): Promise<Answer> {
  const request = { messages, config, tools, ...(toolChoice === undefined ? {} : { toolChoice }), ...(output === undefined ? {} : { output }) }
  const options = { signal: run.signal, context: run.context }
  if (!run.streaming) return await model.generate(request, options)
  const answer = model.generateStream(request, options)
  for await (const chunk of answer.stream) run.sendChunk(chunk.content, chunk.logprobs === undefined ? {} : { logprobs: chunk.logprobs })
  return await answer.response
}
