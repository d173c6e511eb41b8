/** Tools with their functions, typed by their schemas. */

import { invalid } from '../border/errors.js'
import { kindOf, optionsArgument, plainObject } from '../border/json.js'
import { jsonSchemaOf, type InferSchema, type Schema } from '../border/schema.js'
import type { JsonSchema } from '../types.js'

/** The context of a tool's function, passed after the arguments. */
export interface ToolCallInfo {
  readonly name: string
  readonly ref?: string
  readonly signal: AbortSignal
}

/** A tool with its function. */
export interface Tool<Input = unknown, Output = unknown> {
  readonly description: string
  readonly inputSchema?: JsonSchema
  execute(input: Input, call: ToolCallInfo): Output
}

/**
 * Defines a tool. The type of its arguments is inferred from its schema: a JSON Schema literal, or a Standard Schema
 * such as zod's.
 *
 * @example
 * const weather = tool({
 *   description: 'the weather of a city',
 *   inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
 *   execute: async ({ city }) => `sunny in ${city}`,
 * })
 * const { text } = await runTools({ model: ai, request: { prompt: 'Is it raining in Bonn?' }, tools: { weather } })
 */
export function tool<const S extends Schema, Output>(definition: {
  description: string
  inputSchema: S
  execute: (input: InferSchema<S>, call: ToolCallInfo) => Output
}): Tool<InferSchema<S>, Output>
export function tool<Output>(definition: {
  description: string
  execute: (input: unknown, call: ToolCallInfo) => Output
}): Tool<unknown, Output>
export function tool(definition: {
  description: string
  inputSchema?: Schema
  execute: (input: never, call: ToolCallInfo) => unknown
}): Tool {
  const { description, inputSchema, execute } = optionsArgument(definition, 'tool')
  if (typeof description !== 'string')
    throw invalid(`a tool's \`description\` must be a string, found ${kindOf(description)}`)
  if (typeof execute !== 'function') throw invalid(`a tool's \`execute\` must be a function, found ${kindOf(execute)}`)
  const schema =
    inputSchema === undefined
      ? {}
      : {
          inputSchema: plainObject(jsonSchemaOf(inputSchema, 'inputSchema'), (problem) =>
            invalid(`\`inputSchema\` ${problem}`),
          ),
        }
  return { description, ...schema, execute }
}
