/** hybridge models and embedders as a Genkit plugin, and Genkit's models as branches. */

import { defineModel, HybridError } from '../../index.js'
import type { Embedder, Message, Model, ModelInfo, Part, Usage } from '../../index.js'
import { hybridErrorOf } from '../failure.js'
import { openStream } from '../opening.js'
import { servedOf, type ServedModels } from '../served.js'
import { countedTokens } from '../usage.js'
import {
  infoOf,
  isObject,
  requestOf,
  responseOf,
  type GenkitChunk,
  type GenkitRequest,
  type GenkitResponse,
} from './wire.js'

/** Options of `hybridgePlugin`. */
type GenkitErrorClass = new (options: { status: never; message: string; detail?: unknown }) => Error

export interface HybridgePluginOptions extends ServedModels {
  /** Models are called `NAME/KEY`. Default `'hybridge'`. */
  name?: string
  /** Genkit's own error class, if a bundler prevents the import of `genkit`. */
  GenkitError?: GenkitErrorClass
}

/** A plugin for `genkit({ plugins })`, in the form of Genkit's first plugin version, which needs no import. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type HybridgePlugin = (ai: any) => {
  name: string
  initializer(): Promise<void>
  resolver(): Promise<void>
  listActions(): Promise<never[]>
}

interface Registering {
  generate(options: { model: string; prompt: string }): Promise<unknown>
  defineModel(options: object, run: (request: GenkitRequest, options: RunOptions) => Promise<GenkitResponse>): unknown
  defineEmbedder(
    options: object,
    run: (
      documents: Array<{ content?: Part[] }>,
      options: unknown,
    ) => Promise<{ embeddings: Array<{ embedding: number[] }> }>,
  ): unknown
}

interface RunOptions {
  sendChunk?: (chunk: GenkitChunk) => void
  streamingRequested?: boolean
  abortSignal?: AbortSignal
  context?: Record<string, unknown>
}

/**
 * Creates a Genkit plugin from models and embedders, for Node and Electron: with streaming, tools and structured
 * output. The trace is in `response.custom`, and errors have Genkit's status.
 *
 * @example
 * const ai = genkit({ plugins: [hybridgePlugin({ models: { hybrid } })], model: 'hybridge/hybrid' })
 * const { text } = await ai.generate('Hello')
 */
export function hybridgePlugin({ name = 'hybridge', GenkitError, ...served }: HybridgePluginOptions): HybridgePlugin {
  const { models, embedders } = servedOf(served, 'hybridgePlugin')
  return (ai: Registering) => ({
    name,
    async initializer() {
      const failures = new Failures(ai, GenkitError ?? (await importGenkitError()))
      for (const [key, model] of models) {
        const supports = infoOf(key, model)
        ai.defineModel({ apiVersion: 'v2', name: `${name}/${key}`, ...supports }, (request, options) =>
          run(model, request, options, failures),
        )
      }
      for (const [key, embedder] of embedders) {
        ai.defineEmbedder(
          { name: `${name}/${key}`, info: { label: `hybridge - ${key}`, supports: { input: ['text'] } } },
          (documents, options) => embed(embedder, documents, options, failures),
        )
      }
    },
    // Everything is defined at initialisation.
    resolver: async () => undefined,
    listActions: async () => [],
  })
}

async function run(
  model: Model,
  request: GenkitRequest,
  { sendChunk, streamingRequested, abortSignal: signal, context }: RunOptions,
  failures: Failures,
): Promise<GenkitResponse> {
  try {
    const own = requestOf(request)
    const given = { ...(context === undefined ? {} : { context }), ...(signal === undefined ? {} : { signal }) }
    if (streamingRequested !== true || sendChunk === undefined) return responseOf(await model.generate(own, given))
    const { chunks, response } = await openStream(model, own, given)
    for await (const { content, index } of chunks) sendChunk({ role: 'model', index, content })
    return responseOf(await response)
  } catch (thrown) {
    throw await failures.of(thrown, signal)
  }
}

async function embed(
  embedder: Embedder,
  documents: Array<{ content?: Part[] }>,
  given: unknown,
  failures: Failures,
): Promise<{ embeddings: Array<{ embedding: number[] }> }> {
  const { task, dimensions } = isObject(given) ? given : {}
  const texts = documents.map(({ content = [] }) => content.map((part) => ('text' in part ? part.text : '')).join(''))
  try {
    const vectors = await embedder.embed(texts, {
      ...(typeof task === 'string' ? { task: task as 'query' } : {}),
      ...(typeof dimensions === 'number' ? { dimensions: dimensions as 768 } : {}),
    })
    return { embeddings: vectors.map((vector) => ({ embedding: [...vector] })) }
  } catch (thrown) {
    throw await failures.of(thrown, undefined)
  }
}

/**
 * Genkit's retries and fallbacks recognise only its own error class and repeat any other error. An abort stays an
 * abort.
 */
class Failures {
  readonly #ai: Registering
  #class: GenkitErrorClass | undefined

  constructor(ai: Registering, known: GenkitErrorClass | undefined) {
    this.#ai = ai
    this.#class = known
  }

