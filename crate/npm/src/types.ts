/**
 * Every public type. The classes and functions that use them live beside this file, one file for each noun.
 */

import type { ExecutableTool, PausedRun } from './agent/stream-tools.js'
import type { HybridError } from './border/errors.js'
import type { InferSchema, Schema } from './border/schema.js'

// ── What travels ─────────────────────────────────────────────────────────────────────────────────────────────────────

export type Role = 'system' | 'user' | 'model' | 'tool'
export type Metadata = Record<string, unknown>

/** What a part may hold, by the name of the member that holds it. */
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
  /** At most five, as in Genkit. On this device they do not cut an answer that must satisfy a schema. */
  stopSequences?: string[]
  /** Options meant for one branch only, by branch key; never sent to another. */
  branches?: Record<string, Record<string, unknown>>
  /**
   * Whether the model's thinking is delivered as parts with `reasoning`, where it has any. It then counts as content.
   */
  includeReasoning?: boolean
}

export interface ToolDefinition {
  name: string
  description: string
  inputSchema?: JsonSchema
  outputSchema?: JsonSchema
}
export type JsonSchema = Record<string, unknown>

/** What media may be in a request: an address, or the thing itself, which is read and sent as a `data:` address. */
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
  /** Stops the work wherever it runs. Never causes a fallback. */
  signal?: AbortSignal
  /** Handed to strategies and custom models untouched. */
  context?: Record<string, unknown>
  /** What happens where the request is longer than a branch's context window. By default the branch decides. */
  window?: WindowPolicy
  /** The branches of a hybrid that may see this request, whatever its strategy says. */
  allow?: readonly string[]
  /**
   * What becomes of pictures and sounds where a branch takes none (`info.supports.media`). By default such a branch
   * fails.
   */
  media?: MediaPolicy
  /**
   * Where a stream breaks off after content, the next branch of a hybrid goes on from the text so far, where the
   * failure is one that falls back. Message and trace are marked with `continued`. Without it such a failure is the
   * caller's, as it is for answers in JSON and after calls of tools.
   */
  continueFrom?: 'partial'
}

export type FinishReason = 'stop' | 'length' | 'blocked' | 'interrupted' | 'aborted' | 'other' | 'unknown'

export interface Usage {
  inputTokens?: number
  /** All that the model wrote, thoughts among them, whatever the service counts: input and output are the total. */
  outputTokens?: number
  totalTokens?: number
  /** The part of `outputTokens` that was thinking. */
  thoughtsTokens?: number
  /** The part of `inputTokens` that the service, or the model on this device, had read before. */
  cachedContentTokens?: number
}

/**
 * The model's confidence, from the log-probabilities of the tokens it chose. Absent where a branch reports none; where
 * a service reports the mean alone, it stands for all three.
 */
export interface Confidence {
  tokens: number
  meanLogprob: number
  minLogprob: number
  /** 10 % quantile */
  p10Logprob: number
  /** By how much the first token was likelier than the best other, in nats, where a branch reports it. */
  firstMargin?: number
  /** Of the choices, in nats, where a branch reports it. */
  meanEntropy?: number
}

/**
 * What of an answer's log-probabilities is compared with a threshold: their mean, minimum or a quantile, the first
 * token's, what a branch reports as `firstMargin` or (negated) `meanEntropy`, or the weights that a calibration found.
 */
export type ConfidenceScore =
  'mean' | 'min' | 'p10' | 'p25' | 'p50' | 'first' | 'margin' | 'entropy' | readonly number[]

/** What a cascade takes of a calibration. */
export interface CascadeCalibration {
  readonly score: ConfidenceScore | 'custom'
  readonly threshold: number
  readonly holdTokens: number | 'all'
}

