/** Every public type. The classes and functions that use them are beside this file, one file for each noun. */

import type { ExecutableTool, PausedRun } from './agent/stream-tools.js'
import type { HybridError } from './border/errors.js'
import type { InferSchema, Schema } from './border/schema.js'

// ── What travels ─────────────────────────────────────────────────────────────────────────────────────────────────────

export type Role = 'system' | 'user' | 'model' | 'tool'
export type Metadata = Record<string, unknown>

/** The kinds of content of a part, by the name of their member. */
export interface PartContents {
  text: string
  reasoning: string
  media: { url: string; contentType?: string }
  toolRequest: { name: string; input?: unknown; ref?: string }
  toolResponse: { name: string; output?: unknown; ref?: string }
  data: unknown
  custom: Record<string, unknown>
}

/**
 * A piece of a message. It has exactly one of the members of `PartContents`, as in Genkit, so that a part is the same
 * in a request, in a reply and in storage. Read a member directly, or narrow by it:
 *
 * @example
 * const text = parts.map((part) => part.text ?? '').join('')
 * for (const part of parts) {
 *   switch (true) {
 *     case part.text !== undefined: show(part.text); break
 *     case part.media !== undefined: show(part.media.url); break
 *   }
 * }
 */
export type Part = { [K in keyof PartContents]: PartOf<K> }[keyof PartContents]

/** A part with one member, and none of the others. */
export type PartOf<K extends keyof PartContents, Content = PartContents[K]> = { metadata?: Metadata } & {
  [Only in K]: Content
} & { [Other in Exclude<keyof PartContents, K>]?: never }

export interface Message {
  role: Role
  content: Part[]
  metadata?: Metadata
}

export interface GenerationConfig {
  temperature?: number
  topK?: number
  topP?: number
  minP?: number
  seed?: number
  maxOutputTokens?: number
  /** At most five, as in Genkit. The model on this device ignores them if the answer must match a schema. */
  stopSequences?: string[]
  /** Options for one branch only, by branch key; never sent to another. */
  branches?: Record<string, Record<string, unknown>>
  /** Whether the model's reasoning is delivered as parts with `reasoning`, if it has any. It then counts as content. */
  includeReasoning?: boolean
}

export interface ToolDefinition {
  name: string
  description: string
  inputSchema?: JsonSchema
  outputSchema?: JsonSchema
}
export type JsonSchema = Record<string, unknown>

/** The media of a request: a URL, or the data itself, which is read and sent as a `data:` URL. */
export type MediaSource = Blob | ImageBitmap | Uint8Array | ArrayBuffer

/** A part of a request. `media` may be a Blob or File, or bytes with their `contentType`. */
export type RequestPart = Part | PartOf<'media', Blob | ImageBitmap | { data: MediaSource; contentType?: string }>
export interface RequestMessage {
  role: Role
  content: RequestPart[]
  metadata?: Metadata
}

/** A tool in a request. Its schemas may be Standard Schemas. */
export interface RequestTool extends Omit<ToolDefinition, 'inputSchema' | 'outputSchema'> {
  inputSchema?: Schema
  outputSchema?: Schema
}

export interface GenerateRequest<S extends Schema = Schema> {
  /** Shorthand for one user message at the end. */
  prompt?: string | RequestPart[]
  /** Shorthand for one system message at the start. */
  system?: string
  messages?: RequestMessage[]
  config?: GenerationConfig
  tools?: RequestTool[]
  toolChoice?: 'auto' | 'required' | 'none'
  /**
   * The form of the answer. `response.output` has the type that `schema` describes: a JSON Schema literal, or a
   * Standard Schema.
   */
  output?: { format?: 'text' | 'json'; schema?: S }
}

export interface GenerateOptions {
  /** Aborts the request wherever it runs. Never causes a fallback. */
  signal?: AbortSignal
  /** Passed to strategies and custom models unchanged. */
  context?: Record<string, unknown>
  /** What to do if the request is longer than a branch's context window. By default the branch decides. */
  window?: WindowPolicy
  /** The branches of a hybrid that may see this request, regardless of its strategy. */
  allow?: readonly string[]
  /**
   * How to handle images and audio that a branch does not support (`info.supports.media`). By default such a branch
   * fails.
   */
  media?: MediaPolicy
  /**
   * If a stream breaks off after content, the next branch of a hybrid continues the text so far, provided that the
   * failure allows a fallback. Message and trace are marked with `continued`. Without this option such a failure is
   * thrown, as it is for answers in JSON and after tool calls.
   */
  continueFrom?: 'partial'
}

