/**
 * The AI SDK's provider interface, specification v4, the part that is used here. Declared here, so that an application
 * needs only the package `ai`; a test compares it with `@ai-sdk/provider`.
 */

export type JsonValue = null | string | number | boolean | JsonObject | JsonValue[]
export type JsonObject = { [key: string]: JsonValue | undefined }
/** Metadata by provider; hybridge's is under `hybridge`. */
export type ProviderRecord = Record<string, JsonObject>
/** The same, as input. */
export type GivenRecord = Readonly<Record<string, { readonly [key: string]: unknown }>>

export type FileData =
  | { type: 'data'; data: Uint8Array | string }
  | { type: 'url'; url: URL; originalUrl?: string }
  | { type: 'reference'; reference: unknown }
  | { type: 'text'; text: string }

export type ToolOutput =
  | { type: 'text' | 'error-text'; value: string }
  | { type: 'json' | 'error-json'; value: unknown }
  | { type: 'execution-denied'; reason?: string }
  | { type: 'content'; value: Array<{ type: string; text?: string }> }

export type PromptPart = { providerOptions?: GivenRecord } & (
  | { type: 'text' | 'reasoning'; text: string }
  | { type: 'file' | 'reasoning-file'; data: FileData; mediaType: string; filename?: string }
  | { type: 'custom'; kind?: string }
  | { type: 'tool-call'; toolCallId: string; toolName: string; input: unknown }
  | { type: 'tool-result'; toolCallId: string; toolName: string; output: ToolOutput }
  | { type: 'tool-approval-response'; approvalId: string; approved: boolean }
)

export type PromptMessage = { providerOptions?: GivenRecord } & (
  { role: 'system'; content: string } | { role: 'user' | 'assistant' | 'tool'; content: PromptPart[] }
)

export type Tool =
  | { type: 'function'; name: string; description?: string; inputSchema: unknown }
  | { type: 'provider'; id: string; name: string }

export interface CallOptions {
  prompt: PromptMessage[]
  maxOutputTokens?: number
  temperature?: number
  topP?: number
  topK?: number
  stopSequences?: string[]
  seed?: number
  presencePenalty?: number
  frequencyPenalty?: number
  reasoning?: string
  responseFormat?: { type: 'text' } | { type: 'json'; schema?: unknown; name?: string; description?: string }
  tools?: Tool[]
  toolChoice?: { type: 'auto' | 'none' | 'required' } | { type: 'tool'; toolName: string }
  includeRawChunks?: boolean
  abortSignal?: AbortSignal
  headers?: Record<string, string | undefined>
  providerOptions?: GivenRecord
}

export type Warning =
  { type: 'unsupported' | 'compatibility'; feature: string; details?: string } | { type: 'other'; message: string }

export interface FinishReason {
  unified: 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'
  raw: string | undefined
}

export interface TokenUsage {
  inputTokens: {
    total: number | undefined
    noCache: number | undefined
    cacheRead: number | undefined
    cacheWrite: number | undefined
  }
  outputTokens: { total: number | undefined; text: number | undefined; reasoning: number | undefined }
}

export type Content = { providerMetadata?: ProviderRecord } & (
  | { type: 'text' | 'reasoning'; text: string }
  | { type: 'file'; mediaType: string; data: { type: 'data'; data: string } | { type: 'url'; url: URL } }
  | { type: 'tool-call'; toolCallId: string; toolName: string; input: string }
)

export interface ResponseMetadata {
  id: string
  timestamp: Date
  modelId: string
}

export interface GenerateResult {
  content: Content[]
  structuredOutputText?: string
  finishReason: FinishReason
  usage: TokenUsage
  warnings: Warning[]
  providerMetadata: ProviderRecord
  response: ResponseMetadata
}

export type StreamPart =
  | { type: 'stream-start'; warnings: Warning[] }
  | ({ type: 'response-metadata' } & ResponseMetadata)
  | { type: 'text-start' | 'reasoning-start'; id: string }
  | { type: 'text-delta' | 'reasoning-delta'; id: string; delta: string }
  | { type: 'text-end' | 'reasoning-end'; id: string; providerMetadata?: ProviderRecord }
  | { type: 'tool-input-start'; id: string; toolName: string }
  | { type: 'tool-input-delta'; id: string; delta: string }
  | { type: 'tool-input-end'; id: string }
  | Extract<Content, { type: 'file' | 'tool-call' }>
  | { type: 'error'; error: unknown }
  | { type: 'finish'; finishReason: FinishReason; usage: TokenUsage; providerMetadata?: ProviderRecord }

/** A language model of the AI SDK. */
export interface AiSdkLanguageModel {
  readonly specificationVersion: 'v4'
  readonly provider: string
  readonly modelId: string
  readonly supportedUrls: Record<string, RegExp[]>
  doGenerate(options: CallOptions): Promise<GenerateResult>
  doStream(options: CallOptions): Promise<{ stream: ReadableStream<StreamPart> }>
}

/** An embedding model of the AI SDK. */
export interface AiSdkEmbeddingModel {
  readonly specificationVersion: 'v4'
  readonly provider: string
  readonly modelId: string
  readonly maxEmbeddingsPerCall: number | undefined
  readonly supportsParallelCalls: boolean
  doEmbed(options: {
    values: string[]
    dimensions?: number
    abortSignal?: AbortSignal
    providerOptions?: GivenRecord
    headers?: Record<string, string | undefined>
  }): Promise<{ embeddings: number[][]; warnings: Warning[] }>
}

/** A provider of the AI SDK, callable with the name of a model. */
export interface AiSdkProvider {
  (modelId: string): AiSdkLanguageModel
  readonly specificationVersion: 'v4'
  languageModel(modelId: string): AiSdkLanguageModel
  embeddingModel(modelId: string): AiSdkEmbeddingModel
  imageModel(modelId: string): never
}
