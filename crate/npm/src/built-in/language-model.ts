/** Chrome's `LanguageModel`, the part that is used here. Source: the specification's interface definitions. */

import type { AvailabilityStatus } from '../types.js'

export type LanguageModelPart = { type: 'text'; value: string } | { type: 'image' | 'audio'; value: Blob }
export interface LanguageModelMessage {
  role: 'system' | 'user' | 'assistant'
  content: string | LanguageModelPart[]
  prefix?: boolean
}

export interface LanguageModelOptions {
  initialPrompts?: LanguageModelMessage[]
  expectedInputs?: Array<{ type: 'text' | 'image' | 'audio' }>
  samplingMode?: string
  signal?: AbortSignal
  monitor?(monitor: EventTarget): void
}

export interface LanguageModelPromptOptions {
  responseConstraint?: Record<string, unknown>
  signal?: AbortSignal
}

export interface LanguageModelSession {
  prompt(input: LanguageModelMessage[], options?: LanguageModelPromptOptions): Promise<string>
  promptStreaming(input: LanguageModelMessage[], options?: LanguageModelPromptOptions): ReadableStream<string>
  measureContextUsage?(input: LanguageModelMessage[], options?: LanguageModelPromptOptions): Promise<number>
  readonly contextUsage?: number
  readonly contextWindow?: number
  destroy(): void
}

export interface LanguageModelGlobal {
  availability(options?: LanguageModelOptions): Promise<AvailabilityStatus>
  create(options?: LanguageModelOptions): Promise<LanguageModelSession>
}

/** Marks a `LanguageModel` that is itself a model of this package, installed by `installPromptApi`. */
const ours = Symbol.for('hybridge.prompt-api')

/**
 * Returns the browser's global, looked up at each use, because nothing is read at import. One installed by this
 * package is ignored, or a hybrid with the built-in model would call itself endlessly.
 */
export function languageModel(): LanguageModelGlobal | undefined {
  const { LanguageModel } = globalThis as { LanguageModel?: LanguageModelGlobal & { [ours]?: true } }
  return LanguageModel?.[ours] === true ? undefined : LanguageModel
}
