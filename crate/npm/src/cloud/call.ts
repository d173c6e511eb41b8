/** One request to a cloud service: asks the wasm for piece after piece, waits between tries, stops when told to. */

import { HybridError } from '../border/errors.js'
import { loadPage, type Page } from '../border/wasm.js'
import { toJson } from '../border/json.js'
import type { ModelRequest } from '../border/request.js'
import type { Reply } from '../answer/response.js'
import type { RunOptions } from '../answer/runner.js'
import { cancelled } from '../border/thrown.js'
import type { Part } from '../types.js'
import { failureOf } from './failure.js'
import { secretHeaders, type Credentials } from './credentials.js'

/** `hybridge_core::http::Service`. */
export interface Service {
  dialect: 'gemini' | 'openai'
  model: string
  baseUrl?: string
  safetySettings?: ReadonlyArray<{ category: string; threshold: string }>
}

/** What is asked of a service, and how. */
export interface CloudTask {
  service: Service
  task: 'generate' | 'stream' | 'count'
  request: ModelRequest
  credentials: Credentials
  fetch?: typeof fetch | undefined
  retries?: number | undefined
}

type SaidReply = Exclude<Reply, string>
type CloudCall = InstanceType<Page['CloudCall']>

/** Runs it. A failure before anything was said is tried again as often as `retries` says. */
export async function callCloud(task: CloudTask, { signal, sendChunk }: Pick<RunOptions, 'signal' | 'sendChunk'>): Promise<SaidReply> {
  const page = await loadPage()
  let hasSpoken = false
  const send: RunOptions['sendChunk'] = (content, details) => {
    hasSpoken = true
    sendChunk(content, details)
  }
  for (let failures = 1; ; failures++) {
    try {
      return await tryOnce(page, task, { signal, sendChunk: send })
    } catch (thrown) {
      const { status, code, retryAfterMs } = thrown as HybridError
      const pause = hasSpoken ? undefined : page.retryDelay(status, code, retryAfterMs, failures, task.retries ?? 0, Math.random())
      if (pause === undefined) throw thrown
      await sleep(pause, signal)
    }
  }
}

/** Throws nothing but HybridError. */
async function tryOnce(page: Page, { service, task, request, credentials, fetch }: CloudTask, { signal, sendChunk }: Pick<RunOptions, 'signal' | 'sendChunk'>): Promise<SaidReply> {
  const plan = toJson({ service, task, request }, 'the request')
  let call: CloudCall | undefined
  const cancel = (): void => call?.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    call = new page.CloudCall(plan)
    const headers = await secretHeaders(credentials, call.keyHeader())
    if (signal.aborted) throw cancelled(signal.reason)
    call.equip(toJson(headers, 'the headers'), fetch)
    for (let json = await call.next(); json !== undefined; json = await call.next()) {
      const { content, logprobs } = JSON.parse(json) as { content: Part[]; logprobs?: number[] }
      sendChunk(content, logprobs === undefined ? {} : { logprobs })
    }
    return JSON.parse(call.reply()) as SaidReply
  } catch (thrown) {
    if (signal.aborted) throw cancelled(signal.reason)
    throw failureOf(thrown, call)
  } finally {
    signal.removeEventListener('abort', cancel)
    call?.cancel()
    call?.free()
  }
}

/** Waits, or throws CANCELLED as soon as it is stopped. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(cancelled(signal.reason))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
