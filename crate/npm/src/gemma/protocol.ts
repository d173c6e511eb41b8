/** The messages between page and worker. Calls carry a number, and answers carry it back, in any order. */

import type { Confidence, EmbeddingTask, FinishReason, LoadProgress, Message, Part, Status, Usage } from '../types.js'
import type { ModelRequest } from '../border/request.js'

/** The calls of the worker. */
export interface Calls {
  /** The engine's own kernels, and where `burn` is set a product on burn's queue too. */
  selfTest: { params: { burn: boolean }; result: Omit<GpuReport, 'milliseconds'> }
  /** Bytes of weights that one CPU thread works through in a second. The file for GPUs is not fetched for it. */
  cpuRate: { params: { precision: LoadParams['precision'] }; result: number }
  load: { params: LoadParams; result: Loaded }
  count: { params: { request: ModelRequest }; result: number }
  /** Names a generation; nothing runs before the first `next`. */
  start: { params: { request: ModelRequest; seed: number }; result: number }
  /** The next piece of a generation: text, nothing yet, or the whole reply as its last. */
  next: { params: { generation: number }; result: Progressed }
  /** Stops a generation after the token in flight. Naming one that is over does nothing. */
  drop: { params: { generation: number }; result: null }
  embed: { params: { text: string; task?: EmbeddingTask; title?: string; dimensions?: number }; result: Float32Array }
}

export type Method = keyof Calls

/** One file of a model, as its address promises it. */
export interface RemoteFile {
  readonly url: string
  readonly sha256?: string
  readonly bytes?: number
}

/** Where a model's files come from. */
export type FileSource =
  | { readonly blobs: readonly Blob[] }
  | {
      readonly key: string
      readonly name: string
      readonly files: readonly RemoteFile[]
      readonly headers: Readonly<Record<string, string>>
    }

export interface LoadParams {
  readonly source: FileSource
  /** The vision tower's files, where the model is to read pictures. */
  readonly mmproj?: FileSource
  /** The most tokens of a picture whose shape is free. */
  readonly imageTokens?: number
  readonly kind: 'generator' | 'embedder'
  readonly cache: 'opfs' | 'none'
  /** Whether the network may be used. A rebuilt engine comes out of the store or not at all. */
  readonly mayDownload: boolean
  readonly contextWindow: number
  readonly precision: 'exact' | 'fast'
  readonly device: 'auto' | 'gpu' | 'cpu'
  readonly template: 'auto' | 'chat' | 'none'
  /** Whether this adapter's numbers were right when they were checked before. Right ones are not checked again. */
  readonly gpuIsRight: boolean | undefined
  /** Whether this page has the engine's file for GPUs already, so that no other one need be fetched. */
  readonly hasGpuFile: boolean
  /** The kernels that were the quickest on this adapter before; empty or unknown has them tried again. */
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
  /** Set where the GPU was found to compute wrong results. */
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

/** A GPU adapter, and how far its results are from the CPU's. */
export interface GpuReport {
  readonly adapter: string
  readonly software: boolean
  /** The largest difference from the same numbers on the CPU. */
  readonly maxError: number
  /** The time to request the adapter, to compile and to compute. */
  readonly checkMilliseconds: number
  /** The whole time: loading the engine, compiling and computing. */
  readonly milliseconds: number
}

/** Addresses of the engine's files. One that is named alone for GPUs, which contains all, serves without a GPU too. */
export interface WasmUrls {
  readonly gpu?: string
  readonly cpu?: string
}

export interface Call<M extends Method = Method> {
  readonly id: number
  readonly method: M
  readonly params: Calls[M]['params']
  /** Where the engine's files are, if not beside the worker. Sent with every call, read where one is fetched. */
  readonly wasmUrls: WasmUrls
}

/** Stops the work of a call, which then fails with CANCELLED. */
export interface Abort {
  readonly abort: number
}

/** Requests the GPU and all memory back, before the worker is ended. Answered as a call is. */
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

export type Step = Pick<LoadProgress, 'phase' | 'loadedBytes' | 'totalBytes'>

export type Answer =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly failure: Failure }

/** The worker holds a lock of this name as long as it lives. */
export interface Hello {
  readonly lock: string
}

/** Nothing that the worker sends from now on can be trusted. */
export interface Collapse {
  readonly collapse: Failure
}

export type FromWorker = Answer | Report | Hello | Collapse
