// ── index.d.ts
/**
 * hybridge: Gemma on the visitor's own device, Gemini in the cloud, one object that decides.
 * Importing this has no effect; wasm is loaded at the first use.
 */
export { geminiModel } from './cloud/gemini.js';
export { openAICompatibleModel, type OpenAICompatibleOptions } from './cloud/openai-compatible.js';
export { promptApiModel } from './cloud/prompt-api.js';
export { configure } from './configure.js';
export { gpuSelfTest } from './device/self-test.js';
export type { GpuReport } from './device/protocol.js';
export type { WorkerPlaces } from './device/worker-client.js';
export type { WasmSource } from './glue/page.js';
export { deviceFacts } from './device-facts.js';
export { listCachedModels, type CachedModel } from './device/cached-models.js';
export { gemmaEmbedder } from './device/embedder.js';
export { gemmaModel } from './device/gemma.js';
export { knownModels, type KnownModel } from './device/known-models.js';
export { HybridError } from './errors.js';
export { cascadeModel, confidenceCascade, hybridModel, hybridModelOnDeviceCloud } from './hybrid.js';
export { kCloud, kOnDevice } from './keys.js';
export { defineModel, type ModelDefinition } from './model.js';
export { runTools, type RunToolsOptions, type ToolFunction } from './run-tools.js';
export * from './strategies/index.js';
export type * from './types.js';

// ── cloud/gemini.d.ts
/** Gemini, by Google's own wire. */
import type { CloudModel, GeminiOptions } from '../types.js';
/**
 * A Gemini model. The key is sent in the header `x-goog-api-key` and nowhere else; a key in a page is public,
 * so give the visitor's own, or name your proxy in `baseUrl`.
 *
 * @example
 * const cloud = geminiModel({ model: 'gemini-flash-lite-latest', apiKey: () => askVisitorForKey() })
 * const { text } = await cloud.generate('Why is the sky blue?')
 */
export declare function geminiModel(options: GeminiOptions): CloudModel;

// ── types.d.ts
/**
 * Every public type. The classes and functions that use them live beside this file, one file for each noun.
 */
import type { HybridError } from './errors.js';
export type Role = 'system' | 'user' | 'model' | 'tool';
export type Metadata = Record<string, unknown>;
export type Part = {
    metadata?: Metadata;
} & ({
    text: string;
} | {
    reasoning: string;
} | {
    media: {
        url: string;
        contentType?: string;
    };
} | {
    toolRequest: {
        name: string;
        input?: unknown;
        ref?: string;
    };
} | {
    toolResponse: {
        name: string;
        output?: unknown;
        ref?: string;
    };
} | {
    data: unknown;
} | {
    custom: Record<string, unknown>;
});
export interface Message {
    role: Role;
    content: Part[];
    metadata?: Metadata;
}
export interface GenerationConfig {
    temperature?: number;
    topK?: number;
    topP?: number;
    minP?: number;
    seed?: number;
    maxOutputTokens?: number;
    /** At most five, as in Genkit. */
    stopSequences?: string[];
    /** Options meant for one branch only, by branch key; never sent to another. */
    branches?: Record<string, Record<string, unknown>>;
}
export interface ToolDefinition {
    name: string;
    description: string;
    inputSchema?: JsonSchema;
    outputSchema?: JsonSchema;
}
export type JsonSchema = Record<string, unknown>;
export interface GenerateRequest {
    /** Shorthand for one user message at the end. */
    prompt?: string | Part[];
    /** Shorthand for one system message at the start. */
    system?: string;
    messages?: Message[];
    config?: GenerationConfig;
    tools?: ToolDefinition[];
    toolChoice?: 'auto' | 'required' | 'none';
    output?: {
        format?: 'text' | 'json';
        schema?: JsonSchema;
    };
}
export interface GenerateOptions {
    /** Stops the work wherever it runs. Never causes a fallback. */
    signal?: AbortSignal;
    /** Handed to strategies and custom models untouched. */
    context?: Record<string, unknown>;
}
export type FinishReason = 'stop' | 'length' | 'blocked' | 'interrupted' | 'aborted' | 'other' | 'unknown';
export interface Usage {
    inputTokens?: number;
    outputTokens?: number;
    totalTokens?: number;
    thoughtsTokens?: number;
    cachedContentTokens?: number;
}
/** How sure the model was, from the log-probabilities of the tokens it chose. Absent where a branch cannot tell; where a service tells the mean alone, it stands for all three. */
export interface Confidence {
    tokens: number;
    meanLogprob: number;
    minLogprob: number; /** 10 % quantile */
    p10Logprob: number;
}
export interface GenerateResponse {
    readonly message: Message;
    readonly finishReason: FinishReason;
    /** The provider's own word for it, e.g. 'SAFETY'. */
    readonly finishMessage?: string;
    readonly usage: Usage;
    readonly latencyMs: number;
    readonly confidence?: Confidence;
    readonly raw?: unknown;
    /** All text parts, joined. */
    readonly text: string;
    readonly reasoning: string;
    /** The text parsed as JSON, where JSON was asked for. */
    readonly output: unknown;
    /** Why `output` is not what was asked for: no JSON, cut off (code OUTPUT_INCOMPLETE), or not what the schema says (OUTPUT_MISMATCH, with the path as its cause). A cascade can go by it: `accept: ({ outputError }) => outputError === undefined`. */
    readonly outputError?: HybridError;
    readonly toolRequests: ReadonlyArray<{
        name: string;
        input?: unknown;
        ref?: string;
    }>;
    /** Which branch answered, and where that ran. */
    readonly branch: string;
    readonly inferenceSource: 'on_device' | 'in_cloud' | 'unknown';
    /** Of a model on this device: what it ran on. */
    readonly device?: 'gpu' | 'cpu';
    readonly routing: RoutingTrace;
}
export interface GenerateChunk {
    readonly index: number;
    readonly role: Role;
    readonly content: Part[];
    readonly text: string; /** The best partial JSON so far, where JSON was asked for. */
    readonly output?: unknown;
    readonly logprobs?: readonly number[];
    readonly branch: string;
}
export interface GenerateStream extends AsyncIterable<GenerateChunk> {
    /** The same chunks; leaving the loop early stops the work. */
    readonly stream: AsyncIterable<GenerateChunk>;
    /** Settles even if nobody iterates. Never an unhandled rejection. */
    readonly response: Promise<GenerateResponse>;
}
export interface ModelInfo {
    readonly name: string;
    readonly supports: {
        multiturn: boolean;
        systemRole: boolean;
        tools: boolean;
        media: boolean;
        json: 'constrained' | 'prompted' | 'none';
    };
    readonly contextWindow?: number;
    readonly inferenceSource: 'on_device' | 'in_cloud' | 'unknown';
}
export interface Model {
    readonly name: string;
    readonly info: ModelInfo;
    generate(request: string | GenerateRequest, options?: GenerateOptions): Promise<GenerateResponse>;
    /** Returns at once. */
    generateStream(request: string | GenerateRequest, options?: GenerateOptions): GenerateStream;
}
export interface HybridModel extends Model {
    /** What would happen to this request now, without running it. */
    explain(request: string | GenerateRequest, options?: GenerateOptions): Promise<Pick<RoutingTrace, 'strategy' | 'order' | 'allow' | 'reason'>>;
    /** How each branch is doing: open breakers, measured speeds, queue. */
    health(): Record<string, BranchHealth>;
}
export interface HybridPolicy {
    /** Statuses after which the next branch is tried. Default: UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL. */
    fallbackOn?: Status[];
    /** Deadlines of one attempt; passing one is DEADLINE_EXCEEDED. */
    firstTokenTimeoutMs?: number;
    idleTimeoutMs?: number;
    totalTimeoutMs?: number;
    /** Start the next branch too if the first has said nothing after so long; the first to speak wins, the other is stopped. Off by default. */
    hedgeAfterMs?: number;
    /** Skip a branch for a while after so many failures in a row. Off by default; RetryInfo and a lost GPU open it at once. */
    breaker?: {
        failures: number;
        cooldownMs: number;
    };
}
export interface HybridOptions {
    strategy: RoutingStrategy;
    name?: string;
    policy?: HybridPolicy;
    branchPolicies?: Record<string, HybridPolicy>;
    onTrace?: (trace: RoutingTrace) => void;
}
export interface RoutingContext {
    readonly request: {
        messages: Message[];
        config: GenerationConfig;
        tools: ToolDefinition[];
        output?: GenerateRequest['output'];
    };
    readonly branchKeys: ReadonlySet<string>;
    readonly isStreaming: boolean;
    readonly device: DeviceFacts;
    readonly branches: Readonly<Record<string, BranchHealth>>;
    readonly context: Record<string, unknown>;
    readonly signal: AbortSignal;
}
/**
 * One key picks, several pick with fallbacks, '' / [] / undefined has no opinion.
 * `allow` is a constraint: no combinator, fallback, hedge or breaker can send the request to a branch outside it.
 */
