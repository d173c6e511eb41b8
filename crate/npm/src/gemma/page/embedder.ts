/** EmbeddingGemma: embeds texts as vectors. */

import { HybridError } from '../../border/errors.js'
import { optionsArgument } from '../../border/json.js'
import { fromThrown } from '../../border/thrown.js'
import type { Embedder, GemmaOptions } from '../../types.js'
import { availabilityOf } from './availability.js'
import { removeModel } from './cached-models.js'
import { EngineHost } from './host.js'
import { Turns } from './turns.js'

/**
 * Creates an EmbeddingGemma model on the visitor's device, in its own worker. Vectors have length 1, so their dot
 * product is their cosine similarity.
 *
 * @example
 * const embedder = gemmaEmbedder({ model: 'embeddinggemma-300m' })
 * await embedder.load()
 * const [question] = await embedder.embed('Where do I park?', { task: 'query', dimensions: 256 })
 */
export function gemmaEmbedder(options: Omit<GemmaOptions, 'waitForLoad'>): Embedder {
  const host = new EngineHost(optionsArgument(options, 'gemmaEmbedder'), 'embedder')
  const turns = new Turns()
  return {
    info: { name: host.source.name, inferenceSource: 'on_device' },
    availability: () => availabilityOf(host),
    load: (load) => host.load(load),
    async embed(texts, { task, title, dimensions, signal = new AbortController().signal } = {}) {
      const all = typeof texts === 'string' ? [texts] : texts
      if (!Array.isArray(all) || !all.every((text) => typeof text === 'string'))
        throw new HybridError('INVALID_ARGUMENT', '`texts` must be a string or an array of strings')
      const wish = {
        ...(task === undefined ? {} : { task }),
        ...(title === undefined ? {} : { title }),
        ...(dimensions === undefined ? {} : { dimensions }),
      }
      try {
        await host.ready({ waitForLoad: true, signal })
        const leave = await turns.enter(signal)
        try {
          const vectors: Float32Array[] = []
          for (const text of all) vectors.push(await host.call('embed', { text, ...wish }, { signal }))
          host.succeeded()
          return vectors
        } finally {
          leave()
        }
      } catch (thrown) {
        throw fromThrown(thrown)
      }
    },
    dispose: () => host.dispose(),
    remove: (options) => removeModel(host, options),
  }
}
