/**
 * Runs the loop between a model and the tools that it calls, as one stream of events.
 *
 * ```text
 *   model ── text, calls ──► check arguments ──► approval? ──► execute (in parallel, with a time limit) ──► results ──►
 * model
 *                                                   │ not decided yet
 *                                                   └──► the run pauses as a JSON value and is resumed later, after a
 * reload too
 * ```
 */

import { Feed } from '../answer/stream.js'
import { mismatchOf } from '../answer/output.js'
import { signalArgument, unlessAborted } from '../border/abort.js'
import { HybridError, invalid } from '../border/errors.js'
import { isArray, optionsArgument } from '../border/json.js'
import { jsonSchemaOf, type Schema } from '../border/schema.js'
import { readRequest } from '../border/request.js'
import { CallerFault, cancelled } from '../border/thrown.js'
import type {
  GenerateOptions,
  GenerateRequest,
  GenerateResponse,
  JsonSchema,
  Message,
  Model,
  Part,
  ToolDefinition,
  Usage,
} from '../types.js'

/** The context of a tool's function, passed after the arguments. */
export interface ToolCallContext {
  readonly name: string
  readonly ref?: string
  /** Aborted when the run stops or the tool times out. */
  readonly signal: AbortSignal
  /** The `context` of the run, unchanged. */
  readonly context: Record<string, unknown>
}

/** A tool with the function that runs it. */
export interface ExecutableTool {
  description: string
  /** JSON Schema, or a Standard Schema that exports it. */
  inputSchema?: Schema
  execute(input: unknown, call: ToolCallContext): unknown
  /** Whether a person must approve the call first: always, or as the function decides. */
  needsApproval?: boolean | ((input: unknown, call: ToolCallContext) => boolean | Promise<boolean>)
  /** Timeout, after which the call ends with an error that the model reads. Default 60,000. */
  timeoutMs?: number
}

export interface ToolCall {
  readonly name: string
  readonly input?: unknown
  readonly ref?: string
}

/** An event of a run, in order. */
export type ToolEvent =
  | { type: 'text'; step: number; text: string; branch: string }
  | { type: 'reasoning'; step: number; text: string; branch: string }
  | { type: 'toolCall'; step: number; call: ToolCall }
  | { type: 'toolResult'; step: number; call: ToolCall; output: unknown; isError: boolean }
  | { type: 'approval'; step: number; call: ToolCall }
  | { type: 'step'; step: number; response: GenerateResponse }

/** A run that waits for approval. It is JSON: store it, and resume it in another visit. */
export interface PausedRun {
  readonly version: 1
  readonly messages: Message[]
  readonly calls: ReadonlyArray<{ call: ToolCall; result?: Part; /** Waits for approval. */ waits?: boolean }>
  readonly step: number
  readonly usage: Usage
}

/** How a run ended. */
export type ToolRun = {
  /** Every message of the run: those of the request, then those that the run added. */
  readonly messages: Message[]
  /** The usage of all steps together. */
  readonly usage: Usage
  readonly steps: number
} & (
  | { readonly status: 'done'; readonly response: GenerateResponse }
  | { readonly status: 'paused'; readonly paused: PausedRun; readonly response?: GenerateResponse }
)

export interface ToolStream extends AsyncIterable<ToolEvent> {
  readonly events: AsyncIterable<ToolEvent>
  /** Settles even if no loop reads the events. Never an unhandled rejection. */
  readonly result: Promise<ToolRun>
}

export interface StreamToolsOptions extends GenerateOptions {
  model: Model
  /** Not needed with `resume`. */
  request?: string | GenerateRequest
  /** Tools by name. A call of a tool that is missing here ends the run, and the caller handles it. */
  tools: Readonly<Record<string, ExecutableTool>>
  /** The maximum number of steps in which the model calls tools. Default 5. */
  maxSteps?: number
  /** The maximum number of calls of one step that run in parallel. Default 4. */
  parallel?: number
  /** Ends the run after a step, with that step's response. */
  stopWhen?: (state: {
    step: number
    response: GenerateResponse
    messages: readonly Message[]
  }) => boolean | Promise<boolean>
  /** A run that was paused, with the person's decisions by `ref` (or by name, where a call has no ref). */
  resume?: PausedRun
  approvals?: Readonly<Record<string, boolean | { approved: boolean; reason?: string }>>
}

const usualSteps = 5
const usualParallel = 4
const usualTimeoutMs = 60_000

