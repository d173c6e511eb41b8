/** Converts failures to the specification's DOMExceptions. The HybridError is the cause. */

import type { Status } from '../../index.js'
import { hybridErrorOf } from '../failure.js'

const names: Partial<Record<Status, string>> = {
  PERMISSION_DENIED: 'NotAllowedError',
  UNAUTHENTICATED: 'NotAllowedError',
  FAILED_PRECONDITION: 'NotSupportedError',
  UNIMPLEMENTED: 'NotSupportedError',
  INVALID_ARGUMENT: 'NotSupportedError',
  OUT_OF_RANGE: 'NotSupportedError',
  CANCELLED: 'AbortError',
  UNAVAILABLE: 'NetworkError',
  DEADLINE_EXCEEDED: 'NetworkError',
  INTERNAL: 'OperationError',
  RESOURCE_EXHAUSTED: 'OperationError',
}

/** Converts an exception of a model. A DOMException, or the caller's own error, passes unchanged. */
export function exceptionOf(thrown: unknown): unknown {
  if (thrown instanceof DOMException || thrown instanceof TypeError) return thrown
  const error = hybridErrorOf(thrown)
  return exception(names[error.status] ?? 'UnknownError', error.message, error)
}

export function exception(name: string, message: string, cause?: unknown): DOMException {
  const made = new DOMException(message, name)
  return cause === undefined ? made : Object.defineProperty(made, 'cause', { value: cause, configurable: true })
}

export function notSupported(message: string): DOMException {
  return exception('NotSupportedError', message)
}

/** Recent platforms have a class for it. */
export function quotaExceeded(requested: number, quota: number): DOMException {
  const message = `the input has ${requested} tokens, and there is room for ${quota}`
  const Class = (globalThis as { QuotaExceededError?: new (message: string, options: object) => DOMException })
    .QuotaExceededError
  if (typeof Class === 'function') return new Class(message, { requested, quota })
  return Object.defineProperties(exception('QuotaExceededError', message), {
    requested: { value: requested, enumerable: true },
    quota: { value: quota, enumerable: true },
  })
}