export interface GenerateResponse<Output = unknown> {
  readonly message: Message
  readonly finishReason: FinishReason
  /** The provider's own word for it, e.g. 'SAFETY'. */
  readonly finishMessage?: string
  readonly usage: Usage
  readonly latencyMs: number
  readonly confidence?: Confidence
  readonly raw?: unknown
  /** All text parts, joined. */
  readonly text: string
  readonly reasoning: string
  /**
   * The text parsed as JSON, where JSON was asked for; undefined where it is none. Its type is what the schema asks
   * for: look at `outputError` before relying on it.
   */
  readonly output: Output
  /**
   * Why `output` is not what was asked for: no JSON, cut off (code OUTPUT_INCOMPLETE), or not what the schema describes
   * (OUTPUT_MISMATCH, with the path as its cause). A cascade can go by it: `accept: ({ outputError }) => outputError
   * === undefined`.
   */
  readonly outputError?: HybridError
  readonly toolRequests: ReadonlyArray<{ name: string; input?: unknown; ref?: string }>
  /** Which branch answered, and where that ran. */
  readonly branch: string
  readonly inferenceSource: 'on_device' | 'in_cloud' | 'unknown'
  /** Of a model on this device: what it ran on. */
  readonly device?: 'gpu' | 'cpu'
  readonly routing: RoutingTrace
}

export interface GenerateChunk {
  readonly index: number
  readonly role: Role
  readonly content: Part[]
  readonly text: string
  /**
   * The best partial JSON so far, where JSON was asked for. In long answers it may lag behind by a small share of the
   * text, but not at the end. Do not change it: later chunks may share it.
   */
  readonly output?: unknown
  readonly logprobs?: readonly number[]
  readonly branch: string
}

export interface GenerateStream<Output = unknown> extends AsyncIterable<GenerateChunk> {
  /** The same chunks; leaving the loop early stops the work. */
  readonly stream: AsyncIterable<GenerateChunk>
  /** Settles even if no loop reads the chunks. Never an unhandled rejection. */
  readonly response: Promise<GenerateResponse<Output>>
  /**
   * The text alone, chunk by chunk. Each read of this property starts at the beginning.
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
    /**
     * Whether it goes on in the very text of a last message of the model's that is marked `metadata: { prefix: true }`.
     */
    prefix?: boolean
  }
  readonly contextWindow?: number
  readonly inferenceSource: 'on_device' | 'in_cloud' | 'unknown'
  /** The kinds of personal data that are replaced before the model sees a request: of a model that `redacting` made. */
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
  /** Starts a conversation. Models of another make have none; `chat(model, options)` takes any. */
  chat?(options?: ChatOptions): Chat
}

// ── Routing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface HybridModel extends Model {
  chat(options?: ChatOptions): Chat
  /** What would happen to this request now, without running it. */
  explain(
    request: string | GenerateRequest,
    options?: GenerateOptions,
  ): Promise<Pick<RoutingTrace, 'strategy' | 'order' | 'allow' | 'reason'>>
  /** How each branch is doing: open breakers, measured speeds, queue. */
  health(): Record<string, BranchHealth>
}

export interface HybridPolicy {
  /**
   * Statuses after which the next branch is tried. Default: UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED,
   * INTERNAL.
   */
  fallbackOn?: Status[]
  /**
   * Deadline of one attempt for its first content; passing it is DEADLINE_EXCEEDED. Default 15,000 for a branch in the
   * cloud while another branch is left to try, so that a network that stalls falls back; no deadline otherwise.
   */
  firstTokenTimeoutMs?: number
  /** Deadlines of one attempt: between two chunks, and for all of it. None by default. */
  idleTimeoutMs?: number
  totalTimeoutMs?: number
  /**
   * Start the next branch too if the first has sent nothing after so long; the first to send content wins, the other is
   * stopped. Off by default.
   */
  hedgeAfterMs?: number
  /**
   * Skip a branch for a while after so many failures in a row. Off by default; RetryInfo and a lost GPU open it at
   * once.
   */
  breaker?: { failures: number; cooldownMs: number }
  /** As the option of requests: another branch may go on in an answer that broke off. Off by default. */
  continueFrom?: 'partial'
}

/** What every router takes. */
export interface CascadeOptions {
  name?: string
  policy?: HybridPolicy
  /** By branch key; each member replaces that of `policy` for this branch. */
  branchPolicies?: Record<string, HybridPolicy>
  /** Called with the trace of every request. What it throws goes to `reportError` and fails no request. */
  onTrace?: (trace: RoutingTrace) => void | Promise<void>
}

export interface HybridOptions extends CascadeOptions {
  strategy: RoutingStrategy
  shadow?: ShadowOptions
}

