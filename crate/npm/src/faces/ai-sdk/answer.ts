/** Converts answers to the AI SDK's format. */

import type { GenerateResponse, Part } from '../../index.js'
import { urlOf } from '../../border/url.js'
import { countedTokens } from '../usage.js'
import { callsOf, randomId, type Call } from '../way-back.js'
import type {
  Content,
  FinishReason,
  JsonObject,
  ProviderRecord,
  ResponseMetadata,
  StreamPart,
  TokenUsage,
} from './spec.js'

/** hybridge ends with `stop` when a model calls tools; the SDK's agents expect a separate reason. */
export function finishOf({ finishReason, finishMessage, toolRequests }: GenerateResponse): FinishReason {
  const raw = finishMessage ?? finishReason
  if (finishReason === 'length') return { unified: 'length', raw }
  if (finishReason === 'blocked') return { unified: 'content-filter', raw }
  if (toolRequests.length > 0) return { unified: 'tool-calls', raw }
  return { unified: finishReason === 'stop' ? 'stop' : 'other', raw }
}

export function usageOf({ usage }: Pick<GenerateResponse, 'usage'>): TokenUsage {
  const { input, cached, output, thoughts } = countedTokens(usage)
  return {
    inputTokens: {
      total: input,
      noCache: input === undefined || cached === undefined ? undefined : input - cached,
      cacheRead: cached,
      cacheWrite: undefined,
    },
    outputTokens: {
      total: output,
      text: output === undefined ? undefined : output - (thoughts ?? 0),
      reasoning: thoughts,
    },
  }
}

/** The branch that answered, where it ran, and the trace; JSON only. */
export function metadataOf({ branch, inferenceSource, device, routing, confidence }: GenerateResponse): ProviderRecord {
  return { hybridge: jsonOf({ branch, inferenceSource, device, routing, confidence }) }
}

export function responseMetadata(
  { routing }: { routing?: GenerateResponse['routing'] },
  modelId: string,
): ResponseMetadata {
  return { id: routing?.id ?? `hybridge-${randomId()}`, timestamp: new Date(), modelId }
}

export function contentOf({ message }: GenerateResponse): Content[] {
  const content = message.content.flatMap((part): Content[] => {
    if ('text' in part)
      return part.text === '' && part.metadata === undefined
        ? []
        : [{ type: 'text', text: part.text, ...besideOf(part) }]
    if ('reasoning' in part) return [{ type: 'reasoning', text: part.reasoning, ...besideOf(part) }]
    return fileOf(part)
  })
  return [...content, ...callsOf(message, () => `call_${randomId()}`).map(toolCallOf)]
}

function fileOf(part: Part): Array<Extract<Content, { type: 'file' }>> {
  if (!('media' in part)) return []
  const { url, contentType } = part.media
  const [, type, data] = /^data:([^;,]*);base64,(.*)$/s.exec(url) ?? []
  const mediaType = contentType ?? (type === '' ? undefined : type) ?? 'application/octet-stream'
  if (data !== undefined) return [{ type: 'file', mediaType, data: { type: 'data', data } }]
  const address = urlOf(url)
  return address === undefined ? [] : [{ type: 'file', mediaType, data: { type: 'url', url: address } }]
}

/** Everything that the call's result needs to find its branch; the SDK stores it with the call and sends it back. */
function toolCallOf({ id, name, input, wayBack }: Call): Extract<Content, { type: 'tool-call' }> {
  return {
    type: 'tool-call',
    toolCallId: id,
    toolName: name,
    input: JSON.stringify(input),
    providerMetadata: { hybridge: jsonOf(wayBack) },
  }
}

function besideOf({ metadata }: Part): { providerMetadata?: ProviderRecord } {
  return metadata === undefined ? {} : { providerMetadata: { hybridge: jsonOf({ metadata }) } }
}

function jsonOf(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject
}

/** Parts of a stream, with one block open at a time. */
export class Blocks {
  /** Whether text was streamed. */
  hasText = false
  #count = 0
  #open: { type: 'text' | 'reasoning'; id: string } | undefined;

  /** A part with metadata becomes its own block, because metadata belongs to whole blocks. */
  *add(part: Part): Generator<StreamPart, void, undefined> {
    const type = 'text' in part ? 'text' : 'reasoning' in part ? 'reasoning' : undefined
    if (type === undefined) return yield* fileOf(part)
    const delta = 'text' in part ? part.text : 'reasoning' in part ? part.reasoning : ''
    if (delta === '' && part.metadata === undefined) return
    if (this.#open?.type !== type || part.metadata !== undefined) {
      yield* this.end()
      this.#open = { type, id: String(this.#count++) }
      yield { type: `${type}-start`, id: this.#open.id }
    }
    if (delta !== '') yield { type: `${type}-delta`, id: this.#open.id, delta }
    this.hasText ||= type === 'text' && delta !== ''
    if (part.metadata !== undefined) yield* this.end(besideOf(part))
  }

  *end(beside: { providerMetadata?: ProviderRecord } = {}): Generator<StreamPart, void, undefined> {
    if (this.#open === undefined) return
    const { type, id } = this.#open
    this.#open = undefined
    yield { type: `${type}-end`, id, ...beside }
  }
}

/** Calls come last, when the branch has signed them and the turn can no longer fail. */
export function* callParts({ message }: GenerateResponse): Generator<StreamPart, void, undefined> {
  for (const call of callsOf(message, () => `call_${randomId()}`)) {
    const whole = toolCallOf(call)
    yield { type: 'tool-input-start', id: call.id, toolName: call.name }
    yield { type: 'tool-input-delta', id: call.id, delta: whole.input }
    yield { type: 'tool-input-end', id: call.id }
    yield whole
  }
}
