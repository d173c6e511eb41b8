/** The loop between a model that calls tools and the functions that answer. */

import { HybridError } from '../border/errors.js'
import { normaliseRequest } from '../border/request.js'
import { cancelled } from '../border/thrown.js'
import { mismatchOf } from './output.js'
import type { GenerateOptions, GenerateRequest, GenerateResponse, Message, Model, Part, ToolDefinition } from '../types.js'

/** What answers a call. What it returns goes to the model as JSON; what it throws ends the loop. */
export type ToolFunction = (input: unknown, call: { readonly name: string; readonly ref?: string; readonly signal: AbortSignal }) => unknown

export interface RunToolsOptions extends GenerateOptions {
  model: Model
  /** With `tools`; the functions behind them are given beside it. */
  request: GenerateRequest
  /** By the tool's name. A call of a tool without a function ends the loop, and is the caller's to answer. */
  tools: Readonly<Record<string, ToolFunction>>
  /** How often the model may call before it must have answered. Default 5. */
  maxTurns?: number
  /** Hears of every answer, those that call tools too. */
  onTurn?: (response: GenerateResponse) => void
}

const defaultTurns = 5

/**
 * Asks a model, runs the functions it calls, tells it the results, and so on until it answers in words. Calls of one turn run side by
 * side. Through a hybrid, results go to the branch that called; another takes over only if that one fails before it says anything.
 *
 * Arguments that do not satisfy the tool's schema are not passed on: the model is told what is wrong with them.
 *
 * @example
 * const { text } = await runTools({
 *   model: ai,
 *   request: { prompt: 'Is it raining in Bonn?', tools: [{ name: 'weather', description: 'the weather of a city', inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } }] },
 *   tools: { weather: async ({ city }) => await weatherOf(city) },
 * })
 */
export async function runTools({ model, request, tools, maxTurns = defaultTurns, onTurn, ...options }: RunToolsOptions): Promise<GenerateResponse> {
  if (!Number.isSafeInteger(maxTurns) || maxTurns < 1) throw new HybridError('INVALID_ARGUMENT', `\`maxTurns\` must be a positive whole number, found ${maxTurns}`)
  const { signal = new AbortController().signal } = options
  const { messages, tools: declared, ...rest } = normaliseRequest(request)
  let next: GenerateRequest = { messages, tools: declared, ...rest }
  for (let turn = 0; ; turn++) {
    const response = await model.generate(next, options)
    onTurn?.(response)
    const calls = response.toolRequests
    if (calls.length === 0 || calls.some(({ name }) => !Object.hasOwn(tools, name))) return response
    if (turn === maxTurns) throw new HybridError('ABORTED', `the model still calls tools after ${maxTurns} turns`, { code: 'TOOL_TURNS_EXCEEDED' })
    const results = await Promise.all(calls.map((call) => answer(call, { tools, declared, signal })))
    if (signal.aborted) throw cancelled(signal.reason)
    const told: Message = { role: 'tool', content: results }
    // It was required to call and has called.
    const { toolChoice, ...free } = next
    next = { ...free, ...(toolChoice === undefined || toolChoice === 'required' ? {} : { toolChoice }), messages: [...(next.messages ?? []), response.message, told] }
  }
}

async function answer({ name, input, ref }: GenerateResponse['toolRequests'][number], { tools, declared, signal }: { tools: RunToolsOptions['tools']; declared: readonly ToolDefinition[]; signal: AbortSignal }): Promise<Part> {
  const known = ref === undefined ? {} : { ref }
  const schema = declared.find((tool) => tool.name === name)?.inputSchema
  const mismatch = schema === undefined ? undefined : await mismatchOf(schema, input ?? {})
  const output = mismatch === undefined ? await tools[name]?.(input, { name, ...known, signal }) : { error: `the arguments are wrong${mismatch.path === '' ? '' : ` at ${mismatch.path}`}: expected ${mismatch.expected}` }
  return { toolResponse: { name, output: output ?? null, ...known } }
}
