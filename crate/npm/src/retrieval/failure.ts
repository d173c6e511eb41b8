/** Failures in the worker, which become a HybridError in the page. */

import type { Status } from '../types.js'
import type { Failure } from './protocol.js'

export class StoreFailure extends Error {
  readonly failure: Failure

  constructor(status: Status, message: string, { code }: { code?: string } = {}) {
    super(message)
    this.failure = { status, message, ...(code === undefined ? {} : { code }) }
  }
}

/** Converts any exception: our failures unchanged, Rust's from JSON text, the file system's by name. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof StoreFailure) return thrown.failure
  if (typeof thrown === 'string') return JSON.parse(thrown) as Failure
  const { name, code } = (thrown ?? {}) as { name?: unknown; code?: unknown }
  if (name === 'QuotaExceededError' || code === 'ENOSPC' || code === 'EDQUOT') return full
  if (thrown instanceof WebAssembly.RuntimeError || thrown instanceof RangeError) return broken
  return {
    status: 'UNAVAILABLE',
    code: 'STORE_UNAVAILABLE',
    message: 'the file of the store could not be read or written; try again, or open the store without a name',
  }
}

const full: Failure = {
  status: 'RESOURCE_EXHAUSTED',
  code: 'STORAGE_FULL',
  message: 'there is no storage left for these documents, and none of them was added; delete documents or models',
}

const broken: Failure = {
  status: 'INTERNAL',
  code: 'STORE_FAILED',
  message: 'the search stopped unexpectedly, perhaps for lack of memory; open the store again',
}
