// ── hybridge
/** The part of https://standardschema.dev that is used here; zod 4, valibot, arktype and others implement it. */
interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly types?:
      | {
          readonly input: Input
          readonly output: Output
        }
      | undefined
  }
}
/**
 * A JSON Schema, or a Standard Schema with a JSON Schema export (zod 4.2, arktype 2.1.28, `toStandardJsonSchema` of
 * valibot).
 */
type Schema = JsonSchema | StandardSchema
/**
 * The type of values that a schema describes. A JSON Schema literal is inferred as far as types allow; others are
 * `unknown`.
 */
type InferSchema<S> = S extends StandardSchema<infer Input> ? Input : S extends object ? InferJsonSchema<S> : unknown
type InferJsonSchema<S extends object> = S extends {
  readonly const: infer Value
}
  ? Value
  : S extends {
        readonly enum: readonly (infer Value)[]
      }
    ? Value
    : S extends {
          readonly anyOf: readonly (infer Option)[]
        }
      ? InferSchema<Option>
      : S extends {
            readonly type: infer Type
          }
        ? InferType<Type, S>
        : unknown
type InferType<Type, S> = Type extends readonly (infer One)[]
  ? InferType<One, S>
  : Type extends 'string'
    ? string
    : Type extends 'number' | 'integer'
      ? number
      : Type extends 'boolean'
        ? boolean
        : Type extends 'null'
          ? null
          : Type extends 'array'
            ? S extends {
                readonly items: infer Item
              }
              ? Array<InferSchema<Item>>
              : unknown[]
            : Type extends 'object'
              ? InferObject<S>
              : unknown
type InferObject<S> = S extends {
  readonly properties: infer Properties
}
  ? Flat<
      {
        [Key in keyof Properties & RequiredKeys<S>]: InferSchema<Properties[Key]>
      } & {
        [Key in Exclude<keyof Properties, RequiredKeys<S>>]?: InferSchema<Properties[Key]>
      }
    >
  : Record<string, unknown>
type RequiredKeys<S> = S extends {
  readonly required: readonly (infer Key)[]
}
  ? Key
  : never
/** One object type instead of an intersection, for the editor's tooltip. */
type Flat<T> = {
  -readonly [Key in keyof T]: T[Key]
}

/** The context of a tool's function, passed after the arguments. */
interface ToolCallContext {
  readonly name: string
  readonly ref?: string
  /** Aborted when the run stops or the tool times out. */
  readonly signal: AbortSignal
  /** The `context` of the run, unchanged. */
  readonly context: Record<string, unknown>
}
/** A tool with the function that runs it. */
interface ExecutableTool {
  description: string
  /** JSON Schema, or a Standard Schema that exports it. */
  inputSchema?: Schema
  execute(input: unknown, call: ToolCallContext): unknown
  /** Whether a person must approve the call first: always, or as the function decides. */
  needsApproval?: boolean | ((input: unknown, call: ToolCallContext) => boolean | Promise<boolean>)
  /** Timeout, after which the call ends with an error that the model reads. Default 60,000. */
  timeoutMs?: number
}
interface ToolCall {
  readonly name: string
  readonly input?: unknown
  readonly ref?: string
}
/** An event of a run, in order. */
type ToolEvent =
  | {
      type: 'text'
      step: number
      text: string
      branch: string
    }
  | {
      type: 'reasoning'
      step: number
      text: string
      branch: string
    }
  | {
      type: 'toolCall'
      step: number
      call: ToolCall
    }
  | {
      type: 'toolResult'
      step: number
      call: ToolCall
      output: unknown
      isError: boolean
    }
  | {
      type: 'approval'
      step: number
      call: ToolCall
    }
  | {
      type: 'step'
      step: number
      response: GenerateResponse
    }
/** A run that waits for approval. It is JSON: store it, and resume it in another visit. */
interface PausedRun {
  readonly version: 1
  readonly messages: Message[]
  readonly calls: ReadonlyArray<{
    call: ToolCall
    result?: Part /** Waits for approval. */
    waits?: boolean
  }>
  readonly step: number
  readonly usage: Usage
}
/** How a run ended. */
type ToolRun = {
  /** Every message of the run: those of the request, then those that the run added. */
  readonly messages: Message[]
  /** The usage of all steps together. */
  readonly usage: Usage
  readonly steps: number
} & (
  | {
      readonly status: 'done'
      readonly response: GenerateResponse
    }
  | {
      readonly status: 'paused'
      readonly paused: PausedRun
      readonly response?: GenerateResponse
    }
)
interface ToolStream extends AsyncIterable<ToolEvent> {
  readonly events: AsyncIterable<ToolEvent>
  /** Settles even if no loop reads the events. Never an unhandled rejection. */
  readonly result: Promise<ToolRun>
}
interface StreamToolsOptions extends GenerateOptions {
  model: Model
  /** Not needed with `resume`. */
  request?: string | GenerateRequest
  /** Tools by name. A call of a tool that is missing here ends the run, and the caller handles it. */
  tools: Readonly<Record<string, ExecutableTool>>
  /** The maximum number of steps in which the model calls tools. Default 5. */
  maxSteps?: number
  /** The maximum number of calls of one step that run in parallel. Default 4. */
  parallel?: number
  /** Ends the run after a step, with that step's response. */
  stopWhen?: (state: {
    step: number
    response: GenerateResponse
    messages: readonly Message[]
  }) => boolean | Promise<boolean>
  /** A run that was paused, with the person's decisions by `ref` (or by name, where a call has no ref). */
  resume?: PausedRun
  approvals?: Readonly<
    Record<
      string,
      | boolean
      | {
          approved: boolean
          reason?: string
        }
    >
  >
}
/**
 * Runs tools until the model answers in words, and reports each step as an event.
 *
 * @example
 * const run = streamTools({
 *   model: ai,
 *   request: 'Is it raining in Bonn?',
 *   tools: {
 *     weather: {
 *       description: 'the weather of a city',
 *       inputSchema,
 *       execute: async ({ city }) => await weatherOf(city),
 *     },
 *   },
 * })
 * for await (const event of run) if (event.type === 'text') print(event.text)
 * const { response } = await run.result
 */
declare function streamTools(given: StreamToolsOptions): ToolStream

/** Every public type. The classes and functions that use them are beside this file, one file for each noun. */

