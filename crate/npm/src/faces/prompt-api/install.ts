/** The face as the page's own `LanguageModel`. */

import type { Model } from '../../index.js'
import { promptApi, type PromptApiOptions } from './language-model.js'

/**
 * Makes a model the page's `LanguageModel` where the browser has none, or in any case with `force`. Returns a function
 * that brings back what was there.
 *
 * @example
 * const remove = installPromptApi(hybrid)
 * const session = await LanguageModel.create()
 */
export function installPromptApi(
  model: Model,
  { force = false, ...options }: PromptApiOptions & { force?: boolean } = {},
): () => void {
  const made = promptApi(model, options)
  if ('LanguageModel' in globalThis && !force) return () => undefined
  const before = Object.getOwnPropertyDescriptor(globalThis, 'LanguageModel')
  Object.defineProperty(globalThis, 'LanguageModel', {
    value: made,
    writable: true,
    enumerable: false,
    configurable: true,
  })
  return () => {
    // Another installation since then is not ours to remove.
    if ((globalThis as { LanguageModel?: unknown }).LanguageModel !== made) return
    if (before === undefined) Reflect.deleteProperty(globalThis, 'LanguageModel')
    else Object.defineProperty(globalThis, 'LanguageModel', before)
  }
}
