/**
 * The messages between page and worker. Each call has a number, which its answer repeats; answers may come in any
 * order.
 */

import type { Status } from '../types.js'

/** The options of a store. The first call opens it. */
export interface StoreSettings {
  /** In memory if there is none. */
  readonly place:
    | { readonly kind: 'memory' }
    | { readonly kind: 'opfs'; readonly name: string }
    | { readonly kind: 'folder'; readonly path: string }
  readonly dimensions: number | undefined
  /** By default as in the file, and true in a new file. */
  readonly isInt8: boolean | undefined
  readonly embedder: string | undefined
}

/** A single value of metadata or of a filter. */
export type PlainValue = string | number | boolean | null

/** A validated document with its vector. */
export interface PlainDocument {
  readonly id: string
  readonly text: string
  /** JSON; empty if there is none. */
  readonly metadata: string
  /** The metadata that filters compare. */
  readonly fields: ReadonlyArray<readonly [name: string, values: readonly PlainValue[]]>
  readonly vector: Float32Array
}

export type Comparison = 'equal' | 'less' | 'lessOrEqual' | 'greater' | 'greaterOrEqual'

/** A validated filter in postfix order. */
export type PlainFilter = ReadonlyArray<
  | { readonly compare: string; readonly how: Comparison; readonly values: readonly PlainValue[] }
  | { readonly exists: string }
  | { readonly all: number }
  | { readonly any: number }
  | { readonly not: true }
>

export interface PlainHit {
  readonly id: string
  readonly text: string
  readonly metadata: string
  readonly score: number
  readonly vectorScore?: number
  readonly keywordScore?: number
}

/** The state of a store. */
export interface StoreState {
  readonly count: number
  readonly dimensions: number | undefined
  readonly isPersistent: boolean
  readonly caution?: Failure
}

/** The calls of the worker. */
export interface StoreCalls {
  open: { params: { settings: StoreSettings; wasmUrl: string | undefined }; result: StoreState }
  put: { params: { documents: readonly PlainDocument[]; mayReplace: boolean }; result: StoreState }
  delete: { params: { ids: readonly string[] } | { filter: PlainFilter }; result: { deleted: number } }
  search: {
    params: {
      vector: Float32Array | undefined
      text: string | undefined
      topK: number
      weight: number
      filter: PlainFilter
    }
    result: readonly PlainHit[]
  }
  get: { params: { ids: readonly string[] }; result: ReadonlyArray<Omit<PlainHit, 'score'> | undefined> }
  state: { params: null; result: StoreState }
  clear: { params: null; result: StoreState }
  close: { params: null; result: null }
}

export type StoreMethod = keyof StoreCalls

export interface StoreCall<M extends StoreMethod = StoreMethod> {
  readonly id: number
  readonly method: M
  readonly params: StoreCalls[M]['params']
}

export interface Failure {
  readonly status: Status
  readonly message: string
  readonly code?: string
}

export type StoreAnswer =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly failure: Failure }
