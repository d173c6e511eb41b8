/** Checks the options of `availability` and `create` like the platform: all or nothing. */

import type { GenerationConfig, JsonSchema, Model, ToolDefinition } from '../../index.js'
import { notSupported } from './errors.js'

/** The sampling mode. */
export type SamplingMode = 'most-predictable' | 'predictable' | 'balanced' | 'creative' | 'most-creative'

/** A function that a session offers to the model. */
export interface PromptApiTool {
  name: string
  description: string
  inputSchema: object
  execute?(input: unknown): unknown
}

type Kind = 'text' | 'image' | 'audio' | 'tool-call' | 'tool-response'

/** Expected input or output of a session. */
export interface PromptApiExpected {
  type: Kind
  languages?: string[]
}

/** Options of `availability`. */
export interface PromptApiCoreOptions {
  expectedInputs?: PromptApiExpected[]
  expectedOutputs?: PromptApiExpected[]
  tools?: PromptApiTool[]
  samplingMode?: SamplingMode
  /** Accepted without effect, as on the web. */
  topK?: number
  temperature?: number
}

/** The options in the form that sessions use. */
export interface Setup {
  inputs: ReadonlySet<Kind>
  /** Whether the page answers calls, instead of `execute`. */
  isOpenLoop: boolean
  tools: readonly PromptApiTool[]
  definitions: ToolDefinition[]
  samplingMode: SamplingMode
  config: GenerationConfig
}

/** Only the extreme modes are defined by the specification; the steps between them are even. */
const temperatures: Record<SamplingMode, number | undefined> = {
  'most-predictable': 0,
  predictable: 0.4,
  balanced: undefined,
  creative: 1.2,
  'most-creative': 1.5,
}
const kinds: ReadonlySet<unknown> = new Set<Kind>(['text', 'image', 'audio', 'tool-call', 'tool-response'])

export function setupOf(given: PromptApiCoreOptions): Setup {
  const { expectedInputs, expectedOutputs, tools, samplingMode = 'balanced', topK, temperature } = given
  if (!Object.hasOwn(temperatures, samplingMode))
    throw new TypeError(`samplingMode must be one of ${Object.keys(temperatures).join(', ')}`)
  if (given.samplingMode !== undefined && (topK !== undefined || temperature !== undefined))
    throw new TypeError('samplingMode cannot be combined with topK or temperature')
  const inputs = kindsOf(expectedInputs, 'expectedInputs')
  const outputs = kindsOf(expectedOutputs, 'expectedOutputs')
  const isOpenLoop = outputs.has('tool-call')
  const checked = toolsOf(tools, isOpenLoop)
  const chosen = temperatures[samplingMode]
  return {
    inputs: isOpenLoop ? inputs.add('tool-response') : inputs,
    isOpenLoop,
    tools: checked,
    definitions: checked.map(({ name, description, inputSchema }) => ({
      name,
      description,
      inputSchema: inputSchema as JsonSchema,
    })),
    samplingMode,
    config: chosen === undefined ? {} : { temperature: chosen },
  }
}

/** Returns why a model does not support such a session; undefined if it does. */
export function obstacleOf(
  { inputs, tools }: Setup,
  { supports }: Model['info'],
  { expectedOutputs = [] }: PromptApiCoreOptions,
): string | undefined {
  if (expectedOutputs.some(({ type }) => type === 'image' || type === 'audio')) return 'this model answers in text only'
  if (!supports.media && (inputs.has('image') || inputs.has('audio'))) return 'this model accepts text only'
  return tools.length > 0 && !supports.tools ? 'this model does not support tools' : undefined
}

function kindsOf(expected: unknown, what: string): Set<Kind> {
  const found = new Set<Kind>(['text'])
  if (expected === undefined) return found
  if (typeof expected !== 'object' || expected === null || !(Symbol.iterator in expected))
    throw new TypeError(`${what} must be a list`)
  for (const item of expected as Iterable<Partial<PromptApiExpected> | null>) {
    if (!kinds.has(item?.type)) throw new TypeError(`${what} holds an unknown type: ${String(item?.type)}`)
    // An invalid language tag is a RangeError, as on the platform.
    if (item?.languages !== undefined) Intl.getCanonicalLocales([...item.languages])
    found.add(item?.type as Kind)
  }
  return found
}

function toolsOf(given: unknown, isOpenLoop: boolean): PromptApiTool[] {
  if (given === undefined) return []
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given))
    throw new TypeError('tools must be a list')
  const names = new Set<string>()
  return [...(given as Iterable<Partial<PromptApiTool> | null>)].map((tool, index) => {
    const where = `tools[${index}]`
    const { name, description, inputSchema, execute } = tool ?? {}
    if (typeof name !== 'string' || name === '' || names.has(name))
      throw new TypeError(`${where} must have a name of its own`)
    if (typeof description !== 'string' || description === '') throw new TypeError(`${where} must have a description`)
    const schema = argumentsSchemaOf(inputSchema, `${where}.inputSchema`)
    if (execute !== undefined ? typeof execute !== 'function' : !isOpenLoop)
      throw new TypeError(`${where} must have a function \`execute\`, or expectedOutputs must include tool-call`)
    names.add(name)
    // A copy, so that later changes by the page have no effect.
    return {
      name,
      description,
      inputSchema: schema,
      ...(execute === undefined ? {} : { execute }),
    }
  })
}

/** Copies a tool's schema, which describes an object; exceptions of its getters are the page's own errors. */
function argumentsSchemaOf(given: unknown, where: string): object {
  if (typeof given !== 'object' || given === null) throw new TypeError(`${where} must be a JSON Schema of an object`)
  const { type, properties = {}, required = [] } = given as JsonSchema
  const isPlain = typeof properties === 'object' && properties !== null && !Array.isArray(properties)
  if (type !== 'object' || !isPlain || !Array.isArray(required))
    throw new TypeError(`${where} must be a JSON Schema of an object`)
  // A cycle is a TypeError thrown by JSON itself.
  return JSON.parse(JSON.stringify(given)) as object
}

const schemaTypes: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])

/**
 * Reads the schema of one prompt's answer. Other constraints are not supported, and are rejected before anything runs.
 */
export function constraintOf(given: unknown, { supports }: Model['info']): JsonSchema | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given !== 'object') throw new TypeError('responseConstraint must be an object')
  if (given instanceof RegExp) throw notSupported('answers cannot be held to a regular expression; use a JSON Schema')
  const json = jsonOf(given)
  const schema: unknown = json === undefined ? undefined : JSON.parse(json)
  if (!isSchema(schema)) throw notSupported('responseConstraint must be a JSON Schema without cycles and unknown types')
  if (supports.json === 'none') throw notSupported('this model does not support a JSON Schema')
  return schema
}

function isSchema(value: unknown): value is JsonSchema {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { type, properties = {}, items = true } = value as JsonSchema
  if (type !== undefined && ![type].flat().every((name) => schemaTypes.has(name))) return false
  if (
    typeof properties !== 'object' ||
    properties === null ||
    !Object.values(properties).every((it) => typeof it === 'boolean' || isSchema(it))
  )
    return false
  return typeof items === 'boolean' || Array.isArray(items) || isSchema(items)
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
