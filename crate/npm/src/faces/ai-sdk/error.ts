/** Errors that the AI SDK recognises by registered symbols, so no import is needed. */

import type { HybridError, Status } from '../../index.js'
import { httpStatusOf, hybridErrorOf, retryDelayOf } from '../failure.js'

const marker = 'vercel.ai.error'

/** A failed call in the SDK's format. The HybridError is its cause. */
export class AiSdkCallError extends Error {
  override readonly name = 'AI_APICallError'
  readonly url = 'hybridge:'
  /** Empty, because an error must not contain a prompt. */
  readonly requestBodyValues = {}
  readonly statusCode: number
  /** The delay before a retry, in the place where the SDK reads it. */
  declare readonly responseHeaders?: Record<string, string>
  readonly isRetryable: boolean
  readonly status: Status
  declare readonly code?: string

  constructor(thrown: unknown) {
    const error: HybridError = hybridErrorOf(thrown)
    super(error.message, { cause: error })
    const delay = retryDelayOf(error)
    this.statusCode = httpStatusOf(error)
    this.isRetryable = delay !== undefined
    if (delay !== undefined) this.responseHeaders = { 'retry-after-ms': String(Math.ceil(delay)) }
    this.status = error.status
    if (error.code !== undefined) this.code = error.code
    mark(this, 'AI_APICallError')
  }
}

/** The error of an unknown model name. */
export class AiSdkNoSuchModelError extends Error {
  override readonly name = 'AI_NoSuchModelError'
  constructor(
    readonly modelId: string,
    readonly modelType: 'languageModel' | 'embeddingModel' | 'imageModel',
    known: string[],
  ) {
    super(`no such ${modelType}: ${modelId}; there are: ${known.join(', ') || 'none'}`)
    mark(this, 'AI_NoSuchModelError')
  }
}

function mark(error: Error, name: string): void {
  for (const symbol of [marker, `${marker}.${name}`]) Object.defineProperty(error, Symbol.for(symbol), { value: true })
}
