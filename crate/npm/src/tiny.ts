/**
 * `hybridge/tiny`: a model of two million weights, included in the package for demos and tests.
 *
 * It answers from a text, does small sums, changes case, reverses words, sorts requests, fills in JSON and calls
 * tools; it has no knowledge of the world, and says so.
 */

/**
 * The tiny model's file, for `gemmaModel`. Importing this fetches nothing.
 *
 * @example
 * import { gemmaModel } from 'hybridge'
 * import { tinyModel } from 'hybridge/tiny'
 * const gemma = gemmaModel({ model: tinyModel, contextWindow: 512 })
 * await gemma.load()
 * const { text } = await gemma.generate('What is 12 + 30?')
 */
export const tinyModel: { readonly url: string; readonly sha256: string; readonly bytes: number } = {
  url: new URL('../tiny/tiny.gguf', import.meta.url).href,
  sha256: '96e0ec0788127890198d6946c54c5b2f8e6d934936d7a3f4b5222aaa674093b8',
  bytes: 2168320,
}
