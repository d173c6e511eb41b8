/**
 * Converts requests to spans by OpenTelemetry's conventions for generative AI. A span is a plain record here, created
 * when everything about it is known, and sent by a sink.
 */

import { HybridError } from '../index.js'
import type {
  Attempt,
  FlowRequest,
  GenerateRequest,
  GenerateResponse,
  RequestMessage,
  RoutingTrace,
  Usage,
} from '../index.js'

export type AttributeValue = string | number | boolean | string[]
export type Attributes = Record<string, AttributeValue>

/** A finished span. Times are milliseconds since 1970. */
export interface SpanRecord {
  name: string
  kind: 'client' | 'internal'
  startMs: number
  endMs: number
  attributes: Attributes
  /** The failure; absent if there was none. */
  error?: { type: string; message: string }
  children: SpanRecord[]
}

/** A measured value for a histogram. */
export interface Measurement {
  name: string
  unit: string
  description: string
  value: number
  attributes: Attributes
}

/** The data of a finished request. */
export interface Ended {
  model: string
  request: GenerateRequest
  startMs: number
  endMs: number
  outcome: { response: GenerateResponse } | { thrown: unknown }
  /** Whether prompts and answers may be written; the content of a pinned request is never written. */
  content: boolean
}

/** Returns the span of a request, with a child for each attempt of its routing. */
export function spanOf(ended: Ended): SpanRecord {
  const { model, request, startMs, endMs, outcome } = ended
  const routing = routingOf(outcome)
  const response = 'response' in outcome ? outcome.response : undefined
  const error = 'thrown' in outcome ? errorOf(outcome.thrown) : undefined
  return {
    name: `chat ${model}`,
    kind: 'client',
    startMs,
    endMs,
    attributes: {
      ...identity(model),
      ...requestAttributes(request),
      ...(response === undefined ? {} : responseAttributes(response)),
      ...(routing === undefined ? {} : routingAttributes(routing)),
      ...(error === undefined ? {} : { 'error.type': error.type }),
      ...(ended.content && mayShow(routing) ? contentAttributes(request, response) : {}),
    },
    ...(error === undefined ? {} : { error }),
    children: routing?.attempts.map(attemptSpan) ?? [],
  }
}

/** Returns the token counts and durations of a request. */
export function measurementsOf({ model, startMs, endMs, outcome }: Ended): Measurement[] {
  const answered = routingOf(outcome)?.attempts.findLast(({ outcome }) => outcome === 'answered')
  const firstChunkMs = answered?.firstTokenMs === undefined ? undefined : answered.startedAtMs + answered.firstTokenMs
  const error = 'thrown' in outcome ? { 'error.type': errorOf(outcome.thrown).type } : {}
  const branch = 'response' in outcome ? { 'hybridge.branch': outcome.response.branch } : {}
  const attributes = { ...identity(model), ...branch, ...error }
  const usage = 'response' in outcome ? outcome.response.usage : {}
  const tokens = (type: 'input' | 'output', value: number | undefined): Measurement[] =>
    value === undefined
      ? []
      : [
          {
            name: 'gen_ai.client.token.usage',
            unit: '{token}',
            description: 'Number of input and output tokens used',
            value,
            attributes: { ...attributes, 'gen_ai.token.type': type },
          },
        ]
  const seconds = (name: string, description: string, ms: number): Measurement => ({
    name,
    unit: 's',
    description,
    value: ms / 1000,
    attributes,
  })
  return [
    seconds('gen_ai.client.operation.duration', 'GenAI operation duration', endMs - startMs),
    ...(firstChunkMs === undefined
      ? []
      : [
          seconds(
            'gen_ai.client.operation.time_to_first_chunk',
            'Time to the first chunk of a streamed answer',
            firstChunkMs - startMs,
          ),
        ]),
    ...tokens('input', usage.inputTokens),
    ...tokens('output', usage.outputTokens),
  ]
}

/** A request of which only the routing is known. */
export function routedSpan({ model, startedAtMs, durationMs, outcome, routing }: FlowRequest): SpanRecord {
  const error = { type: 'UNKNOWN', message: 'the request failed' }
  return {
    name: `chat ${model}`,
    kind: 'client',
    startMs: startedAtMs,
    endMs: startedAtMs + durationMs,
    attributes: { ...identity(model), ...(routing === undefined ? {} : routingAttributes(routing)) },
    ...(outcome === 'failed' ? { error } : {}),
    children: routing?.attempts.map(attemptSpan) ?? [],
  }
}

function identity(model: string): Attributes {
  return { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'hybridge', 'gen_ai.request.model': model }
}

const settings = [
  ['temperature', 'temperature'],
  ['topP', 'top_p'],
  ['topK', 'top_k'],
  ['maxOutputTokens', 'max_tokens'],
  ['seed', 'seed'],
  ['stopSequences', 'stop_sequences'],
] as const

function requestAttributes({ config = {}, output }: GenerateRequest): Attributes {
  const attributes: Attributes = {}
  for (const [ours, theirs] of settings) {
    const value = config[ours]
    if (value !== undefined) attributes[`gen_ai.request.${theirs}`] = Array.isArray(value) ? [...value] : value
  }
  if (output !== undefined) attributes['gen_ai.output.type'] = output.format === 'text' ? 'text' : 'json'
  return attributes
}

