/** The one error of the package. Branch on `status`, show `message`. */

import type { Message, RoutingTrace, Status } from '../types.js'

const marker = Symbol.for('hybridge.error')

/** What may be told beside status and message. */
export interface HybridErrorOptions {
  code?: string
  retryAfterMs?: number
  cause?: unknown
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
export class HybridError extends Error {
  override readonly name = 'HybridError'
  readonly status: Status
  /** A finer word for code to branch on, e.g. `'GPU_UNAVAILABLE'`. */
  declare readonly code?: string
  declare readonly retryAfterMs?: number
  /** The branch that failed, where one did. */
  declare readonly branch?: string
  /** Everything that was tried. */
  declare readonly routing?: RoutingTrace
  /** The answer as far as it came, where a stream broke off. Not enumerable, so that logging the error does not log the answer. */
  declare readonly partial?: Message

  constructor(status: Status, message: string, options: HybridErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.status = status
    if (options.code !== undefined) this.code = options.code
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
    Object.defineProperty(this, marker, { value: true })
  }

  /** Works across two copies of the package in one bundle. */
  static isInstance(error: unknown): error is HybridError {
    return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[marker] === true
  }
}