/**
 * Runs tools until the model answers in words, and reports each step as an event.
 *
 * @example
 * const run = streamTools({
 *   model: ai,
 *   request: 'Is it raining in Bonn?',
 *   tools: {
 *     weather: {
 *       description: 'the weather of a city',
 *       inputSchema,
 *       execute: async ({ city }) => await weatherOf(city),
 *     },
 *   },
 * })
 * for await (const event of run) if (event.type === 'text') print(event.text)
 * const { response } = await run.result
 */
export function streamTools(given: StreamToolsOptions): ToolStream {
  const options = optionsArgument(given, 'streamTools')
  const work = new AbortController()
  const feed = new Feed<ToolEvent>(() => work.abort(new DOMException('the loop was left', 'AbortError')))
  const result = follow(options.signal, work, (signal) => loop({ ...options, signal }, (event) => feed.push(event)))
  result.then(
    () => feed.close(),
    (error: unknown) => feed.fail(error),
  )
  return { events: feed, result, [Symbol.asyncIterator]: () => feed[Symbol.asyncIterator]() }
}

/** Runs `act` with a signal that also follows the caller's. */
export async function follow<T>(
  given: AbortSignal | undefined,
  work: AbortController,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const caller = signalArgument(given, 'signal')
  const onAbort = (): void => work.abort(caller?.reason)
  if (caller?.aborted === true) onAbort()
  else caller?.addEventListener('abort', onAbort, { once: true })
  try {
    // Nothing runs before the caller has received the stream.
    await Promise.resolve()
    return await act(work.signal)
  } finally {
    caller?.removeEventListener('abort', onAbort)
  }
}

/** A request with messages in the model's own form. */
type Turn = GenerateRequest & { messages: Message[] }

type LoopOptions = StreamToolsOptions & { signal: AbortSignal }

async function loop(options: LoopOptions, report: (event: ToolEvent) => void): Promise<ToolRun> {
  const {
    model,
    tools,
    resume,
    stopWhen,
    maxSteps = usualSteps,
    parallel = usualParallel,
    approvals: _,
    request: asked,
    ...rest
  } = options
  positive(maxSteps, 'maxSteps')
  positive(parallel, 'parallel')
  const checked = toolsArgument(tools)
  const request = await readRequest(
    resume === undefined
      ? (asked ?? '')
      : { ...(typeof asked === 'object' ? withoutMessages(asked) : {}), messages: pausedArgument(resume).messages },
  )
  const declared = [...request.tools.filter(({ name }) => !Object.hasOwn(checked, name)), ...definitionsOf(checked)]
  let next: Turn = { ...request, tools: declared }
  let usage: Usage = resume?.usage ?? {}
  let step = resume?.step ?? 0
  if (resume !== undefined) {
    const done = await execute(resume.calls, { ...options, tools: checked, declared, parallel, step, report })
    if (done.waiting) return paused(next, done.calls, step, usage)
    next = { ...next, messages: [...next.messages, resultsOf(done.calls)] }
    step++
  }
  for (; ; step++) {
    const response = await generate(model, next, { ...generateOptions(rest), signal: options.signal }, step, report)
    usage = addUsage(usage, response.usage)
    const messages = [...next.messages, response.message]
    report({ type: 'step', step, response })
    const calls = response.toolRequests
    const isOver =
      calls.length === 0 ||
      calls.some(({ name }) => !Object.hasOwn(checked, name)) ||
      (await stops(stopWhen, { step, response, messages }))
    if (isOver) return { status: 'done', response, messages, usage, steps: step + 1 }
    if (step >= maxSteps)
      throw new HybridError(
        'ABORTED',
        `the model still calls tools after ${maxSteps} steps; raise maxSteps or narrow the task`,
        { code: 'TOOL_TURNS_EXCEEDED' },
      )
    for (const call of calls) report({ type: 'toolCall', step, call })
    // Decisions apply to the calls that waited, not to later ones with the same name or `ref`.
    const approvals = resume === undefined ? (options.approvals ?? {}) : {}
    const done = await execute(
      calls.map((call) => ({ call })),
      { ...options, approvals, tools: checked, declared, parallel, step, report },
    )
    if (done.waiting) return { ...paused({ ...next, messages }, done.calls, step, usage), response }
    // A required call has been made, so the next step is free to answer.
    const { toolChoice, ...free } = next
    next = {
      ...free,
      ...(toolChoice === 'none' || toolChoice === 'auto' ? { toolChoice } : {}),
      messages: [...messages, resultsOf(done.calls)],
    }
  }
}