export type FinishReason = 'stop' | 'length' | 'blocked' | 'interrupted' | 'aborted' | 'other' | 'unknown'

export interface Usage {
  inputTokens?: number
  /**
   * All tokens that the model generated, including reasoning, whatever the service counts: input and output add up to
   * the total.
   */
  outputTokens?: number
  totalTokens?: number
  /** The part of `outputTokens` used for reasoning. */
  thoughtsTokens?: number
  /** The part of `inputTokens` that was cached by the service, or by the model on this device. */
  cachedContentTokens?: number
}

/**
 * The model's confidence, from the log-probabilities of the tokens it chose. Absent if a branch reports none; if a
 * service reports only the mean, it is used for all three.
 */
export interface Confidence {
  tokens: number
  meanLogprob: number
  minLogprob: number
  /** 10 % quantile */
  p10Logprob: number
  /** The margin of the first token over the second most likely one, in nats, if a branch reports it. */
  firstMargin?: number
  /** The mean entropy of the choices, in nats, if a branch reports it. */
  meanEntropy?: number
}

/**
 * The score of an answer's log-probabilities that is compared with a threshold: their mean, minimum or a quantile, the
 * first token's, a branch's `firstMargin` or (negated) `meanEntropy`, or the weights of a calibration.
 */
export type ConfidenceScore =
  'mean' | 'min' | 'p10' | 'p25' | 'p50' | 'first' | 'margin' | 'entropy' | readonly number[]

/** The part of a calibration that a cascade uses. */
export interface CascadeCalibration {
  readonly score: ConfidenceScore | 'custom'
  readonly threshold: number
  readonly holdTokens: number | 'all'
}

export interface GenerateResponse<Output = unknown> {
  readonly message: Message
  readonly finishReason: FinishReason
  /** The provider's own name for it, e.g. 'SAFETY'. */
  readonly finishMessage?: string
  readonly usage: Usage
  readonly latencyMs: number
  readonly confidence?: Confidence
  readonly raw?: unknown
  /** All text parts, joined. */
  readonly text: string
  readonly reasoning: string
  /**
   * The text parsed as JSON, if JSON was requested; undefined if it isn't JSON. Its type comes from the schema: check
   * `outputError` before relying on it.
   */
  readonly output: Output
  /**
   * Why `output` is not as requested: not JSON, cut off (code OUTPUT_INCOMPLETE), or not valid for the schema
   * (OUTPUT_MISMATCH, with the path as its cause). A cascade can use it: `accept: ({ outputError }) => outputError ===
   * undefined`.
   */
  readonly outputError?: HybridError
  readonly toolRequests: ReadonlyArray<{ name: string; input?: unknown; ref?: string }>
  /** The branch that answered, and where it ran. */
  readonly branch: string
  readonly inferenceSource: 'on_device' | 'in_cloud' | 'unknown'
  /** The device that a local model ran on. */
  readonly device?: 'gpu' | 'cpu'
  readonly routing: RoutingTrace
}

export interface GenerateChunk {
  readonly index: number
  readonly role: Role
  readonly content: Part[]
  readonly text: string
  /**
   * The best partial JSON so far, if JSON was requested. In long answers it may lag behind by a small share of the
   * text, but not at the end. Do not modify it: later chunks may share it.
   */
  readonly output?: unknown
  readonly logprobs?: readonly number[]
  readonly branch: string
}

export interface GenerateStream<Output = unknown> extends AsyncIterable<GenerateChunk> {
  /** The same chunks. Leaving the loop early stops the work. */
  readonly stream: AsyncIterable<GenerateChunk>
  /** Settles even if no loop reads the chunks. Never an unhandled rejection. */
  readonly response: Promise<GenerateResponse<Output>>
  /**
   * Only the text, chunk by chunk. Each read of this property starts at the beginning.
   *
   * @example
   * for await (const text of ai.generateStream('Hello').textStream) element.append(text)
   */
  readonly textStream: AsyncIterable<string>
  /** The chunks as a web stream, e.g. for a transform or a worker. Cancelling it stops the work. */
  toReadableStream(): ReadableStream<GenerateChunk>
}

