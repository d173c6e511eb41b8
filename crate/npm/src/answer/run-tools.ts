/** Runs the loop between a model and the tools that it calls. */

import { unlessAborted } from '../border/abort.js'
import { HybridError, invalid } from '../border/errors.js'
import { isObject, kindOf, optionsArgument } from '../border/json.js'
import { readOptions, readRequest } from '../border/request.js'
import { cancelled } from '../border/thrown.js'
import type {
  GenerateOptions,
  GenerateRequest,
  GenerateResponse,
  Message,
  Model,
  Part,
  ToolDefinition,
} from '../types.js'
import { mismatchOf } from './output.js'
import type { Tool, ToolCallInfo } from './tool.js'

/**
 * Answers a call. The return value is sent to the model as JSON; an exception ends the loop. Declared as a method, so
 * that its input type may be narrower.
 */
export type ToolFunction = { execute(input: unknown, call: ToolCallInfo): unknown }['execute']

export interface RunToolsOptions extends GenerateOptions {
  model: Model
  /** The request, with `tools` for the functions; those made by `tool()` are declared automatically. */
  request: GenerateRequest
  /** Functions by the tool's name. A call of a tool without a function ends the loop, and the caller handles it. */
  tools: Readonly<Record<string, ToolFunction | Tool>>
  /** The maximum number of steps in which the model calls tools. Default 5. */
  maxTurns?: number
  /** Called with every response, including those that call tools. */
  onTurn?: (response: GenerateResponse) => void
}

const defaultTurns = 5

/**
 * Asks a model, runs the functions it calls, sends the results back, and so on until it answers in words. Calls of one
 * turn run in parallel. Through a hybrid, results go to the branch that called; another takes over only if that one
 * fails before its first content.
 *
 * Arguments that do not match the tool's schema are rejected with a message to the model. An abort ends the loop at
 * once, even if a function ignores its signal; if one function throws, the others are aborted.
 *
 * @example
 * const { text } = await runTools({
 *   model: ai,
 *   request: { prompt: 'Is it raining in Bonn?' },
 *   tools: {
 *     weather: tool({
 *       description: 'the weather of a city',
 *       inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
 *       execute: async ({ city }) => await weatherOf(city),
 *     }),
 *   },
 * })
 */
export async function runTools(description: RunToolsOptions): Promise<GenerateResponse> {
  const {
    model,
    request,
    tools,
    maxTurns = defaultTurns,
    onTurn,
    ...options
  } = optionsArgument(description, 'runTools')
  if (!Number.isSafeInteger(maxTurns) || maxTurns < 1)
    throw invalid(`\`maxTurns\` must be a positive whole number, found ${maxTurns}`)
  if (typeof model?.generate !== 'function') throw invalid('`model` must be a model; make one with defineModel()')
  if (!isObject(tools)) throw invalid(`\`tools\` must be an object of functions by name, found ${kindOf(tools)}`)
  const own: ToolDefinition[] = []
  const functions: Record<string, ToolFunction> = {}
  for (const [name, run] of Object.entries(tools)) {
    if (typeof run === 'function') functions[name] = run
    else if (typeof run?.execute === 'function') {
      functions[name] = (input, call) => run.execute(input, call)
      own.push({
        name,
        description: run.description,
        ...(run.inputSchema === undefined ? {} : { inputSchema: run.inputSchema }),
      })
    } else throw invalid(`\`tools.${name}\` must be a function or a tool(), found ${kindOf(run)}`)
  }
  const { signal } = readOptions(options)
  const { messages, tools: listed, ...rest } = await readRequest(request)
  const declared = [...listed, ...own.filter(({ name }) => listed.every((it) => it.name !== name))]
  let next: GenerateRequest = { messages, tools: declared, ...rest }
  for (let turn = 0; ; turn++) {
    const response = await unlessAborted(model.generate(next, options), signal)
    onTurn?.(response)
    const calls = response.toolRequests
    if (calls.length === 0 || calls.some(({ name }) => !Object.hasOwn(functions, name))) return response
    if (turn === maxTurns)
      throw new HybridError('ABORTED', `the model still calls tools after ${maxTurns} turns`, {
        code: 'TOOL_TURNS_EXCEEDED',
      })
    const content = await answers(calls, functions, declared, signal)
    const results: Message = { role: 'tool', content }
    // A required call has been made, so the next step is free to answer.
    const { toolChoice, ...free } = next
    next = {
      ...free,
      ...(toolChoice === undefined || toolChoice === 'required' ? {} : { toolChoice }),
      messages: [...(next.messages ?? []), response.message, results],
    }
  }
}

/** Runs the calls of one turn. The first exception, or the caller's abort, ends all of them. */
async function answers(
  calls: GenerateResponse['toolRequests'],
  tools: Readonly<Record<string, ToolFunction>>,
  declared: readonly ToolDefinition[],
  caller: AbortSignal | undefined,
): Promise<Part[]> {
  const work = new AbortController()
  const onAbort = (): void => work.abort(caller?.reason)
  if (caller?.aborted === true) throw cancelled(caller.reason)
  caller?.addEventListener('abort', onAbort, { once: true })
  try {
    return await unlessAborted(Promise.all(calls.map((call) => answer(call, tools, declared, work.signal))), caller)
  } catch (thrown) {
    work.abort(new DOMException('another tool failed', 'AbortError'))
    throw thrown
  } finally {
    caller?.removeEventListener('abort', onAbort)
  }
}

async function answer(
  { name, input, ref }: GenerateResponse['toolRequests'][number],
  tools: Readonly<Record<string, ToolFunction>>,
  declared: readonly ToolDefinition[],
  signal: AbortSignal,
): Promise<Part> {
  const known = ref === undefined ? {} : { ref }
  const schema = declared.find((tool) => tool.name === name)?.inputSchema
  const mismatch = schema === undefined ? undefined : await mismatchOf(schema, input ?? {})
  if (signal.aborted) throw cancelled(signal.reason)
  const output =
    mismatch === undefined
      ? await tools[name]?.(input, { name, ...known, signal })
      : {
          error: `the arguments are wrong${mismatch.path === '' ? '' : ` at ${mismatch.path}`}: expected ${mismatch.expected}`,
        }
  return { toolResponse: { name, output: output ?? null, ...known } }
}