export type Decision = string | readonly string[] | undefined | {
    order?: readonly string[];
    allow?: readonly string[];
    reason?: string;
};
export interface RoutingStrategy {
    readonly name?: string;
    route(context: RoutingContext): Decision | Promise<Decision>;
}
export type SensitiveKind = 'email' | 'phone' | 'credit-card' | 'iban' | 'ssn' | 'ip-address' | 'api-key' | 'date-of-birth';
export interface DeviceFacts {
    readonly online: boolean;
    readonly saveData: boolean;
    readonly effectiveType?: string;
    readonly webgpu: {
        available: boolean;
        reason?: string;
        software: boolean;
        vendor?: string;
        architecture?: string;
        maxBufferSize?: number;
        maxStorageBufferBindingSize?: number;
        shaderF16?: boolean;
        subgroups?: boolean;
    };
    readonly memoryGB?: number;
    readonly cores?: number;
    readonly battery?: {
        level: number;
        charging: boolean;
    };
    readonly visible: boolean;
}
export interface DeviceRequirements {
    webgpu?: boolean;
    hardwareGpu?: boolean;
    minMemoryGB?: number;
    minBatteryLevel?: number;
    minTokensPerSecond?: number;
    allowSaveData?: boolean;
}
export interface BranchHealth {
    state: 'ready' | 'loading' | 'absent' | 'open' | 'failed';
    failuresInRow: number;
    openUntil?: number;
    firstTokenMs?: number;
    tokensPerSecond?: number;
    prefillTokensPerSecond?: number;
    queued: number;
}
export interface RoutingTrace {
    readonly id: string;
    readonly strategy: string;
    readonly order: readonly string[];
    readonly allow?: readonly string[];
    readonly reason?: string;
    readonly attempts: ReadonlyArray<Attempt>;
}
export interface Attempt {
    readonly branch: string;
    readonly outcome: 'answered' | 'failed' | 'rejected' | 'skipped' | 'stopped';
    readonly status?: Status;
    readonly message?: string;
    readonly startedAtMs: number;
    readonly firstTokenMs?: number;
    readonly durationMs: number;
    readonly usage?: Usage;
    readonly confidence?: Confidence; /** Of a model on this device: what it ran on. */
    readonly device?: 'gpu' | 'cpu'; /** The branch's own trace, where it is a hybrid itself. */
    readonly routing?: RoutingTrace;
}
export type Status = 'CANCELLED' | 'UNKNOWN' | 'INVALID_ARGUMENT' | 'DEADLINE_EXCEEDED' | 'NOT_FOUND' | 'ALREADY_EXISTS' | 'PERMISSION_DENIED' | 'UNAUTHENTICATED' | 'RESOURCE_EXHAUSTED' | 'FAILED_PRECONDITION' | 'ABORTED' | 'OUT_OF_RANGE' | 'UNIMPLEMENTED' | 'INTERNAL' | 'UNAVAILABLE' | 'DATA_LOSS';
export interface GemmaOptions {
    /** A known name, the URL of a GGUF file (or of its parts), or a file the person chose. */
    model: string | {
        url: string | string[];
        sha256?: string | string[];
        bytes?: number;
    } | Blob;
    /** Prompt and answer together; default 4096, never more than the file allows. */
    contextWindow?: number;
    /** 'fast' lets kernels round activations, to half floats or 8 bits, where that is faster. Default 'exact'. */
    precision?: 'exact' | 'fast';
    /** Default 'auto': a hardware GPU if its arithmetic is right, else the CPU where the model is small enough for it. 'gpu' takes a software GPU too. */
    device?: 'auto' | 'gpu' | 'cpu';
    /** Where weights are kept between visits. Default 'opfs'. */
    cache?: 'opfs' | 'none';
    /** For gated downloads: extra headers of the model request only. */
    headers?: () => Record<string, string> | Promise<Record<string, string>>;
    /** For pages whose bundler or CSP needs them named. */
    workerUrl?: string | URL;
    wasmUrl?: string | URL;
    /** Wait for a load in progress instead of failing UNAVAILABLE at once. Default false, so that a hybrid moves on. */
    waitForLoad?: boolean;
}
export type AvailabilityStatus = 'unavailable' | 'downloadable' | 'downloading' | 'available';
export interface Availability {
    status: AvailabilityStatus;
    reason?: string;
    code?: string; /** Where it would run. */
    device?: 'gpu' | 'cpu';
    bytesToDownload?: number;
    gpuBytesNeeded?: number;
    estimatedTokensPerSecond?: number;
}
export interface LoadProgress {
    phase: 'download' | 'verify' | 'upload' | 'warmup';
    loadedBytes: number;
    totalBytes: number; /** 0..1 over all phases, never backwards; 0 and 1 always arrive. */
    fraction: number;
}
export interface LoadOptions {
    onProgress?: (progress: LoadProgress) => void;
    signal?: AbortSignal;
    /** Load although this very load took the page down before. */
    despiteCrash?: boolean;
}
export interface OnDeviceModel extends Model {
    readonly state: 'absent' | 'loading' | 'ready' | 'failed' | 'disposed';
    /** Without downloading weights: is there a GPU that computes right, room on disk, a copy already? */
    availability(): Promise<Availability>;
    load(options?: LoadOptions): Promise<void>;
    /** How many requests wait for the running one. */
    readonly queued?: number;
    countTokens(request: string | GenerateRequest): Promise<number>;
    /** Frees the GPU and the worker; weights stay cached. */
    dispose(): Promise<void>;
    /** Deletes the cached weights. */
    remove(): Promise<void>;
}
export type EmbeddingTask = 'query' | 'document' | 'question-answering' | 'fact-checking' | 'classification' | 'clustering' | 'similarity' | 'code';
export interface Embedder {
    availability(): Promise<Availability>;
    load(options?: LoadOptions): Promise<void>;
    embed(texts: string | string[], options?: {
        task?: EmbeddingTask;
        title?: string;
        dimensions?: 768 | 512 | 256 | 128;
        signal?: AbortSignal;
    }): Promise<Float32Array[]>;
    dispose(): Promise<void>;
    remove(): Promise<void>;
}
export interface GeminiOptions {
    model: string;
    /** The visitor's own key, or a function that fetches one. For production prefer `baseUrl` of your own proxy, or `appCheck`. */
    apiKey?: string | (() => string | Promise<string>);
    baseUrl?: string;
    headers?: () => Record<string, string> | Promise<Record<string, string>>;
    fetch?: typeof fetch;
    safetySettings?: Array<{
        category: string;
        threshold: string;
    }>;
    /** Attempts inside this branch before the router hears of a failure. Default 0. */
    retries?: number;
}
export interface CloudModel extends Model {
    countTokens(request: string | GenerateRequest, options?: GenerateOptions): Promise<number>;
}

