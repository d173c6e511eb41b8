/** Installs the Prompt API face as the page's `LanguageModel`. */

import type { Model } from '../../index.js'
import { promptApi, type PromptApiOptions } from './language-model.js'

/**
 * Installs a model as the page's `LanguageModel` if the browser has none, or in any case with `force`. Returns a
 * function that restores the previous state.
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
    // A later installation must not be removed.
    if ((globalThis as { LanguageModel?: unknown }).LanguageModel !== made) return
    if (before === undefined) Reflect.deleteProperty(globalThis, 'LanguageModel')
    else Object.defineProperty(globalThis, 'LanguageModel', before)
  }
}
