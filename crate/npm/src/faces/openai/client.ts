/** The OpenAI face without HTTP, for applications without a client library. */

import type { Outcome } from './completions.js'
import { failureOf } from './refusal.js'
import type { ResponseEvent, ResponseObject } from './responses.js'
import { Service, type OpenAIServable } from './service.js'
import type { ChatCompletion, ChatCompletionChunk, EmbeddingList, ModelEntry, ModelList } from './wire.js'

/** Options to abort a request. */
export interface OpenAIRequestOptions {
  signal?: AbortSignal
}

/** A failure with the fields of the official client's errors. The HybridError is its cause. */
export class OpenAIFaceError extends Error {
  override readonly name = 'OpenAIFaceError'
  /** The HTTP status. */
  readonly status: number
  readonly code: string | null
  readonly type: string
  readonly param: string | null

  constructor(thrown: unknown) {
    const { status, error } = failureOf(thrown)
    super(error.message, { cause: thrown })
    this.status = status
    this.code = error.code
    this.type = error.type
    this.param = error.param
  }
}

type CreateBody = { model: string } & Record<string, unknown>

/** Overloads by `stream`, as in the official client. */
export interface Create<Whole, Event> {
  (body: CreateBody & { stream: true }, options?: OpenAIRequestOptions): Promise<AsyncIterable<Event>>
  (body: CreateBody & { stream?: false | null }, options?: OpenAIRequestOptions): Promise<Whole>
  (body: CreateBody, options?: OpenAIRequestOptions): Promise<Whole | AsyncIterable<Event>>
}

/** The part of the official client's API that hybridge models support. */
export interface OpenAIFaceClient {
  readonly chat: { readonly completions: { readonly create: Create<ChatCompletion, ChatCompletionChunk> } }
  readonly responses: { readonly create: Create<ResponseObject, ResponseEvent> }
  readonly embeddings: { create(body: CreateBody, options?: OpenAIRequestOptions): Promise<EmbeddingList> }
  readonly models: { list(): Promise<ModelList>; retrieve(name: string): Promise<ModelEntry> }
}

/**
 * Creates a client with OpenAI's methods for hybridge models, without HTTP and without the client library.
 *
 * @example
 * const client = openAIClient({ models: { hybrid } })
 * for await (const { choices } of await client.chat.completions.create({ model: 'hybrid', messages, stream: true })) {
 *   print(choices[0]?.delta.content ?? '')
 * }
 */
export function openAIClient(served: OpenAIServable): OpenAIFaceClient {
  const service = new Service(served, 'openAIClient')
  const ask = async (
    method: string,
    path: string,
    body: unknown,
    { signal }: OpenAIRequestOptions = {},
  ): Promise<unknown> => {
    signal?.throwIfAborted()
    try {
      const outcome = (await service.answer({
        method,
        path,
        signal,
        body: async () => JSON.stringify(body) ?? '',
      })) as Outcome<unknown, unknown>
      return outcome.kind === 'whole' ? outcome.body : eventsOf(outcome, signal)
    } catch (thrown) {
      signal?.throwIfAborted()
      throw new OpenAIFaceError(thrown)
    }
  }
  const create = (path: string) => (body: CreateBody, options?: OpenAIRequestOptions) =>
    ask('POST', path, body, options)
  return {
    chat: { completions: { create: create('/chat/completions') as Create<ChatCompletion, ChatCompletionChunk> } },
    responses: { create: create('/responses') as Create<ResponseObject, ResponseEvent> },
    embeddings: {
      create: (body, options) =>
        ask('POST', '/embeddings', { encoding_format: 'float', ...body }, options) as Promise<EmbeddingList>,
    },
    models: {
      list: () => ask('GET', '/models', undefined) as Promise<ModelList>,
      retrieve: (name) => ask('GET', `/models/${encodeURIComponent(name)}`, undefined) as Promise<ModelEntry>,
    },
  }
}

/** Leaving the loop aborts the work. */
async function* eventsOf(
  { events, stop }: { events: AsyncGenerator<unknown, void, undefined>; stop: () => void },
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown, void, undefined> {
  try {
    yield* events
  } catch (thrown) {
    signal?.throwIfAborted()
    throw new OpenAIFaceError(thrown)
  } finally {
    stop()
  }
}
