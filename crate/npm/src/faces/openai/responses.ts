/**
 * OpenAI's Responses API for hybridge models, with text and tools. Nothing is stored: each request contains the whole
 * conversation.
 */

import type { GenerateRequest, GenerateResponse, Message, Model, Part } from '../../index.js'
import { jsonTextOf, Unfenced } from '../json-text.js'
import { openStream } from '../opening.js'
import { countedTokens } from '../usage.js'
import { callPart, isObject, modelMessage, randomId, sealedCallsOf, signParts, type Call } from '../way-back.js'
import { fieldOf, seconds, type Outcome } from './completions.js'
import { malformed, unsupported } from './refusal.js'
import {
  addResult,
  callOf,
  configOf,
  contentOf,
  extensionOf,
  outputOf,
  resultPart,
  textOfContent,
  toolsOf,
} from './request.js'
import type { Body, HybridgeField } from './wire.js'

/** An output item: reasoning, text, or a function call. */
export type OutputItem =
  | { id: string; type: 'reasoning'; summary: SummaryText[] }
  | {
      id: string
      type: 'message'
      role: 'assistant'
      status: 'in_progress' | 'completed' | 'incomplete'
      content: OutputText[]
    }
  | {
      id: string
      type: 'function_call'
      call_id: string
      name: string
      arguments: string
      status: 'in_progress' | 'completed'
    }

interface SummaryText {
  type: 'summary_text'
  text: string
}
interface OutputText {
  type: 'output_text'
  text: string
  annotations: never[]
}

/** A complete response. */
export interface ResponseObject {
  id: string
  object: 'response'
  created_at: number
  status: 'in_progress' | 'completed' | 'incomplete'
  model: string
  output: OutputItem[]
  output_text: string
  error: null
  incomplete_details: { reason: 'max_output_tokens' | 'content_filter' } | null
  instructions: unknown
  metadata: Record<string, never>
  parallel_tool_calls: boolean
  temperature: unknown
  top_p: unknown
  tool_choice: unknown
  tools: unknown
  usage: {
    input_tokens: number
    output_tokens: number
    total_tokens: number
    input_tokens_details: { cached_tokens: number }
    output_tokens_details: { reasoning_tokens: number }
  } | null
  hybridge?: HybridgeField
}

/** An event of a streamed response; its fields depend on its type. */
export type ResponseEvent = { type: string; sequence_number: number } & Record<string, unknown>

/**
 * Serves the Responses API: runs a model until its first content. Pass it to `openAIFetch` if no script can be loaded
 * later.
 *
 * @example
 * import { openAIFetch } from 'hybridge/openai'
 * import { responses } from 'hybridge/openai/responses'
 * const answer = openAIFetch({ models: { hybrid }, responses })
 */
export async function responses(
  name: string,
  model: Model,
  body: Body,
  signal: AbortSignal | undefined,
): Promise<Outcome<ResponseObject, ResponseEvent>> {
  refuseUnsupported(body)
  const request = requestOf(body)
  const { context } = extensionOf(body)
  const shell = shellOf(name, body)
  if (body['stream'] !== true) {
    const response = await model.generate(request, {
      ...(signal === undefined ? {} : { signal }),
      ...(context === undefined ? {} : { context }),
    })
    return {
      kind: 'whole',
      body: finished(shell, request, response),
      branch: response.branch,
      requestId: response.routing.id,
    }
  }
  const opened = await openStream(model, request, { signal, context })
  return {
    kind: 'events',
    events: eventsOf(shell, request, opened),
    stop: opened.stop,
    branch: opened.first?.branch,
    requestId: `req_${randomId()}`,
  }
}

// ── In ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

function refuseUnsupported(body: Body): void {
  for (const name of ['previous_response_id', 'conversation', 'prompt']) {
    if (body[name] !== undefined && body[name] !== null)
      throw unsupported(name, 'is not supported: nothing is stored, so send the whole conversation as `input`')
  }
  if (body['background'] === true) throw unsupported('background')
  if (isObject(body['reasoning']) && body['reasoning']['effort'] != null) throw unsupported('reasoning.effort')
}

