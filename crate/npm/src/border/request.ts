/** Requests from callers, copied and checked once, before a strategy or a branch reads them. */

import { signalArgument } from './abort.js'
import { HybridError, invalid } from './errors.js'
import { isObject, kindOf, plainObject, wellFormed } from './json.js'
import { encodeMedia, type Pending } from './media.js'
import { readParts, type PartReader, type RefuseAt } from './parts.js'
import { jsonSchemaOf } from './schema.js'
import type {
  GenerateOptions,
  GenerateRequest,
  GenerationConfig,
  JsonSchema,
  MediaPolicy,
  Message,
  ToolDefinition,
  WindowPolicy,
} from '../types.js'

/** A request in the form that a model's function gets. */
export interface ModelRequest {
  messages: Message[]
  config: GenerationConfig
  tools: ToolDefinition[]
  toolChoice?: 'auto' | 'required' | 'none'
  output?: { format?: 'text' | 'json'; schema?: JsonSchema }
}

const roles: ReadonlySet<unknown> = new Set(['system', 'user', 'model', 'tool'])
const toolChoices: ReadonlySet<unknown> = new Set(['auto', 'required', 'none'])
const mostStopSequences = 5

const refuse: RefuseAt = (path, problem) => invalid(`\`${path}\` ${problem}`)

/**
 * Returns a request in full form, with its shorthands expanded: `system` comes first, `prompt` last. The result shares
 * nothing with the input. Anything malformed is INVALID_ARGUMENT with its path, before anything runs.
 */
export function normaliseRequest(request: string | GenerateRequest): ModelRequest {
  return readGuarded(request, { refuse, readText: wellFormed })
}

/** The same for a request whose media may be Blobs and bytes, which are read after the copy is made. */
export async function readRequest(request: string | GenerateRequest): Promise<ModelRequest> {
  const pending: Pending[] = []
  const normalised = readGuarded(request, { refuse, readText: wellFormed, pending })
  for (const media of pending) await encodeMedia(media)
  return normalised
}

function readGuarded(request: unknown, reader: PartReader): ModelRequest {
  try {
    return read(request, reader)
  } catch (thrown) {
    // A getter or a proxy of the caller may throw anything.
    throw HybridError.isInstance(thrown) ? thrown : invalid('the request cannot be read; see the cause', thrown)
  }
}

function read(request: unknown, reader: PartReader): ModelRequest {
  if (typeof request === 'string')
    return { messages: [messageOf('user', request, 'prompt', reader)], config: {}, tools: [] }
  if (!isObject(request)) throw invalid(`expected a prompt or a request object, found ${kindOf(request)}`)
  const { system, prompt, messages = [], config = {}, tools = [], toolChoice, output } = request
  if (system !== undefined && typeof system !== 'string')
    throw refuse('system', `must be a string, found ${kindOf(system)}`)
  if (prompt !== undefined && typeof prompt !== 'string' && !Array.isArray(prompt))
    throw refuse('prompt', `must be a string or an array of parts, found ${kindOf(prompt)}`)
  if (!Array.isArray(messages)) throw refuse('messages', `must be an array, found ${kindOf(messages)}`)
  if (!Array.isArray(tools)) throw refuse('tools', `must be an array, found ${kindOf(tools)}`)
  if (toolChoice !== undefined && !toolChoices.has(toolChoice))
    throw refuse('toolChoice', 'must be auto, required or none')
  const all = [
    ...(system === undefined ? [] : [messageOf('system', system, 'system', reader)]),
    ...Array.from(messages as unknown[], (message, index) => readMessage(message, index, reader)),
    ...(prompt === undefined ? [] : [messageOf('user', prompt, 'prompt', reader)]),
  ]
  if (all.length === 0) throw invalid('the request has no message: give `prompt` or `messages`')
  return {
    messages: all,
    config: readConfig(config),
    tools: Array.from(tools as unknown[], readTool),
    ...(toolChoice === undefined ? {} : { toolChoice: toolChoice as NonNullable<ModelRequest['toolChoice']> }),
    ...(output === undefined ? {} : { output: readOutput(output) }),
  }
}

function messageOf(role: Message['role'], content: unknown, path: string, reader: PartReader): Message {
  return {
    role,
    content: typeof content === 'string' ? [{ text: wellFormed(content) }] : readParts(content, path, reader),
  }
}

function readMessage(message: unknown, index: number, reader: PartReader): Message {
  const path = `messages[${index}]`
  if (!isObject(message)) throw refuse(path, `must be a message with a role and content, found ${kindOf(message)}`)
  const { role, content, metadata } = message
  if (!roles.has(role)) throw refuse(`${path}.role`, 'must be system, user, model or tool')
  return {
    role: role as Message['role'],
    content: readParts(content, `${path}.content`, reader),
    ...(metadata === undefined || metadata === null ? {} : { metadata: objectAt(metadata, `${path}.metadata`) }),
  }
}

function objectAt(value: unknown, path: string): Record<string, unknown> {
  return plainObject(value, (problem) => refuse(path, problem))
}

function readSchema(schema: unknown, path: string): JsonSchema {
  return objectAt(jsonSchemaOf(schema, path), path)
}

/** The known options, with their minimum and maximum. */
const numbers: Readonly<Record<string, { least: number; most: number; isWhole: boolean }>> = {
  temperature: { least: 0, most: Number.MAX_VALUE, isWhole: false },
  topK: { least: 0, most: 2 ** 32 - 1, isWhole: true },
  topP: { least: 0, most: 1, isWhole: false },
  minP: { least: 0, most: 1, isWhole: false },
  seed: { least: 0, most: Number.MAX_SAFE_INTEGER, isWhole: true },
  maxOutputTokens: { least: 0, most: 2 ** 32 - 1, isWhole: true },
}

