/** Runs one model from another: the part of a model below its public interface. */

import { unlessAborted } from '../border/abort.js'
import { readChunk, readDetails, readReply, type Answer, type ChunkDetails, type Reply } from '../border/replies.js'
import type { ModelRequest } from '../border/request.js'
import { cancelled, CallerFault, fromThrown, unlessOurs } from '../border/thrown.js'
import type { Describe } from '../chat/media.js'
import type { Fitter } from '../chat/window.js'
import type { MediaPolicy, Model, Part, WindowPolicy } from '../types.js'
import { saysSomething } from '../answer/response.js'

/**
 * The symbol of a function that a model has if it must ask before it knows its state; routers wait for it before they
 * read `state`.
 */
export const settledState: unique symbol = Symbol.for('hybridge.settledState')

/** The options of a run. */
export interface RunOptions {
  readonly streaming: boolean
  readonly sendChunk: (content: string | Part[], details?: ChunkDetails) => void
  readonly signal: AbortSignal
  readonly context: Record<string, unknown>
  /** Set if another hybrid, or its shadow, runs this one. This one does not know why that hybrid chose it. */
  readonly isNested?: boolean
  /** How a request that is too long for this model is shortened, and the object that remembers the cuts. */
  readonly window?: WindowPolicy
  readonly fitter?: Fitter
  /** The branches that may see the request. */
  readonly allow?: readonly string[]
  /** How images and audio that the model does not support are handled, and the function that describes images. */
  readonly media?: MediaPolicy
  readonly describe?: Describe
  /** Whether another branch may continue an answer that broke off. */
  readonly continueFrom?: 'partial'
}

/** The options that are passed from a router to its branches unchanged. */
export function passedOn({
  context,
  window,
  fitter,
  media,
  continueFrom,
}: RunOptions): Pick<RunOptions, 'context' | 'window' | 'fitter' | 'media' | 'continueFrom'> {
  return {
    context,
    ...(window === undefined ? {} : { window }),
    ...(fitter === undefined ? {} : { fitter }),
    ...(media === undefined ? {} : { media }),
    ...(continueFrom === undefined ? {} : { continueFrom }),
  }
}

/** A model's function. */
export type Generate = (request: ModelRequest, run: RunOptions) => Promise<Reply> | Reply

/**
 * A model's function under contract: it settles at once when aborted, sends nothing afterwards, sends at least one
 * chunk if it streams, returns a copied and checked reply, and throws only HybridError and CallerFault, with CANCELLED
 * only for its own signal.
 */
export type Runner = (request: ModelRequest, run: RunOptions) => Promise<Answer>

/** Adds abort handling, checks of replies, error mapping and single-chunk streaming to a model's function. */
export function enforceContract(
  generate: (request: ModelRequest, run: RunOptions) => Promise<Reply | Answer> | Reply,
): Runner {
  return async (request, run) => {
    const { signal } = run
    if (signal.aborted) throw cancelled(signal.reason)
    const sent: Part[] = []
    let isOver = false
    let hasSpoken = false
    let breach: (error: unknown) => void = () => {}
    const breached = new Promise<never>((_, reject) => (breach = reject))
    breached.catch(() => {})
    const sendChunk: RunOptions['sendChunk'] = (content, details) => {
      if (isOver || signal.aborted) return
      let parts: Part[]
      try {
        parts = readChunk(content)
      } catch (error) {
        // The call fails even if the function catches this.
        breach(error)
        throw error
      }
      hasSpoken ||= parts.some(saysSomething)
      sent.push(...parts)
      run.sendChunk(parts, readDetails(details))
    }
    try {
      // A function that ignores its signal must not hold up its caller: whichever settles first counts.
      const work = (async () => generate(request, { ...run, sendChunk }))()
      const answer = readReply(await unlessAborted(Promise.race([breached, work]), signal), sent)
      if (run.streaming && !hasSpoken) sendChunk(answer.message.content)
      return answer
    } catch (thrown) {
      if (signal.aborted) throw cancelled(signal.reason)
      if (thrown instanceof CallerFault) throw thrown
      throw unlessOurs(fromThrown(thrown))
    } finally {
      isOver = true
    }
  }
}

/** Runs a foreign model through its public interface. */
export function throughFace(model: Model): Runner {
  return enforceContract(async ({ messages, config, tools, toolChoice, output }, run) => {
    const request = {
      messages,
      config,
      tools,
      ...(toolChoice === undefined ? {} : { toolChoice }),
      ...(output === undefined ? {} : { output }),
    }
    const options = { signal: run.signal, ...passedOn(run) }
    if (!run.streaming) return await model.generate(request, options)
    const { stream, response } = model.generateStream(request, options)
    // The loop may end first, with the same failure.
    Promise.resolve(response).catch(() => {})
    for await (const { content, logprobs } of stream) run.sendChunk(content, logprobs === undefined ? {} : { logprobs })
    return await response
  })
}
