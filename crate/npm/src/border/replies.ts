/**
 * Replies and chunks from branches, copied and checked before anything reads them. Malformed ones are INTERNAL errors
 * of the branch.
 */

import { HybridError } from './errors.js'
import { isObject, kindOf, plainObject } from './json.js'
import { readParts, type PartReader, type RefuseAt } from './parts.js'
import type {
  Confidence,
  FinishReason,
  MediaReport,
  Message,
  ModelInfo,
  Part,
  RoutingTrace,
  Usage,
  WindowReport,
} from '../types.js'

/** The return value of a model's function. */
export type Reply =
  | string
  | {
      message?: Message
      text?: string
      finishReason?: FinishReason
      finishMessage?: string
      usage?: Usage
      confidence?: Confidence
      raw?: unknown
      device?: 'gpu' | 'cpu'
    }

/** A complete reply. `branch`, `inferenceSource` and `routing` are set by routers only. */
export interface Answer {
  message: Message
  finishReason: FinishReason
  finishMessage?: string
  usage: Usage
  confidence?: Confidence
  raw?: unknown
  device?: 'gpu' | 'cpu'
  /** What was left out of the request. Set by the model itself only. */
  window?: WindowReport
  /** How media that the model does not support were handled. Set by the model itself only. */
  media?: MediaReport
  branch?: string
  inferenceSource?: ModelInfo['inferenceSource']
  routing?: RoutingTrace
  /** How many values of each kind were replaced in the request. Set by `redacting` only. */
  redacted?: Readonly<Record<string, number>>
}

/** The details of a chunk. `branch` is set by routers only. */
export interface ChunkDetails {
  /** Log-probabilities of the tokens in this chunk, if the runtime reports them. */
  logprobs?: readonly number[]
  branch?: string
}

const finishReasons: ReadonlySet<unknown> = new Set<FinishReason>([
  'stop',
  'length',
  'blocked',
  'interrupted',
  'aborted',
  'other',
  'unknown',
])
const sources: ReadonlySet<unknown> = new Set<ModelInfo['inferenceSource']>(['on_device', 'in_cloud', 'unknown'])

const refuse: RefuseAt = (path, problem) =>
  new HybridError('INTERNAL', `the model returned a malformed answer: \`${path}\` ${problem}`, {
    code: 'REPLY_MALFORMED',
  })
const refuseChunk: RefuseAt = (path, problem) =>
  new HybridError('INTERNAL', `the model sent a malformed chunk: \`${path}\` ${problem}`, { code: 'REPLY_MALFORMED' })

/** A chunk's text may end inside a surrogate pair, whose other half comes with the next chunk. */
const asItIs = (text: string): string => text
const replyReader: PartReader = { refuse, readText: asItIs }
const chunkReader: PartReader = { refuse: refuseChunk, readText: asItIs }

/** Converts a reply to an answer. A reply without a message consists of the chunks that were sent, joined. */
export function readReply(reply: unknown, spoken: readonly Part[]): Answer {
  if (typeof reply === 'string')
    return { message: { role: 'model', content: [{ text: reply }] }, finishReason: 'stop', usage: {} }
  if (!isObject(reply))
    throw new HybridError('INTERNAL', `the model returned ${kindOf(reply)}; expected a string or a reply object`, {
      code: 'REPLY_MALFORMED',
    })
  const {
    message,
    text,
    finishReason = 'stop',
    finishMessage,
    usage,
    confidence,
    raw,
    device,
    branch,
    inferenceSource,
    routing,
  } = reply
  if (typeof finishReason !== 'string') throw refuse('finishReason', `must be a string, found ${kindOf(finishReason)}`)
  const sure = readNumbers(confidence)
  return {
    message: message === undefined ? { role: 'model', content: contentOf(text, spoken) } : readMessage(message),
    finishReason: finishReasons.has(finishReason) ? (finishReason as FinishReason) : 'unknown',
    usage: readNumbers(usage),
    ...(typeof finishMessage === 'string' ? { finishMessage } : {}),
    ...(isConfidence(sure) ? { confidence: sure } : {}),
    ...(raw === undefined ? {} : { raw }),
    ...(device === 'gpu' || device === 'cpu' ? { device } : {}),
    ...(typeof branch === 'string' ? { branch } : {}),
    ...(sources.has(inferenceSource) ? { inferenceSource: inferenceSource as ModelInfo['inferenceSource'] } : {}),
    ...(isTrace(routing) ? { routing } : {}),
  }
}

/** Returns a chunk's content as parts. */
export function readChunk(content: unknown): Part[] {
  return typeof content === 'string' ? [{ text: content }] : readParts(content, 'content', chunkReader)
}

/** Returns a chunk's details. Invalid log-probabilities become NaN, which core ignores. */
export function readDetails(details: unknown): ChunkDetails {
  if (!isObject(details)) return {}
  const { logprobs, branch } = details
  const isList = Array.isArray(logprobs) || ArrayBuffer.isView(logprobs)
  return {
    ...(isList
      ? { logprobs: Array.from(logprobs as ArrayLike<unknown>, (it) => (typeof it === 'number' ? it : NaN)) }
      : {}),
    ...(typeof branch === 'string' ? { branch } : {}),
  }
}

function contentOf(text: unknown, spoken: readonly Part[]): Part[] {
  if (text === undefined) return joined(spoken)
  if (typeof text !== 'string') throw refuse('text', `must be a string, found ${kindOf(text)}`)
  return [{ text }]
}

function readMessage(message: unknown): Message {
  if (!isObject(message)) throw refuse('message', `must be a message with an array of parts, found ${kindOf(message)}`)
  const { content, metadata } = message
  return {
    role: 'model',
    content: readParts(content, 'message.content', replyReader),
    ...(metadata === undefined || metadata === null
      ? {}
      : { metadata: plainObject(metadata, (problem) => refuse('message.metadata', problem)) }),
  }
}

/** Returns the members that are finite numbers: usage and confidence never fail an answer. */
function readNumbers(value: unknown): Record<string, number> {
  if (!isObject(value)) return {}
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      typeof member === 'number' && Number.isFinite(member) ? [[name, member]] : [],
    ),
  )
}

function isConfidence(value: Partial<Confidence>): value is Confidence {
  return (
    value.tokens !== undefined &&
    value.meanLogprob !== undefined &&
    value.minLogprob !== undefined &&
    value.p10Logprob !== undefined
  )
}

function isTrace(value: unknown): value is RoutingTrace {
  return isObject(value) && Array.isArray(value['attempts']) && Array.isArray(value['order'])
}

/** Merges adjacent parts of the same kind, unless one of them has metadata. */
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