function responseAttributes({
  finishReason,
  toolRequests,
  usage,
  branch,
  inferenceSource,
  device,
  routing,
}: GenerateResponse): Attributes {
  return {
    'gen_ai.response.id': routing.id,
    'gen_ai.response.finish_reasons': [
      toolRequests.length > 0 && finishReason === 'stop' ? 'tool_calls' : finishReason,
    ],
    ...usageAttributes(usage),
    'hybridge.branch': branch,
    'hybridge.inference_source': inferenceSource,
    ...(device === undefined ? {} : { 'hybridge.device': device }),
  }
}

function usageAttributes({ inputTokens, outputTokens, cachedContentTokens, thoughtsTokens }: Usage): Attributes {
  return {
    ...(inputTokens === undefined ? {} : { 'gen_ai.usage.input_tokens': inputTokens }),
    ...(outputTokens === undefined ? {} : { 'gen_ai.usage.output_tokens': outputTokens }),
    ...(cachedContentTokens === undefined ? {} : { 'gen_ai.usage.cache_read.input_tokens': cachedContentTokens }),
    ...(thoughtsTokens === undefined ? {} : { 'gen_ai.usage.reasoning.output_tokens': thoughtsTokens }),
  }
}

function routingAttributes({ id, strategy, order, allow, attempts }: RoutingTrace): Attributes {
  return {
    'hybridge.routing.id': id,
    'hybridge.routing.strategy': strategy,
    'hybridge.routing.order': [...order],
    ...(allow === undefined ? {} : { 'hybridge.routing.allow': [...allow] }),
    'hybridge.routing.attempts': attempts.length,
  }
}

function attemptSpan({
  branch,
  outcome,
  status,
  message = '',
  startedAtMs,
  durationMs,
  firstTokenMs,
  usage = {},
  device,
  routing,
  continued,
  media,
}: Attempt): SpanRecord {
  return {
    name: `attempt ${branch}`,
    kind: 'internal',
    startMs: startedAtMs,
    endMs: startedAtMs + durationMs,
    attributes: {
      'hybridge.branch': branch,
      'hybridge.attempt.outcome': outcome,
      ...(firstTokenMs === undefined ? {} : { 'hybridge.attempt.first_token_ms': firstTokenMs }),
      ...(device === undefined ? {} : { 'hybridge.device': device }),
      ...(status === undefined ? {} : { 'error.type': status }),
      ...(continued === undefined
        ? {}
        : { 'hybridge.attempt.continued_from': continued.from, 'hybridge.attempt.continued_at': continued.at }),
      ...(media === undefined
        ? {}
        : { 'hybridge.attempt.media_dropped': media.dropped, 'hybridge.attempt.media_described': media.described }),
      ...usageAttributes(usage),
    },
    ...(outcome === 'failed' ? { error: { type: status ?? 'UNKNOWN', message } } : {}),
    children: routing?.attempts.map(attemptSpan) ?? [],
  }
}

// ── Content ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A request that a strategy restricted to some branches is pinned: its content is, or may be, private. Without a trace
 * this is unknown, so no content is written.
 */
function mayShow(routing: RoutingTrace | undefined): boolean {
  return (
    routing !== undefined &&
    routing.allow === undefined &&
    routing.attempts.every((attempt) => attempt.routing === undefined || mayShow(attempt.routing))
  )
}

function contentAttributes(request: GenerateRequest, response: GenerateResponse | undefined): Attributes {
  const { system, prompt, messages = [] } = request
  const instructions = [
    ...(system === undefined ? [] : [{ type: 'text', content: system }]),
    ...messages.filter(({ role }) => role === 'system').flatMap(partsOf),
  ]
  const last =
    prompt === undefined
      ? []
      : [
          {
            role: 'user',
            parts:
              typeof prompt === 'string'
                ? [{ type: 'text', content: prompt }]
                : partsOf({ role: 'user', content: prompt }),
          },
        ]
  const input = [...messages.filter(({ role }) => role !== 'system').map(messageOf), ...last]
  return {
    ...(instructions.length === 0 ? {} : { 'gen_ai.system_instructions': JSON.stringify(instructions) }),
    'gen_ai.input.messages': JSON.stringify(input),
    ...(response === undefined
      ? {}
      : {
          'gen_ai.output.messages': JSON.stringify([
            { ...messageOf(response.message), finish_reason: response.finishReason },
          ]),
        }),
  }
}

function messageOf(message: RequestMessage): { role: string; parts: object[] } {
  return { role: message.role === 'model' ? 'assistant' : message.role, parts: partsOf(message) }
}

/** Media are named but not written, because they are too large for a trace. */
function partsOf({ content }: RequestMessage): object[] {
  return content.map((part) => {
    if ('text' in part) return { type: 'text', content: part.text }
    if ('reasoning' in part) return { type: 'reasoning', content: part.reasoning }
    if ('toolRequest' in part)
      return {
        type: 'tool_call',
        id: part.toolRequest.ref ?? null,
        name: part.toolRequest.name,
        arguments: part.toolRequest.input ?? {},
      }
    if ('toolResponse' in part)
      return {
        type: 'tool_call_response',
        id: part.toolResponse.ref ?? null,
        response: part.toolResponse.output ?? null,
      }
    return { type: Object.keys(part)[0] ?? 'unknown' }
  })
}

function routingOf(outcome: Ended['outcome']): RoutingTrace | undefined {
  if ('response' in outcome) return outcome.response.routing
  return HybridError.isInstance(outcome.thrown) ? outcome.thrown.routing : undefined
}

/** Messages of foreign errors may contain a prompt, so they are not written. */
export function errorOf(thrown: unknown): { type: string; message: string } {
  if (HybridError.isInstance(thrown)) return { type: thrown.code ?? thrown.status, message: thrown.message }
  return { type: '_OTHER', message: 'a function of the application failed' }
}
