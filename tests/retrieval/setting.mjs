/** The built entry in Node, an embedder without a model, and reproducible random numbers. */

import { entry, hybridge } from '../faces/setting.mjs'

export { hybridge }
export const retrieval = await entry('./retrieval')

/** Returns numbers from 0 to 1, the same in every run. */
export function randomOf(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Embeds a text by counting its words, each in one of a fixed number of buckets. Texts with common words are near. */
export function wordEmbedder({ dimensions = 64, info = { name: 'words', inferenceSource: 'on_device' } } = {}) {
  const seen = []
  return {
    seen,
    info,
    async embed(texts, options) {
      seen.push({ texts, options })
      return texts.map((text) => {
        const vector = new Float32Array(dimensions)
        for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
          let place = 7
          for (const character of word) place = (Math.imul(place, 31) + character.codePointAt(0)) >>> 0
          vector[place % dimensions] += 1
        }
        return vector
      })
    },
  }
}

export const randomVector = (random, dimensions) => Float32Array.from({ length: dimensions }, () => 2 * random() - 1)

export const code = (expected) => (error) => {
  if (error.code !== expected) throw error
  return hybridge.HybridError.isInstance(error)
}
