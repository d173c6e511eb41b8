/** One request to a cloud service: pulls chunk after chunk out of the wasm, waits between attempts, stops on abort. */

import { sleep, unlessAborted } from '../border/abort.js'
import { fromCore, HybridError, invalid, withPartial, type CoreError } from '../border/errors.js'
import { kindOf, toJson } from '../border/json.js'
import type { Reply } from '../border/replies.js'
import type { ModelRequest } from '../border/request.js'
import { Continuation } from '../answer/continuation.js'
import { cancelled } from '../border/thrown.js'
import { loadPage, type Page } from '../border/wasm.js'
import type { RunOptions } from '../model/runner.js'
import type { GenerationConfig, Message, Part } from '../types.js'
import { secretHeaders, type Credentials } from './credentials.js'

/** `hybridge_core::cloud::Service`. */
export interface Service {
  dialect: 'gemini' | 'openai'
  model: string
  baseUrl?: string
  safetySettings?: ReadonlyArray<{ category: string; threshold: string }>
}

/** A task for a service, with its credentials and options. */
export interface CloudTask {
  service: Service
  task: 'generate' | 'stream' | 'count'
  request: ModelRequest
  credentials: Credentials
  fetch?: typeof fetch | undefined
  retries?: number | undefined
}

/** After this many chunks of an answer, the event loop runs other tasks. */
const piecesInARow = 512

type CloudReply = Exclude<Reply, string>
type CloudCall = InstanceType<Page['CloudCall']>

/** Checks the options that both services have in common. */
export function callArguments({
  fetch,
  retries,
  apiKey,
  headers,
}: Pick<CloudTask, 'fetch' | 'retries'> & Omit<Credentials, 'keyNeeded'>): void {
  if (retries !== undefined && (!Number.isSafeInteger(retries) || retries < 0))
    throw invalid(
      `\`retries\` must be a whole number of at least 0, found ${typeof retries === 'number' ? retries : kindOf(retries)}`,
    )
  if (fetch !== undefined && typeof fetch !== 'function')
    throw invalid(`\`fetch\` must be a function, found ${kindOf(fetch)}`)
  if (headers !== undefined && typeof headers !== 'function')
    throw invalid(`\`headers\` must be a function that returns headers, found ${kindOf(headers)}`)
  if (apiKey !== undefined && typeof apiKey !== 'string' && typeof apiKey !== 'function')
    throw invalid('`apiKey` must be a string or a function that returns one')
}

/** Runs the task. A failure before the first chunk is retried up to `retries` times. */
export async function callCloud(
  task: CloudTask,
  { signal, sendChunk }: Pick<RunOptions, 'signal' | 'sendChunk'>,
): Promise<CloudReply> {
  const page = await loadPage()
  let hasSpoken = false
  // A service is asked by an instruction to continue and may repeat some text, which is not part of its answer.
  const begun = task.request.messages.at(-1)
  const goesOn = begun?.role === 'model' && begun.metadata?.['prefix'] === true
  const continuation = goesOn ? new Continuation(begun.content, (before) => new page.Seam(before, false)) : undefined
  const send: RunOptions['sendChunk'] = (content, details) => {
    hasSpoken = true
    sendChunk(typeof content === 'string' ? content : (continuation?.add(content) ?? content), details)
  }
  const retries = Math.min(task.retries ?? 0, 2 ** 32 - 1)
  for (let failures = 1; ; failures++) {
    try {
      const reply = await tryOnce(page, task, { signal, sendChunk: send })
      return continuation === undefined ? reply : without(continuation, reply, sendChunk)
    } catch (thrown) {
      const { status, code, retryAfterMs } = thrown as HybridError
      const pause = hasSpoken
        ? undefined
        : page.retryDelay(status, code, retryAfterMs, failures, retries, Math.random())
      if (pause === undefined) throw thrown
      await sleep(pause, signal)
    }
  }
}

/** Returns the reply without the repeated text. */
function without(continuation: Continuation, reply: CloudReply, sendChunk: RunOptions['sendChunk']): CloudReply {
  const { message } = reply
  // A reply that was not streamed passes the seam as one chunk.
  if (message !== undefined) continuation.see(message.content)
  const rest = continuation.end()
  if (rest.length > 0) sendChunk(rest)
  return message === undefined
    ? reply
    : { ...reply, message: { ...message, content: continuation.own(message.content) } }
}

/** Throws HybridError only. */
async function tryOnce(
  page: Page,
  { service, task, request, credentials, fetch }: CloudTask,
  { signal, sendChunk }: Pick<RunOptions, 'signal' | 'sendChunk'>,
): Promise<CloudReply> {
  const plan = toJson(
    { service, task, request: { ...request, config: configFor(service, request.config) } },
    'the request',
  )
  let call: CloudCall | undefined
  let step: Promise<string | undefined> | undefined
  try {
    call = new page.CloudCall(plan)
    const headers = await unlessAborted(secretHeaders(credentials, call.keyHeader()), signal)
    call.equip(toJson(headers, 'the headers'), fetch)
    for (let pieces = 1; ; pieces++) {
      // A custom `fetch` may answer without ever yielding to the event loop, so that no abort could arrive.
      if (pieces % piecesInARow === 0) await sleep(0, signal)
      // A custom `fetch` may ignore its signal, so this does not wait for it.
      step = call.next()
      const json = await unlessAborted(step, signal)
      if (json === undefined) break
      const { content, logprobs } = JSON.parse(json) as { content: Part[]; logprobs?: number[] }
      sendChunk(content, logprobs === undefined ? {} : { logprobs })
    }
    return JSON.parse(call.reply()) as CloudReply
  } catch (thrown) {
    if (signal.aborted) throw cancelled(signal.reason)
    throw failureOf(thrown, call)
  } finally {
    call?.cancel()
    // The wasm object is in use until its last step has settled.
    const free = (): void => call?.free()
    if (step === undefined) free()
    else step.then(free, free)
  }
}

/**
 * Converts common options to those of a service. Reasoning is Gemini's `thinkingConfig`; other services have no such
 * option.
 */
function configFor({ dialect }: Service, config: GenerationConfig): GenerationConfig {
  const { includeReasoning, ...rest } = config as GenerationConfig & { thinkingConfig?: object }
  if (includeReasoning === undefined || dialect !== 'gemini') return rest
  return { ...rest, thinkingConfig: { includeThoughts: includeReasoning, ...rest.thinkingConfig } } as GenerationConfig
}

/** Converts an exception of the wasm to our error, with the text that came before it. */
function failureOf(thrown: unknown, call: CloudCall | undefined): HybridError {
  if (HybridError.isInstance(thrown)) return thrown
  if (typeof thrown !== 'string')
    return new HybridError('INTERNAL', 'the call of the cloud service failed in an unforeseen way; see the cause', {
      cause: thrown,
    })
  const error = fromCore(JSON.parse(thrown) as CoreError)
  return withPartial(error, call === undefined ? undefined : (JSON.parse(call.partial()) as Message))
}
