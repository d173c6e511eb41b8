/** The formats of OpenAI's API that are used here. Source: OpenAI's public API reference. */

/** The branch that answered and where it ran: an additional field of answers. */
export interface HybridgeField {
  branch: string
  inferenceSource: 'on_device' | 'in_cloud' | 'unknown'
  device?: 'gpu' | 'cpu'
  routing: unknown
}

/** `usage` of a chat completion. Reasoning is part of `completion_tokens`. */
export interface CompletionUsage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
  completion_tokens_details: { reasoning_tokens: number }
}

/** A function call. `arguments` is JSON text. */
export interface ToolCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

/** One token and its log-probability. */
export interface TokenLogprob {
  token: string
  logprob: number
  bytes: number[] | null
  top_logprobs: never[]
}

/** Why a completion ended. */
export type CompletionFinish = 'stop' | 'length' | 'tool_calls' | 'content_filter'

/** A complete chat completion. */
export interface ChatCompletion {
  id: string
  object: 'chat.completion'
  /** Seconds since 1970. */
  created: number
  model: string
  choices: Array<{
    index: 0
    message: {
      role: 'assistant'
      content: string | null
      refusal: null
      tool_calls?: ToolCall[]
      reasoning_content?: string
    }
    logprobs: { content: TokenLogprob[]; refusal: null } | null
    finish_reason: CompletionFinish
  }>
  usage: CompletionUsage
  hybridge: HybridgeField
}

/** One event of a streamed chat completion. */
export interface ChatCompletionChunk {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  choices: Array<{
    index: 0
    delta: {
      role?: 'assistant'
      content?: string
      reasoning_content?: string
      tool_calls?: Array<ToolCall & { index: number }>
    }
    logprobs: { content: TokenLogprob[]; refusal: null } | null
    finish_reason: CompletionFinish | null
  }>
  usage?: CompletionUsage | null
  hybridge?: HybridgeField
}

/** Embeddings of texts. */
export interface EmbeddingList {
  object: 'list'
  data: Array<{ object: 'embedding'; index: number; embedding: number[] | string }>
  model: string
  usage: { prompt_tokens: number; total_tokens: number }
}

/** The available models. */
export interface ModelEntry {
  id: string
  object: 'model'
  created: number
  owned_by: string
}
export interface ModelList {
  object: 'list'
  data: ModelEntry[]
}

/** A JSON object of unknown content. */
export type Body = Readonly<Record<string, unknown>>