/**
 * A second branch that answers some requests beside the one whose answer is shown, after it and never shown: to
 * compare, to calibrate. Requests that anything in the tree pinned to some branches have no shadow, nor have those
 * whose last message is a tool's result, nor those that reach this hybrid as a branch of another. One shadow runs at a
 * time.
 *
 * @example
 * hybridModelOnDeviceCloud({ onDevice, cloud, strategy, shadow: { branch: kCloud, share: 0.05, onResult: (it) =>
 * results.push(it) } })
 */
export interface ShadowOptions {
  branch: string
  /** Of the requests that may have a shadow: 0 to 1. */
  share: number
  /** Gets both answers, or the shadow's failure. */
  onResult: (result: ShadowResult) => void | Promise<void>
  /** Stops the shadow that runs, and all later ones. The signals of requests do not. */
  signal?: AbortSignal
  /** Default 60,000. */
  timeoutMs?: number
  /** For tests; default Math.random. */
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
/** `id` is that of the shown answer's trace. */
export type ShadowResult = {
  readonly id: string
  readonly request: RoutingContext['request']
  readonly answered: ShadowAnswer
} & (
  { readonly shadow: ShadowAnswer; readonly error?: never } | { readonly error: HybridError; readonly shadow?: never }
)

/** What a CostStrategy asks of a ledger: `createLedger` of `hybridge/learn` makes one. */
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
 * One key picks, several pick with fallbacks, '' / [] / undefined has no opinion.
 * `allow` is a constraint: no combinator, fallback, hedge or breaker can send the request to a branch outside it.
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
  /** Of a model on this device: what it ran on. */
  readonly device?: 'gpu' | 'cpu'
  /** The branch's own trace, where it is a hybrid itself. */
  readonly routing?: RoutingTrace
  /** What was left out to fit the branch's context window. */
  readonly window?: WindowReport
  /** What became of pictures and sounds that the branch does not take. */
  readonly media?: MediaReport
  /** How many values of each kind were replaced, where the branch redacts. */
  readonly redacted?: Readonly<Record<string, number>>
  /** Whose answer it went on in, and behind how many characters of text. */
  readonly continued?: Continued
  /** Why its answer, which broke off, was not continued although `continueFrom` allows it. */
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
 * The finer word beside a status. New ones may come with any version, so a `switch` over them needs a default.
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
  | 'SCHEMA_UNSUPPORTED'
  | 'CONTEXT_TOO_LONG'
  | 'CONTEXT_FULL'
  // Cloud services.
  | 'API_KEY_MISSING'
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
  | 'INSUFFICIENT_QUOTA'
  // The package's own files.
  | 'WASM_UNAVAILABLE'
  | 'WORKER_UNAVAILABLE'
  | 'WORKER_CRASHED'
  | 'ENGINE_PANIC'
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
  // Its download and its file.
  | 'DOWNLOAD_FAILED'
  | 'MODEL_GATED'
  | 'MODEL_HTTP'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_CHANGED'
  | 'MODEL_SIZE_UNKNOWN'
  | 'CHECKSUM_MISMATCH'
  | 'RANGE_MISMATCH'
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
  | 'TOKENIZER_INVALID'
  | 'TOKENIZER_MISSING'
  | 'TOKENIZER_PIECE_MISSING'
  | 'TOKENIZER_UNSUPPORTED'
  | 'UNKNOWN_TOKEN'
  // Keeps the list in the editor's completion beside any other string.
  | (string & {})

// ── On the device ────────────────────────────────────────────────────────────────────────────────────────────────────

export interface GemmaOptions {
  /** A known name, the URL of a GGUF file (or of its parts), or a file the person chose. */
  model: string | { url: string | string[]; sha256?: string | string[]; bytes?: number } | Blob
  /**
   * The model's vision tower (`mmproj` file), with which it reads pictures: an address, a file the person chose, or
   * `true` for the one of a known model. Such a model runs on the CPU.
   */
  mmproj?: true | string | { url: string | string[]; sha256?: string | string[]; bytes?: number } | Blob
  /** The most tokens of a picture, for Gemma 4; default 280. Gemma 3 always takes 256. */
  imageTokens?: 70 | 140 | 280 | 560 | 1120
  /** Prompt and answer together; default 4096, never more than the file allows. */
  contextWindow?: number
  /** 'fast' lets kernels round activations, to half floats or 8 bits, where that is faster. Default 'exact'. */
  precision?: 'exact' | 'fast'
  /**
   * Default 'auto': a hardware GPU if its arithmetic is right, else the CPU where the model is small enough for it.
   * 'gpu' takes a software GPU too.
   */
  device?: 'auto' | 'gpu' | 'cpu'
  /**
   * 'auto', the default, puts conversations into the form of a chat, except for a base model that llama.cpp converted:
   * it has no chat template, and continues the texts as they are. 'chat' and 'none' decide it.
   */
  template?: 'auto' | 'chat' | 'none'
  /** Where weights are kept between visits. Default 'opfs'. */
  cache?: 'opfs' | 'none'
  /**
   * For gated downloads: extra headers of the model's requests. They are for the origin of the first address: where it
   * redirects to another origin, only `authorization` is handed to the browser, and current browsers do not pass that
   * on either (Chrome before 119 did). Secrets of another name never leave the origin; if the host then refuses, the
   * load fails with MODEL_REDIRECTED.
   */
  headers?: () => Record<string, string> | Promise<Record<string, string>>
  /** For pages whose bundler or CSP needs them named. */
  workerUrl?: string | URL
  /** The engine's file for GPUs. Without `cpuWasmUrl` it serves visitors without a GPU too. */
  wasmUrl?: string | URL
  /** The engine's smaller file, for visitors without a GPU. */
  cpuWasmUrl?: string | URL
  /** Wait for a load in progress instead of failing UNAVAILABLE at once. Default false, so that a hybrid moves on. */
  waitForLoad?: boolean
}

export type AvailabilityStatus = 'unavailable' | 'downloadable' | 'downloading' | 'available'
export interface Availability {
  status: AvailabilityStatus
  /** For people: why it is unavailable, or what to know before a load. */
  reason?: string
  /** For code: why. */
  code?: string
  /** Where it would run. Absent where nothing could be read of the model. */
  device?: 'gpu' | 'cpu'
  bytesToDownload?: number
  gpuBytesNeeded?: number
  estimatedTokensPerSecond?: number
  /** Whether a download is kept for the next visit. Absent for a file that the person chose. */
  kept?: boolean
  /** For people: why it is not. */
  notKeptReason?: string
}
export interface LoadProgress {
  /** 'download' and 'verify' only where something is fetched: a file, or a model that is kept, begins with 'upload'. */
  phase: 'download' | 'verify' | 'upload' | 'warmup'
  loadedBytes: number
  totalBytes: number
  /** 0..1 over all phases, never backwards. 0 arrives as soon as the size is known, 1 at the end. */
  fraction: number
}

export interface LoadOptions {
  onProgress?: (progress: LoadProgress) => void
  signal?: AbortSignal
  /** Load although this very load ended the page twice in a row. */
  force?: boolean
}

/** What `onStateChange` reports of a model on this device. */
export interface ModelState {
  readonly state: OnDeviceModel['state']
  /** How many requests wait for the running one. */
  readonly queued: number
  /** Of the load in progress. */
  readonly progress?: LoadProgress
}

export interface OnDeviceModel extends Model {
  chat(options?: ChatOptions): Chat
  readonly state: 'absent' | 'loading' | 'ready' | 'failed' | 'disposed'
  /** Without downloading weights: is there a GPU that computes right, room on disk, a copy already? */
  availability(): Promise<Availability>
  load(options?: LoadOptions): Promise<void>
  /** How many requests wait for the running one. */
  readonly queued?: number
  /**
   * Calls the listener whenever state, progress or queue change, whichever part of the page caused it. Returns the
   * function that ends it.
   *
   * @example
   * const stop = gemma.onStateChange(({ state, progress }) => show(state, progress?.fraction))
   */
  onStateChange(listener: (now: ModelState) => void): () => void
  countTokens(request: string | GenerateRequest): Promise<number>
  /** Frees the GPU and the worker; weights stay cached. */
  dispose(): Promise<void>
  /**
   * Disposes of the model and deletes its cached weights. Rejects with MODEL_IN_USE while another model object or tab
   * fetches or loads them.
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
  /** Which vectors it makes, and where the texts go. */
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
  /** The visitor's own key, or a function that fetches one. For production prefer `baseUrl` of your own proxy. */
  apiKey?: string | (() => string | Promise<string>)
  baseUrl?: string
  headers?: () => Record<string, string> | Promise<Record<string, string>>
  /** Replaces the host's `fetch`. It is called as `(url, init)` and must return a Response whose body was not read. */
  fetch?: typeof fetch
  safetySettings?: Array<{ category: string; threshold: string }>
  /** Further tries inside this branch before its failure reaches the router: a whole number, 0 by default. */
  retries?: number
}
export interface CloudModel extends Model {
  chat(options?: ChatOptions): Chat
  countTokens(request: string | GenerateRequest, options?: GenerateOptions): Promise<number>
}

// ── Conversations ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * What happens where a request is longer than the context window of the branch that runs it.
 * `'trim'` leaves out the oldest turns, `'refuse'` ends with INVALID_ARGUMENT and the numbers, `summarise` replaces the
 * oldest turns by a summary that the named branch writes, and a function returns the messages to send. The caller's
 * history stays whole.
 */
export type WindowPolicy =
  | 'trim'
  | 'refuse'
  | { summarise: { branch?: string } }
  | ((overflow: WindowOverflow) => Message[] | Promise<Message[]>)

export interface WindowOverflow {
  readonly messages: Message[]
  /** Tokens of the request, and what the window leaves for it. */
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
 * What becomes of pictures and sounds where a branch takes none. `'drop'` puts a note in their place, `'drop-earlier'`
 * does so for those before the newest message, and `describe` has pictures described by a branch of the hybrid that
 * sees them (the named one, else the first), once for each picture; what cannot be described is dropped. The caller's
 * history stays whole.
 */
export type MediaPolicy = 'drop' | 'drop-earlier' | { describe: { branch?: string } }

/** What became of the media of one request, and which branch described. */
export interface MediaReport {
  readonly dropped: number
  readonly described: number
  readonly by?: string
}

export type ChatInput = string | Part[]

export interface ChatOptions {
  system?: string
  /** The history to go on from. */
  messages?: Message[]
  tools?: Readonly<Record<string, ExecutableTool>>
  toolChoice?: GenerateRequest['toolChoice']
  config?: GenerationConfig
  output?: GenerateRequest['output']
  /** Default `'trim'`. */
  window?: WindowPolicy
  /** Default `'drop-earlier'`. */
  media?: MediaPolicy
  /** How often the model may call tools in one turn. Default 5. */
  maxSteps?: number
  context?: Record<string, unknown>
  /** For every turn: another branch may go on in an answer that broke off. */
  continueFrom?: 'partial'
  /** Keeps the conversation in IndexedDB under this name. */
  persist?: { name: string }
}

/** One message of a conversation, with what is known of it. */
export interface ChatEntry {
  message: Message
  /** `streaming` while it is written, `aborted` and `failed` where that ended early. */
  state?: 'streaming' | 'aborted' | 'failed'
  error?: { status: Status; code?: string }
  branch?: string
  usage?: Usage
  /** The branches that this turn was kept to; later turns are kept to them as well. */
  allow?: string[]
  /** Tool calls that wait for a person: `chat.approve()` goes on. */
  paused?: PausedRun
}

export interface ChatSnapshot {
  version: 1
  entries: ChatEntry[]
}

export interface Chat {
  readonly messages: readonly Message[]
  readonly entries: readonly ChatEntry[]
  /** All turns together. */
  readonly usage: Usage
  readonly lastBranch: string | undefined
  readonly isBusy: boolean
  /** Why the conversation is not being stored, although `persist` was asked for. */
  readonly caution: HybridError | undefined
  /** Settles when a stored conversation has been read. */
  readonly ready: Promise<void>
  /** Sends a message and streams the answer. A turn that runs is waited for. */
  send(input: ChatInput, options?: GenerateOptions): GenerateStream
  /** Answers the last message of the person again. */
  regenerate(options?: GenerateOptions): GenerateStream
  /** Decides about tool calls that wait, by `ref` or name, and goes on. */
  approve(
    approvals: Readonly<Record<string, boolean | { approved: boolean; reason?: string }>>,
    options?: GenerateOptions,
  ): GenerateStream
  /** Forgets everything from `index` on: the way to edit a message is `rewindTo(index)` and `send`. */
  rewindTo(index: number): void
  /** A copy of the conversation up to `index`, which is not stored. */
  fork(index?: number): Chat
  toJSON(): ChatSnapshot
  /** Called after every change. Returns the function that ends it. */
  onChange(listener: () => void): () => void
  /** Ends listening to other tabs. */
  close(): void
}