// ── errors.d.ts
/** The one error of the package. Branch on `status`, show `message`. */
import type { Message, RoutingTrace, Status } from './types.js';
/** What may be told beside status and message. */
export interface HybridErrorOptions {
    code?: string;
    retryAfterMs?: number;
    cause?: unknown;
}
/**
 * Every failure the package reports. An error thrown by a branch that carries a `status` is taken at its word, whoever made it.
 *
 * @example
 * try {
 *   await ai.generate('Hello')
 * } catch (error) {
 *   if (HybridError.isInstance(error) && error.status === 'UNAUTHENTICATED') askForKey()
 * }
 */
export declare class HybridError extends Error {
    readonly name = "HybridError";
    readonly status: Status;
    /** A finer word for code to branch on, e.g. `'GPU_UNAVAILABLE'`. */
    readonly code?: string;
    readonly retryAfterMs?: number;
    /** The branch that failed, where one did. */
    readonly branch?: string;
    /** Everything that was tried. */
    readonly routing?: RoutingTrace;
    /** The answer as far as it came, where a stream broke off. Not enumerable, so that logging the error does not log the answer. */
    readonly partial?: Message;
    constructor(status: Status, message: string, options?: HybridErrorOptions);
    /** Works across two copies of the package in one bundle. */
    static isInstance(error: unknown): error is HybridError;
}

// ── cloud/openai-compatible.d.ts
/** Any server that speaks OpenAI's chat completions. */
import type { GeminiOptions, Model } from '../types.js';
/** What such a model is made of. */
export interface OpenAICompatibleOptions {
    model: string;
    /** The address up to `/chat/completions`, for example `http://localhost:8000/v1`. */
    baseUrl: string;
    apiKey?: GeminiOptions['apiKey'];
    headers?: GeminiOptions['headers'];
    fetch?: typeof fetch;
    retries?: number;
    name?: string;
}
/**
 * A model behind chat completions: self-hosted NIM, vLLM, llama.cpp, Ollama. The server must allow this page by CORS;
 * several hosted services do not, and need a proxy of your own.
 *
 * @example
 * const local = openAICompatibleModel({ model: 'gemma3:1b', baseUrl: 'http://localhost:11434/v1' })
 */
export declare function openAICompatibleModel({ model, baseUrl, apiKey, headers, fetch, retries, name }: OpenAICompatibleOptions): Model;

// ── cloud/prompt-api.d.ts
/** Chrome's own built-in model as a branch. The browser downloads it, keeps it and runs it. */
import type { OnDeviceModel } from '../types.js';
/**
 * Chrome's built-in model. It has no tools, no log-probabilities and no finish reason but its own;
 * where the browser has none, it is FAILED_PRECONDITION, and UNAVAILABLE until `load()` has downloaded it.
 *
 * @example
 * const onDevice = promptApiModel()
 * if ((await onDevice.availability()).status === 'downloadable') button.onclick = () => onDevice.load()
 */
export declare function promptApiModel({ name }?: {
    name?: string;
}): OnDeviceModel;

// ── configure.d.ts
/** Where the package's own files are, for the pages whose bundler or policy needs them named. */
import { type WasmSource } from './glue/page.js';
/**
 * Names the routing wasm, before the first use. Bundlers that understand `new URL(…, import.meta.url)` need none of this.
 *
 * @example
 * configure({ wasmUrl: '/assets/hybridge_page_bg.wasm' })
 */
export declare function configure(options: {
    wasmUrl: WasmSource;
}): void;

// ── glue/page.d.ts
/**
 * The one file that knows the page's generated glue. The wasm is fetched at the first use, never at import.
 * Addresses are seen from dist/index.js, which all of this becomes; bundlers look for just these words.
 */
import * as page from '../../wasm/page/hybridge_page.js';
export type Page = typeof page;
export type { Consideration, Hybrid, Run } from '../../wasm/page/hybridge_page.js';
/** Where the page's wasm is, for bundlers and policies that need it named; or its bytes. */
export type WasmSource = string | URL | BufferSource;
/** Names the wasm's place. Has no effect once it is loaded. */
export declare function setPageWasm(wasm: WasmSource): void;
/** The page's wasm, loaded once. A failed load is tried again at the next call. */
export declare function loadPage(): Promise<Page>;

// ── device/self-test.d.ts
/** Does this machine's GPU compute right? */
import type { GpuReport, LoadParams } from './protocol.js';
import { type WorkerPlaces } from './worker-client.js';
/**
 * Starts the engine's worker, computes a quantised product, a norm, a tile of attention and a product of burn's on the GPU and on the CPU,
 * and tells how far they are apart.
 * Fetches the engine's wasm; throws with code GPU_UNAVAILABLE where there is no adapter.
 *
 * @example
 * const { adapter, software } = await gpuSelfTest()
 */
