/**
 * The messages between page and worker. Each call has a number, which its answer repeats; answers may come in any
 * order.
 */

import type { Confidence, EmbeddingTask, FinishReason, LoadProgress, Message, Part, Status, Usage } from '../types.js'
import type { ModelRequest } from '../border/request.js'

/** The calls of the worker. */
export interface Calls {
  /** Tests the engine's own kernels and, with `burn`, also a product on burn's queue. */
  selfTest: { params: { burn: boolean }; result: Omit<GpuReport, 'milliseconds'> }
  /** Measures how many bytes of weights the CPU processes per second. The GPU file is not fetched for it. */
  cpuRate: { params: Pick<LoadParams, 'precision' | 'threads'>; result: number }
  load: { params: LoadParams; result: Loaded }
  count: { params: { request: ModelRequest }; result: number }
  /** Creates a generation; nothing runs before the first `next`. */
  start: { params: { request: ModelRequest; seed: number }; result: number }
  /** Returns the next step of a generation: text, nothing yet, or finally the complete reply. */
  next: { params: { generation: number }; result: Progressed }
  /** Stops a generation after the token in flight. Has no effect after its end. */
  drop: { params: { generation: number }; result: null }
  embed: { params: { text: string; task?: EmbeddingTask; title?: string; dimensions?: number }; result: Float32Array }
}

export type Method = keyof Calls

/** One file of a model, with the size and digest that its address promises. */
export interface RemoteFile {
  readonly url: string
  readonly sha256?: string
  readonly bytes?: number
}

/** The source of a model's files. */
export type FileSource =
  | { readonly blobs: readonly Blob[] }
  | {
      readonly key: string
      readonly name: string
      readonly files: readonly RemoteFile[]
      readonly headers: Readonly<Record<string, string>>
    }

export type ThreadsWish = 'auto' | number

export interface LoadParams {
  readonly source: FileSource
  /** The vision tower's files, if the model is to read images. */
  readonly mmproj?: FileSource
  /** Low-rank adapters and the strength of each. */
  readonly adapters: ReadonlyArray<{ readonly source: FileSource; readonly scale: number }>
  /** The maximum number of tokens of an image, for models with variable image sizes. */
  readonly imageTokens?: number
  readonly kind: 'generator' | 'embedder'
  readonly cache: 'opfs' | 'none'
  /** Whether the network may be used. A rebuilt engine is loaded from the store only. */
  readonly mayDownload: boolean
  readonly contextWindow: number
  readonly precision: 'exact' | 'fast'
  readonly device: 'auto' | 'gpu' | 'cpu'
  /** The maximum number of CPU threads, if the page is isolated. */
  readonly threads: ThreadsWish
  readonly template: 'auto' | 'chat' | 'none'
  /** Whether this adapter passed an earlier self-test, which is then not repeated. */
  readonly gpuIsRight: boolean | undefined
  /** Whether this page has fetched the engine's GPU file already, so that no other one is needed. */
  readonly hasGpuFile: boolean
  /** The fastest kernels found on this adapter before; if empty or unknown, they are measured again. */
  readonly gpuPlan: string
  /** Overrides of core's download policy, for tests. */
  readonly policy?: Readonly<Record<string, number>>
}

/** The loaded model. */
export interface Loaded {
  readonly device: 'gpu' | 'cpu'
  readonly adapter?: string
  readonly contextWindow: number
  readonly architecture: string
  /** Whether the file has a chat template; a base model has none. */
  readonly hasTemplate: boolean
  /** Whether texts are continued as they are, without turns. */
  readonly isRaw: boolean
  /** The number of threads that compute, if the model runs on the CPU. */
  readonly threads?: number
  /** Set if the GPU was found to compute wrong results. */
  readonly gpuIsWrong?: true
  /** The kernels that a GPU decodes with, and how many were tried to find them. */
  readonly gpuPlan?: string
  readonly gpuPlansTried?: number
}

/** One step of a generation. */
export interface Progressed {
  readonly content?: Part[]
  readonly logprobs?: number[]
  readonly reply?: { message: Message; finishReason: FinishReason; usage: Usage; confidence?: Confidence }
}

/** A GPU adapter, and the difference of its results from the CPU's. */
export interface GpuReport {
  readonly adapter: string
  readonly software: boolean
  /** The largest difference from the CPU's results. */
  readonly maxError: number
  /** The time to request the adapter, to compile and to compute. */
  readonly checkMilliseconds: number
  /** The total time: loading the engine, compiling and computing. */
  readonly milliseconds: number
}

/**
 * Addresses of the engine's files. The GPU file contains everything; if it is the only one named, it also serves
 * machines without a GPU.
 */
export interface WasmUrls {
  readonly gpu?: string
  readonly cpu?: string
  readonly threads?: string
}

export interface Call<M extends Method = Method> {
  readonly id: number
  readonly method: M
  readonly params: Calls[M]['params']
  /**
   * The addresses of the engine's files, if not beside the worker. Sent with every call, read when a file is fetched.
   */
  readonly wasmUrls: WasmUrls
}

/** Stops the work of a call, which then fails with CANCELLED. */
export interface Abort {
  readonly abort: number
}

/** Asks the worker to release the GPU and all memory before it ends. Answered like a call. */
export interface Farewell {
  readonly farewell: number
}

export interface Failure {
  readonly status: Status
  readonly message: string
  readonly code?: string
  readonly retryAfterMs?: number
}

/** Progress of a call, reported while it runs. */
export interface Report {
  readonly report: number
  readonly progress: Step
}

/** The finished share of the work on an image, from 0 to 1, reported while `next` runs. */
export interface Reading {
  readonly report: number
  readonly share: number
}

export type Step = Pick<LoadProgress, 'phase' | 'loadedBytes' | 'totalBytes'>

export type Answer =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly failure: Failure }

/** The worker holds a lock of this name for its lifetime. */
export interface Hello {
  readonly lock: string
}

/** Nothing that the worker sends from now on can be trusted. */
export interface Collapse {
  readonly collapse: Failure
}

export type FromWorker = Answer | Report | Reading | Hello | Collapse
