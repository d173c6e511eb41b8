/** Answers: as a model's function gives them, and as the caller reads them. */

import { HybridError } from '../border/errors.js'
import { parseJson, parsePartialJson } from './partial-json.js'
import type { Confidence, FinishReason, GenerateChunk, GenerateResponse, Message, ModelInfo, Part, RoutingTrace, Usage } from '../types.js'

/** What a model's function may return. */
export type Reply =
  | string
  | { message?: Message; text?: string; finishReason?: FinishReason; finishMessage?: string; usage?: Usage; confidence?: Confidence; raw?: unknown; device?: 'gpu' | 'cpu' }

/** A whole answer, before it is told who gave it. A router tells that itself, a plain model leaves it out. */
export interface Answer {
  message: Message
  finishReason: FinishReason
  finishMessage?: string
  usage: Usage
  confidence?: Confidence
  raw?: unknown
  device?: 'gpu' | 'cpu'
  branch?: string
  inferenceSource?: ModelInfo['inferenceSource']
  routing?: RoutingTrace
}

/** A reply in its one form. A reply without words is what was said in chunks. */
export function answerOf(reply: Reply, spoken: readonly Part[]): Answer {
  const told = typeof reply === 'string' ? { text: reply } : reply
  if (typeof told !== 'object' || told === null) {
    throw new HybridError('INTERNAL', `the model returned ${told === null ? 'null' : typeof told}; expected a string or a reply object`)
  }
  const { message, text, finishReason = 'stop', usage = {}, ...rest } = told
  if (message !== undefined && !Array.isArray(message?.content)) {
    throw new HybridError('INTERNAL', 'the model returned a message without an array of parts')
  }
  const content = text === undefined ? joined(spoken) : [{ text }]
  return { ...rest, message: message ?? { role: 'model', content }, finishReason, usage }
}

/** Content in its one form. */
export function partsOf(content: string | Part[]): Part[] {
  if (typeof content === 'string') return [{ text: content }]
  if (Array.isArray(content)) return content
  throw new HybridError('INTERNAL', `the model sent a chunk of type ${typeof content}; expected a string or an array of parts`)
}

/** Whether something would be seen of it: empty text and empty thinking say nothing. */
export function saysSomething(part: Part): boolean {
  return !('text' in part && part.text === '') && !('reasoning' in part && part.reasoning === '')
}

/** All text parts, joined. */
export function textOf(content: readonly Part[]): string {
  return content.map((part) => ('text' in part ? part.text : '')).join('')
}

/** Neighbours of the same kind become one part, unless metadata tells them apart. */
function joined(parts: readonly Part[]): Part[] {
  const whole: Part[] = []
  for (const part of parts) {
    const last = whole.at(-1)
    if (last !== undefined && last.metadata === undefined && part.metadata === undefined) {
      if ('text' in last && 'text' in part) {
        whole[whole.length - 1] = { text: last.text + part.text }
        continue
      }
      if ('reasoning' in last && 'reasoning' in part) {
        whole[whole.length - 1] = { reasoning: last.reasoning + part.reasoning }
        continue
      }
    }
    whole.push(part)
  }
  return whole
}

/** An answer as the caller reads it. */
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

  constructor(answer: Answer, told: { latencyMs: number; branch: string; inferenceSource: ModelInfo['inferenceSource']; routing: RoutingTrace; json: boolean; outputError?: HybridError | undefined }) {
    this.message = answer.message
    this.finishReason = answer.finishReason
    if (answer.finishMessage !== undefined) this.finishMessage = answer.finishMessage
    this.usage = answer.usage
    this.latencyMs = told.latencyMs
    if (answer.confidence !== undefined) this.confidence = answer.confidence
    if (answer.raw !== undefined) this.raw = answer.raw
    this.branch = told.branch
    this.inferenceSource = told.inferenceSource
    if (answer.device !== undefined) this.device = answer.device
    this.routing = told.routing
    if (told.outputError !== undefined) this.outputError = told.outputError
    this.#json = told.json
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

/** A piece of an answer as the caller reads it. */
export class Chunk implements GenerateChunk {
  readonly role = 'model'
  readonly index: number
  readonly content: Part[]
  declare readonly logprobs?: readonly number[]
  readonly branch: string
  readonly #textSoFar: string | undefined

  /** `textSoFar` ends with this chunk's text, and is given where JSON was asked for. */
  constructor(told: { index: number; content: Part[]; logprobs?: readonly number[] | undefined; branch: string; textSoFar: string | undefined }) {
    this.index = told.index
    this.content = told.content
    if (told.logprobs !== undefined) this.logprobs = told.logprobs
    this.branch = told.branch
    this.#textSoFar = told.textSoFar
  }

  get text(): string {
    return textOf(this.content)
  }

  get output(): unknown {
    return this.#textSoFar === undefined ? undefined : parsePartialJson(this.#textSoFar)
  }
}