export declare function gpuSelfTest(places?: WorkerPlaces): Promise<GpuReport>;
/** Whether this adapter computes right, looked at once for each adapter and browser version. Undefined where that could not be found out. */
export declare function gpuVerdict(places: WorkerPlaces): Promise<boolean | undefined>;
/** What was found before, without looking. */
export declare function knownVerdict(): Promise<boolean | undefined>;
export declare function rememberVerdict(isRight: boolean): Promise<void>;
/** The kernels that were the quickest on this adapter, or nothing. */
export declare function knownPlan(precision: LoadParams['precision']): Promise<string>;
export declare function rememberPlan(precision: LoadParams['precision'], plan: string): Promise<void>;

// ── device/protocol.d.ts
/** What page and worker say to each other. Calls carry a number, answers carry it back, in any order. */
import type { Confidence, EmbeddingTask, FinishReason, LoadProgress, Message, Part, Status, Usage } from '../types.js';
import type { ModelRequest } from '../request.js';
/** What the worker can be asked. */
export interface Calls {
    /** The engine's own kernels, and where `burn` is set a product on burn's queue too. */
    selfTest: {
        params: {
            burn: boolean;
        };
        result: Omit<GpuReport, 'milliseconds'>;
    };
    /** Bytes of weights that one CPU thread works through in a second. */
    cpuRate: {
        params: {
            precision: LoadParams['precision'];
        };
        result: number;
    };
    load: {
        params: LoadParams;
        result: Loaded;
    };
    count: {
        params: {
            request: ModelRequest;
        };
        result: number;
    };
    /** Names a generation; nothing runs before the first `next`. */
    start: {
        params: {
            request: ModelRequest;
            seed: number;
        };
        result: number;
    };
    /** The next piece of a generation: text, nothing yet, or the whole reply as its last. */
    next: {
        params: {
            generation: number;
        };
        result: Progressed;
    };
    /** Stops a generation after the token in flight. Naming one that is over does nothing. */
    drop: {
        params: {
            generation: number;
        };
        result: null;
    };
    embed: {
        params: {
            text: string;
            task?: EmbeddingTask;
            title?: string;
            dimensions?: number;
        };
        result: Float32Array;
    };
}
export type Method = keyof Calls;
/** One file of a model, as its address promises it. */
export interface RemoteFile {
    readonly url: string;
    readonly sha256?: string;
    readonly bytes?: number;
}
export interface LoadParams {
    readonly source: {
        readonly blobs: readonly Blob[];
    } | {
        readonly key: string;
        readonly name: string;
        readonly files: readonly RemoteFile[];
        readonly headers: Readonly<Record<string, string>>;
    };
    readonly kind: 'generator' | 'embedder';
    readonly cache: 'opfs' | 'none';
    /** Whether the network may be used. A rebuilt engine comes out of the store or not at all. */
    readonly mayDownload: boolean;
    readonly contextWindow: number;
    readonly precision: 'exact' | 'fast';
    readonly device: 'auto' | 'gpu' | 'cpu';
    /** Whether this adapter's numbers were found right before, so that nobody looks again. */
    readonly gpuIsRight: boolean;
    /** The kernels that were the quickest on this adapter before; empty or unknown has them tried again. */
    readonly gpuPlan: string;
    /** Overrides of core's download policy, for tests. */
    readonly policy?: Readonly<Record<string, number>>;
}
/** What was loaded. */
export interface Loaded {
    readonly device: 'gpu' | 'cpu';
    readonly adapter?: string;
    readonly contextWindow: number;
    readonly architecture: string;
    /** The kernels that a GPU decodes with, and how many were tried to find them. */
    readonly gpuPlan?: string;
    readonly gpuPlansTried?: number;
}
/** One step of a generation. */
export interface Progressed {
    readonly content?: Part[];
    readonly logprobs?: number[];
    readonly reply?: {
        message: Message;
        finishReason: FinishReason;
        usage: Usage;
        confidence?: Confidence;
    };
}
/** What the adapter is, and how right it computes. */
export interface GpuReport {
    readonly adapter: string;
    readonly software: boolean;
    /** The largest difference from the same numbers on the CPU. */
    readonly maxError: number;
    /** Of asking for the adapter, compiling and computing alone. */
    readonly checkMilliseconds: number;
    /** From asking to knowing: loading, compiling and computing. */
    readonly milliseconds: number;
}
export interface Call<M extends Method = Method> {
    readonly id: number;
    readonly method: M;
    readonly params: Calls[M]['params'];
    /** Told with every call, read at the first. */
    readonly wasmUrl: string | undefined;
}
/** Stops the work of a call, which then fails with CANCELLED. */
export interface Abort {
    readonly abort: number;
}
/** Asks for the GPU and all memory back, before the worker is ended. Answered as a call is. */
export interface Farewell {
    readonly farewell: number;
}
export interface Failure {
    readonly status: Status;
    readonly message: string;
    readonly code?: string;
    readonly retryAfterMs?: number;
}
/** Where the work of a call stands, told while it runs. */
export interface Report {
    readonly report: number;
    readonly progress: Step;
}
export type Step = Pick<LoadProgress, 'phase' | 'loadedBytes' | 'totalBytes'>;
export type Answer = {
    readonly id: number;
    readonly result: unknown;
} | {
    readonly id: number;
    readonly failure: Failure;
};
/** The worker holds a lock of this name as long as it lives. */
export interface Hello {
    readonly lock: string;
}
/** Nothing the worker says from now on can be trusted. */
export interface Collapse {
    readonly collapse: Failure;
}
export type FromWorker = Answer | Report | Hello | Collapse;

// ── request.d.ts
/** A request with its shorthands resolved: what strategies judge and models run. */
import type { GenerateRequest, GenerationConfig, Message, ToolDefinition } from './types.js';
/** A request as a model's function gets it. */
export interface ModelRequest {
    messages: Message[];
    config: GenerationConfig;
    tools: ToolDefinition[];
    toolChoice?: 'auto' | 'required' | 'none';
    output?: NonNullable<GenerateRequest['output']>;
}
/** Resolves the shorthands: `system` comes first, `prompt` last. What is malformed is INVALID_ARGUMENT before anything runs. */
export declare function normaliseRequest(request: string | GenerateRequest): ModelRequest;
/** Whether the answer must be JSON: where it is said, or where a schema is given and nothing else is said. */
export declare function wantsJson({ output }: ModelRequest): boolean;

// ── device/worker-client.d.ts
/** A worker as an object with methods: starts at the first call, and turns every way it can die into an error on each call in flight. */
import { HybridError } from '../errors.js';
import type { Calls, Method, Step } from './protocol.js';
/** For pages whose bundler or policy needs the files named. */
export interface WorkerPlaces {
    workerUrl?: string | URL;
    wasmUrl?: string | URL;
}
export interface CallOptions {
    /** Fails the call with CANCELLED at once and stops its work in the worker. */
    signal?: AbortSignal;
    onProgress?: (step: Step) => void;
}
/** Codes after which the engine in the worker cannot be used any more. */
export declare const fatalCodes: ReadonlySet<string | undefined>;
export declare class WorkerClient {
    #private;
    constructor(places?: WorkerPlaces, onDeath?: (error: HybridError) => void);
    get isRunning(): boolean;
    call<M extends Method>(method: M, params: Calls[M]['params'], { signal, onProgress }?: CallOptions): Promise<Calls[M]['result']>;
    /** Ends the worker at once; calls in flight fail with this error. */
    terminate(error?: HybridError): void;
    /**
     * Lets the worker give its GPU back before it ends: a GPU that is merely forgotten stays taken until garbage is collected.
     * Calls in flight fail at once; a worker that does not answer is ended all the same.
     */
    close(): Promise<void>;
    /** Ends a worker that cannot be trusted any more. */
    collapse(error: HybridError): void;
}

