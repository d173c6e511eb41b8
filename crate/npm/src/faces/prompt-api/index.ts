/** The browser's Prompt API for hybridge models. Importing this has no effect; nothing is installed before a call. */

export type { CountTokens } from './context.js'
export type { PromptContent, PromptInput, PromptMessage } from './input.js'
export { installPromptApi } from './install.js'
export {
  promptApi,
  type PromptApiClass,
  type PromptApiCreateOptions,
  type PromptApiOptions,
  type PromptApiSession,
} from './language-model.js'
export type { PromptApiCoreOptions, PromptApiExpected, PromptApiTool, SamplingMode } from './options.js'
export type { PromptApiPromptOptions } from './session.js'