// ── Models ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ModelInfo {
  readonly name: string
  readonly supports: {
    multiturn: boolean
    systemRole: boolean
    tools: boolean
    media: boolean
    json: 'constrained' | 'prompted' | 'none'
    /** Whether it can continue the text of a last model message that is marked `metadata: { prefix: true }`. */
    prefix?: boolean
  }
  readonly contextWindow?: number
  readonly inferenceSource: 'on_device' | 'in_cloud' | 'unknown'
  /**
   * The kinds of personal data that are replaced before the model sees a request, for a model created by `redacting`.
   */
  readonly redacts?: readonly string[]
}

export interface Model {
  readonly name: string
  readonly info: ModelInfo
  generate<const S extends Schema = JsonSchema>(
    request: string | GenerateRequest<S>,
    options?: GenerateOptions,
  ): Promise<GenerateResponse<InferSchema<S>>>
  /** Returns at once. */
  generateStream<const S extends Schema = JsonSchema>(
    request: string | GenerateRequest<S>,
    options?: GenerateOptions,
  ): GenerateStream<InferSchema<S>>
  /** Starts a conversation. Foreign models lack this method; `chat(model, options)` accepts any model. */
  chat?(options?: ChatOptions): Chat
}

// ── Routing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface HybridModel extends Model {
  chat(options?: ChatOptions): Chat
  /** Returns how this request would be routed now, without running it. */
  explain(
    request: string | GenerateRequest,
    options?: GenerateOptions,
  ): Promise<Pick<RoutingTrace, 'strategy' | 'order' | 'allow' | 'reason'>>
  /** Returns the health of each branch: open breakers, measured speeds, queue. */
  health(): Record<string, BranchHealth>
}

export interface HybridPolicy {
  /**
   * Statuses after which the next branch is tried. Default: UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED,
   * INTERNAL.
   */
  fallbackOn?: Status[]
  /**
   * Timeout of one attempt until its first content; when it expires, the attempt fails with DEADLINE_EXCEEDED. Default
   * 15,000 for a branch in the cloud while another branch is left to try, so that a stalled network falls back;
   * otherwise none.
   */
  firstTokenTimeoutMs?: number
  /** Timeouts of one attempt: between two chunks, and in total. None by default. */
  idleTimeoutMs?: number
  totalTimeoutMs?: number
  /**
   * Hedging: also start the next branch if the first has sent nothing after this time. The first branch to send
   * content wins, the other is aborted. Off by default.
   */
  hedgeAfterMs?: number
  /**
   * Circuit breaker: skip a branch for a while after this many consecutive failures. Off by default; RetryInfo and a
   * lost GPU open it at once.
   */
  breaker?: { failures: number; cooldownMs: number }
  /** The default of the request option: another branch may continue an answer that broke off. Off by default. */
  continueFrom?: 'partial'
}

/** Options common to all routers. */
export interface CascadeOptions {
  name?: string
  policy?: HybridPolicy
  /** Policies by branch key; each member overrides that of `policy` for this branch. */
  branchPolicies?: Record<string, HybridPolicy>
  /** Called with the trace of every request. Its exceptions are passed to `reportError` and fail no request. */
  onTrace?: (trace: RoutingTrace) => void | Promise<void>
}

export interface HybridOptions extends CascadeOptions {
  strategy: RoutingStrategy
  shadow?: ShadowOptions
}

/**
 * A second branch that answers some requests again, to compare or calibrate. It runs after the answer, and its own
 * answer is never shown. There is no shadow for requests that a strategy pinned to some branches, for requests whose
 * last message is a tool result, and for requests that reach this hybrid as a branch of another. One shadow runs at a
 * time.
 *
 * @example
 * hybridModelOnDeviceCloud({ onDevice, cloud, strategy, shadow: { branch: kCloud, share: 0.05, onResult: (it) =>
 * results.push(it) } })
 */
export interface ShadowOptions {
  branch: string
  /** The share of eligible requests: 0 to 1. */
  share: number
  /** Called with both answers, or with the shadow's failure. */
  onResult: (result: ShadowResult) => void | Promise<void>
  /** Aborts the running shadow, and disables later ones. The signals of requests have no effect on it. */
  signal?: AbortSignal
  /** Timeout in milliseconds. Default 60,000. */
  timeoutMs?: number
  /** A random number generator for tests; default Math.random. */
  random?: () => number
}
export interface ShadowAnswer {
  readonly branch: string
  readonly message: Message
  readonly text: string
  readonly usage: Usage
  readonly latencyMs: number
  readonly confidence?: Confidence
  readonly logprobs?: readonly number[]
}
/** `id` is that of the trace of the answer that was shown. */
export type ShadowResult = {
  readonly id: string
  readonly request: RoutingContext['request']
  readonly answered: ShadowAnswer
} & (
  { readonly shadow: ShadowAnswer; readonly error?: never } | { readonly error: HybridError; readonly shadow?: never }
)