async function generate(
  model: Model,
  request: GenerateRequest,
  options: GenerateOptions,
  step: number,
  report: (event: ToolEvent) => void,
): Promise<GenerateResponse> {
  const answer = model.generateStream(request, options)
  for await (const { content, branch } of answer.stream) {
    for (const part of content) {
      if ('text' in part && part.text !== '') report({ type: 'text', step, text: part.text, branch })
      else if ('reasoning' in part && part.reasoning !== '')
        report({ type: 'reasoning', step, text: part.reasoning, branch })
    }
  }
  return await answer.response
}

type Pending = PausedRun['calls'][number]

/** A tool with its schema as JSON Schema. */
interface CheckedTool extends ExecutableTool {
  inputSchema?: JsonSchema
}

interface Execution extends LoopOptions {
  tools: Record<string, CheckedTool>
  declared: readonly ToolDefinition[]
  parallel: number
  step: number
  report: (event: ToolEvent) => void
}

/** Runs the calls that may run. Calls that wait for approval get no result yet. */
async function execute(
  pending: readonly Pending[],
  execution: Execution,
): Promise<{ calls: Pending[]; waiting: boolean }> {
  const { signal, parallel, report, step } = execution
  const calls: Pending[] = [...pending]
  let at = 0
  // A tool failure that ends the run also aborts its siblings.
  const siblings = new AbortController()
  const runner = async (): Promise<void> => {
    for (let index = at++; index < calls.length; index = at++) {
      const { call, result } = calls[index] as Pending
      if (result !== undefined) continue
      const verdict = await approvalOf(call, execution)
      if (verdict === 'waits') {
        calls[index] = { call, waits: true }
        report({ type: 'approval', step, call })
        continue
      }
      const { output, isError } =
        verdict === 'allowed'
          ? await runTool(call, execution, siblings.signal)
          : { output: { error: verdict.refused }, isError: true }
      report({ type: 'toolResult', step, call, output, isError })
      calls[index] = {
        call,
        result: { toolResponse: { name: call.name, output, ...(call.ref === undefined ? {} : { ref: call.ref }) } },
      }
    }
  }
  try {
    await unlessAborted(Promise.all(Array.from({ length: Math.min(parallel, calls.length) }, runner)), signal)
  } catch (error) {
    siblings.abort(error)
    throw error
  }
  return { calls, waiting: calls.some(({ waits }) => waits === true) }
}

async function approvalOf(
  call: ToolCall,
  { tools, approvals = {}, context = {}, signal }: Execution,
): Promise<'allowed' | 'waits' | { refused: string }> {
  const { needsApproval = false } = tools[call.name] ?? {}
  const key = call.ref ?? call.name
  const decision = Object.hasOwn(approvals, key) ? approvals[key] : undefined
  if (decision !== undefined) {
    const { approved, reason } = typeof decision === 'boolean' ? { approved: decision, reason: undefined } : decision
    return approved
      ? 'allowed'
      : { refused: `the person declined this call${reason === undefined ? '' : `: ${reason}`}` }
  }
  const needs =
    typeof needsApproval === 'function'
      ? await asCaller(async () => needsApproval(call.input, { ...call, signal, context }))
      : needsApproval
  return needs === true ? 'waits' : 'allowed'
}

/** Returns the result of one call. Every failure becomes an error that the model can read. */
async function runTool(
  call: ToolCall,
  { tools, declared, context = {}, signal }: Execution,
  siblings: AbortSignal,
): Promise<{ output: unknown; isError: boolean }> {
  const tool = tools[call.name]
  const schema = declared.find(({ name }) => name === call.name)?.inputSchema
  const mismatch = schema === undefined ? undefined : await mismatchOf(schema, call.input ?? {})
  if (mismatch !== undefined)
    return failure(
      `the arguments are wrong${mismatch.path === '' ? '' : ` at ${mismatch.path}`}: expected ${mismatch.expected}`,
    )
  const timeoutMs = tool?.timeoutMs ?? usualTimeoutMs
  const work = new AbortController()
  const stop = (): void => work.abort(signal.aborted ? signal.reason : siblings.reason)
  for (const it of [signal, siblings]) it.addEventListener('abort', stop, { once: true })
  const timer = setTimeout(
    () => work.abort(new DOMException(`the tool took longer than ${timeoutMs} ms`, 'TimeoutError')),
    timeoutMs,
  )
  try {
    const output = await unlessAborted(
      (async () => tool?.execute(call.input, { ...call, signal: work.signal, context }))(),
      work.signal,
    )
    return { output: plain(output), isError: false }
  } catch (thrown) {
    if (signal.aborted || siblings.aborted) throw cancelled(signal.reason)
    if (work.signal.aborted) return failure(`the tool took longer than ${timeoutMs} ms`)
    return failure(
      `the tool failed: ${thrown instanceof Error ? thrown.message : 'it threw something that is not an Error'}`,
    )
  } finally {
    clearTimeout(timer)
    for (const it of [signal, siblings]) it.removeEventListener('abort', stop)
  }
}

