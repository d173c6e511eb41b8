/** Genkit's model action, the part that is used here. Its parts and messages are the same as hybridge's. */

import type { GenerateRequest, GenerateResponse, Message, Model, Part, ToolDefinition } from '../../index.js'

/** The input of a model action. */
export interface GenkitRequest {
  messages: Message[]
  config?: Record<string, unknown> | null
  tools?: Array<{ name: string; description?: string; inputSchema?: unknown; outputSchema?: unknown }>
  toolChoice?: 'auto' | 'required' | 'none'
  output?: { format?: string; schema?: unknown; constrained?: boolean; contentType?: string } | null
  docs?: unknown
}

/** The output of a model action. */
export interface GenkitResponse {
  message: Message
  finishReason: string
  finishMessage?: string
  usage: GenerateResponse['usage']
  latencyMs: number
  /** Genkit's layers drop `raw`, so the trace is in this field. */
  custom: unknown
}

export interface GenkitChunk {
  role: 'model'
  index: number
  content: Part[]
}

/** Converts a Genkit request. Keys and versions of services may be in `config`, and are not for hybridge's branches. */
export function requestOf({ messages, config, tools, toolChoice, output }: GenkitRequest): GenerateRequest {
  const { apiKey: _key, version: _version, ...settings } = config ?? {}
  const isJson =
    output != null && (output.format === 'json' || output.contentType === 'application/json' || isObject(output.schema))
  return {
    messages,
    config: settings,
    ...(tools === undefined || tools.length === 0 ? {} : { tools: tools.map(toolOf) }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(isJson ? { output: { format: 'json', ...(isObject(output.schema) ? { schema: output.schema } : {}) } } : {}),
  }
}

function toolOf({
  name,
  description = '',
  inputSchema,
  outputSchema,
}: NonNullable<GenkitRequest['tools']>[number]): ToolDefinition {
  return {
    name,
    description,
    ...(isObject(inputSchema) ? { inputSchema } : {}),
    ...(isObject(outputSchema) ? { outputSchema } : {}),
  }
}

/** The message is kept as a whole: its metadata leads tool results back to the branch that called. */
export function responseOf({
  message,
  finishReason,
  finishMessage,
  usage,
  latencyMs,
  ...rest
}: GenerateResponse): GenkitResponse {
  const { branch, inferenceSource, device, routing, confidence } = rest
  return {
    message,
    finishReason: finishReason === 'aborted' ? 'other' : finishReason,
    ...(finishMessage === undefined ? {} : { finishMessage }),
    usage,
    latencyMs,
    custom: JSON.parse(JSON.stringify({ branch, inferenceSource, device, routing, confidence })) as unknown,
  }
}

/** The model's description in Genkit's registry and Developer UI. */
export function infoOf(key: string, { info }: Model): { label: string; supports: Record<string, unknown> } {
  const { multiturn, media, tools, systemRole, json } = info.supports
  return {
    label: `hybridge - ${key}`,
    supports: {
      multiturn,
      media,
      tools,
      toolChoice: tools,
      systemRole,
      context: false,
      output: json === 'none' ? ['text'] : ['text', 'json'],
      // With 'none' Genkit puts the schema into the prompt and removes it from the request.
      constrained: json === 'none' ? 'none' : 'all',
    },
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