/** The part of a ledger that a CostStrategy uses; `createLedger` of `hybridge/learn` creates one. */
export interface BudgetLedger {
  readonly spentToday: () => number | Promise<number>
}

export interface RoutingContext {
  readonly request: {
    messages: Message[]
    config: GenerationConfig
    tools: ToolDefinition[]
    output?: { format?: 'text' | 'json'; schema?: JsonSchema }
  }
  readonly branchKeys: ReadonlySet<string>
  readonly isStreaming: boolean
  readonly device: DeviceFacts
  readonly branches: Readonly<Record<string, BranchHealth>>
  readonly context: Record<string, unknown>
  readonly signal: AbortSignal
}

/**
 * One key chooses a branch, several add fallbacks, '' / [] / undefined make no decision. `allow` is a constraint: no
 * combinator, fallback, hedge or breaker can send the request to another branch.
 */
export type Decision =
  string | readonly string[] | undefined | { order?: readonly string[]; allow?: readonly string[]; reason?: string }

export interface RoutingStrategy {
  readonly name?: string
  route(context: RoutingContext): Decision | Promise<Decision>
}

export type SensitiveKind =
  'email' | 'phone' | 'credit-card' | 'iban' | 'ssn' | 'ip-address' | 'api-key' | 'date-of-birth' | 'national-id'

export interface DeviceFacts {
  readonly online: boolean
  readonly saveData: boolean
  readonly effectiveType?: string
  readonly webgpu: {
    available: boolean
    reason?: string
    software: boolean
    vendor?: string
    architecture?: string
    maxBufferSize?: number
    maxStorageBufferBindingSize?: number
    shaderF16?: boolean
    subgroups?: boolean
  }
  readonly memoryGB?: number
  readonly cores?: number
  readonly battery?: { level: number; charging: boolean }
  readonly visible: boolean
}
export interface DeviceRequirements {
  webgpu?: boolean
  hardwareGpu?: boolean
  minMemoryGB?: number
  minBatteryLevel?: number
  minTokensPerSecond?: number
  allowSaveData?: boolean
}

export interface BranchHealth {
  state: 'ready' | 'loading' | 'absent' | 'open' | 'failed'
  failuresInRow: number
  openUntil?: number
  firstTokenMs?: number
  tokensPerSecond?: number
  prefillTokensPerSecond?: number
  queued: number
}

export interface RoutingTrace {
  readonly id: string
  readonly strategy: string
  readonly order: readonly string[]
  readonly allow?: readonly string[]
  readonly reason?: string
  readonly attempts: ReadonlyArray<Attempt>
}
export interface Attempt {
  readonly branch: string
  readonly outcome: 'answered' | 'failed' | 'rejected' | 'skipped' | 'stopped'
  readonly status?: Status
  readonly message?: string
  readonly startedAtMs: number
  readonly firstTokenMs?: number
  readonly durationMs: number
  readonly usage?: Usage
  readonly confidence?: Confidence
  /** The device that a local model ran on. */
  readonly device?: 'gpu' | 'cpu'
  /** The branch's own trace, if it is a hybrid itself. */
  readonly routing?: RoutingTrace
  /** What was left out to fit the branch's context window. */
  readonly window?: WindowReport
  /** How images and audio that the branch does not support were handled. */
  readonly media?: MediaReport
  /** How many values of each kind were replaced, if the branch redacts. */
  readonly redacted?: Readonly<Record<string, number>>
  /** The attempt that it continued, and the length of the text before it. */
  readonly continued?: Continued
  /** Why its partial answer was not continued although `continueFrom` allows it. */
  readonly notContinued?: 'permanent' | 'json' | 'tool-call' | 'last-branch' | 'not-allowed'
}
export interface Continued {
  readonly from: string
  readonly at: number
}

// ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export type Status =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'

/**
 * The more specific code of an error. Any version may add codes, so a `switch` over them needs a default.
 *
 * @example
 * if (error.code === 'API_KEY_MISSING') askForKey()
 */
