/** Answers and chunks, as the caller reads them. */

import type { HybridError } from '../border/errors.js'
import type { Answer } from '../border/replies.js'
import { parseJson } from './partial-json.js'
import type {
  Confidence,
  FinishReason,
  GenerateChunk,
  GenerateResponse,
  Message,
  ModelInfo,
  Part,
  RoutingTrace,
  Usage,
} from '../types.js'

/** Whether the part is visible: empty text and empty reasoning are not. */
export function saysSomething(part: Part): boolean {
  return !('text' in part && part.text === '') && !('reasoning' in part && part.reasoning === '')
}

/** All text parts, joined. */
export function textOf(content: readonly Part[]): string {
  return content.map((part) => ('text' in part ? part.text : '')).join('')
}

/** A complete answer, as the caller reads it. */
export class Response implements GenerateResponse {
  readonly message: Message
  readonly finishReason: FinishReason
  declare readonly finishMessage?: string
  readonly usage: Usage
  readonly latencyMs: number
  declare readonly confidence?: Confidence
  declare readonly raw?: unknown
  readonly branch: string
  readonly inferenceSource: ModelInfo['inferenceSource']
  declare readonly device?: 'gpu' | 'cpu'
  readonly routing: RoutingTrace
  declare readonly outputError?: HybridError
  readonly #json: boolean

  constructor(
    answer: Answer,
    details: {
      latencyMs: number
      branch: string
      inferenceSource: ModelInfo['inferenceSource']
      routing: RoutingTrace
      json: boolean
      outputError?: HybridError | undefined
    },
  ) {
    this.message = answer.message
    this.finishReason = answer.finishReason
    if (answer.finishMessage !== undefined) this.finishMessage = answer.finishMessage
    this.usage = answer.usage
    this.latencyMs = details.latencyMs
    if (answer.confidence !== undefined) this.confidence = answer.confidence
    if (answer.raw !== undefined) this.raw = answer.raw
    this.branch = details.branch
    this.inferenceSource = details.inferenceSource
    if (answer.device !== undefined) this.device = answer.device
    this.routing = details.routing
    if (details.outputError !== undefined) this.outputError = details.outputError
    this.#json = details.json
  }

  get text(): string {
    return textOf(this.message.content)
  }

  get reasoning(): string {
    return this.message.content.map((part) => ('reasoning' in part ? part.reasoning : '')).join('')
  }

  get output(): unknown {
    return this.#json ? parseJson(this.text) : undefined
  }

  get toolRequests(): GenerateResponse['toolRequests'] {
    return this.message.content.flatMap((part) => ('toolRequest' in part ? [part.toolRequest] : []))
  }
}

/** A streamed chunk, as the caller reads it. */
export class Chunk implements GenerateChunk {
  readonly role = 'model'
  readonly index: number
  readonly content: Part[]
  declare readonly logprobs?: readonly number[]
  readonly branch: string
  readonly #outputSoFar: (() => unknown) | undefined

  /** `outputSoFar` returns the parsed text up to and including this chunk, and is set if JSON was requested. */
  constructor(details: {
    index: number
    content: Part[]
    logprobs?: readonly number[] | undefined
    branch: string
    outputSoFar: (() => unknown) | undefined
  }) {
    this.index = details.index
    this.content = details.content
    if (details.logprobs !== undefined) this.logprobs = details.logprobs
    this.branch = details.branch
    this.#outputSoFar = details.outputSoFar
  }

  get text(): string {
    return textOf(this.content)
  }

  get output(): unknown {
    return this.#outputSoFar?.()
  }
}
