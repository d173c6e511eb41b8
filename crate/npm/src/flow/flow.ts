/**
 * Flows: functions with validated input and output, named steps in the trace, and retries that do not repeat finished
 * steps.
 */

import { Feed } from '../answer/stream.js'
import { mismatchOf } from '../answer/output.js'
import { now, newId } from '../border/clock.js'
import { unlessAborted } from '../border/abort.js'
import { HybridError, reportQuietly } from '../border/errors.js'
import { cancelled, fromThrown } from '../border/thrown.js'
import { follow } from '../agent/stream-tools.js'
import type { GenerateOptions, GenerateResponse, JsonSchema, Model, RoutingTrace } from '../types.js'

/** The part of Standard Schema that is used here: https://standardschema.dev */
export interface StandardValidator<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}
type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: ReadonlyArray<{
        readonly message: string
        readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
      }>
    }

/** A Standard Schema (zod, valibot, arktype, …) or a JSON Schema. */
export type FlowSchema<T = unknown> = StandardValidator<T> | JsonSchema
type Checked<Schema, Otherwise> = Schema extends StandardValidator<infer Output> ? Output : Otherwise

export interface FlowStep {
  readonly name: string
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: 'done' | 'reused' | 'failed'
  readonly attempts: number
}
/** A request that the flow made through `flow.with`. */
export interface FlowRequest {
  readonly model: string
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: 'done' | 'failed'
  /** The attempts of the request. Absent if a failure carries none. */
  readonly routing?: RoutingTrace
}
export interface FlowTrace {
  readonly id: string
  readonly flow: string
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: 'done' | 'failed' | 'stopped'
  readonly steps: readonly FlowStep[]
  /** The requests, in the order in which they began. */
  readonly requests: readonly FlowRequest[]
}

/** Without a schema, the app's annotation is the type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- `unknown` would refuse every annotation
type Unchecked = any

/** The context of a flow's function, passed after its input. */
export interface FlowContext<Chunk> {
  readonly signal: AbortSignal
  readonly context: Record<string, unknown>
  /** Runs a named step. A retry of the flow does not repeat a finished step. */
  run<T>(name: string, step: () => T | Promise<T>): Promise<T>
  /** Sends a chunk to the caller that streams the flow. */
  sendChunk(chunk: Chunk): void
  /** A model bound to this flow: its signal, its context, and the branches that the flow allows. */
  with(model: Model): Pick<Model, 'generate' | 'generateStream'>
}

export interface FlowOptions<Input, Output, Chunk> {
  name: string
  inputSchema?: Input
  outputSchema?: Output
  streamSchema?: Chunk
  /** The branches that this flow may use, for instance `['onDevice']` for a feature that stays on the device. */
  allow?: readonly string[]
  /** How often a failed flow is retried; finished steps are not repeated. Default 0. */
  retries?: number
  onTrace?: (trace: FlowTrace) => void
}

/** The key under which a flow runs for a tool that needs its trace, in addition to the flow's own `onTrace`. */
export const tracedFlow: unique symbol = Symbol.for('hybridge.tracedFlow')

export interface Flow<Input, Output, Chunk> {
  (input: Input, options?: Pick<GenerateOptions, 'signal' | 'context'>): Promise<Output>
  readonly flowName: string
  stream(
    input: Input,
    options?: Pick<GenerateOptions, 'signal' | 'context'>,
  ): { readonly stream: AsyncIterable<Chunk>; readonly output: Promise<Output> }
}

/**
 * Defines a flow.
 *
 * @example
 * const inputSchema = z.object({ theme: z.string() })
 * const menu = defineFlow({ name: 'menu', inputSchema, allow: ['onDevice'] }, async ({ theme }, flow) => {
 *   const dishes = await flow.run('dishes', async () => (await flow.with(ai).generate(`Three ${theme} dishes`)).text)
 *   return await flow.run('menu', async () => (await flow.with(ai).generate(`A menu of ${dishes}`)).text)
 * })
 * const text = await menu({ theme: 'Rhenish' })
 */
export function defineFlow<
  const Input extends FlowSchema | undefined = undefined,
  const Output extends FlowSchema | undefined = undefined,
  const Chunk extends FlowSchema | undefined = undefined,