export type ErrorCode =
  // The request, its branches and what they returned.
  | 'NO_BRANCH'
  | 'UNKNOWN_BRANCH'
  | 'NOTHING_ALLOWED'
  | 'REPLY_MALFORMED'
  | 'STOPPED_ELSEWHERE'
  | 'OUTPUT_MISMATCH'
  | 'OUTPUT_INCOMPLETE'
  | 'NOT_REDACTED'
  | 'REDACTION_FAILED'
  | 'SCHEMA_MISMATCH'
  | 'APPROVAL_NEEDED'
  | 'NOTHING_TO_APPROVE'
  | 'CHAT_BUSY'
  | 'CHAT_NEWER'
  | 'CHAT_DAMAGED'
  | 'STORAGE_FULL'
  | 'STORE_UNAVAILABLE'
  | 'TOOL_TURNS_EXCEEDED'
  | 'TOOLS_UNSUPPORTED'
  | 'TOOLS_OR_JSON'
  | 'MEDIA_UNSUPPORTED'
  | 'PART_UNSUPPORTED'
  | 'TOO_DEEP'
  | 'SCHEMA_UNSUPPORTED'
  | 'CONTEXT_TOO_LONG'
  | 'CONTEXT_FULL'
  // Cloud services.
  | 'API_KEY_MISSING'
  | 'API_KEY_INVALID'
  | 'CREDENTIALS_FAILED'
  | 'HEADER_INVALID'
  | 'OFFLINE'
  | 'NETWORK'
  | 'REDIRECTED'
  | 'FETCH_INVALID'
  | 'NOT_THE_SERVICE'
  | 'STREAM_TRUNCATED'
  | 'MALFORMED_ANSWER'
  | 'MALFORMED_EVENT'
  | 'EVENT_TOO_LARGE'
  | 'ANSWER_TOO_LARGE'
  | 'QUOTA_EXCEEDED'
  | 'QUOTA_DAILY'
  | 'LOCATION_UNSUPPORTED'
  | 'REQUEST_TOO_LARGE'
  | 'INSUFFICIENT_QUOTA'
  // Files of this package.
  | 'WASM_UNAVAILABLE'
  | 'WORKER_UNAVAILABLE'
  | 'WORKER_CRASHED'
  | 'WORKER_ENDED'
  | 'ENGINE_PANIC'
  | 'THREAD_LOST'
  | 'ENGINE_BUSY'
  | 'SIMD_UNAVAILABLE'
  | 'INSECURE_CONTEXT'
  // A vector store.
  | 'STORE_NEWER'
  | 'STORE_MISMATCH'
  | 'STORE_DAMAGED'
  | 'STORE_CLOSED'
  | 'STORE_FAILED'
  | 'STORE_IN_USE'
  | 'DOCUMENT_EXISTS'
  | 'EMBEDDER_NOT_ON_DEVICE'
  | 'EMBEDDING_INVALID'
  // A model on this device: its state, its GPU.
  | 'MODEL_ABSENT'
  | 'MODEL_LOADING'
  | 'MODEL_NOT_LOADED'
  | 'MODEL_FAILED'
  | 'LOAD_STOPPED'
  | 'MODEL_IN_USE'
  | 'DISPOSED'
  | 'PAGE_LEFT'
  | 'CRASHED_BEFORE'
  | 'PROMPT_API_MISSING'
  | 'DEVICE_UNSUITABLE'
  | 'DEVICE_LOST'
  | 'OUT_OF_MEMORY'
  | 'NUMERIC'
  | 'GPU_UNAVAILABLE'
  | 'GPU_UNSUPPORTED'
  | 'GPU_LIMITS'
  | 'GPU_FAILED'
  | 'GPU_WRONG_RESULTS'
  | 'GPU_SOFTWARE'
  | 'DATA_SAVER'
  // Its download and its file.
  | 'DOWNLOAD_FAILED'
  | 'MODEL_GATED'
  | 'MODEL_HTTP'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_REDIRECTED'
  | 'MODEL_CHANGED'
  | 'MODEL_SIZE_UNKNOWN'
  | 'CHECKSUM_MISMATCH'
  | 'RANGE_MISMATCH'
  | 'RANGES_UNSUPPORTED'
  | 'SIZE_MISMATCH'
  | 'SOURCE_LOST'
  | 'SOURCE_TRUNCATED'
  | 'GGUF_INVALID'
  | 'GGUF_SPLIT'
  | 'GGUF_TRUNCATED'
  | 'GGUF_UNSUPPORTED'
  | 'MODEL_ARCHITECTURE'
  | 'MODEL_DAMAGED'
  | 'BASE_MODEL'
  | 'MODEL_KEY_INVALID'
  | 'MODEL_KEY_MISSING'
  | 'MODEL_TENSOR_MISSING'
  | 'MODEL_TENSOR_SHAPE'
  | 'MODEL_TENSOR_TYPE'
  | 'ADAPTER_INVALID'
  | 'ADAPTER_MISMATCH'
  | 'ADAPTER_UNSUPPORTED'
  | 'MMPROJ_INVALID'
  | 'MMPROJ_MISMATCH'
  | 'MMPROJ_UNSUPPORTED'
  | 'PICTURE_INVALID'
  | 'TOKENIZER_INVALID'
  | 'TOKENIZER_MISSING'
  | 'TOKENIZER_PIECE_MISSING'
  | 'TOKENIZER_UNSUPPORTED'
  | 'UNKNOWN_TOKEN'
  // Keeps the literals in the editor's completion while allowing any string.
  | (string & {})