// ── device-facts.d.ts
/** What this machine is, as far as its browser tells. A missing API is a missing fact, never an error. */
import type { DeviceFacts } from './types.js';
/**
 * What this machine is, now. Works in pages, workers and on servers; what the host does not tell is absent.
 *
 * @example
 * const { webgpu } = await deviceFacts()
 * if (webgpu.available && !webgpu.software) offerDownload()
 */
export declare function deviceFacts(): Promise<DeviceFacts>;
/** The adapter's limits, as far as it tells them. Empty where there is none. */
export declare function gpuLimits(): Promise<Readonly<Record<string, number>>>;

// ── device/cached-models.d.ts
/** What is kept of models on this device, and how to be rid of it. */
import type { EngineHost } from './host.js';
/** A model, or a part of one, that this origin keeps. */
export interface CachedModel {
    key: string;
    bytes: number;
    /** Milliseconds since 1970. */
    lastUsed: number;
}
/**
 * The models this origin keeps, half-fetched ones included. Empty where nothing can be kept.
 *
 * @example
 * for (const { key, bytes } of await listCachedModels()) console.log(key, bytes)
 */
export declare function listCachedModels(): Promise<CachedModel[]>;
/** Ends the model and deletes what is kept of it. Another tab's download of it is not torn away under that tab. */
export declare function removeModel(host: EngineHost): Promise<void>;

// ── device/host.d.ts
/**
 * The engine behind a model of this package: its worker, its state, and its return after a fault.
 *
 * ```text
 * absent ──load──► loading ──► ready ──fault──► loading (from the store, at most twice in a row) ──► ready
 *    ▲                │          │                 └──► failed ──load──► loading
 *    └────────────────┘          └──dispose──► disposed ──load──► loading
 *       failed, stopped
 * ```
 *
 * A page that is left for the back/forward cache gives everything up, and comes back as after a fault.
 */
import type { GemmaOptions, LoadOptions, OnDeviceModel } from '../types.js';
import type { KnownModel } from './known-models.js';
import type { Calls, Loaded, Method } from './protocol.js';
import { type ModelSource } from './source.js';
import { type CallOptions } from './worker-client.js';
export type HostState = OnDeviceModel['state'];
export declare class EngineHost {
    #private;
    readonly source: ModelSource;
    readonly options: Omit<GemmaOptions, 'waitForLoad'>;
    readonly contextWindow: number;
    constructor(options: Omit<GemmaOptions, 'waitForLoad'>, kind: KnownModel['kind']);
    get state(): HostState;
    /** What is loaded, or undefined. */
    get loaded(): Loaded | undefined;
    /** The key of its folder; undefined for a file in the caller's hand. */
    key(): Promise<string | undefined>;
    load({ onProgress, signal, despiteCrash }?: LoadOptions): Promise<void>;
    /** Resolves once the model can be run. Where a load is under way it is waited for only if `waitForLoad` says so. */
    ready({ waitForLoad, signal }: {
        waitForLoad: boolean;
        signal: AbortSignal;
    }): Promise<void>;
    call<M extends Method>(method: M, params: Calls[M]['params'], options?: CallOptions): Promise<Calls[M]['result']>;
    /** Something came out of the engine: the last fault is healed, and the first run did not end the tab. */
    succeeded(): void;
    dispose(): Promise<void>;
}

// ── device/known-models.d.ts
/**
 * Models that have a name here: public GGUF files that ask for no account, with their size and where their licence stands.
 *
 * The addresses are those of the hosts' own listings. None of these files was ever downloaded by a test.
 */
export interface KnownModel {
    readonly kind: 'generator' | 'embedder';
    readonly url: string;
    /** About; the host tells the exact size. */
    readonly approximateBytes: number;
    readonly licence: string;
    readonly shape: ModelShape;
}
/** `hybridge_core::device::Shape`: what decides how much memory a context takes. */
export interface ModelShape {
    readonly layers: number;
    readonly width: number;
    readonly hidden: number;
    readonly heads: number;
    readonly kvHeads: number;
    readonly headDim: number;
    readonly window: number;
    readonly context: number;
}
export declare const knownModels: Readonly<Record<string, KnownModel>>;

// ── device/source.d.ts
/** What `GemmaOptions.model` names, in one form. */
import type { GemmaOptions } from '../types.js';
import { type KnownModel, type ModelShape } from './known-models.js';
import type { RemoteFile } from './protocol.js';
export type ModelSource = {
    readonly kind: 'blob';
    readonly name: string;
    readonly blob: Blob;
} | {
    readonly kind: 'remote';
    readonly name: string;
    readonly files: readonly RemoteFile[]; /** About, where the exact size is not promised. */
    readonly approximateBytes: number | undefined;
    readonly shape: ModelShape | undefined;
};
/** Reads the option; what is malformed is INVALID_ARGUMENT at once, not at the first load. */
export declare function sourceOf(model: GemmaOptions['model'], kind: KnownModel['kind']): ModelSource;
/** The name of its folder: readable, and different for different addresses. */
export declare function keyOf({ name, files }: Extract<ModelSource, {
    kind: 'remote';
}>): Promise<string>;

// ── device/embedder.d.ts
/** EmbeddingGemma: texts into vectors. */
import type { Embedder, GemmaOptions } from '../types.js';
/**
 * EmbeddingGemma on the visitor's own device, in a worker of its own. Vectors have length 1, so that their dot product is their cosine.
 *
 * @example
 * const embedder = gemmaEmbedder({ model: 'embeddinggemma-300m' })
 * await embedder.load()
 * const [question] = await embedder.embed('Where do I park?', { task: 'query', dimensions: 256 })
 */
export declare function gemmaEmbedder(options: Omit<GemmaOptions, 'waitForLoad'>): Embedder;

// ── device/gemma.d.ts
/** Gemma as a model of this package: the engine's face. */
import type { GemmaOptions, OnDeviceModel } from '../types.js';
/**
 * Gemma on the visitor's own device, in a worker of its own. Nothing is fetched or started before `load`.
 *
 * `model` is a known name (`'gemma-3-270m-it'`, `'gemma-3-1b-it'`, `'gemma-3-4b-it'`), the address of a GGUF file, the addresses of its parts, or a file the person chose.
 *
 * @example
 * const gemma = gemmaModel({ model: 'gemma-3-270m-it' })
 * if ((await gemma.availability()).status !== 'unavailable') {
 *   await gemma.load({ onProgress: ({ fraction }) => bar.value = fraction })
 *   for await (const { text } of gemma.generateStream('Why is the sky blue?')) print(text)
 * }
 */
