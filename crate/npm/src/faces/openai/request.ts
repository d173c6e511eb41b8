/** Converts the body of a chat completion to a request. Everything is validated here, before a model runs. */

import type { GenerateRequest, GenerationConfig, Message, Part, ToolDefinition } from '../../index.js'
import { callPart, isObject, modelMessage, openedId, signParts, type Call } from '../way-back.js'
import { malformed, unsupported } from './refusal.js'
import type { Body } from './wire.js'

/** The options of a body besides the request itself. */
export interface CompletionWish {
  request: GenerateRequest
  context?: Record<string, unknown>
  streams: boolean
  wantsUsage: boolean
  wantsLogprobs: boolean
}

/** Reads a body. Null counts as absent everywhere, as in OpenAI's service. */
export function completionWish(body: Body): CompletionWish {
  refuseUnsupported(body)
  const streamOptions = isObject(body['stream_options']) ? body['stream_options'] : {}
  const extension = extensionOf(body)
  const { tools, toolChoice } = toolsOf(body['tools'], body['tool_choice'], readChatTool)
  const output = outputOf('response_format', body['response_format'])
  return {
    request: {
      messages: messagesOf(body['messages']),
      config: { ...configOf(body, stopOf(body['stop'])), ...extension.config },
      ...(tools.length === 0 ? {} : { tools }),
      ...(toolChoice === undefined ? {} : { toolChoice }),
      ...(output === undefined ? {} : { output }),
    },
    ...(extension.context === undefined ? {} : { context: extension.context }),
    streams: body['stream'] === true,
    wantsUsage: streamOptions['include_usage'] === true,
    wantsLogprobs: body['logprobs'] === true,
  }
}

/** Fields that change the answer and that no branch supports. Fields without an effect are silently accepted. */
function refuseUnsupported(body: Body): void {
  const has = (name: string): boolean => body[name] !== undefined && body[name] !== null
  if (has('n') && body['n'] !== 1) throw unsupported('n', 'must be 1: only one answer is possible')
  for (const name of ['audio', 'web_search_options', 'functions', 'function_call', 'reasoning_effort', 'verbosity']) {
    if (has(name)) throw unsupported(name)
  }
  for (const name of ['presence_penalty', 'frequency_penalty', 'top_logprobs']) {
    if (has(name) && body[name] !== 0) throw unsupported(name)
  }
  if (isObject(body['logit_bias']) && Object.keys(body['logit_bias']).length > 0) throw unsupported('logit_bias')
  const modalities = body['modalities']
  if (Array.isArray(modalities) && modalities.some((kind) => kind !== 'text'))
    throw unsupported('modalities', 'must be text')
  for (const name of ['stream', 'logprobs']) {
    if (has(name) && typeof body[name] !== 'boolean') throw malformed(name, 'must be true or false')
  }
}

/** `hybridge: { context, config }`: an extension for hybridge's own clients. */
export function extensionOf(body: Body): { context?: Record<string, unknown>; config?: GenerationConfig } {
  const extension = body['hybridge']
  if (extension === undefined || extension === null) return {}
  if (!isObject(extension)) throw malformed('hybridge', 'must be an object')
  const { context, config } = extension
  return {
    ...(isObject(context) ? { context: { ...context } } : {}),
    ...(isObject(config) ? { config } : {}),
  }
}

const numbers: ReadonlyArray<readonly [theirs: string, ours: keyof GenerationConfig]> = [
  ['temperature', 'temperature'],
  ['top_p', 'topP'],
  ['top_k', 'topK'],
  ['min_p', 'minP'],
  ['seed', 'seed'],
  ['max_tokens', 'maxOutputTokens'],
  ['max_completion_tokens', 'maxOutputTokens'],
  ['max_output_tokens', 'maxOutputTokens'],
]

/** Only numbers that were given are passed on, so that the branch's own defaults apply. */
export function configOf(body: Body, stopSequences: string[] | undefined): GenerationConfig {
  const config: Record<string, unknown> = {}
  for (const [theirs, ours] of numbers) {
    const value = body[theirs]
    if (value === undefined || value === null) continue
    if (typeof value !== 'number' || !Number.isFinite(value)) throw malformed(theirs, 'must be a number')
    config[ours] = value
  }
  if (stopSequences !== undefined) config['stopSequences'] = stopSequences
  return config
}