// ── On the device ────────────────────────────────────────────────────────────────────────────────────────────────────

export interface GemmaOptions {
  /** A known name, the URL of a GGUF file (or of its parts), or a file that the user chose. */
  model: string | { url: string | string[]; sha256?: string | string[]; bytes?: number } | Blob
  /**
   * The model's vision tower (`mmproj` file), with which it reads images: a URL, a file that the user chose, or `true`
   * for the one of a known model.
   */
  mmproj?: true | string | { url: string | string[]; sha256?: string | string[]; bytes?: number } | Blob
  /**
   * Low-rank adapters (LoRA as GGUF), which are applied during the load with the strength `scale`, 1 by default: URLs,
   * or files that the user chose.
   */
  adapters?: ReadonlyArray<
    | string
    | Blob
    | { url: string | string[]; sha256?: string | string[]; bytes?: number; scale?: number }
    | { file: Blob; scale?: number }
  >
  /** The maximum number of tokens of an image, for Gemma 4; default 280. Gemma 3 always uses 256. */
  imageTokens?: 70 | 140 | 280 | 560 | 1120
  /** Context window of prompt and answer together; default 4096, limited by the file's maximum. */
  contextWindow?: number
  /** 'fast' lets kernels round activations to half floats or 8 bits if that is faster. Default 'exact'. */
  precision?: 'exact' | 'fast'
  /**
   * The number of CPU threads on pages that are cross-origin isolated; other pages have one. Default 'auto': all cores
   * except one, both of two, at most four.
   */
  threads?: 'auto' | number
  /**
   * Default 'auto': a hardware GPU that passed the self-test, else the CPU if the model is small enough for it. 'gpu'
   * accepts a software GPU, too.
   */
  device?: 'auto' | 'gpu' | 'cpu'
  /**
   * 'auto', the default, formats conversations as a chat, except for a base model converted by llama.cpp: it has no
   * chat template, and continues the texts as they are. 'chat' and 'none' override it.
   */
  template?: 'auto' | 'chat' | 'none'
  /** Where weights are stored between visits. Default 'opfs'. */
  cache?: 'opfs' | 'none'
  /**
   * For gated downloads: extra headers of the model's requests. They are for the origin of the first address: if it
   * redirects to another origin, only `authorization` is passed to the browser, and current browsers drop it as well
   * (Chrome before 119 did not). Headers of other names never leave the origin; if the host then refuses, the load
   * fails with MODEL_REDIRECTED.
   */
  headers?: () => Record<string, string> | Promise<Record<string, string>>
  /** For pages whose bundler or CSP needs them named. */
  workerUrl?: string | URL
  /** The engine's GPU file. Without `cpuWasmUrl` it also serves visitors without a GPU. */
  wasmUrl?: string | URL
  /** The engine's smaller file, for visitors without a GPU. */
  cpuWasmUrl?: string | URL
  /** The engine's CPU file with threads. Only fetched by pages that are cross-origin isolated. */
  threadsWasmUrl?: string | URL
  /**
   * Whether to wait for a load in progress instead of failing with UNAVAILABLE at once. Default false, so that a
   * hybrid moves on.
   */
  waitForLoad?: boolean
}