export declare function gemmaModel(options: GemmaOptions): OnDeviceModel;

// ── hybrid.d.ts
/** Several models behind one, and what decides between them. */
import type { GenerateResponse, HybridModel, HybridOptions, Model } from './types.js';
/**
 * One model over any number of branches. The strategy picks for each request; a branch that fails in passing hands over to the
 * next before the first content, never after it.
 *
 * @example
 * const ai = hybridModel({
 *   branches: { tiny, large, cloud },
 *   strategy: new FirstMatch([new PrivacyStrategy({ keep: 'large' }), new FallbackStrategy(['tiny', 'large', 'cloud'])]),
 * })
 */
export declare function hybridModel({ branches, strategy, name, policy, branchPolicies, onTrace }: HybridOptions & {
    branches: Record<string, Model>;
}): HybridModel;
/**
 * The common case: a model on the device and one in the cloud, under the keys `kOnDevice` and `kCloud`.
 *
 * @example
 * const ai = hybridModelOnDeviceCloud({ onDevice, cloud, strategy: new FallbackStrategy([kOnDevice, kCloud]) })
 * const { text, branch } = await ai.generate('Hello')
 */
export declare function hybridModelOnDeviceCloud({ onDevice, cloud, ...options }: HybridOptions & {
    onDevice: Model;
    cloud: Model;
}): HybridModel;
/**
 * Runs `order` left to right and moves on while `accept` says no; the last one's answer stands. The verdict needs the whole answer,
 * so a caller who streams gets it in one chunk.
 *
 * @example
 * const ai = cascadeModel({ branches: { small, large }, order: ['small', 'large'], accept: ({ text }) => text.length > 20 })
 */
export declare function cascadeModel({ branches, order, accept, name }: {
    branches: Record<string, Model>;
    order: string[];
    accept: (response: GenerateResponse) => boolean | Promise<boolean>;
    name?: string;
}): HybridModel;
/**
 * Lets the device speak first, and hands over unseen if it is unsure: its first `holdTokens` tokens (24 by default) are kept back, and
 * shown only once the chosen score of their log-probabilities (the 10 % quantile by default) reaches `threshold`.
 * A device that reports no log-probabilities is taken as sure, and the trace says so.
 *
 * @example
 * const ai = confidenceCascade({ onDevice, cloud, threshold: -1.5 })
 */
export declare function confidenceCascade({ onDevice, cloud, threshold, score, holdTokens, name }: {
    onDevice: Model;
    cloud: Model;
    threshold: number;
    score?: 'mean' | 'min' | 'p10';
    holdTokens?: number;
    name?: string;
}): HybridModel;

// ── keys.d.ts
/** The two keys of the common case, spelt as in genkit_hybrid. */
/** The branch on the visitor's own device. */
export declare const kOnDevice = "onDevice";
/** The branch in the cloud. */
export declare const kCloud = "cloud";

// ── model.d.ts
/** Models: any function with the face of one. */
import { type Generate, type Runner } from './runner.js';
import type { Model, ModelInfo } from './types.js';
/** What a model is made of. */
export interface ModelDefinition {
    name: string;
    info?: Partial<Omit<ModelInfo, 'name'>>;
    generate: Generate;
}
/**
 * Any function as a model: a test double, another runtime, another cloud.
 *
 * The function may return a string or a reply, may send chunks, and may throw: an error with a `status` is taken at its word,
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
export declare function defineModel(definition: ModelDefinition): Model;
/** What is not said about a model is assumed to work: it knows best by failing. */
export declare function infoOf(name: string, info?: Partial<Omit<ModelInfo, 'name'>>): ModelInfo;
/** The public face over a runner. One that `routes` tells its own trace, on answers and on errors. */
export declare function makeModel(info: ModelInfo, runner: Runner, { routes }?: {
    routes?: boolean;
}): Model;

// ── runner.d.ts
/** How one model runs another: the part of a model below its public face. */
import { type Answer, type Reply } from './response.js';
import type { ModelRequest } from './request.js';
import type { Model, Part } from './types.js';
/** What is told with a chunk. `branch` is told by routers only. */
export interface ChunkDetails {
    /** Of the tokens in this piece, where the runtime knows them. */
    logprobs?: readonly number[];
    branch?: string;
}
/** What a run is given beside the request. */
export interface RunOptions {
    readonly streaming: boolean;
    sendChunk(content: string | Part[], details?: ChunkDetails): void;
    readonly signal: AbortSignal;
    readonly context: Record<string, unknown>;
}
/** A model's function. */
export type Generate = (request: ModelRequest, run: RunOptions) => Promise<Reply> | Reply;
/**
 * A model's function with its manners: settles at once when stopped, says nothing afterwards, speaks at least one chunk where it streams,
 * and throws nothing but HybridError and CallerFault.
 */
export type Runner = (request: ModelRequest, run: RunOptions) => Promise<Answer>;
export declare function setRunner(model: Model, runner: Runner): void;
/** Any model's runner. A model of another make is called through its public face. */
export declare function runnerOf(model: Model): Runner;
/** Teaches a model's function the manners a caller relies on. */
export declare function withManners(generate: (request: ModelRequest, run: RunOptions) => Promise<Reply | Answer> | Reply): Runner;

// ── response.d.ts
/** Answers: as a model's function gives them, and as the caller reads them. */
import { HybridError } from './errors.js';
import type { Confidence, FinishReason, GenerateChunk, GenerateResponse, Message, ModelInfo, Part, RoutingTrace, Usage } from './types.js';
/** What a model's function may return. */
export type Reply = string | {
    message?: Message;
    text?: string;
    finishReason?: FinishReason;
    finishMessage?: string;
    usage?: Usage;
    confidence?: Confidence;
    raw?: unknown;
    device?: 'gpu' | 'cpu';
};
/** A whole answer, before it is told who gave it. A router tells that itself, a plain model leaves it out. */
export interface Answer {
    message: Message;
    finishReason: FinishReason;
    finishMessage?: string;
    usage: Usage;
    confidence?: Confidence;
    raw?: unknown;
    device?: 'gpu' | 'cpu';
    branch?: string;
    inferenceSource?: ModelInfo['inferenceSource'];
    routing?: RoutingTrace;
}
/** A reply in its one form. A reply without words is what was said in chunks. */
export declare function answerOf(reply: Reply, spoken: readonly Part[]): Answer;
/** Content in its one form. */
export declare function partsOf(content: string | Part[]): Part[];
/** Whether something would be seen of it: empty text and empty thinking say nothing. */
export declare function saysSomething(part: Part): boolean;
/** All text parts, joined. */
export declare function textOf(content: readonly Part[]): string;
/** An answer as the caller reads it. */
export declare class Response implements GenerateResponse {
    #private;
    readonly message: Message;
    readonly finishReason: FinishReason;
    readonly finishMessage?: string;
    readonly usage: Usage;
    readonly latencyMs: number;
    readonly confidence?: Confidence;
    readonly raw?: unknown;
    readonly branch: string;
    readonly inferenceSource: ModelInfo['inferenceSource'];
    readonly device?: 'gpu' | 'cpu';
    readonly routing: RoutingTrace;
    readonly outputError?: HybridError;
    constructor(answer: Answer, told: {
        latencyMs: number;
        branch: string;
        inferenceSource: ModelInfo['inferenceSource'];
        routing: RoutingTrace;
        json: boolean;
        outputError?: HybridError | undefined;
    });
    get text(): string;
    get reasoning(): string;
    get output(): unknown;
    get toolRequests(): GenerateResponse['toolRequests'];
}
/** A piece of an answer as the caller reads it. */
export declare class Chunk implements GenerateChunk {
    #private;
    readonly role = "model";
    readonly index: number;
    readonly content: Part[];
    readonly logprobs?: readonly number[];
    readonly branch: string;
    /** `textSoFar` ends with this chunk's text, and is given where JSON was asked for. */
    constructor(told: {
        index: number;
        content: Part[];
        logprobs?: readonly number[] | undefined;
        branch: string;
        textSoFar: string | undefined;
    });
    get text(): string;
    get output(): unknown;
}

