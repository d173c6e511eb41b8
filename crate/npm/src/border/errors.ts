/** The error class of the package. Branch on `status`, show `message`. */

import type { ErrorCode, Message, RoutingTrace, Status } from '../types.js'

const marker = Symbol.for('hybridge.error')

/** Optional fields of an error. */
export interface HybridErrorOptions {
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
export class HybridError extends Error {
  override readonly name: string
  readonly status: Status
  /** A more specific code to branch on, e.g. `'GPU_UNAVAILABLE'`. */
  declare readonly code?: ErrorCode
  declare readonly retryAfterMs?: number
  /** The branch that failed, if one did. */
  declare readonly branch?: string
  /** The trace: every branch that was tried. */
  declare readonly routing?: RoutingTrace
  /**
   * The partial answer of a stream that broke off. Not enumerable, so that logging the error does not log the answer.
   */
  declare readonly partial?: Message

  constructor(status: Status, message: string, options: HybridErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = status === 'CANCELLED' ? 'AbortError' : 'HybridError'
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

/** Creates the error for a mistake of the caller. */
export function invalid(message: string, cause?: unknown): HybridError {
  return new HybridError('INVALID_ARGUMENT', message, cause === undefined ? {} : { cause })
}

/** An error from Rust: `hybridge_core::Error`. */
export interface CoreError {
  status: Status
  message: string
  code?: string
  retryAfterMs?: number
}

/** Control characters that reorder the text around them. A service may send them, and a page shows the message. */
const bidiControls = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Converts an error from Rust. */
export function fromCore({ status, message, code, retryAfterMs }: CoreError): HybridError {
  return new HybridError(status, message.replace(bidiControls, ''), {
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** Returns the error with the partial answer. */
export function withPartial(error: HybridError, partial: Message | undefined): HybridError {
  if (partial !== undefined && partial.content.length > 0) Object.defineProperty(error, 'partial', { value: partial })
  return error
}

/**
 * Reports an error that must not fail the request it belongs to. Without `reportError`, it is logged to the console.
 */
export function reportQuietly(error: unknown): void {
  try {
    const { reportError } = globalThis as { reportError?: (error: unknown) => void }
    if (typeof reportError === 'function') reportError(error)
    else console.error(error)
  } catch {
    // If the host's `reportError` throws, there is nowhere left to report to.
  }
}
