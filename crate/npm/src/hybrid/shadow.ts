/** Shadows: a second branch answers some requests as well, to compare its answers with those that were shown. */

import { now } from '../border/clock.js'
import { HybridError, invalid, reportQuietly } from '../border/errors.js'
import type { ModelRequest } from '../border/request.js'
import { fromThrown } from '../border/thrown.js'
import type { RunOptions } from '../model/runner.js'
import { textOf } from '../answer/response.js'
import type { Answer } from '../border/replies.js'
import { requestFor, type Branch } from './drive.js'
import { functionArgument } from './strategy.js'
import type { RoutingTrace, ShadowAnswer, ShadowOptions } from '../types.js'

const timeoutMs = 60_000

export class Shadow {
  readonly #options: ShadowOptions
  readonly #branches: ReadonlyMap<string, Branch>
  #isRunning = false

  constructor(options: ShadowOptions, branches: ReadonlyMap<string, Branch>) {
    this.#options = options
    this.#branches = branches
  }

  /**
   * Considers an answered request, and may run its shadow. It runs afterwards, because only the complete trace shows
   * whether anything pinned the request, and because a device computes one answer at a time.
   */
  consider(request: ModelRequest, run: RunOptions, answer: Answer, latencyMs: number): void {
    const { branch, share, signal, random = Math.random } = this.#options
    const { routing } = answer
    if (this.#isRunning || run.isNested === true || run.signal.aborted || signal?.aborted === true) return
    if (
      routing === undefined ||
      isPinned(routing) ||
      answer.branch === branch ||
      request.messages.at(-1)?.role === 'tool'
    )
      return
    if (random() >= share) return
    this.#isRunning = true
    void this.#run(request, run, answer, routing, latencyMs).finally(() => (this.#isRunning = false))
  }

  async #run(
    request: ModelRequest,
    run: RunOptions,
    answer: Answer,
    routing: RoutingTrace,
    latencyMs: number,
  ): Promise<void> {
    const { branch, onResult, signal } = this.#options
    const work = new AbortController()
    const stop = (): void => work.abort(signal?.reason)
    const late = new HybridError('DEADLINE_EXCEEDED', 'the shadow took longer than shadow.timeoutMs')
    const timer = setTimeout(() => work.abort(late), this.#options.timeoutMs ?? timeoutMs)
    signal?.addEventListener('abort', stop, { once: true })
    const startedAt = now()
    const logprobs: number[] = []
    let outcome: { shadow: ShadowAnswer } | { error: HybridError }
    try {
      const sendChunk: RunOptions['sendChunk'] = (_, details) => logprobs.push(...(details?.logprobs ?? []))
      const runner = this.#branches.get(branch)?.runner
      if (runner === undefined) return
      const found = await runner(requestFor(request, branch), {
        streaming: true,
        sendChunk,
        signal: work.signal,
        context: run.context,
        isNested: true,
      })
      outcome = {
        shadow: { ...shadowAnswerOf(branch, found, now() - startedAt), ...(logprobs.length === 0 ? {} : { logprobs }) },
      }
    } catch (thrown) {
      outcome = { error: work.signal.reason === late ? late : fromThrown(thrown) }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
    try {
      await onResult({
        id: routing.id,
        request,
        answered: shadowAnswerOf(answer.branch ?? '', answer, latencyMs),
        ...outcome,
      })
    } catch (thrown) {
      reportQuietly(thrown)
    }
  }
}

/** Whether any strategy that decided about the request, at any depth, restricted its branches. */
function isPinned({ allow, attempts }: RoutingTrace): boolean {
  return allow !== undefined || attempts.some(({ routing }) => routing !== undefined && isPinned(routing))
}

function shadowAnswerOf(branch: string, { message, usage, confidence }: Answer, latencyMs: number): ShadowAnswer {
  return {
    branch,
    message,
    text: textOf(message.content),
    usage,
    latencyMs,
    ...(confidence === undefined ? {} : { confidence }),
  }
}

export function shadowArgument(shadow: ShadowOptions, branches: Record<string, unknown>): ShadowOptions {
  if (typeof shadow !== 'object' || shadow === null || !Object.hasOwn(branches, shadow.branch))
    throw invalid('shadow.branch must be the key of a branch')
  if (!(shadow.share >= 0 && shadow.share <= 1)) throw invalid('shadow.share must be a number from 0 to 1')
  functionArgument(shadow.onResult, 'shadow.onResult')
  return { ...shadow }
}