export type AvailabilityStatus = 'unavailable' | 'downloadable' | 'downloading' | 'available'
export interface Availability {
  status: AvailabilityStatus
  /** For people: why it is unavailable, or a caution to show before a load. */
  reason?: string
  /** For code: the reason. */
  code?: string
  /** The device on which it would run. Absent if nothing of the model could be read. */
  device?: 'gpu' | 'cpu'
  bytesToDownload?: number
  gpuBytesNeeded?: number
  estimatedTokensPerSecond?: number
  /** Whether a download is kept for the next visit. Absent for a file that the user chose. */
  kept?: boolean
  /** For people: why it is not kept. */
  notKeptReason?: string
}
export interface LoadProgress {
  /**
   * 'download' and 'verify' only occur if something is downloaded: a stored model, or a supplied file, begins with
   * 'upload'.
   */
  phase: 'download' | 'verify' | 'upload' | 'warmup'
  loadedBytes: number
  totalBytes: number
  /** 0..1 over all phases, never decreasing. 0 arrives as soon as the size is known, 1 at the end. */
  fraction: number
}

export interface LoadOptions {
  onProgress?: (progress: LoadProgress) => void
  signal?: AbortSignal
  /** Load even if this load crashed the page twice in a row. */
  force?: boolean
}

/** The state of a model on this device, as reported by `onStateChange`. */
export interface ModelState {
  readonly state: OnDeviceModel['state']
  /** The number of requests waiting for the running one. */
  readonly queued: number
  /** The progress of the load, while one is in progress. */
  readonly progress?: LoadProgress
  /** The finished share of the work on an image of the running request, from 0 to 1, while the model reads one. */
  readonly reading?: number
}

export interface OnDeviceModel extends Model {
  chat(options?: ChatOptions): Chat
  readonly state: 'absent' | 'loading' | 'ready' | 'failed' | 'disposed'
  /** Checks, without downloading weights, for a GPU that computes correctly, free storage, and a stored copy. */
  availability(): Promise<Availability>
  load(options?: LoadOptions): Promise<void>
  /** The number of requests waiting for the running one. */
  readonly queued?: number
  /**
   * Calls the listener whenever state, progress or queue change, whichever part of the page caused it. Returns a
   * function that removes the listener.
   *
   * @example
   * const stop = gemma.onStateChange(({ state, progress }) => show(state, progress?.fraction))
   */
  onStateChange(listener: (now: ModelState) => void): () => void
  countTokens(request: string | GenerateRequest): Promise<number>
  /** Frees the GPU and the worker; weights stay stored. */
  dispose(): Promise<void>
  /**
   * Disposes of the model and deletes its stored weights. Rejects with MODEL_IN_USE if another model object or tab is
   * downloading or loading them.
   */
  remove(options?: { signal?: AbortSignal }): Promise<void>
}

export type EmbeddingTask =
  | 'query'
  | 'document'
  | 'question-answering'
  | 'fact-checking'
  | 'classification'
  | 'clustering'
  | 'similarity'
  | 'code'
export interface Embedder {
  /** The model's name, and where it runs. */
  readonly info?: { readonly name: string; readonly inferenceSource: ModelInfo['inferenceSource'] }
  availability(): Promise<Availability>
  load(options?: LoadOptions): Promise<void>
  embed(
    texts: string | string[],
    options?: { task?: EmbeddingTask; title?: string; dimensions?: 768 | 512 | 256 | 128; signal?: AbortSignal },
  ): Promise<Float32Array[]>
  dispose(): Promise<void>
  remove(options?: { signal?: AbortSignal }): Promise<void>
}

// ── In the cloud ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface GeminiOptions {
  model: string
  /** The visitor's own key, or a function that fetches one. In production, prefer a proxy as `baseUrl`. */
  apiKey?: string | (() => string | Promise<string>)
  baseUrl?: string
  headers?: () => Record<string, string> | Promise<Record<string, string>>
  /** Replaces the host's `fetch`. It is called as `(url, init)` and must return a Response with an unread body. */
  fetch?: typeof fetch
  safetySettings?: Array<{ category: string; threshold: string }>
  /** The number of retries inside this branch before its failure reaches the router. Default 0. */
  retries?: number
}
export interface CloudModel extends Model {
  chat(options?: ChatOptions): Chat
  countTokens(request: string | GenerateRequest, options?: GenerateOptions): Promise<number>
}