>(
  options: FlowOptions<Input, Output, Chunk>,
  act: (
    input: Checked<Input, Unchecked>,
    flow: FlowContext<Checked<Chunk, Unchecked>>,
  ) => Checked<Output, Unchecked> | Promise<Checked<Output, Unchecked>>,
): Flow<Checked<Input, Unchecked>, Checked<Output, Unchecked>, Checked<Chunk, Unchecked>> {
  const { name, retries = 0 } = options
  if (typeof name !== 'string' || name === '') throw new HybridError('INVALID_ARGUMENT', 'a flow needs a name')
  if (typeof act !== 'function') throw new HybridError('INVALID_ARGUMENT', `the flow '${name}' needs a function`)
  if (!Number.isSafeInteger(retries) || retries < 0)
    throw new HybridError('INVALID_ARGUMENT', `\`retries\` of the flow '${name}' must be a whole number of at least 0`)
  type Given = Pick<GenerateOptions, 'signal' | 'context'>
  const start = (
    input: unknown,
    { signal, context = {} }: Given,
    work: AbortController,
    sendChunk: (chunk: unknown) => void,
    onTrace?: (trace: FlowTrace) => void,
  ) =>
    follow(signal, work, (own) =>
      runFlow({ options, act: act as Definition['act'], retries }, input, { signal: own, context, sendChunk, onTrace }),
    )
  const call = (input: unknown, given: Given = {}) => start(input, given, new AbortController(), () => {})
  const stream = (input: unknown, given: Given = {}) => {
    const work = new AbortController()
    const feed = new Feed<unknown>(() => work.abort(new DOMException('the loop was left', 'AbortError')))
    const output = start(input, given, work, (chunk) => feed.push(chunk))
    output.then(
      () => feed.close(),
      (error: unknown) => feed.fail(error),
    )
    return { stream: feed, output }
  }
  const traced = ({ input, sendChunk, onTrace, ...given }: TracedRun): Promise<unknown> =>
    start(input, given, new AbortController(), sendChunk, onTrace)
  return Object.assign(call, { flowName: name, stream, [tracedFlow]: traced }) as ReturnType<
    typeof defineFlow<Input, Output, Chunk>
  >
}

/** Internal call options of `tracedFlow`. */
export interface TracedRun {
  input: unknown
  signal: AbortSignal
  context: Record<string, unknown>
  sendChunk: (chunk: unknown) => void
  onTrace: (trace: FlowTrace) => void
}

interface Definition {
  options: FlowOptions<FlowSchema | undefined, FlowSchema | undefined, FlowSchema | undefined>
  act: (input: unknown, flow: FlowContext<unknown>) => unknown
  retries: number
}

interface FlowRun {
  signal: AbortSignal
  context: Record<string, unknown>
  sendChunk: (chunk: unknown) => void
  onTrace?: ((trace: FlowTrace) => void) | undefined
}

/** The last outcome of a step. */
interface StepRecord extends Omit<FlowStep, 'name'> {
  readonly value?: unknown
}

async function runFlow({ options, act, retries }: Definition, given: unknown, run: FlowRun): Promise<unknown> {
  const startedAtMs = now()
  const steps = new Map<string, StepRecord>()
  const requests: FlowRequest[] = []
  let outcome: FlowTrace['outcome'] = 'failed'
  try {
    const input = await check(options.inputSchema, given, `the input of the flow '${options.name}'`, 'INVALID_ARGUMENT')
    for (let attempt = 0; ; attempt++) {
      try {
        const output = await attemptFlow({ options, act }, input, run, { steps, requests })
        const checked = await check(
          options.outputSchema,
          output,
          `the output of the flow '${options.name}'`,
          'INTERNAL',
        )
        outcome = 'done'
        return checked
      } catch (error) {
        if (run.signal.aborted) throw cancelled(run.signal.reason)
        const { status } = fromThrown(error)
        if (attempt >= retries || status === 'INVALID_ARGUMENT' || status === 'CANCELLED') throw error
      }
    }
  } catch (error) {
    if (run.signal.aborted) outcome = 'stopped'
    throw error
  } finally {
    const made = [...steps].map(([name, { value, ...step }]) => ({ name, ...step }))
    const trace: FlowTrace = {
      id: newId(),
      flow: options.name,
      startedAtMs,
      durationMs: now() - startedAtMs,
      outcome,
      steps: made,
      requests: [...requests],
    }
    report(options.onTrace, trace)
    report(run.onTrace, trace)
  }
}

