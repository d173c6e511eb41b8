/**
 * The declared order of a schema's properties, as a list of names: the engine's JSON parser does not keep the order of
 * members.
 */

import type { ModelRequest } from '../../border/request.js'
import type { JsonSchema, ToolDefinition } from '../../types.js'

/** Returns the request with Gemini's `propertyOrdering` added to every schema that has properties and lacks it. */
export function inDeclaredOrder(request: ModelRequest): ModelRequest {
  const { tools, output } = request
  const schema = output?.schema
  return {
    ...request,
    tools: tools.map((tool): ToolDefinition =>
      tool.inputSchema === undefined ? tool : { ...tool, inputSchema: ordered(tool.inputSchema) as JsonSchema },
    ),
    ...(schema === undefined ? {} : { output: { ...output, schema: ordered(schema) as JsonSchema } }),
  }
}

/** Keywords whose value contains values, not schemas. */
const values: ReadonlySet<string> = new Set([
  'const',
  'enum',
  'default',
  'example',
  'examples',
  'required',
  'propertyOrdering',
])
/** Keywords whose value maps names to schemas. */
const maps: ReadonlySet<string> = new Set([
  'properties',
  '$defs',
  'definitions',
  'patternProperties',
  'dependentSchemas',
])

function ordered(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(ordered)
  if (!isObject(schema)) return schema
  const copy = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => [
      keyword,
      values.has(keyword) ? value : maps.has(keyword) && isObject(value) ? each(value) : ordered(value),
    ]),
  )
  const { properties, propertyOrdering } = schema
  return isObject(properties) && propertyOrdering === undefined
    ? { ...copy, propertyOrdering: Object.keys(properties) }
    : copy
}

function each(schemas: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, ordered(schema)]))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
