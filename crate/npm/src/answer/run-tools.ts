/** The loop between a model that calls tools and the functions that answer. */

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
 * Answers a call. What it returns goes to the model as JSON; what it throws ends the loop. A method, so that it may
 * name its own input.
 */
export type ToolFunction = { execute(input: unknown, call: ToolCallInfo): unknown }['execute']

export interface RunToolsOptions extends GenerateOptions {
  model: Model
  /** With the `tools` whose functions are given beside it; those made by `tool()` are declared by themselves. */
  request: GenerateRequest
  /** By the tool's name. A call of a tool without a function ends the loop, and is the caller's to answer. */
  tools: Readonly<Record<string, ToolFunction | Tool>>
  /** How often the model may call before it must have answered. Default 5. */
  maxTurns?: number
  /** Called with every answer, those that call tools too. */
  onTurn?: (response: GenerateResponse) => void
}

const defaultTurns = 5

/**
 * Asks a model, runs the functions it calls, sends the results back, and so on until it answers in words. Calls of one
 * turn run side by side. Through a hybrid, results go to the branch that called; another takes over only if that one
 * fails before its first content.
 *
 * Arguments that do not satisfy the tool's schema are not passed on: the model gets a sentence about what is wrong with
 * them. An abort ends the loop at once, also while a function ignores its signal; where one function throws, the others
 * are aborted.
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
    // It was required to call and has called.
    const { toolChoice, ...free } = next
    next = {
      ...free,
      ...(toolChoice === undefined || toolChoice === 'required' ? {} : { toolChoice }),
      messages: [...(next.messages ?? []), response.message, results],
    }
  }
}

/** Runs the calls of one turn. The first that throws, or the caller's abort, ends all of them. */
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