function requestOf(body: Body): GenerateRequest {
  const { tools, toolChoice } = toolsOf(body['tools'], body['tool_choice'], (entry) => entry)
  const output = outputOf('text.format', isObject(body['text']) ? body['text']['format'] : undefined)
  const { instructions } = body
  if (instructions !== undefined && instructions !== null && typeof instructions !== 'string')
    throw malformed('instructions', 'must be a string')
  return {
    ...(typeof instructions === 'string' ? { system: instructions } : {}),
    messages: messagesOf(body['input']),
    config: { ...configOf(body, undefined), ...extensionOf(body).config },
    ...(tools.length === 0 ? {} : { tools }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(output === undefined ? {} : { output }),
  }
}

function messagesOf(input: unknown): Message[] {
  if (typeof input === 'string') return [{ role: 'user', content: [{ text: input }] }]
  if (!Array.isArray(input) || input.length === 0)
    throw malformed('input', 'must be a string or a list with at least one item')
  const messages: Message[] = []
  const calls = new Map<string, Call>()
  let thought = ''
  input.forEach((item: unknown, index) => {
    const where = `input[${index}]`
    if (!isObject(item)) throw malformed(where, 'must be an object')
    switch (item['type'] ?? 'message') {
      case 'message':
        return void messages.push({ role: roleOf(item['role'], where), content: contentOf(item['content'], where) })
      case 'function_call': {
        const call = callOf(item['call_id'], item['name'], item['arguments'], where)
        calls.set(call.id, call)
        return addCall(messages, call, thought)
      }
      case 'function_call_output': {
        const { output } = item
        const text =
          typeof output === 'string' || Array.isArray(output)
            ? textOfContent(output, where)
            : JSON.stringify(output ?? null)
        return addResult(messages, resultPart(item['call_id'], text, calls, where))
      }
      // Clients send back reasoning of earlier turns; a branch needs it only if it signed it.
      case 'reasoning':
        thought = Array.isArray(item['summary']) ? item['summary'].map(summaryText).join('') : ''
        return undefined
      default:
        throw unsupported(`${where}.type`, 'must be message, function_call, function_call_output or reasoning')
    }
  })
  return messages
}

function roleOf(role: unknown, where: string): Message['role'] {
  if (role === 'user') return 'user'
  if (role === 'assistant') return 'model'
  if (role === 'system' || role === 'developer') return 'system'
  throw malformed(where, 'must have the role system, developer, user or assistant')
}

function summaryText(part: unknown): string {
  return isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''
}

/** Reasoning, text and calls of one turn are separate items in this API, and one hybridge message. */
function addCall(messages: Message[], call: Call, thought: string): void {
  const last = messages.at(-1)
  const before: Part[] = call.wayBack.signed?.reasoning !== undefined && thought !== '' ? [{ reasoning: thought }] : []
  const content = [...before, ...(last?.role === 'model' ? last.content : [])]
  const whole = [...signParts(content, [call]), callPart(call)]
  if (last?.role !== 'model') return void messages.push(modelMessage(whole, [call]))
  const { metadata } = modelMessage([], [call])
  messages[messages.length - 1] = {
    ...last,
    content: whole,
    ...(metadata === undefined ? {} : { metadata }),
  }
}

// ── Out ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

function shellOf(
  model: string,
  { instructions, temperature, top_p: topP, tool_choice: toolChoice, tools }: Body,
): ResponseObject {
  return {
    id: `resp_${randomId()}`,
    object: 'response',
    created_at: seconds(),
    status: 'in_progress',
    model,
    output: [],
    output_text: '',
    error: null,
    incomplete_details: null,
    instructions: instructions ?? null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: temperature ?? null,
    top_p: topP ?? null,
    tool_choice: toolChoice ?? 'auto',
    tools: tools ?? [],
    usage: null,
  }
}

/** The same events for both forms: a complete response equals the content of the last event. */
function finished(shell: ResponseObject, request: GenerateRequest, response: GenerateResponse): ResponseObject {
  const { reasoning, toolRequests } = response
  const text = jsonTextOf(request, response)
  const writer = new Writer()
  writer.add('reasoning', reasoning)
  writer.add('message', text, toolRequests.length === 0)
  writer.end(response)
  return ended(shell, writer.output, text, response)
}

function ended(shell: ResponseObject, output: OutputItem[], text: string, response: GenerateResponse): ResponseObject {
  const { finishReason, usage } = response
  const { input = 0, output: produced = 0, total, cached = 0, thoughts = 0 } = countedTokens(usage)
  const reason =
    finishReason === 'length' ? 'max_output_tokens' : finishReason === 'blocked' ? 'content_filter' : undefined
  return {
    ...shell,
    status: reason === undefined ? 'completed' : 'incomplete',
    incomplete_details: reason === undefined ? null : { reason },
    output,
    output_text: text,
    usage: {
      input_tokens: input,
      output_tokens: produced,
      total_tokens: total ?? input + produced,
      input_tokens_details: { cached_tokens: cached },
      output_tokens_details: { reasoning_tokens: thoughts },
    },
    hybridge: fieldOf(response),
  }
}

type Spoken = 'reasoning' | 'message'

/** Writes items one after the other, with the events of each. */
class Writer {
  readonly output: OutputItem[] = []
  #open: { kind: Spoken; id: string; text: string } | undefined
  #events: ResponseEvent[] = []
  #count = 0

  /** Returns the events since the last call. */
  take(): ResponseEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  tell(type: string, fields: Record<string, unknown>): void {
    this.#events.push({ type: `response.${type}`, sequence_number: this.#count++, ...fields })
  }

  /** Adds to the open item, or opens one of that kind. */
  add(kind: Spoken, delta: string, isForced = false): void {
    if (delta === '' && !isForced) return
    if (this.#open?.kind !== kind) {
      this.#close('completed')
      this.#open = { kind, id: `${kind === 'message' ? 'msg' : 'rs'}_${randomId()}`, text: '' }
      this.#item('added', itemOf(this.#open, 'in_progress', []))
      this.#part('added')
    }
    if (delta === '') return
    this.#open.text += delta
    this.#tellOpen(kind === 'message' ? 'output_text.delta' : 'reasoning_summary_text.delta', { delta })
  }

  /** Calls come last, when the branch has signed them. */
  end({ finishReason, message }: GenerateResponse): void {
    this.#close(finishReason === 'length' ? 'incomplete' : 'completed')
    for (const { id, name, input } of sealedCallsOf(message)) {
      const item = {
        id: `fc_${randomId()}`,
        type: 'function_call',
        call_id: id,
        name,
        arguments: JSON.stringify(input),
        status: 'completed',
      } as const
      const place = { item_id: item.id, output_index: this.output.length }
      this.#item('added', { ...item, arguments: '', status: 'in_progress' })
      this.tell('function_call_arguments.delta', { ...place, delta: item.arguments })
      this.tell('function_call_arguments.done', { ...place, name, arguments: item.arguments })
      this.#item('done', item)
      this.output.push(item)
    }
  }

  #close(status: 'completed' | 'incomplete'): void {
    if (this.#open === undefined) return
    const { kind, text } = this.#open
    this.#tellOpen(kind === 'message' ? 'output_text.done' : 'reasoning_summary_text.done', { text })
    this.#part('done')
    const item = itemOf(this.#open, status, [partOf(this.#open)])
    this.#item('done', item)
    this.output.push(item)
    this.#open = undefined
  }

  #item(what: 'added' | 'done', item: OutputItem): void {
    this.tell(`output_item.${what}`, { output_index: this.output.length, item })
  }

  #part(what: 'added' | 'done'): void {
    if (this.#open === undefined) return
    this.#tellOpen(`${this.#open.kind === 'message' ? 'content' : 'reasoning_summary'}_part.${what}`, {
      part: partOf(this.#open),
    })
  }

  #tellOpen(type: string, fields: Record<string, unknown>): void {
    const { kind, id } = this.#open as { kind: Spoken; id: string }
    const index = kind === 'message' ? 'content_index' : 'summary_index'
    this.tell(type, {
      item_id: id,
      output_index: this.output.length,
      [index]: 0,
      ...(type.startsWith('output_text') ? { logprobs: [] } : {}),
      ...fields,
    })
  }
}

