/** Embeddings in the format of OpenAI's service. */

import type { Embedder, EmbeddingTask } from '../../index.js'
import { isObject } from '../way-back.js'
import { malformed } from './refusal.js'
import type { Body, EmbeddingList } from './wire.js'

export async function embeddings(
  name: string,
  embedder: Embedder,
  body: Body,
  signal: AbortSignal | undefined,
): Promise<EmbeddingList> {
  const { input, encoding_format: format = 'float', dimensions, hybridge } = body
  const texts: unknown = typeof input === 'string' ? [input] : input
  if (!Array.isArray(texts) || texts.length === 0) throw malformed('input', 'must be a string or a list of strings')
  if (!texts.every((text) => typeof text === 'string'))
    throw malformed('input', 'must be text; token ids are not supported')
  if (format !== null && format !== 'float' && format !== 'base64')
    throw malformed('encoding_format', 'must be float or base64')
  if (dimensions !== undefined && dimensions !== null && typeof dimensions !== 'number')
    throw malformed('dimensions', 'must be a number')
  const task = isObject(hybridge) ? hybridge['task'] : undefined
  const vectors = await embedder.embed(texts, {
    ...(typeof dimensions === 'number' ? { dimensions: dimensions as 768 } : {}),
    ...(typeof task === 'string' ? { task: task as EmbeddingTask } : {}),
    ...(signal === undefined ? {} : { signal }),
  })
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: format === 'base64' ? base64Of(vector) : [...vector],
    })),
    model: name,
    usage: { prompt_tokens: 0, total_tokens: 0 },
  }
}

/** Little-endian floats in base64, which the official client requests by default. */
function base64Of(vector: ArrayLike<number>): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4))
  for (let index = 0; index < vector.length; index++) view.setFloat32(index * 4, vector[index] ?? 0, true)
  let binary = ''
  for (const byte of new Uint8Array(view.buffer)) binary += String.fromCharCode(byte)
  return btoa(binary)
}
