/** How one model runs another: the part of a model below its public face. */

import { unlessAborted } from '../border/abort.js'
import { readChunk, readDetails, readReply, type Answer, type ChunkDetails, type Reply } from '../border/replies.js'
import type { ModelRequest } from '../border/request.js'
import { cancelled, CallerFault, fromThrown, unlessOurs } from '../border/thrown.js'
import type { Describe } from '../chat/media.js'
import type { Fitter } from '../chat/window.js'
import type { MediaPolicy, Model, Part, WindowPolicy } from '../types.js'
import { saysSomething } from '../answer/response.js'

/**
 * A model that must ask before it knows its state has a function of this name; routers wait for it before they read
 * `state`.
 */
export const settledState: unique symbol = Symbol.for('hybridge.settledState')

/** The options of a run. */
export interface RunOptions {
  readonly streaming: boolean
  readonly sendChunk: (content: string | Part[], details?: ChunkDetails) => void
  readonly signal: AbortSignal
  readonly context: Record<string, unknown>
  /** Set where another hybrid, or its shadow, runs this one: what decided there is not known here. */
  readonly isNested?: boolean
  /** How a request that is too long for this model is shortened, and who remembers the cuts. */
  readonly window?: WindowPolicy
  readonly fitter?: Fitter
  /** The branches that may see the request. */
  readonly allow?: readonly string[]
  /** What becomes of pictures and sounds that the model does not take, and who describes pictures. */
  readonly media?: MediaPolicy
  readonly describe?: Describe
  /** Whether another branch may continue an answer that broke off. */
  readonly continueFrom?: 'partial'
}

/** The options that travel from a router to its branches unchanged. */
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
 * A model's function under contract: settles at once when stopped, sends nothing afterwards, sends at least one chunk
 * where it streams, returns what was copied and checked, and throws nothing but HybridError and CallerFault; CANCELLED
 * only for its own signal.
 */
export type Runner = (request: ModelRequest, run: RunOptions) => Promise<Answer>

/** Adds abort handling, checks of what comes back, error mapping and single-chunk streaming to a model's function. */
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
        // A function that catches this has failed all the same.
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

/** Runs a model of another make through its public face. */
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