function partOf({ kind, text }: { kind: Spoken; text: string }): OutputText | SummaryText {
  return kind === 'message' ? { type: 'output_text', text, annotations: [] } : { type: 'summary_text', text }
}

function itemOf(
  { kind, id }: { kind: Spoken; id: string },
  status: 'in_progress' | 'completed' | 'incomplete',
  parts: Array<OutputText | SummaryText>,
): OutputItem {
  return kind === 'message'
    ? { id, type: kind, role: 'assistant', status, content: parts as OutputText[] }
    : { id, type: kind, summary: parts as SummaryText[] }
}

async function* eventsOf(
  shell: ResponseObject,
  request: GenerateRequest,
  { chunks, response: pending }: { chunks: AsyncIterable<{ content: Part[] }>; response: Promise<GenerateResponse> },
): AsyncGenerator<ResponseEvent, void, undefined> {
  const writer = new Writer()
  writer.tell('created', { response: shell })
  writer.tell('in_progress', { response: shell })
  let spoken = ''
  const json = new Unfenced(request)
  const speak = (text: string): void => {
    spoken += text
    writer.add('message', text)
  }
  for await (const { content } of chunks) {
    for (const part of content) {
      if ('reasoning' in part) writer.add('reasoning', part.reasoning)
      if ('text' in part) speak(json.add(part.text))
    }
    yield* writer.take()
  }
  const response = await pending
  speak(json.end())
  // A foreign model may stream nothing and return a complete answer.
  if (spoken === '') writer.add('message', (spoken = jsonTextOf(request, response)), response.toolRequests.length === 0)
  writer.end(response)
  const whole = ended(shell, writer.output, spoken, response)
  writer.tell(whole.status, { response: whole })
  yield* writer.take()
}