function readConfig(config: unknown): GenerationConfig {
  if (!isObject(config)) throw refuse('config', `must be an object, found ${kindOf(config)}`)
  const { stopSequences, branches } = config
  for (const [name, { least, most, isWhole }] of Object.entries(numbers)) {
    const value = config[name]
    if (value === undefined) continue
    const bounds = most === Number.MAX_VALUE ? `of at least ${least}` : `from ${least} to ${most}`
    if (typeof value === 'number' && value >= least && value <= most && (!isWhole || Number.isInteger(value))) continue
    throw refuse(
      `config.${name}`,
      `must be a ${isWhole ? 'whole ' : ''}number ${bounds}, found ${typeof value === 'number' ? value : kindOf(value)}`,
    )
  }
  if (stopSequences !== undefined) {
    if (!Array.isArray(stopSequences) || !stopSequences.every((stop) => typeof stop === 'string'))
      throw refuse('config.stopSequences', 'must be an array of strings')
    if (stopSequences.length > mostStopSequences)
      throw refuse('config.stopSequences', `may hold at most five texts, found ${stopSequences.length}`)
  }
  if (branches !== undefined) {
    if (!isObject(branches)) throw refuse('config.branches', `must be an object, found ${kindOf(branches)}`)
    for (const [key, own] of Object.entries(branches))
      if (!isObject(own)) throw refuse(`config.branches.${key}`, `must be an object, found ${kindOf(own)}`)
  }
  return objectAt(config, 'config')
}

function readTool(tool: unknown, index: number): ToolDefinition {
  const path = `tools[${index}]`
  if (!isObject(tool)) throw refuse(path, `must be a tool with a name, found ${kindOf(tool)}`)
  const { name, description = '', inputSchema, outputSchema } = tool
  if (typeof name !== 'string' || name === '') throw refuse(`${path}.name`, 'must be a text that is not empty')
  if (typeof description !== 'string')
    throw refuse(`${path}.description`, `must be a string, found ${kindOf(description)}`)
  return {
    name: wellFormed(name),
    description: wellFormed(description),
    ...(inputSchema === undefined ? {} : { inputSchema: readSchema(inputSchema, `${path}.inputSchema`) }),
    ...(outputSchema === undefined ? {} : { outputSchema: readSchema(outputSchema, `${path}.outputSchema`) }),
  }
}

function readOutput(output: unknown): NonNullable<ModelRequest['output']> {
  if (!isObject(output)) throw refuse('output', `must be an object, found ${kindOf(output)}`)
  const { format, schema } = output
  if (format !== undefined && format !== 'text' && format !== 'json')
    throw refuse('output.format', 'must be text or json')
  return {
    ...(format === undefined ? {} : { format }),
    ...(schema === undefined ? {} : { schema: readSchema(schema, 'output.schema') }),
  }
}

/**
 * The options of a call, checked. `F` remembers what was cut from a conversation; it is passed on unread.
 */
export interface RequestOptions<F> {
  signal: AbortSignal | undefined
  context: Record<string, unknown>
  window?: WindowPolicy
  fitter?: F
  allow?: readonly string[]
  media?: MediaPolicy
  continueFrom?: 'partial'
}

/** Checks the options of a call. */
export function readOptions<F>(options: (GenerateOptions & { fitter?: F }) | undefined): RequestOptions<F> {
  if (options === undefined) return { signal: undefined, context: {} }
  if (!isObject(options)) throw invalid(`the options must be an object, found ${kindOf(options)}`)
  const { signal, context = {}, window, allow, fitter, media, continueFrom } = options
  if (!isObject(context)) throw refuse('context', `must be an object, found ${kindOf(context)}`)
  if (window !== undefined && !isWindowPolicy(window))
    throw refuse('window', "must be 'trim', 'refuse', { summarise: {…} } or a function")
  if (allow !== undefined && !(Array.isArray(allow) && allow.every((key) => typeof key === 'string')))
    throw refuse('allow', 'must be a list of branch keys')
  mediaArgument(media, 'media')
  continueFromArgument(continueFrom, 'continueFrom')
  return {
    signal: signalArgument(signal, 'signal'),
    context,
    ...(window === undefined ? {} : { window }),
    ...(allow === undefined ? {} : { allow: [...allow] }),
    ...(fitter === undefined ? {} : { fitter: fitter as F }),
    ...(media === undefined ? {} : { media: media as MediaPolicy }),
    ...(continueFrom === undefined ? {} : { continueFrom: 'partial' }),
  }
}

/** Checks the policy for media that a branch does not support. */
export function mediaArgument(value: unknown, path: string): void {
  const { describe } = isObject(value) ? value : {}
  const isKnown =
    value === undefined ||
    value === 'drop' ||
    value === 'drop-earlier' ||
    (isObject(describe) && ['string', 'undefined'].includes(typeof describe['branch']))
  if (!isKnown) throw refuse(path, "must be 'drop', 'drop-earlier' or { describe: { branch } }")
}

/** Checks whether another branch may continue an answer that broke off. */
export function continueFromArgument(value: unknown, path: string): void {
  if (value !== undefined && value !== 'partial') throw refuse(path, "must be 'partial', or left out")
}

function isWindowPolicy(window: unknown): window is WindowPolicy {
  return (
    window === 'trim' ||
    window === 'refuse' ||
    typeof window === 'function' ||
    (isObject(window) && isObject(window['summarise']))
  )
}

/** Whether the answer must be JSON: by `format`, or by a schema where there is no `format`. */
export function wantsJson({ output }: ModelRequest): boolean {
  return output?.format === 'json' || (output?.format === undefined && output?.schema !== undefined)
}