// ── run-tools.d.ts
/** The loop between a model that calls tools and the functions that answer. */
import type { GenerateOptions, GenerateRequest, GenerateResponse, Model } from './types.js';
/** What answers a call. What it returns goes to the model as JSON; what it throws ends the loop. */
export type ToolFunction = (input: unknown, call: {
    readonly name: string;
    readonly ref?: string;
    readonly signal: AbortSignal;
}) => unknown;
export interface RunToolsOptions extends GenerateOptions {
    model: Model;
    /** With `tools`; the functions behind them are given beside it. */
    request: GenerateRequest;
    /** By the tool's name. A call of a tool without a function ends the loop, and is the caller's to answer. */
    tools: Readonly<Record<string, ToolFunction>>;
    /** How often the model may call before it must have answered. Default 5. */
    maxTurns?: number;
    /** Hears of every answer, those that call tools too. */
    onTurn?: (response: GenerateResponse) => void;
}
/**
 * Asks a model, runs the functions it calls, tells it the results, and so on until it answers in words. Calls of one turn run side by
 * side. Through a hybrid, results go to the branch that called; another takes over only if that one fails before it says anything.
 *
 * Arguments that do not satisfy the tool's schema are not passed on: the model is told what is wrong with them.
 *
 * @example
 * const { text } = await runTools({
 *   model: ai,
 *   request: { prompt: 'Is it raining in Bonn?', tools: [{ name: 'weather', description: 'the weather of a city', inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }] },
 *   tools: { weather: async ({ city }) => await weatherOf(city) },
 * })
 */
export declare function runTools({ model, request, tools, maxTurns, onTurn, ...options }: RunToolsOptions): Promise<GenerateResponse>;

// ── strategies/index.d.ts
/** The strategies. All of them decide in Rust; what is here describes them. */
export { CapabilityStrategy, type Capability } from './capability.js';
export { ConnectivityStrategy } from './connectivity.js';
export { CostStrategy } from './cost.js';
export { DeviceStrategy } from './device.js';
export { FallbackStrategy } from './fallback.js';
export { FirstMatch } from './first-match.js';
export { InputSizeStrategy } from './input-size.js';
export { LatencyStrategy } from './latency.js';
export { PreRoutingStrategy } from './pre-routing.js';
export { PrivacyStrategy } from './privacy.js';
export { ReadyStrategy } from './ready.js';
export { WithFallback } from './with-fallback.js';

// ── strategies/capability.d.ts
import { DataStrategy } from './strategy.js';
/** What a request may need. */
export type Capability = 'vision' | 'audio' | 'tools' | 'json';
/**
 * The branches that can do what the request needs: pictures, sound, tools, JSON. No opinion where none can.
 * Video and documents are not looked for.
 *
 * @example
 * new CapabilityStrategy({ supports: { onDevice: ['json'], cloud: ['vision', 'audio', 'tools', 'json'] } })
 */
export declare class CapabilityStrategy extends DataStrategy {
    readonly name = "CapabilityStrategy";
    constructor({ supports, order }: {
        supports: Record<string, Capability[]>;
        order?: string[];
    });
}

// ── strategies/strategy.d.ts
/** What strategies are made of: plain data for Rust to decide by, with the caller's functions as leaves. */
import { HybridError } from '../errors.js';
import type { Decision, RoutingContext, RoutingStrategy } from '../types.js';
/** A node as `hybridge_core::route::Strategy` reads it. */
export type Tree = Record<string, unknown>;
/** A function of the caller's at the end of a branch of the tree. `looks` says whether it wants to see the context, which has its price. */
export type Leaf = {
    looks: true;
    ask: (context: RoutingContext) => unknown;
} | {
    looks: false;
    ask: () => unknown;
};
/** A strategy that is data. One that overrides `route` is a strategy of the caller's own, and is asked like one. */
export declare abstract class DataStrategy implements RoutingStrategy {
    #private;
    abstract readonly name: string;
    constructor(describe: (leaves: Leaf[]) => Tree);
    /** The decision on its own, for a strategy of the caller's that is built around this one. */
    route(context: RoutingContext): Promise<Decision>;
    /** The strategy as data; its functions are added to `leaves`. */
    static describe(strategy: RoutingStrategy, leaves: Leaf[]): Tree | undefined;
}
/** Any strategy as data. */
export declare function treeOf(strategy: RoutingStrategy, leaves: Leaf[]): Tree;
export declare function custom(name: string, leaf: Leaf, leaves: Leaf[]): Tree;
export declare function nameOf(strategy: RoutingStrategy): string;
export declare function strategyArgument(value: RoutingStrategy, what: string): RoutingStrategy;
export declare function keyArgument(value: string, what: string): string;
export declare function orderArgument(value: readonly string[], what: string): string[];
export declare function functionArgument<T>(value: T, what: string): T;
export declare function numberArgument(value: number, what: string): number;
export declare function invalid(message: string): HybridError;

// ── strategies/connectivity.d.ts
import { DataStrategy } from './strategy.js';
/**
 * One branch while there is a network, another while there is none.
 *
 * By default the browser is asked. Its "offline" is dependable, its "online" is not (a café's login page is online):
 * give it a fallback.
 *
 * @example
 * new WithFallback(new ConnectivityStrategy({ online: kCloud, offline: kOnDevice }), { fallbackOrder: [kOnDevice] })
 */
export declare class ConnectivityStrategy extends DataStrategy {
    readonly name = "ConnectivityStrategy";
    constructor({ isOnline, online, offline }: {
        isOnline?: () => boolean | Promise<boolean>;
        online: string;
        offline: string;
    });
}