// ── Conversations ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * What to do if a request is longer than the context window of the branch that runs it. `'trim'` leaves out the oldest
 * turns, `'refuse'` fails with INVALID_ARGUMENT and the numbers, `summarise` replaces the oldest turns by a summary
 * written by the named branch, and a function returns the messages to send. The caller's history stays complete.
 */
export type WindowPolicy =
  | 'trim'
  | 'refuse'
  | { summarise: { branch?: string } }
  | ((overflow: WindowOverflow) => Message[] | Promise<Message[]>)

export interface WindowOverflow {
  readonly messages: Message[]
  /** The tokens of the request, and the tokens that the window has for it. */
  readonly needed: number
  readonly available: number
  readonly window: number
  readonly model: string
  readonly signal: AbortSignal
}

/** What was left out of one request. */
export interface WindowReport {
  readonly leftOut: number
  readonly tokens: number
  readonly window: number
  readonly summarised?: boolean
}

/**
 * How to handle images and audio that a branch does not support. `'drop'` replaces them by a note, `'drop-earlier'`
 * only those before the newest message, and `describe` has images described by a branch of the hybrid that supports
 * them (the named one, else the first), once for each image; an image without a description is dropped. The caller's
 * history stays complete.
 */
export type MediaPolicy = 'drop' | 'drop-earlier' | { describe: { branch?: string } }

/** How the media of one request were handled, and which branch described them. */
export interface MediaReport {
  readonly dropped: number
  readonly described: number
  readonly by?: string
  /** The usage of the descriptions for this request, a part of the response's `usage`. */
  readonly usage?: Usage
}

export type ChatInput = string | Part[]

export interface ChatOptions {
  system?: string
  /** The history to start from. */
  messages?: Message[]
  tools?: Readonly<Record<string, ExecutableTool>>
  toolChoice?: GenerateRequest['toolChoice']
  config?: GenerationConfig
  output?: GenerateRequest['output']
  /** Default `'trim'`. */
  window?: WindowPolicy
  /** Default `'drop-earlier'`. */
  media?: MediaPolicy
  /** The maximum number of steps per turn in which the model calls tools. Default 5. */
  maxSteps?: number
  context?: Record<string, unknown>
  /** For every turn: another branch may continue an answer that broke off. */
  continueFrom?: 'partial'
  /** Stores the conversation in IndexedDB under this name. */
  persist?: { name: string }
}

/** One message of a conversation, with its metadata. */
export interface ChatEntry {
  message: Message
  /** `streaming` while it is being generated, `aborted` and `failed` if that ended early. */
  state?: 'streaming' | 'aborted' | 'failed'
  error?: { status: Status; code?: string }
  branch?: string
  usage?: Usage
  /** The branches to which this turn was pinned; later turns are pinned to them as well. */
  allow?: string[]
  /** Tool calls that wait for approval: `chat.approve()` continues. */
  paused?: PausedRun
}

export interface ChatSnapshot {
  version: 1
  entries: ChatEntry[]
}

export interface Chat {
  readonly messages: readonly Message[]
  readonly entries: readonly ChatEntry[]
  /** The usage of all turns together. */
  readonly usage: Usage
  readonly lastBranch: string | undefined
  readonly isBusy: boolean
  /** Why the conversation is not being stored, despite `persist`. */
  readonly caution: HybridError | undefined
  /** Settles when the stored conversation has been read. */
  readonly ready: Promise<void>
  /** Sends a message and streams the answer. A running turn is awaited. */
  send(input: ChatInput, options?: GenerateOptions): GenerateStream
  /**
   * Answers the last user message again. With `continueFrom: 'partial'`, an answer that was stopped or failed is
   * continued instead.
   */
  regenerate(options?: GenerateOptions): GenerateStream
  /** Approves or rejects waiting tool calls, by `ref` or name, and continues. */
  approve(
    approvals: Readonly<Record<string, boolean | { approved: boolean; reason?: string }>>,
    options?: GenerateOptions,
  ): GenerateStream
  /** Removes everything from `index` on. To edit a message, call `rewindTo(index)` and `send`. */
  rewindTo(index: number): void
  /** Returns a copy of the conversation up to `index`, which is not stored. */
  fork(index?: number): Chat
  toJSON(): ChatSnapshot
  /** Calls the listener after every change. Returns a function that removes it. */
  onChange(listener: () => void): () => void
  /** Stops listening to other tabs. */
  close(): void
}