  async of(thrown: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted === true) {
      const reason: unknown = signal.reason
      return (reason as { name?: unknown } | null)?.name === 'AbortError'
        ? reason
        : Object.defineProperty(new DOMException('stopped by the caller', 'AbortError'), 'cause', { value: reason })
    }
    const error = hybridErrorOf(thrown)
    const Failure = (this.#class ??= await this.#provoke())
    if (Failure === undefined) return error
    const { status, message, code, branch, retryAfterMs, routing } = error
    return Object.assign(
      new Failure({ status: status as never, message, detail: { code, branch, retryAfterMs, routing } }),
      { cause: error },
    )
  }

  /**
   * If `genkit` cannot be imported by name (in a bundled application), an error created by the instance has the class.
   */
  async #provoke(): Promise<GenkitErrorClass | undefined> {
    try {
      await this.#ai.generate({ model: 'hybridge/no-such-model', prompt: '' })
    } catch (error) {
      if (error instanceof Error && error.name === 'GenkitError') return error.constructor as GenkitErrorClass
    }
    return undefined
  }
}

/**
 * Genkit is installed when a plugin is initialised. Its name is assembled, so that bundlers for pages do not resolve
 * it.
 */
async function importGenkitError(): Promise<GenkitErrorClass | undefined> {
  const module = ['gen', 'kit'].join('')
  try {
    const { GenkitError } = (await import(/* webpackIgnore: true */ /* @vite-ignore */ module)) as {
      GenkitError: GenkitErrorClass
    }
    return GenkitError
  } catch {
    return undefined
  }
}

// ── The other way ────────────────────────────────────────────────────────────────────────────────────────────────────

/** A Genkit action, as returned by `ai.defineModel`. */
interface ModelAction {
  run(
    request: GenkitRequest,
    options?: {
      onChunk?: (chunk: { content?: Part[] }) => void
      abortSignal?: AbortSignal
      context?: Record<string, unknown>
    },
  ): Promise<{ result: unknown }>
}

/** A Genkit instance, the part that looks up models. */
export interface GenkitRegistry {
  registry: { lookupAction(key: string): Promise<unknown> }
}

/**
 * Wraps a Genkit model as a branch, given its name, its reference, or the action itself.
 *
 * @example
 * const cloud = genkitModel(ai, 'vertexai/gemini-2.5-flash', { inferenceSource: 'in_cloud' })
 */
export function genkitModel(
  ai: GenkitRegistry,
  model: string | { name: string } | object,
  info: Partial<Omit<ModelInfo, 'name'>> & { name?: string } = {},
): Model {
  const { name: given, ...rest } = info
  const reference =
    typeof model === 'string'
      ? model
      : ((model as { name?: unknown }).name ?? (model as { __action?: { name?: unknown } }).__action?.name)
  const name = given ?? (typeof reference === 'string' ? reference : 'genkit')
  const find = async (): Promise<ModelAction> => {
    if (typeof (model as Partial<ModelAction>).run === 'function') return model as ModelAction
    const action = await ai.registry.lookupAction(`/model/${String(reference)}`)
    if (action === undefined || action === null)
      throw new HybridError(
        'NOT_FOUND',
        `Genkit has no model \`${String(reference)}\`; is its plugin given to genkit()?`,
      )
    return action as ModelAction
  }
  return defineModel({
    name,
    info: rest,
    async generate({ messages, config, tools, toolChoice, output }, { sendChunk, signal, streaming, context }) {
      const { branches: _branches, ...settings } = config
      const action = await find()
      const { result } = await action.run(
        {
          messages,
          config: settings,
          tools: tools.map((tool) => ({ ...tool })),
          ...(toolChoice === undefined ? {} : { toolChoice }),
          ...(output === undefined
            ? {}
            : {
                output: {
                  ...output,
                  ...(output.format === 'text'
                    ? {}
                    : { format: 'json', contentType: 'application/json', constrained: true }),
                },
              }),
        },
        { abortSignal: signal, context, ...(streaming ? { onChunk: ({ content = [] }) => sendChunk(content) } : {}) },
      )
      return replyOf(result)
    },
  })
}

function replyOf(result: unknown): { message: Message; finishReason: 'stop'; usage?: Usage } {
  const answer = isObject(result) ? result : {}
  // Older models return candidates.
  const {
    message,
    finishReason = 'unknown',
    finishMessage,
    usage,
  } = (
    Array.isArray(answer['candidates']) && isObject(answer['candidates'][0])
      ? { ...answer, ...answer['candidates'][0] }
      : answer
  ) as {
    message?: Message
    finishReason?: string
    finishMessage?: string
    usage?: Usage
  }
  return {
    message: message ?? { role: 'model', content: [] },
    finishReason: finishReason as 'stop',
    ...(finishMessage === undefined ? {} : { finishMessage }),
    ...(usage === undefined ? {} : { usage: usageOf(usage) }),
  }
}

/** Genkit's plugins pass on the counts of their service; thoughts counted separately are added to the output here. */
function usageOf(usage: Usage): Usage {
  const { output } = countedTokens(usage)
  return output === undefined ? usage : { ...usage, outputTokens: output }
}