function stopOf(stop: unknown): string[] | undefined {
  if (stop === undefined || stop === null) return undefined
  const list: unknown = typeof stop === 'string' ? [stop] : stop
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string'))
    throw malformed('stop', 'must be a string or a list of strings')
  return list.length === 0 ? undefined : list
}

/** Reads a format of either API: chat completions nest the schema one level deeper. */
export function outputOf(place: string, format: unknown): GenerateRequest['output'] | undefined {
  if (format === undefined || format === null) return undefined
  const described = isObject(format) ? format : {}
  switch (described['type']) {
    case 'text':
      return undefined
    case 'json_object':
      return { format: 'json' }
    case 'json_schema': {
      const { schema } = isObject(described['json_schema']) ? described['json_schema'] : described
      if (isObject(schema)) return { format: 'json', schema: { ...schema } }
    }
  }
  throw malformed(place, 'must be text, json_object, or json_schema with a schema')
}

// ── Tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Reads one entry of `tools`, which chat completions and responses nest differently. */
type ReadTool = (entry: Body) => Body | undefined

const readChatTool: ReadTool = (entry) => (isObject(entry['function']) ? entry['function'] : undefined)

export function toolsOf(
  given: unknown,
  choice: unknown,
  read: ReadTool,
): { tools: ToolDefinition[]; toolChoice: 'auto' | 'required' | 'none' | undefined } {
  const list = given ?? []
  if (!Array.isArray(list)) throw malformed('tools', 'must be a list')
  const tools = list.map((entry: unknown, index): ToolDefinition => {
    const described = isObject(entry) && entry['type'] === 'function' ? read(entry) : undefined
    if (described === undefined) throw unsupported(`tools[${index}]`, 'must be of type function')
    const { name, description, parameters } = described
    if (typeof name !== 'string' || name === '') throw malformed(`tools[${index}]`, 'must have a name')
    return {
      name,
      description: typeof description === 'string' ? description : '',
      ...(isObject(parameters) ? { inputSchema: { ...parameters } } : {}),
    }
  })
  return chosen(tools, choice)
}

/** A named tool choice keeps only that tool and requires a call, because no branch supports a finer choice. */
function chosen(tools: ToolDefinition[], choice: unknown): ReturnType<typeof toolsOf> {
  if (choice === undefined || choice === null) return { tools, toolChoice: undefined }
  if (choice === 'auto' || choice === 'none' || choice === 'required') {
    if (choice === 'required' && tools.length === 0)
      throw malformed('tool_choice', 'is required, but there are no tools')
    return { tools, toolChoice: choice }
  }
  if (isObject(choice) && choice['type'] === 'allowed_tools') {
    const allowed = isObject(choice['allowed_tools']) ? choice['allowed_tools'] : choice
    const names = Array.isArray(allowed['tools']) ? allowed['tools'].map(nameOfChoice) : []
    return {
      tools: tools.filter(({ name }) => names.includes(name)),
      toolChoice: allowed['mode'] === 'required' ? 'required' : 'auto',
    }
  }
  const name = nameOfChoice(choice)
  const only = tools.filter((tool) => tool.name === name)
  if (only.length === 0) throw malformed('tool_choice', 'must be auto, none, required, or name one of `tools`')
  return { tools: only, toolChoice: 'required' }
}

function nameOfChoice(choice: unknown): unknown {
  if (!isObject(choice)) return undefined
  return isObject(choice['function']) ? choice['function']['name'] : choice['name']
}

// ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Reads a conversation. Consecutive results are one turn, and each must answer an existing call. */
function messagesOf(given: unknown): Message[] {
  if (!Array.isArray(given) || given.length === 0)
    throw malformed('messages', 'must be a list with at least one message')
  const messages: Message[] = []
  const calls = new Map<string, Call>()
  given.forEach((entry: unknown, index) => {
    const where = `messages[${index}]`
    if (!isObject(entry)) throw malformed(where, 'must be an object with a role and content')
    switch (entry['role']) {
      case 'system':
      case 'developer':
      case 'user': {
        const role = entry['role'] === 'user' ? 'user' : 'system'
        return void messages.push({ role, content: contentOf(entry['content'], where) })
      }
      case 'assistant':
        return void messages.push(assistantMessage(entry, where, calls))
      case 'tool': {
        const part = resultPart(entry['tool_call_id'], textOfContent(entry['content'], where), calls, where)
        return addResult(messages, part)
      }
      default:
        throw malformed(where, 'must have the role system, developer, user, assistant or tool')
    }
  })
  return messages
}