function failure(error: string): { output: unknown; isError: boolean } {
  return { output: { error }, isError: true }
}

/** Copies a result by its JSON form, so that the tool cannot change it later. */
function plain(output: unknown): unknown {
  let json: string | undefined
  try {
    json = JSON.stringify(output ?? null)
  } catch {
    throw new Error('its result has no JSON form (a cycle or a bigint)')
  }
  return json === undefined ? null : JSON.parse(json)
}

async function asCaller<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (thrown) {
    throw thrown instanceof CallerFault ? thrown.fault : thrown
  }
}

async function stops(
  stopWhen: StreamToolsOptions['stopWhen'],
  state: Parameters<NonNullable<StreamToolsOptions['stopWhen']>>[0],
): Promise<boolean> {
  return stopWhen !== undefined && (await asCaller(async () => stopWhen(state))) === true
}

function resultsOf(calls: readonly Pending[]): Message {
  return { role: 'tool', content: calls.flatMap(({ result }) => (result === undefined ? [] : [result])) }
}

function paused(request: Turn, calls: Pending[], step: number, usage: Usage): Extract<ToolRun, { status: 'paused' }> {
  const { messages } = request
  return { status: 'paused', messages, usage, steps: step + 1, paused: { version: 1, messages, calls, step, usage } }
}

/** Adds two usages; a count that neither has stays undefined. */
export function addUsage(one: Usage, other: Usage): Usage {
  const total: Usage = {}
  for (const key of ['inputTokens', 'outputTokens', 'totalTokens', 'thoughtsTokens', 'cachedContentTokens'] as const) {
    if (one[key] !== undefined || other[key] !== undefined) total[key] = (one[key] ?? 0) + (other[key] ?? 0)
  }
  return total
}

/** Returns the tools as described to a model. */
function definitionsOf(tools: Readonly<Record<string, CheckedTool>>): ToolDefinition[] {
  return Object.entries(tools).map(([name, { description, inputSchema }]) => ({
    name,
    description,
    ...(inputSchema === undefined ? {} : { inputSchema }),
  }))
}

function generateOptions({ context, window, allow, media, continueFrom }: GenerateOptions): GenerateOptions {
  return {
    ...(context === undefined ? {} : { context }),
    ...(window === undefined ? {} : { window }),
    ...(allow === undefined ? {} : { allow }),
    ...(media === undefined ? {} : { media }),
    ...(continueFrom === undefined ? {} : { continueFrom }),
  }
}

function withoutMessages({ messages, prompt, system, ...rest }: GenerateRequest): GenerateRequest {
  return rest
}

function toolsArgument(tools: unknown): Record<string, CheckedTool> {
  if (typeof tools !== 'object' || tools === null) throw invalid('`tools` must be an object of tools by name')
  const fixed: Record<string, CheckedTool> = {}
  for (const [name, tool] of Object.entries(tools as Record<string, ExecutableTool>)) {
    if (typeof tool?.execute !== 'function') throw invalid(`tools.${name} needs an \`execute\` function`)
    if (typeof tool.description !== 'string') throw invalid(`tools.${name} needs a description`)
    if (tool.timeoutMs !== undefined && !(tool.timeoutMs > 0 && Number.isFinite(tool.timeoutMs)))
      throw invalid(`tools.${name}.timeoutMs must be a positive number`)
    const { inputSchema, ...rest } = tool
    fixed[name] = {
      ...rest,
      execute: (input, call) => tool.execute(input, call),
      ...(inputSchema === undefined ? {} : { inputSchema: jsonSchemaOf(inputSchema, `tools.${name}.inputSchema`) }),
    }
  }
  return fixed
}

/** Validates a stored run, which comes from outside, before anything runs. */
function pausedArgument(run: PausedRun): PausedRun {
  const { version, messages, calls, step } = (run ?? {}) as Partial<PausedRun>
  const isReadable = version === 1 && Array.isArray(messages) && isArray(calls) && Number.isSafeInteger(step)
  if (!isReadable) throw invalid('`resume` is not a paused run of this version')
  if (!calls?.every((it) => typeof it?.call?.name === 'string')) throw invalid('`resume.calls` must each name a tool')
  return run
}

function positive(value: unknown, name: string): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw invalid(`\`${name}\` must be a positive whole number, found ${String(value)}`)
}
