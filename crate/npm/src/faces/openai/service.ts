/**
 * The service behind the OpenAI face, which routes by the end of the path. Throws Refusal, and whatever a model
 * throws.
 */

import type { Embedder, Model } from '../../index.js'
import { servedOf, type Servable, type Served, type ServedModels } from '../served.js'
import { complete, seconds, type Outcome } from './completions.js'
import { embeddings } from './embeddings.js'
import { isObject } from '../way-back.js'
import { malformed, Refusal } from './refusal.js'
import { completionWish } from './request.js'
import type { responses, ResponseEvent, ResponseObject } from './responses.js'
import {
  type Body,
  type ChatCompletion,
  type ChatCompletionChunk,
  type EmbeddingList,
  type ModelEntry,
  type ModelList,
} from './wire.js'

export type ServiceOutcome =
  | Outcome<ChatCompletion, ChatCompletionChunk>
  | Outcome<ResponseObject, ResponseEvent>
  | { kind: 'whole'; body: EmbeddingList | ModelList | ModelEntry; branch?: never; requestId?: never }

/**
 * The models and options of the face. The Responses API is loaded at its first use; a service worker cannot load
 * scripts later, so import it there and pass it: `import { responses } from 'hybridge/openai/responses'`.
 */
export type OpenAIServable = Servable | (ServedModels & { responses?: typeof responses })

/** A parsed request. */
export interface Call {
  method: string
  path: string
  body: () => Promise<string>
  signal: AbortSignal | undefined
}

const created = seconds()
const paths = 'POST /chat/completions, POST /responses, POST /embeddings, GET /models'

export class Service {
  readonly #served: Served
  readonly #responses: typeof responses | undefined

  constructor(given: OpenAIServable, face: string) {
    this.#served = servedOf(given, face)
    const { responses: handler } = given as { responses?: unknown }
    this.#responses = typeof handler === 'function' ? (handler as typeof responses) : undefined
  }

  async answer({ method, path, body, signal }: Call): Promise<ServiceOutcome> {
    const at = path.replace(/\/+$/, '')
    if (/\/models(\/[^/]+)?$/.test(at)) {
      requireMethod(method, 'GET', at)
      const name = /\/models\/([^/]+)$/.exec(at)?.[1]
      return { kind: 'whole', body: name === undefined ? this.#list() : this.#entry(decoded(name)) }
    }
    const end = /\/(chat\/completions|embeddings|responses)$/.exec(at)?.[1]
    if (end === undefined)
      throw new Refusal(404, `there is nothing at ${path}; this face answers ${paths}`, null, 'not_found')
    requireMethod(method, 'POST', at)
    const read = await readBody(body)
    if (end === 'embeddings') {
      const [name, embedder] = named<Embedder>(this.#served.embedders, read, 'embedders')
      return { kind: 'whole', body: await embeddings(name, embedder, read, signal) }
    }
    const [name, model] = named<Model>(this.#served.models, read, 'models')
    if (end === 'responses') return (this.#responses ?? (await loadResponses()))(name, model, read, signal)
    return complete(name, model, completionWish(read), signal)
  }

  #list(): ModelList {
    const names = new Set([...this.#served.models.keys(), ...this.#served.embedders.keys()])
    return { object: 'list', data: [...names].map(entryOf) }
  }

  #entry(name: string): ModelEntry {
    if (this.#served.models.has(name) || this.#served.embedders.has(name)) return entryOf(name)
    throw unknownModel(name, [...this.#served.models.keys(), ...this.#served.embedders.keys()])
  }
}

async function loadResponses(): Promise<typeof responses> {
  try {
    return (await import('./responses.js')).responses
  } catch {
    throw new Refusal(
      501,
      'the Responses API could not be loaded; pass `responses` of hybridge/openai/responses beside `models`',
    )
  }
}

function entryOf(id: string): ModelEntry {
  return { id, object: 'model', created, owned_by: 'hybridge' }
}

function requireMethod(method: string, expected: string, path: string): void {
  if (method !== expected)
    throw new Refusal(405, `${path} takes ${expected}, not ${method}`, null, 'method_not_allowed')
}

/** A body without a JSON form, such as an object with a cycle, is rejected like invalid text. */
async function readBody(text: Call['body']): Promise<Body> {
  let body: unknown
  try {
    body = JSON.parse(await text())
  } catch {
    throw new Refusal(400, 'the body is not JSON', null, 'invalid_json')
  }
  if (!isObject(body)) throw new Refusal(400, 'the body must be a JSON object', null, 'invalid_json')
  return body
}

function named<T>(all: ReadonlyMap<string, T>, { model: name }: Body, what: string): [string, T] {
  if (typeof name !== 'string') throw malformed('model', `must name one of the ${what}: ${listOf([...all.keys()])}`)
  const found = all.get(name)
  if (found === undefined) throw unknownModel(name, [...all.keys()])
  return [name, found]
}

function unknownModel(name: string, known: string[]): Refusal {
  return new Refusal(
    404,
    `the model \`${name.slice(0, 100)}\` does not exist; there are: ${listOf(known)}`,
    'model',
    'model_not_found',
  )
}

function listOf(names: string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