type Role = 'system' | 'user' | 'model' | 'tool'
type Metadata = Record<string, unknown>
/** The kinds of content of a part, by the name of their member. */
interface PartContents {
  text: string
  reasoning: string
  media: {
    url: string
    contentType?: string
  }
  toolRequest: {
    name: string
    input?: unknown
    ref?: string
  }
  toolResponse: {
    name: string
    output?: unknown
    ref?: string
  }
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
type Part = {
  [K in keyof PartContents]: PartOf<K>
}[keyof PartContents]
/** A part with one member, and none of the others. */
type PartOf<K extends keyof PartContents, Content = PartContents[K]> = {
  metadata?: Metadata
} & {
  [Only in K]: Content
} & {
  [Other in Exclude<keyof PartContents, K>]?: never
}
interface Message {
  role: Role
  content: Part[]
  metadata?: Metadata
}
interface GenerationConfig {
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
interface ToolDefinition {
  name: string
  description: string
  inputSchema?: JsonSchema
  outputSchema?: JsonSchema
}
type JsonSchema = Record<string, unknown>
/** The media of a request: a URL, or the data itself, which is read and sent as a `data:` URL. */
type MediaSource = Blob | ImageBitmap | Uint8Array | ArrayBuffer
/** A part of a request. `media` may be a Blob or File, or bytes with their `contentType`. */
type RequestPart =
  | Part
  | PartOf<
      'media',
      | Blob
      | ImageBitmap
      | {
          data: MediaSource
          contentType?: string
        }
    >
interface RequestMessage {
  role: Role
  content: RequestPart[]
  metadata?: Metadata
}
/** A tool in a request. Its schemas may be Standard Schemas. */
interface RequestTool extends Omit<ToolDefinition, 'inputSchema' | 'outputSchema'> {
  inputSchema?: Schema
  outputSchema?: Schema
}
interface GenerateRequest<S extends Schema = Schema> {
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
  output?: {
    format?: 'text' | 'json'
    schema?: S
  }
}
interface GenerateOptions {
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
type FinishReason = 'stop' | 'length' | 'blocked' | 'interrupted' | 'aborted' | 'other' | 'unknown'
interface Usage {
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
interface Confidence {
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
type ConfidenceScore = 'mean' | 'min' | 'p10' | 'p25' | 'p50' | 'first' | 'margin' | 'entropy' | readonly number[]
/** The part of a calibration that a cascade uses. */
interface CascadeCalibration {
  readonly score: ConfidenceScore | 'custom'
  readonly threshold: number
  readonly holdTokens: number | 'all'
}
interface GenerateResponse<Output = unknown> {
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
  readonly toolRequests: ReadonlyArray<{
    name: string
    input?: unknown
    ref?: string
  }>
  /** The branch that answered, and where it ran. */
  readonly branch: string
  readonly inferenceSource: 'on_device' | 'in_cloud' | 'unknown'
  /** The device that a local model ran on. */
  readonly device?: 'gpu' | 'cpu'
  readonly routing: RoutingTrace
}
interface GenerateChunk {
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
interface GenerateStream<Output = unknown> extends AsyncIterable<GenerateChunk> {
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
interface ModelInfo {
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
interface Model {
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
interface HybridModel extends Model {
  chat(options?: ChatOptions): Chat
  /** Returns how this request would be routed now, without running it. */
  explain(
    request: string | GenerateRequest,
    options?: GenerateOptions,
  ): Promise<Pick<RoutingTrace, 'strategy' | 'order' | 'allow' | 'reason'>>
  /** Returns the health of each branch: open breakers, measured speeds, queue. */
  health(): Record<string, BranchHealth>
}
interface HybridPolicy {
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
  breaker?: {
    failures: number
    cooldownMs: number
  }
  /** The default of the request option: another branch may continue an answer that broke off. Off by default. */
  continueFrom?: 'partial'
}
/** Options common to all routers. */
interface CascadeOptions {
  name?: string
  policy?: HybridPolicy
  /** Policies by branch key; each member overrides that of `policy` for this branch. */
  branchPolicies?: Record<string, HybridPolicy>
  /** Called with the trace of every request. Its exceptions are passed to `reportError` and fail no request. */
  onTrace?: (trace: RoutingTrace) => void | Promise<void>
}
interface HybridOptions extends CascadeOptions {
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
interface ShadowOptions {
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
interface ShadowAnswer {
  readonly branch: string
  readonly message: Message
  readonly text: string
  readonly usage: Usage
  readonly latencyMs: number
  readonly confidence?: Confidence
  readonly logprobs?: readonly number[]
}
/** `id` is that of the trace of the answer that was shown. */
type ShadowResult = {
  readonly id: string
  readonly request: RoutingContext['request']
  readonly answered: ShadowAnswer
} & (
  | {
      readonly shadow: ShadowAnswer
      readonly error?: never
    }
  | {
      readonly error: HybridError
      readonly shadow?: never
    }
)
/** The part of a ledger that a CostStrategy uses; `createLedger` of `hybridge/learn` creates one. */
interface BudgetLedger {
  readonly spentToday: () => number | Promise<number>
}
interface RoutingContext {
  readonly request: {
    messages: Message[]
    config: GenerationConfig
    tools: ToolDefinition[]
    output?: {
      format?: 'text' | 'json'
      schema?: JsonSchema
    }
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
type Decision =
  | string
  | readonly string[]
  | undefined
  | {
      order?: readonly string[]
      allow?: readonly string[]
      reason?: string
    }
interface RoutingStrategy {
  readonly name?: string
  route(context: RoutingContext): Decision | Promise<Decision>
}
type SensitiveKind =
  'email' | 'phone' | 'credit-card' | 'iban' | 'ssn' | 'ip-address' | 'api-key' | 'date-of-birth' | 'national-id'
interface DeviceFacts {
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
  readonly battery?: {
    level: number
    charging: boolean
  }
  readonly visible: boolean
}
interface DeviceRequirements {
  webgpu?: boolean
  hardwareGpu?: boolean
  minMemoryGB?: number
  minBatteryLevel?: number
  minTokensPerSecond?: number
  allowSaveData?: boolean
}
interface BranchHealth {
  state: 'ready' | 'loading' | 'absent' | 'open' | 'failed'
  failuresInRow: number
  openUntil?: number
  firstTokenMs?: number
  tokensPerSecond?: number
  prefillTokensPerSecond?: number
  queued: number
}
interface RoutingTrace {
  readonly id: string
  readonly strategy: string
  readonly order: readonly string[]
  readonly allow?: readonly string[]
  readonly reason?: string
  readonly attempts: ReadonlyArray<Attempt>
}
interface Attempt {
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
interface Continued {
  readonly from: string
  readonly at: number
}
type Status =
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
type ErrorCode =
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
  | 'WASM_UNAVAILABLE'
  | 'WORKER_UNAVAILABLE'
  | 'WORKER_CRASHED'
  | 'WORKER_ENDED'
  | 'ENGINE_PANIC'
  | 'THREAD_LOST'
  | 'ENGINE_BUSY'
  | 'SIMD_UNAVAILABLE'
  | 'INSECURE_CONTEXT'
  | 'STORE_NEWER'
  | 'STORE_MISMATCH'
  | 'STORE_DAMAGED'
  | 'STORE_CLOSED'
  | 'STORE_FAILED'
  | 'STORE_IN_USE'
  | 'DOCUMENT_EXISTS'
  | 'EMBEDDER_NOT_ON_DEVICE'
  | 'EMBEDDING_INVALID'
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
  | (string & {})
interface GemmaOptions {
  /** A known name, the URL of a GGUF file (or of its parts), or a file that the user chose. */
  model:
    | string
    | {
        url: string | string[]
        sha256?: string | string[]
        bytes?: number
      }
    | Blob
  /**
   * The model's vision tower (`mmproj` file), with which it reads images: a URL, a file that the user chose, or `true`
   * for the one of a known model.
   */
  mmproj?:
    | true
    | string
    | {
        url: string | string[]
        sha256?: string | string[]
        bytes?: number
      }
    | Blob
  /**
   * Low-rank adapters (LoRA as GGUF), which are applied during the load with the strength `scale`, 1 by default: URLs,
   * or files that the user chose.
   */
  adapters?: ReadonlyArray<
    | string
    | Blob
    | {
        url: string | string[]
        sha256?: string | string[]
        bytes?: number
        scale?: number
      }
    | {
        file: Blob
        scale?: number
      }
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
type AvailabilityStatus = 'unavailable' | 'downloadable' | 'downloading' | 'available'
interface Availability {
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
interface LoadProgress {
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
interface LoadOptions {
  onProgress?: (progress: LoadProgress) => void
  signal?: AbortSignal
  /** Load even if this load crashed the page twice in a row. */
  force?: boolean
}
/** The state of a model on this device, as reported by `onStateChange`. */
interface ModelState {
  readonly state: OnDeviceModel['state']
  /** The number of requests waiting for the running one. */
  readonly queued: number
  /** The progress of the load, while one is in progress. */
  readonly progress?: LoadProgress
  /** The finished share of the work on an image of the running request, from 0 to 1, while the model reads one. */
  readonly reading?: number
}
interface OnDeviceModel extends Model {
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
type EmbeddingTask =
  | 'query'
  | 'document'
  | 'question-answering'
  | 'fact-checking'
  | 'classification'
  | 'clustering'
  | 'similarity'
  | 'code'
interface Embedder {
  /** The model's name, and where it runs. */
  readonly info?: {
    readonly name: string
    readonly inferenceSource: ModelInfo['inferenceSource']
  }
  availability(): Promise<Availability>
  load(options?: LoadOptions): Promise<void>
  embed(
    texts: string | string[],
    options?: {
      task?: EmbeddingTask
      title?: string
      dimensions?: 768 | 512 | 256 | 128
      signal?: AbortSignal
    },
  ): Promise<Float32Array[]>
  dispose(): Promise<void>
  remove(options?: { signal?: AbortSignal }): Promise<void>
}
interface GeminiOptions {
  model: string
  /** The visitor's own key, or a function that fetches one. In production, prefer a proxy as `baseUrl`. */
  apiKey?: string | (() => string | Promise<string>)
  baseUrl?: string
  headers?: () => Record<string, string> | Promise<Record<string, string>>
  /** Replaces the host's `fetch`. It is called as `(url, init)` and must return a Response with an unread body. */
  fetch?: typeof fetch
  safetySettings?: Array<{
    category: string
    threshold: string
  }>
  /** The number of retries inside this branch before its failure reaches the router. Default 0. */
  retries?: number
}
interface CloudModel extends Model {
  chat(options?: ChatOptions): Chat
  countTokens(request: string | GenerateRequest, options?: GenerateOptions): Promise<number>
}
/**
 * What to do if a request is longer than the context window of the branch that runs it. `'trim'` leaves out the oldest
 * turns, `'refuse'` fails with INVALID_ARGUMENT and the numbers, `summarise` replaces the oldest turns by a summary
 * written by the named branch, and a function returns the messages to send. The caller's history stays complete.
 */
type WindowPolicy =
  | 'trim'
  | 'refuse'
  | {
      summarise: {
        branch?: string
      }
    }
  | ((overflow: WindowOverflow) => Message[] | Promise<Message[]>)
interface WindowOverflow {
  readonly messages: Message[]
  /** The tokens of the request, and the tokens that the window has for it. */
  readonly needed: number
  readonly available: number
  readonly window: number
  readonly model: string
  readonly signal: AbortSignal
}
/** What was left out of one request. */
interface WindowReport {
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
type MediaPolicy =
  | 'drop'
  | 'drop-earlier'
  | {
      describe: {
        branch?: string
      }
    }
/** How the media of one request were handled, and which branch described them. */
interface MediaReport {
  readonly dropped: number
  readonly described: number
  readonly by?: string
  /** The usage of the descriptions for this request, a part of the response's `usage`. */
  readonly usage?: Usage
}
type ChatInput = string | Part[]
interface ChatOptions {
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
  persist?: {
    name: string
  }
}
/** One message of a conversation, with its metadata. */
interface ChatEntry {
  message: Message
  /** `streaming` while it is being generated, `aborted` and `failed` if that ended early. */
  state?: 'streaming' | 'aborted' | 'failed'
  error?: {
    status: Status
    code?: string
  }
  branch?: string
  usage?: Usage
  /** The branches to which this turn was pinned; later turns are pinned to them as well. */
  allow?: string[]
  /** Tool calls that wait for approval: `chat.approve()` continues. */
  paused?: PausedRun
}
interface ChatSnapshot {
  version: 1
  entries: ChatEntry[]
}
interface Chat {
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
    approvals: Readonly<
      Record<
        string,
        | boolean
        | {
            approved: boolean
            reason?: string
          }
      >
    >,
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

/** Optional fields of an error. */
interface HybridErrorOptions {
  code?: ErrorCode
  retryAfterMs?: number
  cause?: unknown
}
/**
 * The error of every failure that the package reports. An error thrown by a branch that carries a `status` keeps that
 * status, even if it is not a HybridError. A stop by the caller has status CANCELLED and the name `AbortError`, as
 * with `fetch`.
 *
 * @example
 * try {
 *   await ai.generate('Hello')
 * } catch (error) {
 *   if (HybridError.isInstance(error) && error.status === 'UNAUTHENTICATED') askForKey()
 * }
 */
declare class HybridError extends Error {
  readonly name: string
  readonly status: Status
  /** A more specific code to branch on, e.g. `'GPU_UNAVAILABLE'`. */
  readonly code?: ErrorCode
  readonly retryAfterMs?: number
  /** The branch that failed, if one did. */
  readonly branch?: string
  /** The trace: every branch that was tried. */
  readonly routing?: RoutingTrace
  /**
   * The partial answer of a stream that broke off. Not enumerable, so that logging the error does not log the answer.
   */
  readonly partial?: Message
  constructor(status: Status, message: string, options?: HybridErrorOptions)
  /** Works across two copies of the package in one bundle. */
  static isInstance(error: unknown): error is HybridError
}

/** A request in the form that a model's function gets. */
interface ModelRequest {
  messages: Message[]
  config: GenerationConfig
  tools: ToolDefinition[]
  toolChoice?: 'auto' | 'required' | 'none'
  output?: {
    format?: 'text' | 'json'
    schema?: JsonSchema
  }
}

/**
 * Creates a Gemini model. The key is sent in the header `x-goog-api-key` and nowhere else. A key in a page is public,
 * so use the visitor's own, or set `baseUrl` to your proxy.
 *
 * @example
 * const cloud = geminiModel({ model: 'gemini-flash-lite-latest', apiKey: () => askVisitorForKey() })
 * const { text } = await cloud.generate('Why is the sky blue?')
 */
declare function geminiModel(options: GeminiOptions): CloudModel

/** Options of `openAICompatibleModel`. */
interface OpenAICompatibleOptions {
  model: string
  /** The base address, to which `/chat/completions` is appended, for example `http://localhost:8000/v1`. */
  baseUrl: string
  apiKey?: GeminiOptions['apiKey']
  headers?: GeminiOptions['headers']
  fetch?: typeof fetch
  retries?: number
  name?: string
}
/**
 * Creates a model for a server with the chat completions API: self-hosted NIM, vLLM, llama.cpp, Ollama. The server
 * must allow this page by CORS; several hosted services do not and need a proxy.
 *
 * @example
 * const local = openAICompatibleModel({ model: 'gemma3:1b', baseUrl: 'http://localhost:11434/v1' })
 */
declare function openAICompatibleModel(options: OpenAICompatibleOptions): Model

/**
 * Chrome's built-in model. It supports neither tools nor log-probabilities and reports only its own finish reasons. It
 * fails with FAILED_PRECONDITION if the browser has no such model, and with UNAVAILABLE until `load()` has downloaded
 * it. It supports the options `temperature: 0` and `stopSequences`; any other option is ignored, with a warning in the
 * console and in `response.raw.warnings`.
 *
 * @example
 * const onDevice = promptApiModel()
 * if ((await onDevice.availability()).status === 'downloadable') button.onclick = () => onDevice.load()
 */
declare function promptApiModel(options?: { name?: string }): OnDeviceModel

/** The URL of the page's wasm, for bundlers and policies that need it named; or its bytes. */
type WasmSource = string | URL | BufferSource
/**
 * Sets the locations of the package's own files, before the first use. Bundlers that understand `new URL(…,
 * import.meta.url)` need none of this, nor does Node.
 *
 * `baseUrl` is the address of a copy of the package's folder, with `dist/` and `wasm/` inside: on the page's own host
 * or on a CDN that allows the page by CORS. `wasmUrl` names the routing wasm alone, or is its bytes, and comes first.
 *
 * @example
 * configure({ baseUrl: 'https://cdn.example.org/npm/hybridge@0.1.0/' })
 */
declare function configure(options: { baseUrl?: string | URL; wasmUrl?: WasmSource }): void

/**
 * Returns facts about this machine. Works in pages, workers and on servers; facts that the host does not report are
 * absent.
 *
 * @example
 * const { webgpu } = await deviceFacts()
 * if (webgpu.available && !webgpu.software) offerDownload()
 */
declare function deviceFacts(): Promise<DeviceFacts>

/** A known model: a public GGUF file that needs no account, its size and the address of its licence. */
interface KnownModel {
  readonly kind: 'generator' | 'embedder'
  readonly url: string
  /** Approximate; the host reports the exact size. */
  readonly approximateBytes: number
  readonly licence: string
  /** The context length with which the network was trained. */
  readonly contextWindow: number
  /** The vision tower of a model that reads images. Downloaded only with `mmproj: true`. */
  readonly mmproj?: {
    readonly url: string
    readonly approximateBytes: number
  }
}
/**
 * The known models. Their addresses come from the hosts' own listings; the project's tests download none of them.
 *
 * @example
 * const small = Object.entries(knownModels).filter(([, { approximateBytes }]) => approximateBytes < 1e9)
 */
declare const knownModels: Readonly<Record<string, KnownModel>>

/** A model, or a part of one, that is stored by this origin. */
interface CachedModel {
  /** The key for `removeCached`. */
  key: string
  /** The model's name: that of a known model, or its file name. */
  name: string
  /** The number of stored bytes. */
  bytes: number
  /** Whether the model is complete. */
  complete: boolean
  /** The time of the last use, in milliseconds since 1970. */
  lastUsed: number
}
/**
 * Returns the models stored by this origin, including partial ones. Empty if there is no storage.
 *
 * @example
 * for (const { name, bytes, complete } of await listCachedModels()) console.log(name, bytes, complete)
 */
declare function listCachedModels(): Promise<CachedModel[]>
/**
 * Deletes a complete or partial model by its key. Does nothing if it is not stored. Rejects with MODEL_IN_USE at once
 * if any tab is downloading or loading it.
 *
 * @example
 * for (const { key, complete } of await listCachedModels()) if (!complete) await removeCached(key)
 */
declare function removeCached(
  key: string,
  options?: {
    signal?: AbortSignal
  },
): Promise<void>

/**
 * Creates an EmbeddingGemma model on the visitor's device, in its own worker. Vectors have length 1, so their dot
 * product is their cosine similarity.
 *
 * @example
 * const embedder = gemmaEmbedder({ model: 'embeddinggemma-300m' })
 * await embedder.load()
 * const [question] = await embedder.embed('Where do I park?', { task: 'query', dimensions: 256 })
 */
declare function gemmaEmbedder(options: Omit<GemmaOptions, 'waitForLoad'>): Embedder

/**
 * Creates a Gemma model on the visitor's device, in its own worker. Nothing is fetched or started before `load`.
 *
 * With `mmproj`, the vision tower's file, it reads pictures in the user's messages.
 *
 * `model` is a known name (`'gemma-3-270m-it'`, `'gemma-3-1b-it'`, `'gemma-3-4b-it'`), the address of a GGUF file, the
 * addresses of its parts, or a file that the user chose.
 *
 * @example
 * const gemma = gemmaModel({ model: 'gemma-3-270m-it' })
 * if ((await gemma.availability()).status !== 'unavailable') {
 *   await gemma.load({ onProgress: ({ fraction }) => bar.value = fraction })
 *   for await (const { text } of gemma.generateStream('Why is the sky blue?')) print(text)
 * }
 */
declare function gemmaModel(options: GemmaOptions): OnDeviceModel

/**
 * Creates a model with any number of branches. The strategy chooses for each request. After a transient failure the
 * next branch takes over, unless content was already sent; then only `continueFrom` allows it.
 *
 * @example
 * const ai = hybridModel({
 *   branches: { tiny, large, cloud },
 *   strategy: new FirstMatch([
 *     new PrivacyStrategy({ keep: 'large' }),
 *     new FallbackStrategy(['tiny', 'large', 'cloud']),
 *   ]),
 * })
 */
declare function hybridModel(
  description: HybridOptions & {
    branches: Record<string, Model>
  },
): HybridModel
/**
 * Creates a hybrid of a model on the device and one in the cloud, under the keys `kOnDevice` and `kCloud`.
 *
 * @example
 * const ai = hybridModelOnDeviceCloud({ onDevice, cloud, strategy: new FallbackStrategy([kOnDevice, kCloud]) })
 * const { text, branch } = await ai.generate('Hello')
 */
declare function hybridModelOnDeviceCloud(
  description: HybridOptions & {
    onDevice: Model
    cloud: Model
  },
): HybridModel
/**
 * Creates a cascade, which runs `order` left to right and moves on while `accept` returns false. The last branch's
 * answer is returned without a check, or the last rejected answer if all branches after it fail. `accept` needs the
 * complete answer, so a stream delivers it in one chunk.
 *
 * @example
 * const accept = ({ text }) => text.length > 20
 * const ai = cascadeModel({ branches: { small, large }, order: ['small', 'large'], accept })
 */
declare function cascadeModel(
  description: CascadeOptions & {
    branches: Record<string, Model>
    order: string[]
    accept: (response: GenerateResponse) => boolean | Promise<boolean>
  },
): HybridModel
/**
 * Creates a cascade that runs the device first and falls back to the cloud if the device's confidence is low. The
 * first `holdTokens` tokens (24 by default; `Infinity` for the whole answer) are held back until the score of their
 * log-probabilities (the 10 % quantile by default) reaches `threshold`. A `calibration`, from `calibrate` of
 * `hybridge/learn`, sets all three. A device that does not report log-probabilities is accepted, and the trace says
 * so.
 *
 * @example
 * const ai = confidenceCascade({ onDevice, cloud, threshold: -0.5 })
 */
declare function confidenceCascade(
  description: CascadeOptions & {
    onDevice: Model
    cloud: Model
    threshold?: number
    score?: ConfidenceScore
    holdTokens?: number
    calibration?: CascadeCalibration
  },
): HybridModel

/** The branch on the visitor's own device. */
declare const kOnDevice = 'onDevice'
/** The branch in the cloud. */
declare const kCloud = 'cloud'

/**
 * Starts a conversation, or resumes a stored one.
 *
 * @example
 * const talk = chat(ai, { system: 'You are brief.', persist: { name: 'support' } })
 * for await (const { text } of talk.send('Hello')) print(text)
 * console.log(talk.messages, talk.lastBranch)
 */
declare function chat(model: Model, options?: ChatOptions): Chat
/** Deletes a stored conversation. */
declare function deleteChat(name: string): Promise<void>
/** Restores a conversation from the result of `toJSON`. */
declare function chatFromJSON(model: Model, snapshot: ChatSnapshot, options?: ChatOptions): Chat

/** Returns names and dates of the stored conversations, newest first. */
declare function storedChats(): Promise<
  Array<{
    name: string
    updatedAt: number
    messages: number
  }>
>

/** Agents: a model with instructions and tools under a name, usable as a tool of another agent. */

interface AgentOptions extends Pick<StreamToolsOptions, 'maxSteps' | 'parallel' | 'stopWhen'> {
  name: string
  /** The agent's purpose, for people and for agents that use it as a tool. */
  description: string
  model: Model
  system?: string
  tools?: Readonly<Record<string, ExecutableTool>>
  config?: GenerationConfig
}
interface Agent {
  readonly name: string
  readonly description: string
  /** Starts a run, or resumes one that was paused. */
  stream(
    input:
      | string
      | Part[]
      | {
          resume: PausedRun
          approvals: NonNullable<StreamToolsOptions['approvals']>
        },
    options?: GenerateOptions,
  ): ToolStream
  /** Returns the agent as a tool of another one: it takes a task in words and returns its answer. */
  asTool(): ExecutableTool
}
/**
 * Defines an agent.
 *
 * @example
 * const researcher = defineAgent({
 *   name: 'researcher',
 *   description: 'looks things up',
 *   model: ai,
 *   system: 'Answer with sources.',
 *   tools: { search },
 * })
 * const tools = { research: researcher.asTool() }
 * const editor = defineAgent({ name: 'editor', description: 'writes articles', model: ai, tools })
 * for await (const event of editor.stream('Write about the Rhine')) if (event.type === 'text') print(event.text)
 */
declare function defineAgent({
  name,
  description,
  model,
  system,
  tools,
  config,
  maxSteps,
  parallel,
  stopWhen,
}: AgentOptions): Agent

/** The part of Standard Schema that is used here: https://standardschema.dev */
interface StandardValidator<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?:
      | {
          readonly input: unknown
          readonly output: Output
        }
      | undefined
  }
}
type StandardResult<Output> =
  | {
      readonly value: Output
      readonly issues?: undefined
    }
  | {
      readonly issues: ReadonlyArray<{
        readonly message: string
        readonly path?:
          | ReadonlyArray<
              | PropertyKey
              | {
                  readonly key: PropertyKey
                }
            >
          | undefined
      }>
    }
/** A Standard Schema (zod, valibot, arktype, …) or a JSON Schema. */
type FlowSchema<T = unknown> = StandardValidator<T> | JsonSchema
type Checked<Schema, Otherwise> = Schema extends StandardValidator<infer Output> ? Output : Otherwise
interface FlowStep {
  readonly name: string
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: 'done' | 'reused' | 'failed'
  readonly attempts: number
}
/** A request that the flow made through `flow.with`. */
interface FlowRequest {
  readonly model: string
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: 'done' | 'failed'
  /** The attempts of the request. Absent if a failure carries none. */
  readonly routing?: RoutingTrace
}
interface FlowTrace {
  readonly id: string
  readonly flow: string
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: 'done' | 'failed' | 'stopped'
  readonly steps: readonly FlowStep[]
  /** The requests, in the order in which they began. */
  readonly requests: readonly FlowRequest[]
}
/** Without a schema, the app's annotation is the type. */
type Unchecked = any
/** The context of a flow's function, passed after its input. */
interface FlowContext<Chunk> {
  readonly signal: AbortSignal
  readonly context: Record<string, unknown>
  /** Runs a named step. A retry of the flow does not repeat a finished step. */
  run<T>(name: string, step: () => T | Promise<T>): Promise<T>
  /** Sends a chunk to the caller that streams the flow. */
  sendChunk(chunk: Chunk): void
  /** A model bound to this flow: its signal, its context, and the branches that the flow allows. */
  with(model: Model): Pick<Model, 'generate' | 'generateStream'>
}
interface FlowOptions<Input, Output, Chunk> {
  name: string
  inputSchema?: Input
  outputSchema?: Output
  streamSchema?: Chunk
  /** The branches that this flow may use, for instance `['onDevice']` for a feature that stays on the device. */
  allow?: readonly string[]
  /** How often a failed flow is retried; finished steps are not repeated. Default 0. */
  retries?: number
  onTrace?: (trace: FlowTrace) => void
}
interface Flow<Input, Output, Chunk> {
  (input: Input, options?: Pick<GenerateOptions, 'signal' | 'context'>): Promise<Output>
  readonly flowName: string
  stream(
    input: Input,
    options?: Pick<GenerateOptions, 'signal' | 'context'>,
  ): {
    readonly stream: AsyncIterable<Chunk>
    readonly output: Promise<Output>
  }
}
/**
 * Defines a flow.
 *
 * @example
 * const inputSchema = z.object({ theme: z.string() })
 * const menu = defineFlow({ name: 'menu', inputSchema, allow: ['onDevice'] }, async ({ theme }, flow) => {
 *   const dishes = await flow.run('dishes', async () => (await flow.with(ai).generate(`Three ${theme} dishes`)).text)
 *   return await flow.run('menu', async () => (await flow.with(ai).generate(`A menu of ${dishes}`)).text)
 * })
 * const text = await menu({ theme: 'Rhenish' })
 */
declare function defineFlow<
  const Input extends FlowSchema | undefined = undefined,
  const Output extends FlowSchema | undefined = undefined,
  const Chunk extends FlowSchema | undefined = undefined,
>(
  options: FlowOptions<Input, Output, Chunk>,
  act: (
    input: Checked<Input, Unchecked>,
    flow: FlowContext<Checked<Chunk, Unchecked>>,
  ) => Checked<Output, Unchecked> | Promise<Checked<Output, Unchecked>>,
): Flow<Checked<Input, Unchecked>, Checked<Output, Unchecked>, Checked<Chunk, Unchecked>>

/** The return value of a model's function. */
type Reply =
  | string
  | {
      message?: Message
      text?: string
      finishReason?: FinishReason
      finishMessage?: string
      usage?: Usage
      confidence?: Confidence
      raw?: unknown
      device?: 'gpu' | 'cpu'
    }
/** A complete reply. `branch`, `inferenceSource` and `routing` are set by routers only. */
interface Answer {
  message: Message
  finishReason: FinishReason
  finishMessage?: string
  usage: Usage
  confidence?: Confidence
  raw?: unknown
  device?: 'gpu' | 'cpu'
  /** What was left out of the request. Set by the model itself only. */
  window?: WindowReport
  /** How media that the model does not support were handled. Set by the model itself only. */
  media?: MediaReport
  branch?: string
  inferenceSource?: ModelInfo['inferenceSource']
  routing?: RoutingTrace
  /** How many values of each kind were replaced in the request. Set by `redacting` only. */
  redacted?: Readonly<Record<string, number>>
}
/** The details of a chunk. `branch` is set by routers only. */
interface ChunkDetails {
  /** Log-probabilities of the tokens in this chunk, if the runtime reports them. */
  logprobs?: readonly number[]
  branch?: string
}

/** Describes an image in words; undefined if no branch may or can. */
type Describe = (media: Media, signal: AbortSignal) => Promise<Description | undefined>
interface Description {
  text: string
  by: string
  /** The usage of the description; absent if it was cached. */
  usage?: Usage
}
type Media = Extract<
  Part,
  {
    media: unknown
  }
>['media']

/** The model that is about to run a request. */
interface WindowModel {
  readonly info: ModelInfo
  /** Exact count, if the model has a tokenizer. */
  countTokens?(request: ModelRequest, signal: AbortSignal): Promise<number>
}
/** Writes a summary of omitted messages; undefined if none is available. */
type Summarise = (
  messages: readonly Message[],
  previous: string | undefined,
  maxTokens: number,
  signal: AbortSignal,
) => Promise<string | undefined>
/** The fitted request, and a report of the changes. */
interface Fitted {
  request: ModelRequest
  report?: WindowReport
}
/** Fits the requests of one conversation. Create one object per conversation: it remembers where it cut. */
declare class Fitter {
  #private
  constructor(summarise?: Summarise)
  /** Forgets every cut, after the history was edited. */
  reset(): void
  fit(request: ModelRequest, policy: WindowPolicy, model: WindowModel, signal: AbortSignal): Promise<Fitted>
}

/** The options of a run. */
interface RunOptions {
  readonly streaming: boolean
  readonly sendChunk: (content: string | Part[], details?: ChunkDetails) => void
  readonly signal: AbortSignal
  readonly context: Record<string, unknown>
  /** Set if another hybrid, or its shadow, runs this one. This one does not know why that hybrid chose it. */
  readonly isNested?: boolean
  /** How a request that is too long for this model is shortened, and the object that remembers the cuts. */
  readonly window?: WindowPolicy
  readonly fitter?: Fitter
  /** The branches that may see the request. */
  readonly allow?: readonly string[]
  /** How images and audio that the model does not support are handled, and the function that describes images. */
  readonly media?: MediaPolicy
  readonly describe?: Describe
  /** Whether another branch may continue an answer that broke off. */
  readonly continueFrom?: 'partial'
}
/** A model's function. */
type Generate = (request: ModelRequest, run: RunOptions) => Promise<Reply> | Reply
/**
 * A model's function under contract: it settles at once when aborted, sends nothing afterwards, sends at least one
 * chunk if it streams, returns a copied and checked reply, and throws only HybridError and CallerFault, with CANCELLED
 * only for its own signal.
 */
type Runner = (request: ModelRequest, run: RunOptions) => Promise<Answer>

/** The parts of a model. */
interface ModelDefinition {
  name: string
  info?: Partial<Omit<ModelInfo, 'name'>>
  generate: Generate
}
/**
 * Creates a model from any function: a test double, another runtime, another cloud.
 *
 * The function may return a string or a reply, may send chunks, and may throw: an error with a `status` keeps it,
 * anything else is INTERNAL. A function that never sends a chunk streams its answer as one.
 *
 * @example
 * const echo = defineModel({
 *   name: 'echo',
 *   async generate({ messages }, { sendChunk }) {
 *     for (const part of messages.at(-1)?.content ?? []) sendChunk([part])
 *     return { finishReason: 'stop' }
 *   },
 * })
 */
declare function defineModel(definition: ModelDefinition): RunnableModel
/** The public interface of a runner. A model that `routes` creates its own trace, on answers and on errors. */
declare class RunnableModel implements Model {
  #private
  readonly name: string
  readonly info: ModelInfo
  constructor(
    info: ModelInfo,
    runner: Runner,
    {
      routes,
    }?: {
      routes?: boolean
    },
  )
  /** Returns any model's runner. Foreign models are called through their public interface. */
  static runnerOf(model: Model): Runner
  /** Returns a model with the same name, info (with `more`) and trace reports, and another runner around this one's. */
  static around(model: Model, wrap: (runner: Runner) => Runner, more?: Partial<ModelInfo>): RunnableModel
  readonly generate: <const S extends Schema = JsonSchema>(
    request: string | GenerateRequest<S>,
    options?: GenerateOptions,
  ) => Promise<GenerateResponse<InferSchema<S>>>
  readonly generateStream: <const S extends Schema = JsonSchema>(
    request: string | GenerateRequest<S>,
    options?: GenerateOptions,
  ) => GenerateStream<InferSchema<S>>
  readonly chat: (options?: ChatOptions) => Chat
}

/**
 * How to find a custom kind: all matches of a regular expression, texts to replace as whole words, or the results of a
 * function.
 */
type CustomDetector = RegExp | readonly string[] | ((text: string) => readonly string[])
interface RedactionOptions {
  /** The kinds to replace. All by default. */
  detectors?: readonly SensitiveKind[]
  /** Custom kinds, by name: letters, `-` and `_`. Elements of an array are of the kind `custom`. */
  custom?: Readonly<Record<string, CustomDetector>> | ReadonlyArray<Exclude<CustomDetector, readonly string[]> | string>
  /**
   * The format of a placeholder: a text with `{kind}` and `{n}`, or a function of both. Default `[{kind}_{n}]`, with
   * the kind in capitals. It must begin and end with a bracket-like character.
   */
  placeholder?: string | ((kind: string, n: number) => string)
  /**
   * A model on this device that finds the names of persons, places and organisations. If it fails, the request fails
   * with UNAVAILABLE.
   */
  names?: Model
}

/**
 * Returns a model that receives placeholders such as `[EMAIL_1]` instead of personal data. Its answers are restored
 * while they stream: text, JSON and the arguments of tool calls. The original values stay in this page's memory.
 *
 * A hybrid's `PrivacyStrategy` and `SensitivityStrategy` accept such a model as `redacted`.
 *
 * @example
 * const cloud = redacting(geminiModel({ model: 'gemini-2.5-flash', apiKey }), { custom: { customer: /\bC-\d{6}\b/ } })
 */
declare function redacting<M extends Model>(model: M, options?: RedactionOptions): M

/** The context of a tool's function, passed after the arguments. */
interface ToolCallInfo {
  readonly name: string
  readonly ref?: string
  readonly signal: AbortSignal
}
/** A tool with its function. */
interface Tool<Input = unknown, Output = unknown> {
  readonly description: string
  readonly inputSchema?: JsonSchema
  execute(input: Input, call: ToolCallInfo): Output
}
/**
 * Defines a tool. The type of its arguments is inferred from its schema: a JSON Schema literal, or a Standard Schema
 * such as zod's.
 *
 * @example
 * const weather = tool({
 *   description: 'the weather of a city',
 *   inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
 *   execute: async ({ city }) => `sunny in ${city}`,
 * })
 * const { text } = await runTools({ model: ai, request: { prompt: 'Is it raining in Bonn?' }, tools: { weather } })
 */
declare function tool<const S extends Schema, Output>(definition: {
  description: string
  inputSchema: S
  execute: (input: InferSchema<S>, call: ToolCallInfo) => Output
}): Tool<InferSchema<S>, Output>
declare function tool<Output>(definition: {
  description: string
  execute: (input: unknown, call: ToolCallInfo) => Output
}): Tool<unknown, Output>

/**
 * Answers a call. The return value is sent to the model as JSON; an exception ends the loop. Declared as a method, so
 * that its input type may be narrower.
 */
type ToolFunction = {
  execute(input: unknown, call: ToolCallInfo): unknown
}['execute']
interface RunToolsOptions extends GenerateOptions {
  model: Model
  /** The request, with `tools` for the functions; those made by `tool()` are declared automatically. */
  request: GenerateRequest
  /** Functions by the tool's name. A call of a tool without a function ends the loop, and the caller handles it. */
  tools: Readonly<Record<string, ToolFunction | Tool>>
  /** The maximum number of steps in which the model calls tools. Default 5. */
  maxTurns?: number
  /** Called with every response, including those that call tools. */
  onTurn?: (response: GenerateResponse) => void
}
/**
 * Asks a model, runs the functions it calls, sends the results back, and so on until it answers in words. Calls of one
 * turn run in parallel. Through a hybrid, results go to the branch that called; another takes over only if that one
 * fails before its first content.
 *
 * Arguments that do not match the tool's schema are rejected with a message to the model. An abort ends the loop at
 * once, even if a function ignores its signal; if one function throws, the others are aborted.
 *
 * @example
 * const { text } = await runTools({
 *   model: ai,
 *   request: { prompt: 'Is it raining in Bonn?' },
 *   tools: {
 *     weather: tool({
 *       description: 'the weather of a city',
 *       inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
 *       execute: async ({ city }) => await weatherOf(city),
 *     }),
 *   },
 * })
 */
declare function runTools(description: RunToolsOptions): Promise<GenerateResponse>

/** The context of a hook, passed after the request. */
interface HookContext {
  readonly model: string
  readonly streaming: boolean
  readonly signal: AbortSignal
  readonly context: Record<string, unknown>
  /** The branches that may see the request, if its conversation is pinned to some. */
  readonly allow?: readonly string[]
}
/**
 * Hooks of `wrapModel`. Each may return nothing to leave things unchanged. Exceptions are thrown to the caller, and
 * cause no fallback.
 */
interface ModelHooks {
  /** Before the model: returns another request to run, or `{ reply }` to answer without running the model. */
  onRequest?(
    request: ModelRequest,
    context: HookContext,
  ):
    | GenerateRequest
    | {
        reply: Reply
      }
    | void
    | Promise<
        | GenerateRequest
        | {
            reply: Reply
          }
        | void
      >
  /** After the model: returns another reply. Chunks that were streamed are not taken back. */
  onResponse?(
    reply: Exclude<Reply, string>,
    request: ModelRequest,
    context: HookContext,
  ): Reply | void | Promise<Reply | void>
  /** For each chunk, before it is shown: returns other content; `[]` drops it. */
  onChunk?(content: Part[], request: ModelRequest, context: HookContext): string | Part[] | void
}
/**
 * Adds hooks to a model. Everything else, such as `load()` or `explain()`, stays as it is.
 *
 * @example
 * const cache = new Map()
 * const cached = wrapModel(cloud, {
 *   onRequest: (request) => (cache.has(keyOf(request)) ? { reply: cache.get(keyOf(request)) } : undefined),
 *   onResponse: (reply, request) => void cache.set(keyOf(request), reply),
 * })
 */
declare function wrapModel<M extends Model>(model: M, hooks: ModelHooks): M

/** A node, in the form that `hybridge_core::route::Strategy` reads. */
type Tree = Record<string, unknown>
/** A callback at a leaf of the tree. `looks` states whether it uses the context, which is costly to create. */
type Leaf =
  | {
      looks: true
      ask: (context: RoutingContext) => unknown
    }
  | {
      looks: false
      ask: () => unknown
    }
/** A built-in strategy. A subclass that overrides `route` counts as a custom strategy and is called as such. */
declare abstract class DataStrategy implements RoutingStrategy {
  #private
  abstract readonly name: string
  constructor(describe: (leaves: Leaf[]) => Tree)
  /** The decision of this strategy alone, for custom strategies that are built around it. */
  route(context: RoutingContext): Promise<Decision>
  /** Returns the strategy as data, and adds its functions to `leaves`. */
  static describe(strategy: RoutingStrategy, leaves: Leaf[]): Tree | undefined
}

/**
 * Tries the branches in a fixed order. A branch that is named twice is tried twice.
 *
 * @example
 * new FallbackStrategy([kOnDevice, kCloud])
 */
declare class FallbackStrategy extends DataStrategy {
  readonly name = 'FallbackStrategy'
  constructor(order: string[])
}
/**
 * Uses the first child that decides. If a child only constrains, the next one decides within its constraint: put a
 * PrivacyStrategy first.
 *
 * @example
 * new FirstMatch([new PrivacyStrategy(), new FallbackStrategy([kCloud, kOnDevice])])
 */
declare class FirstMatch extends DataStrategy {
  readonly name = 'FirstMatch'
  constructor(children: RoutingStrategy[])
}
/**
 * Extends a strategy's order by the branches of `fallbackOrder` that it lacks. If the inner strategy makes no
 * decision, `fallbackOrder` is the order. A constraint of the inner strategy applies to all of them.
 *
 * @example
 * new WithFallback(new ReadyStrategy(), { fallbackOrder: [kOnDevice, kCloud] })
 */
declare class WithFallback extends DataStrategy {
  readonly name = 'WithFallback'
  constructor(
    inner: RoutingStrategy,
    options: {
      fallbackOrder: string[]
    },
  )
}
/**
 * Decides by a function. `''`, `[]` and `undefined` mean no decision.
 *
 * @example
 * new PreRoutingStrategy(({ request }) => (request.tools.length > 0 ? kCloud : kOnDevice))
 */
declare class PreRoutingStrategy extends DataStrategy {
  readonly name = 'PreRoutingStrategy'
  constructor(decide: (context: RoutingContext) => Decision | Promise<Decision>)
}
/**
 * Pins a request to `keep` if it contains personal data, or if `isSensitive` returns true; otherwise it makes no
 * decision. No combinator, fallback, hedge or cascade around it can send such a request to another branch.
 *
 * `redacted` names a branch created by `redacting`. It may receive the request too, after `keep`, if it replaces every
 * kind that was found. A request pinned by `isSensitive` stays with `keep`.
 *
 * `keepImages: 'onDevice'` pins every request with a picture in any of its messages: patterns cannot examine its
 * content.
 *
 * @example
 * new FirstMatch([new PrivacyStrategy({ keep: kOnDevice }), new FallbackStrategy([kCloud])])
 */
declare class PrivacyStrategy extends DataStrategy {
  readonly name = 'PrivacyStrategy'
  constructor(options?: {
    keep?: string
    redacted?: string
    isSensitive?: (context: RoutingContext) => boolean | Promise<boolean>
    detect?: SensitiveKind[]
    keepImages?: 'onDevice'
  })
}
/**
 * Chooses one of three branches by the sum of the weights of the kinds of personal data in a request: 0 goes to
 * `cloud`, less than `threshold` to `redacted`, a branch created by `redacting`, and more stays at `edge`. The first
 * choice adds no constraint, the second restricts the request to `redacted` and `edge`, the third to `edge`. Without
 * `redacted`, or if it does not replace every kind that was found, all personal data stays at `edge`, as do requests
 * for which `isSensitive` returns true.
 *
 * The weights are PRISM's unless others are given: 1 for `ssn`, `national-id` and `api-key`, 0.95 for `credit-card`
 * and `iban`, 0.9 for `email`, 0.8 for `phone`, 0.4 for `ip-address`, 0.3 for `date-of-birth`. A weight of 0 ignores a
 * kind. Default threshold 1.
 *
 * @example
 * new SensitivityStrategy({ edge: kOnDevice, redacted: 'redacted', cloud: kCloud })
 */
declare class SensitivityStrategy extends DataStrategy {
  readonly name = 'SensitivityStrategy'
  constructor(options?: {
    edge?: string
    redacted?: string
    cloud?: string
    threshold?: number
    weights?: Partial<Record<SensitiveKind, number>>
    isSensitive?: (context: RoutingContext) => boolean | Promise<boolean>
  })
}
/**
 * Uses the cloud until the device's model is loaded. No request waits for a download.
 *
 * @example
 * new ReadyStrategy({ ready: kOnDevice, otherwise: kCloud })
 */
declare class ReadyStrategy extends DataStrategy {
  readonly name = 'ReadyStrategy'
  constructor(options?: { ready?: string; otherwise?: string })
}
/** The capabilities that a request may need. */
type Capability = 'vision' | 'audio' | 'tools' | 'json'
/**
 * Chooses the branches that support what the request needs: images, audio, tools, JSON. It makes no decision if none
 * does. Video and documents are not checked.
 *
 * @example
 * new CapabilityStrategy({ supports: { onDevice: ['json'], cloud: ['vision', 'audio', 'tools', 'json'] } })
 */
declare class CapabilityStrategy extends DataStrategy {
  readonly name = 'CapabilityStrategy'
  constructor(options: { supports: Record<string, Capability[]>; order?: string[] })
}
/**
 * Chooses one branch while online, another while offline.
 *
 * By default it uses the browser's own signal, which is reliable when offline but not when online (a café's login
 * page counts as online): add a fallback.
 *
 * @example
 * new WithFallback(new ConnectivityStrategy({ online: kCloud, offline: kOnDevice }), { fallbackOrder: [kOnDevice] })
 */
declare class ConnectivityStrategy extends DataStrategy {
  readonly name = 'ConnectivityStrategy'
  constructor(options: { isOnline?: () => boolean | Promise<boolean>; online: string; offline: string })
}
/**
 * Uses the premium branch while there is a budget, with the cheap one as fallback; then only the cheap one. The budget
 * is decided by a function, or by comparing today's costs in a ledger with `daily`.
 *
 * @example
 * new CostStrategy({ budgetAvailable: () => spent < 5, premium: kCloud, cheap: kOnDevice })
 *
 * @example
 * new CostStrategy({ ledger: createLedger({ prices }), daily: 0.5, premium: kCloud, cheap: kOnDevice })
 */
declare class CostStrategy extends DataStrategy {
  readonly name = 'CostStrategy'
  constructor(
    options: {
      premium: string
      cheap: string
    } & (
      | {
          budgetAvailable: () => boolean | Promise<boolean>
        }
      | {
          ledger: BudgetLedger
          daily: number
        }
    ),
  )
}
/**
 * Decides by facts about this machine: GPU, memory, battery, data saver, a minimum measured speed. A fact that the
 * browser does not report counts as met.
 *
 * @example
 * const require = { hardwareGpu: true, minMemoryGB: 4, allowSaveData: false }
 * new DeviceStrategy({ require, capable: kOnDevice, otherwise: kCloud })
 */
declare class DeviceStrategy extends DataStrategy {
  readonly name = 'DeviceStrategy'
  constructor(options: { require: DeviceRequirements; capable: string; otherwise: string })
}
/**
 * Chooses one branch for small requests, another for those larger than `threshold`.
 *
 * Characters are counted over all text of all messages, as Dart and JavaScript count them. Tokens are counted exactly
 * where a branch's model is loaded and can count, and estimated otherwise; the trace's reason names which.
 *
 * @example
 * new InputSizeStrategy({ threshold: 1000, unit: 'tokens', small: kOnDevice, large: kCloud })
 */
declare class InputSizeStrategy extends DataStrategy {
  readonly name = 'InputSizeStrategy'
  constructor(options: { threshold: number; small: string; large: string; unit?: 'characters' | 'tokens' })
}
/**
 * Prefers the first branch whose predicted time to the first token is within the budget, by measured speeds; the
 * others stay behind it. A branch without measurements counts as within the budget.
 *
 * @example
 * new LatencyStrategy({ firstTokenBudgetMs: 800, order: [kOnDevice, kCloud] })
 */
declare class LatencyStrategy extends DataStrategy {
  readonly name = 'LatencyStrategy'
  constructor(options: { firstTokenBudgetMs: number; order: string[] })
}
/**
 * Prefers the branches whose context window fits the whole request with its answer. The others stay behind them, the
 * largest window first: they can answer a shortened request. A branch with an unknown window counts as large enough.
 *
 * Tokens are counted exactly where a branch's model is loaded and can count, and estimated otherwise; the trace's
 * reason names which. An answer is given `maxOutputTokens` of the request, else `answerTokens`, else a quarter of the
 * window and at most 1,024.
 *
 * @example
 * new WindowStrategy({ order: [kOnDevice, kCloud] })
 */
declare class WindowStrategy extends DataStrategy {
  readonly name = 'WindowStrategy'
  constructor(options?: { order?: string[]; answerTokens?: number })
}

export {
  CapabilityStrategy,
  ConnectivityStrategy,
  CostStrategy,
  DeviceStrategy,
  FallbackStrategy,
  FirstMatch,
  HybridError,
  InputSizeStrategy,
  LatencyStrategy,
  PreRoutingStrategy,
  PrivacyStrategy,
  ReadyStrategy,
  SensitivityStrategy,
  WindowStrategy,
  WithFallback,
  cascadeModel,
  chat,
  chatFromJSON,
  confidenceCascade,
  configure,
  defineAgent,
  defineFlow,
  defineModel,
  deleteChat,
  deviceFacts,
  geminiModel,
  gemmaEmbedder,
  gemmaModel,
  hybridModel,
  hybridModelOnDeviceCloud,
  kCloud,
  kOnDevice,
  knownModels,
  listCachedModels,
  openAICompatibleModel,
  promptApiModel,
  redacting,
  removeCached,
  runTools,
  storedChats,
  streamTools,
  tool,
  wrapModel,
}
export type {
  Agent,
  AgentOptions,
  Attempt,
  Availability,
  AvailabilityStatus,
  BranchHealth,
  BudgetLedger,
  CachedModel,
  Capability,
  CascadeCalibration,
  CascadeOptions,
  Chat,
  ChatEntry,
  ChatInput,
  ChatOptions,
  ChatSnapshot,
  CloudModel,
  Confidence,
  ConfidenceScore,
  Continued,
  CustomDetector,
  Decision,
  DeviceFacts,
  DeviceRequirements,
  Embedder,
  EmbeddingTask,
  ErrorCode,
  ExecutableTool,
  FinishReason,
  Flow,
  FlowContext,
  FlowOptions,
  FlowRequest,
  FlowSchema,
  FlowStep,
  FlowTrace,
  GeminiOptions,
  GemmaOptions,
  GenerateChunk,
  GenerateOptions,
  GenerateRequest,
  GenerateResponse,
  GenerateStream,
  GenerationConfig,
  HookContext,
  HybridModel,
  HybridOptions,
  HybridPolicy,
  InferSchema,
  JsonSchema,
  KnownModel,
  LoadOptions,
  LoadProgress,
  MediaPolicy,
  MediaReport,
  MediaSource,
  Message,
  Metadata,
  Model,
  ModelDefinition,
  ModelHooks,
  ModelInfo,
  ModelState,
  OnDeviceModel,
  OpenAICompatibleOptions,
  Part,
  PartContents,
  PartOf,
  PausedRun,
  RedactionOptions,
  RequestMessage,
  RequestPart,
  RequestTool,
  Role,
  RoutingContext,
  RoutingStrategy,
  RoutingTrace,
  RunToolsOptions,
  Schema,
  SensitiveKind,
  ShadowAnswer,
  ShadowOptions,
  ShadowResult,
  StandardSchema,
  StandardValidator,
  Status,
  StreamToolsOptions,
  Tool,
  ToolCall,
  ToolCallContext,
  ToolCallInfo,
  ToolDefinition,
  ToolEvent,
  ToolFunction,
  ToolRun,
  ToolStream,
  Usage,
  WasmSource,
  WindowOverflow,
  WindowPolicy,
  WindowReport,
}

// ── hybridge/diagnostics
/**
 * The sizes of a network, which determine how much memory a context takes. The twin of `hybridge_core::device::Shape`.
 */
interface ModelShape {
  readonly layers: number
  readonly width: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly window: number
  readonly context: number
}

/** A GPU adapter, and the difference of its results from the CPU's. */
interface GpuReport {
  readonly adapter: string
  readonly software: boolean
  /** The largest difference from the CPU's results. */
  readonly maxError: number
  /** The time to request the adapter, to compile and to compute. */
  readonly checkMilliseconds: number
  /** The total time: loading the engine, compiling and computing. */
  readonly milliseconds: number
}

/** Addresses of the engine's files, for bundlers and policies that need them named. */
interface WorkerPlaces {
  workerUrl?: string | URL
  wasmUrl?: string | URL
  cpuWasmUrl?: string | URL
  threadsWasmUrl?: string | URL
}

/**
 * Computes a quantised product, a norm, a tile of attention and one of burn's products on the GPU and on the CPU, and
 * reports the largest difference.
 *
 * Starts the engine's worker and fetches its GPU file. Without an adapter it fetches nothing and throws with code
 * GPU_UNAVAILABLE; with wrong results it throws with code GPU_WRONG_RESULTS.
 *
 * @example
 * const { adapter, software, maxError } = await gpuSelfTest()
 */
declare const gpuSelfTest: (places?: WorkerPlaces) => Promise<GpuReport>
/**
 * Returns the limits of the GPU adapter that a model would run on, by their WebGPU names; empty without an adapter.
 *
 * @example
 * const { maxStorageBufferBindingSize } = await gpuLimits()
 */
declare const gpuLimits: () => Promise<Readonly<Record<string, number>>>
/** The network sizes of each model in `knownModels`, by name, from which `availability()` computes a model's memory. */
declare const knownShapes: Readonly<Record<string, ModelShape>>

export { gpuLimits, gpuSelfTest, knownShapes }
export type { GpuReport, ModelShape, WorkerPlaces }

// ── hybridge/learn
import { Interval } from './statistics.js'
export { auroc, pairedDifference, wilson } from './statistics.js'
import {
  Confidence,
  RoutingStrategy,
  RoutingContext,
  Decision,
  Embedder,
  BudgetLedger,
  Model,
  RoutingTrace,
  ShadowResult,
} from './index.js'

/** A block of signals, from `from` up to the next block, with the same probability, and its number of samples. */
interface Block {
  from: number
  right: number
  count: number
}

/** A signal by name. Higher values mean higher confidence. */
type SignalName = 'mean' | 'min' | 'p10' | 'p25' | 'p50' | 'first' | 'margin' | 'entropy'
/** A bias, then a weight for mean, min, p10, p25, p50, first and 1 / tokens. */
type Combination = readonly number[]

/**
 * One answer of the device whose correctness is known. The `logprobs` of its tokens are the most informative;
 * `confidence` is that of a response; `signal` is any number that increases with confidence.
 */
interface CalibrationSample {
  logprobs?: readonly number[]
  confidence?: Confidence
  signal?: number
  /** Whether the device's answer was right. */
  right: boolean
  /** Whether the cloud's answer was right. Without it, the cloud counts as always right. */
  cloudRight?: boolean
}
/** The goal of a threshold: a share of the cloud's quality, or a maximum share of cloud calls. */
type CalibrationTarget =
  | {
      quality: number
    }
  | {
      cloudShare: number
    }
/** A threshold and its expected results. Plain data, which `JSON.stringify` preserves. */
interface Calibration {
  kind: 'hybridge.calibration'
  version: 1
  /**
   * The score that is compared with the threshold; weights if several signals are combined, `'custom'` if the caller
   * gave the signal.
   */
  score: SignalName | Combination | 'custom'
  /** Answers below it go to the cloud. The largest number if none may be kept. */
  threshold: number
  /** The number of tokens for the score: 'all' holds back the whole answer. */
  holdTokens: number | 'all'
  /** The share of right answers at this threshold, with 95 % intervals; on average 1 / samples too high. */
  quality: Interval
  /** The share of cloud calls. */
  cloudShare: Interval
  /** How well the score separates right from wrong answers; null if all samples have the same correctness. */
  auroc: number | null
  /** Maps the score to the probability of being right. */
  map: Block[]
  samples: number
}
/**
 * Finds the score that best separates right from wrong answers, and the threshold that meets a target for unseen
 * answers: `quality: 0.98` is 98 % of the cloud's quality with as few cloud calls as possible (this takes at least 49
 * samples), `cloudShare: 0.3` is the best quality with at most 30 % of cloud calls.
 *
 * @example
 * const calibration = calibrate({ samples, target: { quality: 0.98 } })
 * const ai = confidenceCascade({ onDevice, cloud, calibration })
 */
declare function calibrate({
  samples,
  target,
  score,
  holdTokens,
}: {
  samples: readonly CalibrationSample[]
  target: CalibrationTarget
  score?: SignalName
  holdTokens?: number
}): Calibration
/**
 * Returns the probability that an answer with this signal is right.
 *
 * @example
 * probabilityOf(calibration, { confidence: response.confidence }) // 0.93
 */
declare function probabilityOf(
  calibration: Calibration,
  answer: Pick<CalibrationSample, 'logprobs' | 'confidence' | 'signal'>,
): number | undefined
/**
 * Reads a calibration stored as JSON. Anything else is INVALID_ARGUMENT.
 *
 * @example
 * const calibration = calibrationFromJSON(localStorage.getItem('calibration'))
 */
declare function calibrationFromJSON(json: unknown): Calibration

/** A prompt, or its embedding, and its label. */
interface LabelledPrompt {
  prompt: string | ArrayLike<number>
  label: string
}
/** A trained classifier as plain data. */
interface ClassifierJson {
  kind: 'hybridge.classifier'
  version: 1
  input: 'text' | 'vector'
  /** The number of buckets for a text, or of dimensions of an embedding. */
  size: number
  labels: string[]
  biases: number[]
  scales: number[]
  /** Base64 of 8-bit weights, `[vector][size]`. */
  weights: string
}
/**
 * Logistic regression on hashed character n-grams and words: a text classifier that is trained in a page in less than
 * a second, classifies in microseconds and downloads nothing. It also supports embeddings instead of texts.
 *
 * @example
 * const classifier = Classifier.train([{ prompt: 'What is 2 + 2?', label: 'sum' }, { prompt: 'Translate "cat"',
 * label: 'language' }])
 * const { label, probability } = classifier.classify('What is 3 + 9?')
 */
declare class Classifier {
  #private
  readonly labels: readonly string[]
  readonly input: 'text' | 'vector'
  private constructor()
  /** Trains a classifier. The same samples in the same order and the same seed give the same classifier everywhere. */
  static train(
    samples: readonly LabelledPrompt[],
    {
      seed,
      buckets,
    }?: {
      seed?: number
      buckets?: number
    },
  ): Classifier
  /**
   * Reads the output of `toJSON`, as an object or as text. Anything else, including the format of a later version, is
   * INVALID_ARGUMENT.
   */
  static fromJSON(json: unknown): Classifier
  /** Returns the most likely class, and the probability of each. */
  classify(prompt: string | ArrayLike<number>): {
    label: string
    probability: number
    probabilities: Record<string, number>
  }
  /** Returns the probability of each class, in the order of `labels`. */
  probabilities(prompt: string | ArrayLike<number>): number[]
  /** Returns the classifier as plain data, at most 64 KB of JSON. */
  toJSON(): ClassifierJson
}

/** The result of a custom classifier: a label, or the probability of each. */
type Classified =
  | string
  | {
      label: string
      probabilities?: Record<string, number>
    }
/** Options of a ClassifierStrategy. */
interface ClassifierStrategyOptions {
  /**
   * A trained classifier, its JSON, or any function. Default: the included "simple" or "hard" classifier.
   */
  classifier?:
    Classifier | ClassifierJson | ((prompt: string, context: RoutingContext) => Classified | Promise<Classified>)
  /**
   * The decision for each label. Default: `simple` and `local` go to the device, `hard` and `cloud` to the cloud, each
   * with the other as fallback; a label that is a branch's key goes there.
   */
  routes?: Record<string, Decision>
  /** Below this probability the strategy makes no decision. Default 0: it always decides. */
  minProbability?: number
  /** Embeds prompts, for a classifier that was trained on embeddings. */
  embedder?: Pick<Embedder, 'embed'>
}
/**
 * Routes by the class of the last user message, on the device and in microseconds. The trace's reason contains the
 * probabilities.
 *
 * @example
 * // The classifier that comes with the package: "simple" or "hard".
 * hybridModelOnDeviceCloud({ onDevice, cloud, strategy: new ClassifierStrategy() })
 *
 * @example
 * const strategy = ClassifierStrategy.train([{ prompt: 'Where is my parcel?', label: 'local' }, { prompt: 'Draft a
 * contract', label: 'cloud' }])
 * localStorage.setItem('router', JSON.stringify(strategy))
 */
declare class ClassifierStrategy implements RoutingStrategy {
  #private
  readonly name = 'ClassifierStrategy'
  constructor(options?: ClassifierStrategyOptions)
  /** Trains a strategy on prompts with their labels: branches, task kinds, or `local` and `cloud`. */
  static train(
    samples: readonly LabelledPrompt[],
    {
      seed,
      ...options
    }?: Omit<ClassifierStrategyOptions, 'classifier'> & {
      seed?: number
    },
  ): ClassifierStrategy
  /** Creates a strategy from a classifier stored as JSON. */
  static fromJSON(json: unknown, options?: Omit<ClassifierStrategyOptions, 'classifier'>): ClassifierStrategy
  /** Trains a new classifier, replacing the current one. */
  train(
    samples: readonly LabelledPrompt[],
    options?: {
      seed?: number
    },
  ): this
  /** Returns the classifier as plain data, at most 64 KB. */
  toJSON(): ClassifierJson
  route(context: RoutingContext): Promise<Decision>
}

/** The prices of a branch, in any currency, per million tokens and per request. */
interface Price {
  inputPerMillion: number
  outputPerMillion: number
  /** Per million cached input tokens. Default: like other input. */
  cachedInputPerMillion?: number
  perRequest?: number
}

/** Options of `createLedger`. */
interface LedgerOptions {
  /** Prices by branch key; `outer/inner` for a branch of a nested hybrid. A branch without a price is free. */
  prices: Record<string, Price>
  /**
   * The branch against which savings are computed: what it would have charged for all answers. Default: the branch
   * with the highest price.
   */
  baseline?: string
  /** Ledgers with the same name share their data, across tabs and visits. Default 'hybridge'. */
  name?: string
  /** 'auto' stores the data in IndexedDB if available. Default 'auto'. */
  storage?: 'auto' | 'memory'
  /** The time zone in which a day begins. Default 'local'. */
  days?: 'local' | 'utc'
  /** A clock for tests; default Date.now. */
  now?: () => number
}
/** Totals over days, branches or features. Money is in the unit of the prices. */
interface LedgerTotals {
  /** Attempts with usage, shadows included. */
  attempts: number
  answers: number
  inputTokens: number
  outputTokens: number
  spent: number
  /** What the baseline would have charged for all answers, minus the amount spent. */
  saved: number
}
/** A filter for totals. Days are 'YYYY-MM-DD', both included. */
interface LedgerRange {
  from?: string
  to?: string
  feature?: string
  branch?: string
}
/**
 * Creates a ledger of what branches cost. Prices are set by the caller; tokens come from each attempt's usage,
 * including rejected and failed attempts.
 *
 * @example
 * const ledger = createLedger({ prices: { [kCloud]: { inputPerMillion: 0.1, outputPerMillion: 0.4 } } })
 * const ai = ledger.track(hybridModelOnDeviceCloud({ onDevice, cloud, strategy }), { feature: 'summaries' })
 * await ai.generate('Summarise this')
 * const { spent, saved } = await ledger.totals()
 */
declare function createLedger(options: LedgerOptions): Ledger
/** See `createLedger`. */
declare class Ledger implements BudgetLedger {
  #private
  constructor({ prices, baseline, name, storage, days, now }: LedgerOptions)
  /** Whether the data outlives the page. Known after the first write or read. */
  get persisted(): boolean
  /** Why the data is not stored, if it isn't. */
  get problem(): string | undefined
  /**
   * Returns a model whose runs are counted before their answers are returned, so that the cost of a returned answer is
   * stored. `context: { feature }` of a request names its feature, unless `feature` is given here.
   */
  track<T extends Model>(
    model: T,
    {
      feature,
    }?: {
      feature?: string
    },
  ): T
  /** Counts a finished run, each run once. Resolves when it is stored. */
  record(
    trace: RoutingTrace,
    {
      feature,
    }?: {
      feature?: string
    },
  ): Promise<void>
  /** Counts a shadow's answer, for `shadow.onResult`. Savings come only from the answer that was shown. */
  recordShadow(
    result: ShadowResult,
    {
      feature,
    }?: {
      feature?: string
    },
  ): Promise<void>
  /** Returns totals: of everything, or of a range of days, a branch or a feature. */
  totals(range?: LedgerRange): Promise<LedgerTotals>
  /** Returns totals by day, the oldest first. */
  byDay(range?: LedgerRange): Promise<
    Array<
      LedgerTotals & {
        day: string
      }
    >
  >
  /** Returns totals by feature; '' is for requests without one. */
  byFeature(range?: LedgerRange): Promise<
    Array<
      LedgerTotals & {
        feature: string
      }
    >
  >
  /** Returns totals by branch. */
  byBranch(range?: LedgerRange): Promise<
    Array<
      LedgerTotals & {
        branch: string
      }
    >
  >
  /** Returns the amount spent today, in all tabs. */
  spentToday(): Promise<number>
  /** Deletes all counts. */
  clear(): Promise<void>
  /** Closes the database. A closed ledger counts for this visit only. */
  close(): Promise<void>
}

/**
 * Returns the included classifier of "simple" requests, which a small model answers in one step, and "hard" ones. It
 * was trained only on prompts generated from templates by `tests/learn/simple-or-hard`: use it as a start, and train
 * your own on your users' prompts.
 *
 * @example
 * simpleOrHard().classify('What is 2 + 2?').label // 'simple'
 */
declare function simpleOrHard(): Classifier

export {
  Classifier,
  ClassifierStrategy,
  Interval,
  Ledger,
  calibrate,
  calibrationFromJSON,
  createLedger,
  probabilityOf,
  simpleOrHard,
}
export type {
  Block,
  Calibration,
  CalibrationSample,
  CalibrationTarget,
  Classified,
  ClassifierJson,
  ClassifierStrategyOptions,
  Combination,
  LabelledPrompt,
  LedgerOptions,
  LedgerRange,
  LedgerTotals,
  Price,
  SignalName,
}

// ── hybridge/evals
import { Interval } from './learn.js'
import { GenerateRequest, JsonSchema, GenerateResponse, Embedder, Model } from './index.js'

/** One case. Each line of a .jsonl file contains one as JSON. */
interface EvalCase extends Pick<GenerateRequest, 'prompt' | 'system' | 'messages' | 'config' | 'output' | 'tools'> {
  /** Names the case in reports. Default: its number. */
  id?: string
  /** The right answer, or several. */
  expected?: string | string[]
  /** The JSON Schema of the answer, sent with the request and checked by judges. */
  schema?: JsonSchema
  /** A regular expression that must match the answer. */
  pattern?: string
  flags?: string
  /** Tags of the case; reports compare each tag on its own. */
  tags?: string[]
}
/**
 * Reads cases from the text of a .jsonl file. Empty lines, and lines that begin with `//`, are skipped.
 *
 * @example
 * const cases = parseCases(await file.text())
 */
declare function parseCases(text: string): EvalCase[]

/** The quality if `cloudShare` of the answers come from the cloud. */
interface CurvePoint {
  cloudShare: number
  quality: number
  /** Answers of lower confidence went to the cloud. */ threshold: number
}
/** The curve by confidence, beside those of a perfect and of a random choice. */
interface Curve {
  byConfidence: CurvePoint[]
  best: Array<Omit<CurvePoint, 'threshold'>>
  blind: [Omit<CurvePoint, 'threshold'>, Omit<CurvePoint, 'threshold'>]
}

/**
 * The input of a judge. `reference` is the expected answer, else the baseline's; undefined if there is neither.
 */
interface Judgement {
  case: EvalCase
  text: string
  response: GenerateResponse
  reference: string | undefined
  signal: AbortSignal
}
/** Scores an answer from 0 (wrong) to 1 (right). With several judges, the lowest score counts. */
interface Judge {
  readonly name: string
  /** Whether it judges a case. */
  applies(it: EvalCase): boolean
  score(judgement: Judgement): number | boolean | Promise<number | boolean>
}
/**
 * Accepts the expected answer, ignoring letter case, white space and surrounding punctuation. Judges cases with
 * `expected`.
 *
 * @example
 * exactMatch({ strict: true }) // to the letter
 */
declare function exactMatch({ strict }?: { strict?: boolean }): Judge
/**
 * Accepts JSON that matches the case's schema, by the same validator that hybrids use. Judges cases with `schema`.
 *
 * @example
 * await evaluate({ models, cases, judges: [matchesSchema()] })
 */
declare function matchesSchema(): Judge
/**
 * Accepts a text that contains a match of the case's `pattern`. Matching takes linear time for every pattern.
 *
 * @example
 * await evaluate({ models, cases: [{ prompt: 'When?', pattern: '\\d{4}-\\d{2}-\\d{2}' }], judges: [matchesPattern()] })
 */
declare function matchesPattern(): Judge
/**
 * Accepts an answer with the meaning of the expected one: the cosine similarity of their embeddings is at least
 * `threshold`, 0.8 by default.
 *
 * @example
 * embeddingSimilarity({ embedder: gemmaEmbedder({ model: 'embeddinggemma-300m' }), threshold: 0.85 })
 */
declare function embeddingSimilarity({
  embedder,
  threshold,
}: {
  embedder: Pick<Embedder, 'embed'>
  threshold?: number
}): Judge
/**
 * Has a model compare each answer with the reference (the expected answer, else the baseline's), once in either order,
 * because models favour a position. An answer at least as good in both orders scores 1, in one 0.5. Judges cases
 * without `expected`, or all.
 *
 * @example
 * modelJudge({ model: geminiModel({ model: 'gemini-2.5-pro', apiKey }), criteria: 'Correct, complete and polite.' })
 */
declare function modelJudge({ model, criteria, all }: { model: Model; criteria?: string; all?: boolean }): Judge

/** The result of one model on one case. */
interface EvalResult {
  case: string
  /** 0 to 1, by the strictest judge; 0 if the model failed. */
  score: number
  /** The score of each judge. */
  judges: Record<string, number>
  text: string
  latencyMs: number
  inputTokens: number
  outputTokens: number
  /** The branch that answered, if the model is a hybrid. */
  branch: string
  isCloud: boolean
  /** The 10 % quantile of the answer's log-probabilities. */
  confidence?: number
  /** The status of the model's failure, if it failed. */
  error?: string
}
/** The results of one model over all cases. */
interface EvalSummary {
  quality: Interval
  failures: number
  cloudShare: number
  meanLatencyMs: number
  inputTokens: number
  outputTokens: number
  results: EvalResult[]
}
/** One model against the baseline, case by case. */
interface EvalComparison {
  model: string
  baseline: string
  difference: Interval
  better: number
  same: number
  worse: number
  verdict: 'better' | 'worse' | 'no difference shown'
}
/** A report as plain data. */
interface EvalReport {
  kind: 'hybridge.eval'
  version: 1
  name: string
  createdAt: string
  baseline: string
  cases: Array<{
    id: string
    tags: string[]
    prompt: string
    expected?: string | string[]
  }>
  models: Record<string, EvalSummary>
  comparisons: EvalComparison[]
  /** Quality against the share of cloud calls, if a device and a cloud model were evaluated. */
  curve?: Curve
}
/** The models to evaluate. */
interface EvaluateOptions {
  /** The models by their names in the report. */
  models?: Record<string, Model>
  /** A hybrid, named 'hybrid' in the report. */
  hybrid?: Model
  cases: readonly EvalCase[]
  judges: readonly Judge[]
  /** The model with which the others are compared. Default: 'cloud' if there is one, else the last. */
  baseline?: string
  /** The model whose confidence the curve uses. Default: the first that runs on the device. */
  device?: string
  name?: string
  /** How many cases of one model run in parallel. Default 1, because a device computes one answer at a time. */
  concurrency?: number
  signal?: AbortSignal
  onProgress?: (progress: { model: string; done: number; total: number }) => void
  /** A clock for tests; default `Date.now`. */
  createdAt?: string
}
/**
 * Runs each case on each model, scores the answers by judges, and compares the models case by case. A failed model
 * scores 0, with its status in the result; a failed judge rejects the evaluation.
 *
 * @example
 * const report = await evaluate({ models: { local, cloud }, hybrid: ai, cases, judges: [exactMatch()] })
 * report.comparisons[0].verdict // 'worse'
 */
declare function evaluate(options: EvaluateOptions): Promise<EvalReport>

/** The change of one model, or of one tag of its cases, between two reports. */
interface ReportChange {
  model: string
  /** `undefined` for all cases. */
  tag?: string
  cases: number
  before: number
  after: number
  difference: Interval
  verdict: EvalComparison['verdict']
  /** Cases with a lower score than before, the largest loss first. */
  lost: Array<{
    case: string
    before: number
    after: number
  }>
}
/**
 * Compares two reports, model by model and tag by tag, over the cases that both have. The verdict reports a change
 * only if it is statistically significant.
 *
 * @example
 * const regressions = compareReports(before, after).filter(({ verdict }) => verdict === 'worse')
 */
declare function compareReports(before: EvalReport, after: EvalReport): ReportChange[]
/**
 * Reads a report from an object, its JSON, or the HTML of `renderReport`. Anything else is INVALID_ARGUMENT.
 *
 * @example
 * const before = reportFromJSON(await readFile('main.html', 'utf8'))
 */
declare function reportFromJSON(value: unknown): EvalReport

/**
 * Renders a report as one self-contained HTML file. With `before`, it starts with the cases that became worse.
 *
 * @example
 * await writeFile('report.html', renderReport(report, { before: reportFromJSON(await readFile('main.html', 'utf8')) }))
 */
declare function renderReport(
  report: EvalReport,
  {
    before,
  }?: {
    before?: EvalReport
  },
): string

export {
  compareReports,
  embeddingSimilarity,
  evaluate,
  exactMatch,
  matchesPattern,
  matchesSchema,
  modelJudge,
  parseCases,
  renderReport,
  reportFromJSON,
}
export type {
  Curve,
  CurvePoint,
  EvalCase,
  EvalComparison,
  EvalReport,
  EvalResult,
  EvalSummary,
  EvaluateOptions,
  Judge,
  Judgement,
  ReportChange,
}

// ── hybridge/ai-sdk
export { DownloadState, DownloadStore, Loadable, downloadStore } from '../../download-store.js'
import { Servable } from '../../served.js'
export { ServedModels } from '../../served.js'
import { Status, Model, Embedder } from '../../index.js'

/** A failed call in the SDK's format. The HybridError is its cause. */
declare class AiSdkCallError extends Error {
  readonly name = 'AI_APICallError'
  readonly url = 'hybridge:'
  /** Empty, because an error must not contain a prompt. */
  readonly requestBodyValues: {}
  readonly statusCode: number
  /** The delay before a retry, in the place where the SDK reads it. */
  readonly responseHeaders?: Record<string, string>
  readonly isRetryable: boolean
  readonly status: Status
  readonly code?: string
  constructor(thrown: unknown)
}
/** The error of an unknown model name. */
declare class AiSdkNoSuchModelError extends Error {
  readonly modelId: string
  readonly modelType: 'languageModel' | 'embeddingModel' | 'imageModel'
  readonly name = 'AI_NoSuchModelError'
  constructor(modelId: string, modelType: 'languageModel' | 'embeddingModel' | 'imageModel', known: string[])
}

/**
 * The AI SDK's provider interface, specification v4, the part that is used here. Declared here, so that an application
 * needs only the package `ai`; a test compares it with `@ai-sdk/provider`.
 */
type JsonValue = null | string | number | boolean | JsonObject | JsonValue[]
type JsonObject = {
  [key: string]: JsonValue | undefined
}
/** Metadata by provider; hybridge's is under `hybridge`. */
type ProviderRecord = Record<string, JsonObject>
/** The same, as input. */
type GivenRecord = Readonly<
  Record<
    string,
    {
      readonly [key: string]: unknown
    }
  >
>
type FileData =
  | {
      type: 'data'
      data: Uint8Array | string
    }
  | {
      type: 'url'
      url: URL
      originalUrl?: string
    }
  | {
      type: 'reference'
      reference: unknown
    }
  | {
      type: 'text'
      text: string
    }
type ToolOutput =
  | {
      type: 'text' | 'error-text'
      value: string
    }
  | {
      type: 'json' | 'error-json'
      value: unknown
    }
  | {
      type: 'execution-denied'
      reason?: string
    }
  | {
      type: 'content'
      value: Array<{
        type: string
        text?: string
      }>
    }
type PromptPart = {
  providerOptions?: GivenRecord
} & (
  | {
      type: 'text' | 'reasoning'
      text: string
    }
  | {
      type: 'file' | 'reasoning-file'
      data: FileData
      mediaType: string
      filename?: string
    }
  | {
      type: 'custom'
      kind?: string
    }
  | {
      type: 'tool-call'
      toolCallId: string
      toolName: string
      input: unknown
    }
  | {
      type: 'tool-result'
      toolCallId: string
      toolName: string
      output: ToolOutput
    }
  | {
      type: 'tool-approval-response'
      approvalId: string
      approved: boolean
    }
)
type PromptMessage = {
  providerOptions?: GivenRecord
} & (
  | {
      role: 'system'
      content: string
    }
  | {
      role: 'user' | 'assistant' | 'tool'
      content: PromptPart[]
    }
)
type Tool =
  | {
      type: 'function'
      name: string
      description?: string
      inputSchema: unknown
    }
  | {
      type: 'provider'
      id: string
      name: string
    }
interface CallOptions {
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
  responseFormat?:
    | {
        type: 'text'
      }
    | {
        type: 'json'
        schema?: unknown
        name?: string
        description?: string
      }
  tools?: Tool[]
  toolChoice?:
    | {
        type: 'auto' | 'none' | 'required'
      }
    | {
        type: 'tool'
        toolName: string
      }
  includeRawChunks?: boolean
  abortSignal?: AbortSignal
  headers?: Record<string, string | undefined>
  providerOptions?: GivenRecord
}
type Warning =
  | {
      type: 'unsupported' | 'compatibility'
      feature: string
      details?: string
    }
  | {
      type: 'other'
      message: string
    }
interface FinishReason {
  unified: 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'
  raw: string | undefined
}
interface TokenUsage {
  inputTokens: {
    total: number | undefined
    noCache: number | undefined
    cacheRead: number | undefined
    cacheWrite: number | undefined
  }
  outputTokens: {
    total: number | undefined
    text: number | undefined
    reasoning: number | undefined
  }
}
type Content = {
  providerMetadata?: ProviderRecord
} & (
  | {
      type: 'text' | 'reasoning'
      text: string
    }
  | {
      type: 'file'
      mediaType: string
      data:
        | {
            type: 'data'
            data: string
          }
        | {
            type: 'url'
            url: URL
          }
    }
  | {
      type: 'tool-call'
      toolCallId: string
      toolName: string
      input: string
    }
)
interface ResponseMetadata {
  id: string
  timestamp: Date
  modelId: string
}
interface GenerateResult {
  content: Content[]
  structuredOutputText?: string
  finishReason: FinishReason
  usage: TokenUsage
  warnings: Warning[]
  providerMetadata: ProviderRecord
  response: ResponseMetadata
}
type StreamPart =
  | {
      type: 'stream-start'
      warnings: Warning[]
    }
  | ({
      type: 'response-metadata'
    } & ResponseMetadata)
  | {
      type: 'text-start' | 'reasoning-start'
      id: string
    }
  | {
      type: 'text-delta' | 'reasoning-delta'
      id: string
      delta: string
    }
  | {
      type: 'text-end' | 'reasoning-end'
      id: string
      providerMetadata?: ProviderRecord
    }
  | {
      type: 'tool-input-start'
      id: string
      toolName: string
    }
  | {
      type: 'tool-input-delta'
      id: string
      delta: string
    }
  | {
      type: 'tool-input-end'
      id: string
    }
  | Extract<
      Content,
      {
        type: 'file' | 'tool-call'
      }
    >
  | {
      type: 'error'
      error: unknown
    }
  | {
      type: 'finish'
      finishReason: FinishReason
      usage: TokenUsage
      providerMetadata?: ProviderRecord
    }
/** A language model of the AI SDK. */
interface AiSdkLanguageModel {
  readonly specificationVersion: 'v4'
  readonly provider: string
  readonly modelId: string
  readonly supportedUrls: Record<string, RegExp[]>
  doGenerate(options: CallOptions): Promise<GenerateResult>
  doStream(options: CallOptions): Promise<{
    stream: ReadableStream<StreamPart>
  }>
}
/** An embedding model of the AI SDK. */
interface AiSdkEmbeddingModel {
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
  }): Promise<{
    embeddings: number[][]
    warnings: Warning[]
  }>
}
/** A provider of the AI SDK, callable with the name of a model. */
interface AiSdkProvider {
  (modelId: string): AiSdkLanguageModel
  readonly specificationVersion: 'v4'
  languageModel(modelId: string): AiSdkLanguageModel
  embeddingModel(modelId: string): AiSdkEmbeddingModel
  imageModel(modelId: string): never
}

/** Options of `aiSdkModel`. */
interface AiSdkModelOptions {
  /** Default `'hybridge'`. */
  provider?: string
  /** Default: the model's name. */
  modelId?: string
}
/**
 * Wraps any model as a language model of the AI SDK: for `generateText`, `streamText`, agents and, with
 * `DirectChatTransport`, `useChat` in the page.
 *
 * `providerMetadata.hybridge` of an answer has `branch`, `inferenceSource`, `device`, `routing` and `confidence`.
 * `providerOptions.hybridge` of a call accepts `context`, for strategies, and `config`, for settings that the SDK
 * lacks.
 *
 * @example
 * const { text, providerMetadata } = await generateText({ model: aiSdkModel(hybrid), prompt: 'Hello' })
 * console.log(text, providerMetadata?.hybridge?.branch)
 */
declare function aiSdkModel(model: Model, { provider, modelId }?: AiSdkModelOptions): AiSdkLanguageModel

/**
 * Wraps an embedder as an embedding model of the AI SDK. `providerOptions.hybridge.task` is the purpose of the
 * vectors.
 *
 * @example
 * const { embeddings } = await embedMany({ model: aiSdkEmbeddingModel(embedder), values: ['a', 'b'] })
 */
declare function aiSdkEmbeddingModel(embedder: Embedder, { provider, modelId }?: AiSdkModelOptions): AiSdkEmbeddingModel
/**
 * Creates a provider of the AI SDK from models and embedders by name, also for its registry.
 *
 * @example
 * const hybridge = hybridgeProvider({ models: { ai, small }, embedders: { gemma } })
 * const { text } = await generateText({ model: hybridge('ai'), prompt: 'Hello' })
 */
declare function hybridgeProvider(served: Servable): AiSdkProvider

export { AiSdkCallError, AiSdkNoSuchModelError, Servable, aiSdkEmbeddingModel, aiSdkModel, hybridgeProvider }
export type { AiSdkEmbeddingModel, AiSdkLanguageModel, AiSdkModelOptions, AiSdkProvider }

// ── hybridge/genkit
import { TelemetrySink } from '../../telemetry.js'
import { Flow, ModelInfo, Model } from '../../index.js'
import { ServedModels } from '../ai-sdk/index.js'

/**
 * Connects models of a page or process to Genkit's Developer UI. Genkit's tool accepts runtimes on a WebSocket
 * (reflection protocol, version 2); this side connects, lists the models and runs the requested actions. For
 * development, on this machine only.
 */

interface ConnectDevUIOptions extends ServedModels {
  /** Flows of `defineFlow`, which can also be run from there: one trace each, with steps, requests and attempts. */
  flows?: readonly Flow<never, unknown, unknown>[]
  /**
   * The address at which `genkit start --experimental-reflection-v2` listens, for example `ws://localhost:3200`; on
   * this machine only.
   */
  url: string
  /** The name of this runtime. Default `'hybridge'`. */
  name?: string
  /** The address for traces. Default: the one that the Developer UI reports. */
  telemetryUrl?: string
  WebSocket?: typeof WebSocket
  fetch?: typeof fetch
}
/** A connection to the Developer UI. */
interface DevUIConnection {
  /** Resolves once the models are registered. Rejects with UNAVAILABLE if nothing listens. */
  readonly ready: Promise<void>
  /** A sink for `withTelemetry`: also shows the page's own requests, one trace each. */
  readonly sink: TelemetrySink
  /** Aborts running actions and unregisters. */
  close(): void
}
/**
 * Connects models to Genkit's Developer UI, which can run them and shows each run as a trace with its route and
 * attempts.
 *
 * @example
 * const devUI = connectDevUI({ models: { hybrid }, url: 'ws://localhost:3200' })
 * await devUI.ready
 */
declare function connectDevUI(options: ConnectDevUIOptions): DevUIConnection

/** Options of `hybridgePlugin`. */
type GenkitErrorClass = new (options: { status: never; message: string; detail?: unknown }) => Error
interface HybridgePluginOptions extends ServedModels {
  /** Models are called `NAME/KEY`. Default `'hybridge'`. */
  name?: string
  /** Genkit's own error class, if a bundler prevents the import of `genkit`. */
  GenkitError?: GenkitErrorClass
}
/** A plugin for `genkit({ plugins })`, in the form of Genkit's first plugin version, which needs no import. */
type HybridgePlugin = (ai: any) => {
  name: string
  initializer(): Promise<void>
  resolver(): Promise<void>
  listActions(): Promise<never[]>
}
/**
 * Creates a Genkit plugin from models and embedders, for Node and Electron: with streaming, tools and structured
 * output. The trace is in `response.custom`, and errors have Genkit's status.
 *
 * @example
 * const ai = genkit({ plugins: [hybridgePlugin({ models: { hybrid } })], model: 'hybridge/hybrid' })
 * const { text } = await ai.generate('Hello')
 */
declare function hybridgePlugin({ name, GenkitError, ...served }: HybridgePluginOptions): HybridgePlugin
/** A Genkit instance, the part that looks up models. */
interface GenkitRegistry {
  registry: {
    lookupAction(key: string): Promise<unknown>
  }
}
/**
 * Wraps a Genkit model as a branch, given its name, its reference, or the action itself.
 *
 * @example
 * const cloud = genkitModel(ai, 'vertexai/gemini-2.5-flash', { inferenceSource: 'in_cloud' })
 */
declare function genkitModel(
  ai: GenkitRegistry,
  model:
    | string
    | {
        name: string
      }
    | object,
  info?: Partial<Omit<ModelInfo, 'name'>> & {
    name?: string
  },
): Model

export { TelemetrySink, connectDevUI, genkitModel, hybridgePlugin }
export type { ConnectDevUIOptions, DevUIConnection, GenkitRegistry, HybridgePlugin, HybridgePluginOptions }

// ── hybridge/openai
import {
  responses,
  ChatCompletion,
  ChatCompletionChunk,
  ResponseObject,
  ResponseEvent,
  EmbeddingList,
  ModelList,
  ModelEntry,
} from './responses.js'
export {
  Body,
  CompletionFinish,
  CompletionUsage,
  HybridgeField,
  OutputItem,
  TokenLogprob,
  ToolCall,
} from './responses.js'
import { Servable, ServedModels } from '../../served.js'
import '../../index.js'

/**
 * The models and options of the face. The Responses API is loaded at its first use; a service worker cannot load
 * scripts later, so import it there and pass it: `import { responses } from 'hybridge/openai/responses'`.
 */
type OpenAIServable =
  | Servable
  | (ServedModels & {
      responses?: typeof responses
    })

/** Options to abort a request. */
interface OpenAIRequestOptions {
  signal?: AbortSignal
}
/** A failure with the fields of the official client's errors. The HybridError is its cause. */
declare class OpenAIFaceError extends Error {
  readonly name = 'OpenAIFaceError'
  /** The HTTP status. */
  readonly status: number
  readonly code: string | null
  readonly type: string
  readonly param: string | null
  constructor(thrown: unknown)
}
type CreateBody = {
  model: string
} & Record<string, unknown>
/** Overloads by `stream`, as in the official client. */
interface Create<Whole, Event> {
  (
    body: CreateBody & {
      stream: true
    },
    options?: OpenAIRequestOptions,
  ): Promise<AsyncIterable<Event>>
  (
    body: CreateBody & {
      stream?: false | null
    },
    options?: OpenAIRequestOptions,
  ): Promise<Whole>
  (body: CreateBody, options?: OpenAIRequestOptions): Promise<Whole | AsyncIterable<Event>>
}
/** The part of the official client's API that hybridge models support. */
interface OpenAIFaceClient {
  readonly chat: {
    readonly completions: {
      readonly create: Create<ChatCompletion, ChatCompletionChunk>
    }
  }
  readonly responses: {
    readonly create: Create<ResponseObject, ResponseEvent>
  }
  readonly embeddings: {
    create(body: CreateBody, options?: OpenAIRequestOptions): Promise<EmbeddingList>
  }
  readonly models: {
    list(): Promise<ModelList>
    retrieve(name: string): Promise<ModelEntry>
  }
}
/**
 * Creates a client with OpenAI's methods for hybridge models, without HTTP and without the client library.
 *
 * @example
 * const client = openAIClient({ models: { hybrid } })
 * for await (const { choices } of await client.chat.completions.create({ model: 'hybrid', messages, stream: true })) {
 *   print(choices[0]?.delta.content ?? '')
 * }
 */
declare function openAIClient(served: OpenAIServable): OpenAIFaceClient

/**
 * Creates a `fetch` that serves OpenAI's API with hybridge models, even offline. Pass it to the official client, which
 * requires a key and, in pages, a flag; neither the key nor anything else is sent anywhere.
 *
 * Only the end of the path matters, whatever the host: chat completions, responses, embeddings and models.
 *
 * @example
 * const fetch = openAIFetch({ models: { hybrid } })
 * const client = new OpenAI({ fetch, apiKey: 'none', dangerouslyAllowBrowser: true })
 * const messages = [{ role: 'user', content: 'Hello' }]
 * const { choices } = await client.chat.completions.create({ model: 'hybrid', messages })
 */
declare function openAIFetch(served: OpenAIServable): typeof fetch

export {
  ChatCompletion,
  ChatCompletionChunk,
  EmbeddingList,
  ModelEntry,
  ModelList,
  OpenAIFaceError,
  ResponseEvent,
  ResponseObject,
  Servable,
  ServedModels,
  openAIClient,
  openAIFetch,
}
export type { Create, OpenAIFaceClient, OpenAIRequestOptions, OpenAIServable }

// ── hybridge/openai/responses
import { Model } from '../../index.js'

/** The branch that answered and where it ran: an additional field of answers. */
interface HybridgeField {
  branch: string
  inferenceSource: 'on_device' | 'in_cloud' | 'unknown'
  device?: 'gpu' | 'cpu'
  routing: unknown
}
/** `usage` of a chat completion. Reasoning is part of `completion_tokens`. */
interface CompletionUsage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: {
    cached_tokens: number
  }
  completion_tokens_details: {
    reasoning_tokens: number
  }
}
/** A function call. `arguments` is JSON text. */
interface ToolCall {
  id: string
  type: 'function'
  function: {
    name: string
    arguments: string
  }
}
/** One token and its log-probability. */
interface TokenLogprob {
  token: string
  logprob: number
  bytes: number[] | null
  top_logprobs: never[]
}
/** Why a completion ended. */
type CompletionFinish = 'stop' | 'length' | 'tool_calls' | 'content_filter'
/** A complete chat completion. */
interface ChatCompletion {
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
    logprobs: {
      content: TokenLogprob[]
      refusal: null
    } | null
    finish_reason: CompletionFinish
  }>
  usage: CompletionUsage
  hybridge: HybridgeField
}
/** One event of a streamed chat completion. */
interface ChatCompletionChunk {
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
      tool_calls?: Array<
        ToolCall & {
          index: number
        }
      >
    }
    logprobs: {
      content: TokenLogprob[]
      refusal: null
    } | null
    finish_reason: CompletionFinish | null
  }>
  usage?: CompletionUsage | null
  hybridge?: HybridgeField
}
/** Embeddings of texts. */
interface EmbeddingList {
  object: 'list'
  data: Array<{
    object: 'embedding'
    index: number
    embedding: number[] | string
  }>
  model: string
  usage: {
    prompt_tokens: number
    total_tokens: number
  }
}
/** The available models. */
interface ModelEntry {
  id: string
  object: 'model'
  created: number
  owned_by: string
}
interface ModelList {
  object: 'list'
  data: ModelEntry[]
}
/** A JSON object of unknown content. */
type Body = Readonly<Record<string, unknown>>

/** An answer for a client: complete, or as events. */
type Outcome<Whole, Event> =
  | {
      kind: 'whole'
      body: Whole
      branch: string
      requestId: string
    }
  | {
      kind: 'events'
      events: AsyncGenerator<Event, void, undefined>
      stop: () => void
      branch: string | undefined
      requestId: string
    }

/** An output item: reasoning, text, or a function call. */
type OutputItem =
  | {
      id: string
      type: 'reasoning'
      summary: SummaryText[]
    }
  | {
      id: string
      type: 'message'
      role: 'assistant'
      status: 'in_progress' | 'completed' | 'incomplete'
      content: OutputText[]
    }
  | {
      id: string
      type: 'function_call'
      call_id: string
      name: string
      arguments: string
      status: 'in_progress' | 'completed'
    }
interface SummaryText {
  type: 'summary_text'
  text: string
}
interface OutputText {
  type: 'output_text'
  text: string
  annotations: never[]
}
/** A complete response. */
interface ResponseObject {
  id: string
  object: 'response'
  created_at: number
  status: 'in_progress' | 'completed' | 'incomplete'
  model: string
  output: OutputItem[]
  output_text: string
  error: null
  incomplete_details: {
    reason: 'max_output_tokens' | 'content_filter'
  } | null
  instructions: unknown
  metadata: Record<string, never>
  parallel_tool_calls: boolean
  temperature: unknown
  top_p: unknown
  tool_choice: unknown
  tools: unknown
  usage: {
    input_tokens: number
    output_tokens: number
    total_tokens: number
    input_tokens_details: {
      cached_tokens: number
    }
    output_tokens_details: {
      reasoning_tokens: number
    }
  } | null
  hybridge?: HybridgeField
}
/** An event of a streamed response; its fields depend on its type. */
type ResponseEvent = {
  type: string
  sequence_number: number
} & Record<string, unknown>
/**
 * Serves the Responses API: runs a model until its first content. Pass it to `openAIFetch` if no script can be loaded
 * later.
 *
 * @example
 * import { openAIFetch } from 'hybridge/openai'
 * import { responses } from 'hybridge/openai/responses'
 * const answer = openAIFetch({ models: { hybrid }, responses })
 */
declare function responses(
  name: string,
  model: Model,
  body: Body,
  signal: AbortSignal | undefined,
): Promise<Outcome<ResponseObject, ResponseEvent>>

export { responses }
export type {
  Body,
  ChatCompletion,
  ChatCompletionChunk,
  CompletionFinish,
  CompletionUsage,
  EmbeddingList,
  HybridgeField,
  ModelEntry,
  ModelList,
  OutputItem,
  ResponseEvent,
  ResponseObject,
  TokenLogprob,
  ToolCall,
}

// ── hybridge/prompt-api
import { Message, OnDeviceModel, Model } from '../../index.js'

/** Counts messages on their own. Empty input counts as 0. */
type CountTokens = (messages: Message[]) => number | Promise<number>

/**
 * A part of a message: text, an image or audio (a Blob, bytes, or an image of the page), a call `{ callID, name,
 * arguments }`, or its result `{ callID, name, result }` or `{ callID, name, errorMessage }`. As lenient as the
 * platform's own type.
 */
interface PromptContent {
  type: 'text' | 'image' | 'audio' | 'tool-call' | 'tool-response'
  value: unknown
}
/** A message of a conversation. `prefix` marks a partial answer that is to be continued. */
interface PromptMessage {
  role: 'system' | 'user' | 'assistant'
  content: string | PromptContent[]
  prefix?: boolean
}
/** Text, or messages. */
type PromptInput = string | PromptMessage[]

/** The sampling mode. */
type SamplingMode = 'most-predictable' | 'predictable' | 'balanced' | 'creative' | 'most-creative'
/** A function that a session offers to the model. */
interface PromptApiTool {
  name: string
  description: string
  inputSchema: object
  execute?(input: unknown): unknown
}
type Kind = 'text' | 'image' | 'audio' | 'tool-call' | 'tool-response'
/** Expected input or output of a session. */
interface PromptApiExpected {
  type: Kind
  languages?: string[]
}
/** Options of `availability`. */
interface PromptApiCoreOptions {
  expectedInputs?: PromptApiExpected[]
  expectedOutputs?: PromptApiExpected[]
  tools?: PromptApiTool[]
  samplingMode?: SamplingMode
  /** Accepted without effect, as on the web. */
  topK?: number
  temperature?: number
}

/** Options of one prompt. */
interface PromptApiPromptOptions {
  /** A JSON Schema. */
  responseConstraint?: object | null
  omitResponseConstraintInput?: boolean
  signal?: AbortSignal
}

/** Options of `promptApi`. */
interface PromptApiOptions {
  /** The context window in tokens; default: the model's own, else 8192. */
  contextWindow?: number
  /** Counts messages on their own. Default: the model's own count once it is loaded, else an estimate. */
  countTokens?: CountTokens
  /**
   * The model whose download `availability` and `create` report; for a hybrid, its branch on this device. Default: the
   * model itself, if it has a download.
   */
  download?: Pick<OnDeviceModel, 'availability' | 'load' | 'state'>
}
/** Options of `create`. */
interface PromptApiCreateOptions extends PromptApiCoreOptions {
  initialPrompts?: Exclude<PromptInput, string>
  /** Called with an event target that reports `downloadprogress`. */
  monitor?: (monitor: EventTarget) => void
  /** Aborts the creation, or destroys the session later. */
  signal?: AbortSignal
}
/** A session of the Prompt API. */
interface PromptApiSession extends EventTarget {
  prompt(input: PromptInput, options?: PromptApiPromptOptions): Promise<string>
  promptStreaming(input: PromptInput, options?: PromptApiPromptOptions): ReadableStream<string>
  append(
    input: PromptInput,
    options?: {
      signal?: AbortSignal
    },
  ): Promise<undefined>
  measureContextUsage(input: PromptInput, options?: PromptApiPromptOptions): Promise<number>
  clone(options?: { signal?: AbortSignal }): Promise<PromptApiSession>
  destroy(): undefined
  readonly contextUsage: number
  readonly contextWindow: number
  readonly samplingMode: SamplingMode
  oncontextoverflow: ((event: Event) => unknown) | null
}
/** `LanguageModel` itself. */
interface PromptApiClass {
  readonly prototype: PromptApiSession
  readonly name: string
  availability(options?: PromptApiCoreOptions): Promise<'unavailable' | 'downloadable' | 'downloading' | 'available'>
  create(options?: PromptApiCreateOptions): Promise<PromptApiSession>
}
/**
 * Creates a class like the browser's `LanguageModel` for any model. Sessions share the model, which stays loaded when
 * one is destroyed.
 *
 * @example
 * const LanguageModel = promptApi(hybrid)
 * const session = await LanguageModel.create({ initialPrompts: [{ role: 'system', content: 'Answer briefly.' }] })
 * console.log(await session.prompt('Why is the sky blue?'))
 */
declare function promptApi(model: Model, options?: PromptApiOptions): PromptApiClass

/**
 * Installs a model as the page's `LanguageModel` if the browser has none, or in any case with `force`. Returns a
 * function that restores the previous state.
 *
 * @example
 * const remove = installPromptApi(hybrid)
 * const session = await LanguageModel.create()
 */
declare function installPromptApi(
  model: Model,
  {
    force,
    ...options
  }?: PromptApiOptions & {
    force?: boolean
  },
): () => void

export { installPromptApi, promptApi }
export type {
  CountTokens,
  PromptApiClass,
  PromptApiCoreOptions,
  PromptApiCreateOptions,
  PromptApiExpected,
  PromptApiOptions,
  PromptApiPromptOptions,
  PromptApiSession,
  PromptApiTool,
  PromptContent,
  PromptInput,
  PromptMessage,
  SamplingMode,
}

// ── hybridge/otel
import { Attributes, TelemetrySink } from '../telemetry.js'
export { AttributeValue, Measurement, SpanRecord, TelemetryOptions, withTelemetry } from '../telemetry.js'
import { FlowTrace, Embedder, ExecutableTool } from '../index.js'

/** Reports spans and metrics through OpenTelemetry's own API, with any SDK. */

interface ApiSpan {
  end(endTime?: number): void
  setStatus(status: { code: number; message?: string }): unknown
}
/** `@opentelemetry/api`, the part that is used here: pass the module itself. */
interface OpenTelemetryApi {
  trace: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options?: {
          kind?: number
          startTime?: number
          attributes?: Attributes
        },
        context?: never,
      ): ApiSpan
    }
    setSpan(context: never, span: never): unknown
  }
  context: {
    active(): unknown
  }
  metrics?: {
    getMeter(name: string): {
      createHistogram(
        name: string,
        options?: {
          unit?: string
          description?: string
        },
      ): {
        record(value: number, attributes?: Attributes): void
      }
    }
  }
}
/**
 * Creates a sink for the tracer and meter that the page has registered. Spans become children of the span that is
 * active when the model is called.
 *
 * @example
 * import * as api from '@opentelemetry/api'
 * const ai = withTelemetry(hybrid, { sink: openTelemetry(api) })
 */
declare function openTelemetry(api: OpenTelemetryApi): TelemetrySink

/** Options of the exporter. */
interface OtlpOptions {
  /** The collector's address, for example `http://localhost:4318`; `/v1/traces` and `/v1/metrics` are appended. */
  url: string
  headers?: Record<string, string>
  /** `service.name` of the resource. Default `'hybridge'`. */
  serviceName?: string
  /** How long spans wait to be sent together, in milliseconds. Default 5000. */
  delayMs?: number
  fetch?: typeof fetch
}
/** A sink that sends to a collector. */
interface OtlpExporter extends TelemetrySink {
  /** Sends what is queued. Settles when it is sent or given up; never rejects. */
  flush(): Promise<void>
  /** Sends what is queued and stops the timer. */
  close(): Promise<void>
  /** The number of spans that were dropped: sending failed, or the queue was full. */
  readonly dropped: number
}
/**
 * Creates a sink that sends spans and metrics to an OpenTelemetry collector. A collector that is down never affects a
 * request: spans that cannot be sent are counted in `dropped`.
 *
 * @example
 * const ai = withTelemetry(hybrid, { sink: otlpExporter({ url: 'http://localhost:4318' }) })
 */
declare function otlpExporter({ url, headers, serviceName, delayMs, fetch: send }: OtlpOptions): OtlpExporter

/**
 * Adds tracing to tools: one span `execute_tool NAME` per call, by OpenTelemetry's conventions. Arguments and results
 * are not written, because they may contain pinned content.
 *
 * @example
 * const tools = tracedTools({ weather }, { sink: openTelemetry(api) })
 * const run = streamTools({ model: ai, request, tools })
 */
declare function tracedTools<T extends Readonly<Record<string, ExecutableTool>>>(
  tools: T,
  {
    sink,
  }: {
    sink: TelemetrySink
  },
): T
/**
 * Adds tracing to an embedder: one span `embeddings NAME` per call. The texts are never written.
 *
 * @example
 * const embedder = tracedEmbedder(gemmaEmbedder({ model }), { sink: openTelemetry(api) })
 */
declare function tracedEmbedder<E extends Embedder>(
  embedder: E,
  {
    sink,
  }: {
    sink: TelemetrySink
  },
): E
/**
 * Creates an `onTrace` for flows: one span `invoke_workflow NAME` per run, with a child for each step and each request
 * that the flow made through `flow.with`.
 *
 * @example
 * const onTrace = flowTelemetry({ sink: openTelemetry(api) })
 * const menu = defineFlow({ name: 'menu', onTrace }, async (theme, flow) =>
 *   await flow.run('dish', async () => (await flow.with(ai).generate(theme)).text))
 */
declare function flowTelemetry({ sink }: { sink: TelemetrySink }): (trace: FlowTrace) => void

export { Attributes, TelemetrySink, flowTelemetry, openTelemetry, otlpExporter, tracedEmbedder, tracedTools }
export type { OpenTelemetryApi, OtlpExporter, OtlpOptions }

// ── hybridge/react
import {
  Message,
  GenerateResponse,
  Model,
  PausedRun,
  GenerateRequest,
  ToolFunction,
  ExecutableTool,
  HybridError,
  Part,
  LoadProgress,
} from '../../index.js'
import { Loadable, DownloadState } from '../../download-store.js'
export { DownloadStore, downloadStore } from '../../download-store.js'

/** A message with a stable ID, the key of its element. */
interface ChatMessage extends Message {
  readonly id: string
  /** All text parts, joined. */
  readonly text: string
  /** Of a complete answer: the branch, the usage and the trace. */
  readonly response?: GenerateResponse
}
/** The state of a chat. A snapshot is never modified; a new state is a new object. */
interface ChatState {
  readonly messages: readonly ChatMessage[]
  /** `submitted` until the first chunk, `streaming` until the last. */
  readonly status: 'ready' | 'submitted' | 'streaming' | 'error'
  readonly error?: HybridError
  /** Calls that wait for approval: show those with `waits`, and decide with `approve`. It is JSON. */
  readonly paused?: PausedRun
}
/** Decisions about waiting calls, by `ref`, or by name if a call has none. */
type Approvals = Readonly<
  Record<
    string,
    | boolean
    | {
        approved: boolean
        reason?: string
      }
  >
>
interface ChatOptions {
  model: Model
  /** A system message at the beginning of every conversation. */
  system?: string
  /** Initial messages, for example stored ones. */
  initialMessages?: readonly Message[]
  /** A stored `paused`, to be used with the messages that were stored with it. */
  initialPaused?: PausedRun
  /** The rest of each request: config, tools, output. */
  request?: Omit<GenerateRequest, 'messages' | 'prompt' | 'system'>
  /** Functions for the model's calls, by name: whole tools, or functions for those described in `request.tools`. */
  tools?: Readonly<Record<string, ToolFunction | ExecutableTool>>
  /** The maximum number of steps per answer in which the model calls tools. Default 5. */
  maxTurns?: number
}

/**
 * Returns a device model's download. All components share one state; nothing is downloaded before `load`, which should
 * be called from a click. On a server the status is `downloadable`.
 *
 * @example
 * const { status, progress, error, load } = useModel(gemma)
 * if (status === 'downloadable') return <button onClick={load}>Download</button>
 */
declare function useModel(model: Loadable): DownloadState & {
  load: () => Promise<void>
  cancel: () => void
}
/**
 * Returns the progress of a model's load; undefined if none is running.
 *
 * @example
 * const progress = useLoadProgress(gemma)
 * return progress && <progress value={progress.fraction} />
 */
declare function useLoadProgress(model: Loadable): LoadProgress | undefined
/**
 * Returns a conversation with a model, streamed into state. Unmounting the component aborts the answer.
 *
 * @example
 * const { messages, status, send, stop } = useChat({ model: hybrid, system: 'Answer briefly.' })
 */
declare function useChat(options: ChatOptions): ChatState & {
  send: (content: string | Part[]) => Promise<void>
  regenerate: () => Promise<void>
  /** Decides about the calls of `paused`, by `ref` or name, and continues. */
  approve: (approvals: Approvals) => Promise<void>
  stop: () => void
  setMessages: (messages: readonly Message[]) => void
}

export { DownloadState, Loadable, useChat, useLoadProgress, useModel }
export type { Approvals, ChatMessage, ChatOptions, ChatState }

// ── hybridge/retrieval
import { Metadata, Embedder, HybridError, GenerateRequest, Model, Tool } from '../index.js'

/** The part of an embedder that a store uses: `gemmaEmbedder()` fits, as does any object with such a function. */
interface TextEmbedder {
  /** Returns vectors of equal length, in the order of the texts. `task` distinguishes queries from documents. */
  embed(
    texts: string[],
    options: {
      task: 'query' | 'document'
      dimensions?: EmbeddingDimensions
      signal?: AbortSignal
    },
  ): Promise<ReadonlyArray<ArrayLike<number>>>
  /**
   * The model's name, and where it runs. An embedder that does not declare `on_device` counts as a cloud service.
   */
  readonly info?: {
    readonly name?: string
    readonly inferenceSource?: 'on_device' | 'in_cloud' | 'unknown'
  }
}
type EmbeddingDimensions = NonNullable<NonNullable<Parameters<Embedder['embed']>[1]>['dimensions']>
/** A value by which documents can be filtered. */
type FilterValue = string | number | boolean | null
/**
 * A condition on metadata. Members of one object must all hold; a field of a nested object is written `'author.name'`;
 * a list satisfies a comparison if one of its values does. `ne` and `nin` also hold where the field is absent.
 *
 * @example
 * const filter = { lang: 'en', year: { gte: 2020 }, or: [{ tags: 'guide' }, { tags: 'reference' }] }
 */
interface Filter {
  and?: Filter[]
  or?: Filter[]
  not?: Filter
  [field: string]: FilterValue | FieldCondition | Filter | Filter[] | undefined
}
/** All members must match. */
interface FieldCondition {
  eq?: FilterValue
  ne?: FilterValue
  in?: FilterValue[]
  nin?: FilterValue[]
  lt?: number | string
  lte?: number | string
  gt?: number | string
  gte?: number | string
  exists?: boolean
}
interface StoreDocument {
  /** Generated if missing. */
  id?: string
  text: string
  /** Any JSON. Strings, numbers, booleans, nulls and lists of them can be used in filters. */
  metadata?: Metadata
  /** A vector to use instead of the embedder's. */
  vector?: ArrayLike<number>
}
interface StoredDocument {
  readonly id: string
  readonly text: string
  readonly metadata: Metadata
}
interface SearchOptions {
  /** The maximum number of documents. Default 5. */
  topK?: number
  filter?: Filter
  /**
   * Also ranks by keywords: both rankings are fused by reciprocal rank. `weight` is the weight of keywords, from 0 to
   * 1, 0.5 by default; with 1 the embedder is not called at all.
   */
  hybrid?:
    | boolean
    | {
        weight?: number
      }
  signal?: AbortSignal
}
interface SearchHit extends StoredDocument {
  /**
   * The higher, the better. By vectors it is the cosine similarity, from -1 to 1; by keywords BM25; by both it is at
   * most 1.
   */
  readonly score: number
  /** The cosine similarity, if vectors ranked this document. */
  readonly vectorScore?: number
  /** BM25, if keywords ranked this document. */
  readonly keywordScore?: number
}
/**
 * The part of a store that `retriever()` and `augment()` use, so that another database can replace it.
 *
 * @example
 * const store: VectorStore = {
 *   search: async (query, { topK = 5 } = {}) => await myDatabase.nearest(query, topK),
 * }
 */
interface VectorStore {
  search(query: string, options?: SearchOptions): Promise<readonly SearchHit[]>
  /** Where queries are sent. A store that does not declare `on_device` counts as a cloud service. */
  readonly info?: {
    readonly name?: string
    readonly inferenceSource?: 'on_device' | 'in_cloud' | 'unknown'
  }
}
interface VectorStoreOptions {
  /** Not needed if every document and query is a vector, or for keyword search only. */
  embedder?: TextEmbedder
  /**
   * Stores the documents under this name in the origin private file system. Without a name they exist as long as the
   * object.
   */
  name?: string
  /** In Node: stores the documents in this folder instead. One process at a time may use it. */
  folder?: string
  /** The number of dimensions of a vector. Default: as the embedder returns. */
  dimensions?: number
  /**
   * `'int8'` stores a number in a byte, `'none'` in four. Default: as in the existing store, or `'int8'` for a new
   * one.
   */
  quantise?: 'int8' | 'none'
  /**
   * Allows an embedder that is not declared to run on this device, so that texts and queries may leave it. Default
   * false.
   */
  allowCloud?: boolean
  /** For pages whose bundler or policy needs the files named. */
  workerUrl?: string | URL
  wasmUrl?: string | URL
}
/** The progress of embedding during `add` and `upsert`. */
interface AddProgress {
  readonly done: number
  readonly total: number
}
interface AddOptions {
  signal?: AbortSignal
  onProgress?: (progress: AddProgress) => void
}
/** A store of this package. */
interface LocalVectorStore extends VectorStore {
  /**
   * Adds documents, all or none, and resolves with their IDs once they are on disk. An existing ID is ALREADY_EXISTS.
   */
  add(documents: StoreDocument | readonly StoreDocument[], options?: AddOptions): Promise<string[]>
  /** The same, but replaces documents with the same ID. */
  upsert(documents: StoreDocument | readonly StoreDocument[], options?: AddOptions): Promise<string[]>
  /** Deletes by ID or by filter, and resolves with the number of documents deleted. */
  delete(which: string | readonly string[] | Filter): Promise<number>
  search(query: string | ArrayLike<number>, options?: SearchOptions): Promise<SearchHit[]>
  get(id: string): Promise<StoredDocument | undefined>
  count(): Promise<number>
  /** Deletes every document. */
  clear(): Promise<void>
  /** Ends the worker. Everything acknowledged is already on disk. */
  close(): Promise<void>
  /** Opens the store before its first use. */
  open(): Promise<void>
  /** Whether documents outlive this object. Known once the store is open. */
  readonly isPersistent: boolean
  /** Why documents are not stored although a name was given, or which part of the file was damaged. */
  readonly caution: HybridError | undefined
}

/** Retrieval as a step before generation: adds passages to the request and citations to the answer. */

interface AugmentOptions extends SearchOptions {
  store: VectorStore
  /** The query. Default: the text of the last user message. */
  query?: string
  /** The minimum score of a hit. Scores of hybrid and of plain search differ. */
  minScore?: number
  /** The sentence above the passages. */
  instruction?: string
}
/** A passage in a request, with the number by which the answer cites it. */
interface Citation {
  readonly index: number
  readonly id: string
  readonly score: number
  readonly metadata: Record<string, unknown>
  /** Whether the answer contains this number in brackets. Absent before there is an answer. */
  readonly isCited?: boolean
}
interface Augmented {
  /** The request with the passages before the last user message. */
  readonly request: GenerateRequest
  readonly citations: readonly Citation[]
  readonly hits: readonly SearchHit[]
}
/**
 * Searches a store for a request and adds the results to the request.
 *
 * @example
 * const { request, citations } = await augment('Where do visitors park?', { store, topK: 3 })
 * const { text } = await ai.generate(request)
 */
declare function augment(request: string | GenerateRequest, options: AugmentOptions): Promise<Augmented>
/**
 * Returns a model that searches a store before each answer. The answer's `message.metadata.citations` lists the
 * passages; `isCited` marks those that it cites.
 *
 * A pinned request is searched on this device only: by keywords only if the store's embedder is remote, and not at all
 * in a custom store.
 *
 * @example
 * const expert = withRetrieval(ai, { store, topK: 3 })
 * const { text, message } = await expert.generate('Where do visitors park?')
 * const cited = message.metadata?.citations
 */
declare function withRetrieval<M extends Model>(model: M, options: Omit<AugmentOptions, 'query' | 'signal'>): M

/** Splits texts into chunks for an embedder, with their positions in the text. */
interface ChunkOptions {
  /**
   * Where to split first. `'markdown'` splits at headings and keeps code blocks whole if they fit; `'sentences'`
   * splits at sentences; `'tokens'` at words, whenever a chunk is full. Default `'sentences'`.
   */
  by?: 'tokens' | 'sentences' | 'markdown'
  /** The maximum number of tokens per chunk. Default 256. */
  size?: number
  /** About how many tokens of the previous chunk to repeat. Default 0. */
  overlap?: number
  /**
   * Counts the tokens of a text. Default: a fourth of its characters, rounded up. It may use a model: `(text) =>
   * gemma.countTokens(text)`.
   */
  countTokens?: (text: string) => number | Promise<number>
  signal?: AbortSignal
}
interface TextChunk {
  /** `source.slice(start, end)`. */
  readonly text: string
  readonly start: number
  readonly end: number
  /** With `'markdown'`: the headings above this chunk, the outermost first. */
  readonly headings: readonly string[]
}
/**
 * Splits a text into chunks of at most `size` tokens. Without overlap the joined chunks equal the text; no chunk ends
 * inside a grapheme cluster. A single character of more than `size` tokens is a chunk of its own.
 *
 * @example
 * const chunks = await chunkText(markdown, { by: 'markdown', size: 200, overlap: 20 })
 * await store.add(chunks.map(({ text, start, headings }) => ({ text, metadata: { start, headings } })))
 */
declare function chunkText(text: string, options?: ChunkOptions): Promise<TextChunk[]>

/** A store as a tool that a model calls. */

interface RetrieverOptions extends Omit<SearchOptions, 'signal'> {
  store: VectorStore
  /** The tool's description for the model, which should name the store's contents. */
  description?: string
}
/** The tool's result: passages to quote from, the best first. */
interface RetrievedPassages {
  passages: Array<{
    id: string
    text: string
    score: number
    metadata: Record<string, unknown>
  }>
}
/**
 * Creates a tool with which a model searches a store, for `runTools`, `streamTools`, agents and chats.
 *
 * @example
 * const { text } = await runTools({
 *   model: ai,
 *   request: { prompt: 'Where do visitors park?' },
 *   tools: { handbook: retriever({ store, topK: 3, description: 'searches the handbook' }) },
 * })
 */
declare function retriever(options: RetrieverOptions): Tool<
  {
    query: string
  },
  Promise<RetrievedPassages>
>

/** Returns the names of the stores in the origin private file system. */
declare function vectorStores(): Promise<string[]>
/**
 * Deletes a store with all its documents, even if it cannot be opened. Rejects with STORE_IN_USE if another object or
 * tab is using it at this moment; one that is open but idle finds an empty store at its next call.
 *
 * @example
 * await deleteVectorStore('handbook')
 */
declare function deleteVectorStore(name: string): Promise<void>

/**
 * Creates a store of texts that are found by meaning, by keywords or by both. Search is exact and runs in a worker;
 * with a `name` the store is kept in the origin private file system and shared by tabs.
 *
 * @example
 * const embedder = gemmaEmbedder({ model: 'embeddinggemma-300m' })
 * const store = vectorStore({ embedder, name: 'handbook', dimensions: 256 })
 * await store.add([{ id: 'parking', text: 'Visitors park in the north yard.', metadata: { lang: 'en' } }])
 * const [hit] = await store.search('Where do I leave my car?', { topK: 3, filter: { lang: 'en' }, hybrid: true })
 */
declare function vectorStore(options?: VectorStoreOptions): LocalVectorStore

export { augment, chunkText, deleteVectorStore, retriever, vectorStore, vectorStores, withRetrieval }
export type {
  AddOptions,
  AddProgress,
  AugmentOptions,
  Augmented,
  ChunkOptions,
  Citation,
  EmbeddingDimensions,
  FieldCondition,
  Filter,
  FilterValue,
  LocalVectorStore,
  RetrievedPassages,
  RetrieverOptions,
  SearchHit,
  SearchOptions,
  StoreDocument,
  StoredDocument,
  TextChunk,
  TextEmbedder,
  VectorStore,
  VectorStoreOptions,
}

// ── hybridge/tiny
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
declare const tinyModel: {
  readonly url: string
  readonly sha256: string
  readonly bytes: number
}

export { tinyModel }

// ── shared: download-store.d.ts
import { LoadProgress, HybridError, OnDeviceModel } from './index.js'

/** The state of a download. A snapshot is never modified; a new state is a new object. */
interface DownloadState {
  readonly status: 'unavailable' | 'downloadable' | 'downloading' | 'ready' | 'failed'
  /** From 0 to 1. */
  readonly progress: number
  /** The model's last report during a load. */
  readonly report?: LoadProgress
  /** Why the model is unavailable, or why its load failed. */
  readonly error?: HybridError
}
/** In the form of `useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot)`. */
interface DownloadStore {
  /** The first subscription calls `availability()`, which downloads nothing. */
  readonly subscribe: (onChange: () => void) => () => void
  readonly getSnapshot: () => DownloadState
  readonly getServerSnapshot: () => DownloadState
  /**
   * Starts the download, or joins the one in progress. Call it from a click. Never rejects: a failure is part of the
   * state.
   */
  readonly load: () => Promise<void>
  /** Aborts the download; the received bytes are kept, and `load` resumes. */
  readonly cancel: () => void
}
/** A model or embedder with a download. */
type Loadable = Pick<OnDeviceModel, 'availability' | 'load'> & {
  readonly state?: OnDeviceModel['state']
}
/**
 * Returns the download of a model as a store, the same one at every call.
 *
 * @example
 * const store = downloadStore(gemma)
 * const { status, progress } = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot)
 */
declare function downloadStore(model: Loadable): DownloadStore

export { downloadStore }
export type { DownloadState, DownloadStore, Loadable }

// ── shared: served.d.ts
import { Model, Embedder } from './index.js'

/** Models and embedders by the names that clients request. */
interface ServedModels {
  models: Readonly<Record<string, Model>>
  embedders?: Readonly<Record<string, Embedder>>
}
/** One model under its own name, models by name, or models and embedders by name. */
type Servable = Model | ServedModels | Readonly<Record<string, Model>>

export type { Servable, ServedModels }

// ── shared: statistics.d.ts
/** An estimate with its 95 % confidence interval. */
interface Interval {
  mean: number
  low: number
  high: number
}
/**
 * Returns the share of `hits` in `count` with Wilson's score interval, which is 0 to 1 for a count of 0.
 *
 * @example
 * wilson(8, 10) // { mean: 0.8, low: 0.49, high: 0.94 }
 */
declare function wilson(hits: number, count: number): Interval
/**
 * Returns the probability that a right answer has a higher signal than a wrong one (the area under the ROC curve);
 * ties count half. `undefined` if all answers are right, or all wrong.
 *
 * @example
 * auroc([{ signal: -0.1, right: true }, { signal: -2, right: false }]) // 1
 */
declare function auroc(
  pairs: ReadonlyArray<{
    signal: number
    right: boolean
  }>,
): number | undefined
/**
 * Returns the mean difference of two branches on the same cases, by the bootstrap over cases. The same differences
 * give the same interval.
 *
 * @example
 * pairedDifference(cases.map(({ local, cloud }) => local - cloud))
 */
declare function pairedDifference(differences: readonly number[]): Interval

export { auroc, pairedDifference, wilson }
export type { Interval }

// ── shared: telemetry.d.ts
import { Model } from './index.js'

/**
 * Converts requests to spans by OpenTelemetry's conventions for generative AI. A span is a plain record here, created
 * when everything about it is known, and sent by a sink.
 */

type AttributeValue = string | number | boolean | string[]
type Attributes = Record<string, AttributeValue>
/** A finished span. Times are milliseconds since 1970. */
interface SpanRecord {
  name: string
  kind: 'client' | 'internal'
  startMs: number
  endMs: number
  attributes: Attributes
  /** The failure; absent if there was none. */
  error?: {
    type: string
    message: string
  }
  children: SpanRecord[]
}
/** A measured value for a histogram. */
interface Measurement {
  name: string
  unit: string
  description: string
  value: number
  attributes: Attributes
}

/** Receives spans and measurements. Exceptions of a sink never reach a request. */
interface TelemetrySink {
  /** Called at the beginning of a request, so that its span finds its parent. */
  begin(): {
    end(span: SpanRecord): void
  }
  measure(measurement: Measurement): void
}
/** Options of `withTelemetry`. */
interface TelemetryOptions {
  sink: TelemetrySink
  /**
   * Whether prompts and answers are written into spans. Default false. Content of a request that a strategy pinned is
   * never written.
   */
  content?: boolean
}
/**
 * Adds tracing to a model: one span per request, by OpenTelemetry's conventions for generative AI, with a child for
 * each attempt of its routing, and histograms of tokens and durations.
 *
 * @example
 * import * as api from '@opentelemetry/api'
 * const ai = withTelemetry(hybrid, { sink: openTelemetry(api) })
 */
declare function withTelemetry<M extends Model>(model: M, { sink, content }: TelemetryOptions): M

export { withTelemetry }
export type { AttributeValue, Attributes, Measurement, SpanRecord, TelemetryOptions, TelemetrySink }
