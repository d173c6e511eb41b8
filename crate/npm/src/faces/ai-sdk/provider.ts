/** Embedders and providers of the AI SDK. */

import { HybridError } from '../../index.js'
import type { Embedder, EmbeddingTask } from '../../index.js'
import { servedOf, type Servable } from '../served.js'
import { AiSdkCallError, AiSdkNoSuchModelError } from './error.js'
import { aiSdkModel, type AiSdkModelOptions } from './language-model.js'
import type { AiSdkEmbeddingModel, AiSdkProvider } from './spec.js'

/**
 * Wraps an embedder as an embedding model of the AI SDK. `providerOptions.hybridge.task` is the purpose of the
 * vectors.
 *
 * @example
 * const { embeddings } = await embedMany({ model: aiSdkEmbeddingModel(embedder), values: ['a', 'b'] })
 */
export function aiSdkEmbeddingModel(
  embedder: Embedder,
  { provider = 'hybridge', modelId }: AiSdkModelOptions = {},
): AiSdkEmbeddingModel {
  if (typeof embedder?.embed !== 'function')
    throw new HybridError('INVALID_ARGUMENT', 'aiSdkEmbeddingModel needs an embedder')
  return {
    specificationVersion: 'v4',
    provider,
    modelId: modelId ?? (embedder as { name?: string }).name ?? 'embedder',
    // All values go in one call; the embedder processes them one after the other.
    maxEmbeddingsPerCall: Infinity,
    supportsParallelCalls: false,
    async doEmbed({ values, dimensions, abortSignal, providerOptions }) {
      abortSignal?.throwIfAborted()
      const task = providerOptions?.['hybridge']?.['task']
      try {
        const vectors = await embedder.embed(values, {
          ...(typeof task === 'string' ? { task: task as EmbeddingTask } : {}),
          ...(dimensions === undefined ? {} : { dimensions: dimensions as 768 }),
          ...(abortSignal === undefined ? {} : { signal: abortSignal }),
        })
        return { embeddings: vectors.map((vector) => [...vector]), warnings: [] }
      } catch (thrown) {
        abortSignal?.throwIfAborted()
        throw new AiSdkCallError(thrown)
      }
    },
  }
}

/**
 * Creates a provider of the AI SDK from models and embedders by name, also for its registry.
 *
 * @example
 * const hybridge = hybridgeProvider({ models: { ai, small }, embedders: { gemma } })
 * const { text } = await generateText({ model: hybridge('ai'), prompt: 'Hello' })
 */
export function hybridgeProvider(served: Servable): AiSdkProvider {
  const { models, embedders } = servedOf(served, 'hybridgeProvider')
  const languageModel: AiSdkProvider['languageModel'] = (modelId) => {
    const model = models.get(modelId)
    if (model === undefined) throw new AiSdkNoSuchModelError(modelId, 'languageModel', [...models.keys()])
    return aiSdkModel(model, { modelId })
  }
  return Object.assign((modelId: string) => languageModel(modelId), {
    specificationVersion: 'v4' as const,
    languageModel,
    embeddingModel(modelId: string) {
      const embedder = embedders.get(modelId)
      if (embedder === undefined) throw new AiSdkNoSuchModelError(modelId, 'embeddingModel', [...embedders.keys()])
      return aiSdkEmbeddingModel(embedder, { modelId })
    },
    imageModel(modelId: string): never {
      throw new AiSdkNoSuchModelError(modelId, 'imageModel', [])
    },
  })
}
