/** What page and worker say to each other. Calls carry a number, answers carry it back, in any order. */

import type { Status } from '../types.js'

/** What the worker can be asked. */
export interface Calls {
  selfTest: { params: Record<never, never>; result: Omit<GpuReport, 'milliseconds'> }
}

export type Method = keyof Calls

/** What the adapter is, and whether a product computed on it is right. */
export interface GpuReport {
  readonly adapter: string
  readonly software: boolean
  /** The largest difference from the same product on the CPU. */
  readonly maxError: number
  /** From asking to knowing: loading, compiling and computing. */
  readonly milliseconds: number
}

export interface Call<M extends Method = Method> {
  readonly id: number
  readonly method: M
  readonly params: Calls[M]['params']
  /** Told with every call, read at the first. */
  readonly wasmUrl: string | undefined
}

export interface Failure {
  readonly status: Status
  readonly message: string
  readonly code?: string
  readonly retryAfterMs?: number
}

export type Answer = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly failure: Failure }