async function attemptFlow(
  { options, act }: Omit<Definition, 'retries'>,
  input: unknown,
  run: FlowRun,
  { steps, requests }: { steps: Map<string, StepRecord>; requests: FlowRequest[] },
): Promise<unknown> {
  const { signal, context } = run
  const seen = new Set<string>()
  const flow: FlowContext<unknown> = {
    signal,
    context,
    run: async <T>(name: string, step: () => T | Promise<T>): Promise<T> => {
      if (typeof name !== 'string' || name === '') throw new HybridError('INVALID_ARGUMENT', 'a step needs a name')
      if (seen.has(name))
        throw new HybridError(
          'INVALID_ARGUMENT',
          `the flow '${options.name}' has two steps named '${name}'; number them`,
        )
      seen.add(name)
      if (signal.aborted) throw cancelled(signal.reason)
      const before = steps.get(name)
      if (before !== undefined && before.outcome !== 'failed') {
        steps.set(name, { ...before, outcome: 'reused' })
        return before.value as T
      }
      const startedAtMs = now()
      const entry = { startedAtMs, attempts: (before?.attempts ?? 0) + 1 }
      try {
        const value = await unlessAborted(Promise.resolve().then(step), signal)
        steps.set(name, { ...entry, outcome: 'done', durationMs: now() - startedAtMs, value })
        return value
      } catch (error) {
        steps.set(name, { ...entry, outcome: 'failed', durationMs: now() - startedAtMs })
        throw error
      }
    },
    sendChunk: (chunk) => {
      if (signal.aborted) return
      run.sendChunk(chunk)
    },
    with: (model) =>
      bound(model, { signal, context, ...(options.allow === undefined ? {} : { allow: options.allow }) }, requests),
  }
  return await unlessAborted(
    Promise.resolve().then(() => act(input, flow)),
    signal,
  )
}

/**
 * Wraps a model so that every request carries the flow's signal, context and branches, and is recorded in the trace.
 */
function bound(
  model: Model,
  flow: GenerateOptions,
  requests: FlowRequest[],
): Pick<Model, 'generate' | 'generateStream'> {
  const noted = <T extends Promise<GenerateResponse>>(answer: T): T => {
    const at = requests.length
    const startedAtMs = now()
    const note = (outcome: FlowRequest['outcome'], routing: RoutingTrace | undefined): void => {
      requests[at] = {
        model: model.name,
        startedAtMs,
        durationMs: now() - startedAtMs,
        outcome,
        ...(routing === undefined ? {} : { routing }),
      }
    }
    // A request that the flow did not await has no end in the trace.
    note('failed', undefined)
    answer.then(
      ({ routing }) => note('done', routing),
      (error: unknown) => note('failed', HybridError.isInstance(error) ? error.routing : undefined),
    )
    return answer
  }
  const merged = (own: GenerateOptions = {}): GenerateOptions => {
    const allow =
      flow.allow === undefined
        ? own.allow
        : own.allow === undefined
          ? flow.allow
          : own.allow.filter((key) => flow.allow?.includes(key))
    return {
      ...flow,
      ...own,
      context: { ...flow.context, ...own.context },
      ...(allow === undefined ? {} : { allow }),
      ...(own.signal === undefined ? {} : { signal: own.signal }),
    }
  }
  return {
    generate: (request, options) => noted(model.generate(request, merged(options))),
    generateStream: (request, options) => {
      const stream = model.generateStream(request, merged(options))
      void noted(stream.response)
      return stream
    },
  }
}

/** Validates a value by its schema; the error contains the path. */
export async function check(
  schema: FlowSchema | undefined,
  value: unknown,
  what: string,
  status: 'INVALID_ARGUMENT' | 'INTERNAL',
): Promise<unknown> {
  if (schema === undefined) return value
  if (isStandard(schema)) {
    const result = await schema['~standard'].validate(value)
    if (result.issues === undefined) return result.value
    const [issue] = result.issues
    const path = (issue?.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('/')
    throw new HybridError(
      status,
      `${what} is not what its schema allows${path === '' ? '' : ` at /${path}`}: ${issue?.message ?? 'it does not match'}`,
      { code: 'SCHEMA_MISMATCH' },
    )
  }
  const mismatch = await mismatchOf(schema, value ?? null)
  if (mismatch === undefined) return value
  throw new HybridError(
    status,
    `${what} is not what its schema allows${mismatch.path === '' ? '' : ` at ${mismatch.path}`}: expected ${mismatch.expected}`,
    { code: 'SCHEMA_MISMATCH' },
  )
}

function isStandard(schema: FlowSchema): schema is StandardValidator {
  return typeof (schema as Partial<StandardValidator>)['~standard']?.validate === 'function'
}

/** An exception of `onTrace` never fails the flow. */
function report(onTrace: ((trace: FlowTrace) => void) | undefined, trace: FlowTrace): void {
  void (async () => onTrace?.(trace))().catch(reportQuietly)
}