// ── strategies/cost.d.ts
import { DataStrategy } from './strategy.js';
/**
 * The good branch while there is a budget, with the cheap one behind it; the cheap one alone without.
 *
 * @example
 * new CostStrategy({ budgetAvailable: () => spent < 5, premium: kCloud, cheap: kOnDevice })
 */
export declare class CostStrategy extends DataStrategy {
    readonly name = "CostStrategy";
    constructor({ budgetAvailable, premium, cheap }: {
        budgetAvailable: () => boolean | Promise<boolean>;
        premium: string;
        cheap: string;
    });
}

// ── strategies/device.d.ts
import { DataStrategy } from './strategy.js';
import type { DeviceRequirements } from '../types.js';
/**
 * By what this machine is: a GPU, memory, battery, data saver, a minimum measured speed.
 * What a browser does not tell is not held against the machine.
 *
 * @example
 * new DeviceStrategy({ require: { hardwareGpu: true, minMemoryGB: 4, allowSaveData: false }, capable: kOnDevice, otherwise: kCloud })
 */
export declare class DeviceStrategy extends DataStrategy {
    readonly name = "DeviceStrategy";
    constructor({ require, capable, otherwise }: {
        require: DeviceRequirements;
        capable: string;
        otherwise: string;
    });
}

// ── strategies/fallback.d.ts
import { DataStrategy } from './strategy.js';
/**
 * Always the same branches in the same order. A branch that is named twice is tried twice.
 *
 * @example
 * new FallbackStrategy([kOnDevice, kCloud])
 */
export declare class FallbackStrategy extends DataStrategy {
    readonly name = "FallbackStrategy";
    constructor(order: string[]);
}

// ── strategies/first-match.d.ts
import { DataStrategy } from './strategy.js';
import type { RoutingStrategy } from '../types.js';
/**
 * The first child with an opinion. A child that only constrains is heard, and the next is asked within its constraint:
 * put a PrivacyStrategy first.
 *
 * @example
 * new FirstMatch([new PrivacyStrategy(), new FallbackStrategy([kCloud, kOnDevice])])
 */
export declare class FirstMatch extends DataStrategy {
    readonly name = "FirstMatch";
    constructor(children: RoutingStrategy[]);
}

// ── strategies/input-size.d.ts
import { DataStrategy } from './strategy.js';
/**
 * One branch for small requests, another for large ones: strictly more than `threshold`.
 *
 * Characters are counted over all text of all messages, as Dart and JavaScript count them. Tokens are counted exactly where a
 * branch's model is loaded and can count, and estimated otherwise; the trace's reason says which.
 *
 * @example
 * new InputSizeStrategy({ threshold: 1000, unit: 'tokens', small: kOnDevice, large: kCloud })
 */
export declare class InputSizeStrategy extends DataStrategy {
    readonly name = "InputSizeStrategy";
    constructor({ threshold, small, large, unit }: {
        threshold: number;
        small: string;
        large: string;
        unit?: 'characters' | 'tokens';
    });
}

// ── strategies/latency.d.ts
import { DataStrategy } from './strategy.js';
/**
 * Prefers the first branch whose predicted time to the first token is within the budget, by measured speeds; the others stay
 * behind it. A branch that was never measured is given its chance.
 *
 * @example
 * new LatencyStrategy({ firstTokenBudgetMs: 800, order: [kOnDevice, kCloud] })
 */
export declare class LatencyStrategy extends DataStrategy {
    readonly name = "LatencyStrategy";
    constructor({ firstTokenBudgetMs, order }: {
        firstTokenBudgetMs: number;
        order: string[];
    });
}

// ── strategies/pre-routing.d.ts
import { DataStrategy } from './strategy.js';
import type { Decision, RoutingContext } from '../types.js';
/**
 * Decides by a function. `''`, `[]` and `undefined` are no opinion.
 *
 * @example
 * new PreRoutingStrategy(({ request }) => (request.tools.length > 0 ? kCloud : kOnDevice))
 */
export declare class PreRoutingStrategy extends DataStrategy {
    readonly name = "PreRoutingStrategy";
    constructor(decide: (context: RoutingContext) => Decision | Promise<Decision>);
}

// ── strategies/privacy.d.ts
import { DataStrategy } from './strategy.js';
import type { RoutingContext, SensitiveKind } from '../types.js';
/**
 * Pins a request to `keep` when it holds personal data, or when `isSensitive` says so; says nothing otherwise.
 * No combinator, fallback, hedge or cascade around it can send such a request anywhere else.
 *
 * @example
 * new FirstMatch([new PrivacyStrategy({ keep: kOnDevice }), new FallbackStrategy([kCloud])])
 */
export declare class PrivacyStrategy extends DataStrategy {
    readonly name = "PrivacyStrategy";
    constructor({ keep, isSensitive, detect }?: {
        keep?: string;
        isSensitive?: (context: RoutingContext) => boolean | Promise<boolean>;
        detect?: SensitiveKind[];
    });
}

// ── strategies/ready.d.ts
import { DataStrategy } from './strategy.js';
/**
 * Cloud now, device once its model is loaded. No request waits for a download.
 *
 * @example
 * new ReadyStrategy({ ready: kOnDevice, otherwise: kCloud })
 */
export declare class ReadyStrategy extends DataStrategy {
    readonly name = "ReadyStrategy";
    constructor({ ready, otherwise }?: {
        ready?: string;
        otherwise?: string;
    });
}

// ── strategies/with-fallback.d.ts
import { DataStrategy } from './strategy.js';
import type { RoutingStrategy } from '../types.js';
/**
 * A strategy with a fixed tail: its order, then whatever of `fallbackOrder` is not in it. Without an inner opinion the tail
 * stands alone. A constraint of the inner strategy holds for the tail too.
 *
 * @example
 * new WithFallback(new ReadyStrategy(), { fallbackOrder: [kOnDevice, kCloud] })
 */
export declare class WithFallback extends DataStrategy {
    readonly name = "WithFallback";
    constructor(inner: RoutingStrategy, { fallbackOrder }: {
        fallbackOrder: string[];
    });
}

// ── tiny.d.ts
/**
 * `hybridge/tiny`: a model of two million weights that comes with the package, for demos and tests.
 *
 * It answers from a text, does small sums, changes case, reverses words, sorts requests, fills in JSON and calls tools; of the world it knows nothing, and says so.
 */
/**
 * The tiny model's file, as `gemmaModel` takes it. Importing this fetches nothing.
 *
 * @example
 * import { gemmaModel } from 'hybridge'
 * import { tinyModel } from 'hybridge/tiny'
 * const gemma = gemmaModel({ model: tinyModel, contextWindow: 512 })
 * await gemma.load()
 * const { text } = await gemma.generate('What is 12 + 30?')
 */
export declare const tinyModel: {
    readonly url: string;
    readonly sha256: string;
    readonly bytes: number;
};