/** Adds a tool's result to the current turn of results. */
export function addResult(messages: Message[], part: Part): void {
  const last = messages.at(-1)
  if (last?.role === 'tool') last.content.push(part)
  else messages.push({ role: 'tool', content: [part] })
}

/**
 * Reads a tool's result, with the name and reference of its call. Results are text in this API; JSON becomes a value
 * again.
 */
export function resultPart(id: unknown, text: string, calls: ReadonlyMap<string, Call>, where: string): Part {
  const call = typeof id === 'string' ? calls.get(id) : undefined
  if (call === undefined) throw malformed(where, 'answers a call that no message before it made: check its id')
  return { toolResponse: { name: call.name, output: jsonOr(text), ref: call.wayBack.ref ?? call.id } }
}

function assistantMessage(entry: Body, where: string, calls: Map<string, Call>): Message {
  const { content, tool_calls: toolCalls, reasoning_content: reasoning } = entry
  const parts: Part[] = typeof reasoning === 'string' && reasoning !== '' ? [{ reasoning }] : []
  if (content !== undefined && content !== null)
    parts.push(...contentOf(content, where).filter((part) => !('text' in part && part.text === '')))
  const own: Call[] = []
  if (toolCalls !== undefined && toolCalls !== null) {
    if (!Array.isArray(toolCalls)) throw malformed(`${where}.tool_calls`, 'must be a list')
    for (const item of toolCalls as unknown[]) {
      const called = isObject(item) && isObject(item['function']) ? item['function'] : undefined
      own.push(callOf(isObject(item) ? item['id'] : undefined, called?.['name'], called?.['arguments'], where))
    }
  }
  for (const call of own) calls.set(call.id, call)
  return modelMessage([...signParts(parts, own), ...own.map(callPart)], own)
}

/** Reads a call from the history, with the data in its ID. */
export function callOf(id: unknown, name: unknown, argumentsText: unknown, where: string): Call {
  if (typeof id !== 'string' || typeof name !== 'string')
    throw malformed(where, 'must have an id and the name of a function')
  const text = typeof argumentsText === 'string' && argumentsText.trim() !== '' ? argumentsText : '{}'
  return { id, name, input: jsonOr(text), wayBack: openedId(id) }
}

export function contentOf(content: unknown, where: string): Part[] {
  if (typeof content === 'string') return [{ text: content }]
  if (!Array.isArray(content)) throw malformed(`${where}.content`, 'must be a string or a list of parts')
  return content.map((part: unknown, index) => partOf(part, `${where}.content[${index}]`))
}

/** Reads a part of either API: `text` and `input_text`, `image_url` and `input_image`, and so on. */
function partOf(part: unknown, where: string): Part {
  if (!isObject(part)) throw malformed(where, 'must be an object')
  const { type, text, refusal, image_url: image, file } = part
  if ((type === 'text' || type === 'input_text' || type === 'output_text') && typeof text === 'string') return { text }
  if (type === 'refusal' && typeof refusal === 'string') return { text: refusal }
  const url = isObject(image) ? image['url'] : image
  if ((type === 'image_url' || type === 'input_image') && typeof url === 'string') return { media: { url } }
  const data = isObject(file) ? file['file_data'] : part['file_data']
  if ((type === 'file' || type === 'input_file') && typeof data === 'string' && data.startsWith('data:'))
    return { media: { url: data } }
  throw unsupported(where, 'must be text, an image by URL, or a file as a data: URL')
}

/** Reads text only, for a tool's result. */
export function textOfContent(content: unknown, where: string): string {
  return contentOf(content ?? '', where)
    .map((part) => ('text' in part ? part.text : ''))
    .join('')
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
