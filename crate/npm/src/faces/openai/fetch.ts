/** The OpenAI face as a `fetch`, for the official client and for a service worker that serves `/v1/*`. */

import { failureOf } from './refusal.js'
import { Service, type Call, type OpenAIServable, type ServiceOutcome } from './service.js'

/**
 * Creates a `fetch` that serves OpenAI's API with hybridge models, even offline. Pass it to the official client, which
 * requires a key and, in pages, a flag; neither the key nor anything else is sent anywhere.
 *
 * Only the end of the path matters, whatever the host: chat completions, responses, embeddings and models.
 *
 * @example
 * const fetch = openAIFetch({ models: { hybrid } })
 * const client = new OpenAI({ fetch, apiKey: 'none', dangerouslyAllowBrowser: true })
 * const messages = [{ role: 'user', content: 'Hello' }]
 * const { choices } = await client.chat.completions.create({ model: 'hybrid', messages })
 */
export function openAIFetch(served: OpenAIServable): typeof fetch {
  const service = new Service(served, 'openAIFetch')
  return async (input, init) => {
    const call = callOf(input, init)
    const { signal } = call
    signal?.throwIfAborted()
    try {
      return responseOf(await service.answer(call), signal)
    } catch (thrown) {
      // A `fetch` that throws is a connection error, which clients retry: only the caller's own abort throws.
      signal?.throwIfAborted()
      const { status, headers, error } = failureOf(thrown)
      return Response.json({ error }, { status, headers })
    }
  }
}

function callOf(input: Parameters<typeof fetch>[0], init: RequestInit = {}): Call {
  const request = typeof input === 'object' && 'url' in input ? input : undefined
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase()
  // A page may use a path without a host, which Node rejects.
  const address = typeof input === 'string' ? input : 'url' in input ? input.url : input.href
  const { pathname } = new URL(address, 'http://localhost')
  const given = init.body
  return {
    method,
    path: pathname,
    signal: init.signal === undefined ? request?.signal : (init.signal ?? undefined),
    body: () =>
      given === undefined || given === null
        ? (request?.clone().text() ?? Promise.resolve(''))
        : new Response(given).text(),
  }
}

function responseOf(outcome: ServiceOutcome, signal: AbortSignal | undefined): Response {
  const { branch, requestId } = outcome
  const headers = {
    ...(branch === undefined ? {} : { 'x-hybridge-branch': encodeURIComponent(branch) }),
    ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
  }
  if (outcome.kind === 'whole') return Response.json(outcome.body, { headers })
  const body = eventStream(outcome.events, outcome.stop, signal)
  return new Response(body, {
    headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  })
}

/** Sends whole events only, so that no character is cut. Cancelling the body aborts the work. */
function eventStream(
  events: AsyncGenerator<object, void, undefined>,
  stop: () => void,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const line = (name: string | undefined, data: string): Uint8Array =>
    encoder.encode(`${name === undefined ? '' : `event: ${name}\n`}data: ${data}\n\n`)
  let onAbort: (() => void) | undefined
  let areNamed = false
  const settle = (): void => {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        onAbort = () => {
          stop()
          controller.error(signal?.reason)
        }
        signal?.addEventListener('abort', onAbort, { once: true })
      },
      async pull(controller) {
        try {
          const { done, value } = await events.next()
          if (signal?.aborted === true) return
          if (done !== true) {
            areNamed = 'type' in value
            return controller.enqueue(line('type' in value ? String(value.type) : undefined, JSON.stringify(value)))
          }
          // The last named event marks the end itself; unnamed ones need the final `[DONE]` that clients wait for.
          if (!areNamed) controller.enqueue(line(undefined, '[DONE]'))
        } catch (thrown) {
          if (signal?.aborted === true) return
          controller.enqueue(line(undefined, JSON.stringify({ error: failureOf(thrown).error })))
        }
        settle()
        controller.close()
      },
      cancel() {
        settle()
        stop()
      },
    },
    { highWaterMark: 0 },
  )
}
