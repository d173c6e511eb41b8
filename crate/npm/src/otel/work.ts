/** Spans of the work around requests: tool calls, embeddings, and flows with their steps. */

import { HybridError } from '../index.js'
import type { Embedder, ExecutableTool, FlowRequest, FlowTrace } from '../index.js'
import { errorOf, routedSpan, type Attributes, type SpanRecord } from './spans.js'
import { quietly, wallClock, type TelemetrySink } from './telemetry.js'

/**
 * Adds tracing to tools: one span `execute_tool NAME` per call, by OpenTelemetry's conventions. Arguments and results
 * are not written, because they may contain pinned content.
 *
 * @example
 * const tools = tracedTools({ weather }, { sink: openTelemetry(api) })
 * const run = streamTools({ model: ai, request, tools })
 */
export function tracedTools<T extends Readonly<Record<string, ExecutableTool>>>(
  tools: T,
  { sink }: { sink: TelemetrySink },
): T {
  sinkArgument(sink, 'tracedTools')
  const traced = Object.entries(tools).map(([name, tool]): [string, ExecutableTool] => {
    if (typeof tool?.execute !== 'function')
      throw new HybridError('INVALID_ARGUMENT', `tools.${name} needs an \`execute\` function`)
    const execute: ExecutableTool['execute'] = (input, call) =>
      spanned(sink, async () => tool.execute(input, call), {
        name: `execute_tool ${name}`,
        kind: 'internal',
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': name,
          'gen_ai.tool.type': 'function',
          ...(tool.description === '' ? {} : { 'gen_ai.tool.description': tool.description }),
          ...(call.ref === undefined ? {} : { 'gen_ai.tool.call.id': call.ref }),
        },
      })
    return [name, { ...tool, execute }]
  })
  return Object.fromEntries(traced) as T
}

/**
 * Adds tracing to an embedder: one span `embeddings NAME` per call. The texts are never written.
 *
 * @example
 * const embedder = tracedEmbedder(gemmaEmbedder({ model }), { sink: openTelemetry(api) })
 */
export function tracedEmbedder<E extends Embedder>(embedder: E, { sink }: { sink: TelemetrySink }): E {
  if (typeof embedder?.embed !== 'function')
    throw new HybridError('INVALID_ARGUMENT', 'tracedEmbedder needs an embedder')
  sinkArgument(sink, 'tracedEmbedder')
  const { name = 'embedder', inferenceSource } = embedder.info ?? {}
  const embed: Embedder['embed'] = (texts, options) =>
    spanned(sink, () => embedder.embed(texts, options), {
      name: `embeddings ${name}`,
      kind: 'client',
      attributes: {
        'gen_ai.operation.name': 'embeddings',
        'gen_ai.provider.name': 'hybridge',
        'gen_ai.request.model': name,
        ...(inferenceSource === undefined ? {} : { 'hybridge.inference_source': inferenceSource }),
        'hybridge.embeddings.texts': typeof texts === 'string' ? 1 : texts.length,
      },
      of: ([first]) => (first === undefined ? {} : { 'gen_ai.embeddings.dimension.count': first.length }),
    })
  return new Proxy(embedder, {
    get(target, key) {
      if (key === 'embed') return embed
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value as (...given: unknown[]) => unknown).bind(target) : value
    },
  })
}

/**
 * Creates an `onTrace` for flows: one span `invoke_workflow NAME` per run, with a child for each step and each request
 * that the flow made through `flow.with`.
 *
 * @example
 * const onTrace = flowTelemetry({ sink: openTelemetry(api) })
 * const menu = defineFlow({ name: 'menu', onTrace }, async (theme, flow) =>
 *   await flow.run('dish', async () => (await flow.with(ai).generate(theme)).text))
 */
export function flowTelemetry({ sink }: { sink: TelemetrySink }): (trace: FlowTrace) => void {
  sinkArgument(sink, 'flowTelemetry')
  return (trace) => quietly(() => sink.begin().end(flowSpan(trace)))
}

/** Reports a flow's run with its steps; a request is a child of the step in which it ran, if there is one. */
export function flowSpan({ id, flow, startedAtMs, durationMs, outcome, steps, requests }: FlowTrace): SpanRecord {
  const made = steps.map(({ name, startedAtMs, durationMs, outcome, attempts }): SpanRecord => ({
    name: `step ${name}`,
    kind: 'internal',
    startMs: startedAtMs,
    endMs: startedAtMs + durationMs,
    attributes: { 'hybridge.flow.step': name, 'hybridge.flow.outcome': outcome, 'hybridge.flow.attempts': attempts },
    ...(outcome === 'failed' ? { error: { type: 'UNKNOWN', message: 'the step failed' } } : {}),
    children: [],
  }))
  const children = [...made]
  for (const request of requests) {
    const around = made.filter((step) => isWithin(request, step))
    const [only, ...others] = around
    const parent = only === undefined || others.length > 0 ? children : only.children
    parent.push(routedSpan(request))
  }
  return {
    name: `invoke_workflow ${flow}`,
    kind: 'internal',
    startMs: startedAtMs,
    endMs: startedAtMs + durationMs,
    attributes: {
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.workflow.name': flow,
      'hybridge.flow.id': id,
      'hybridge.flow.outcome': outcome,
    },
    ...(outcome === 'done'
      ? {}
      : { error: { type: outcome === 'stopped' ? 'CANCELLED' : 'UNKNOWN', message: `the flow ${outcome}` } }),
    children,
  }
}

function isWithin({ startedAtMs, durationMs }: FlowRequest, { startMs, endMs }: SpanRecord): boolean {
  return startedAtMs >= startMs && startedAtMs + durationMs <= endMs
}

/** Runs the work within a span. Its result or exception passes unchanged. */
async function spanned<T>(
  sink: TelemetrySink,
  work: () => Promise<T>,
  { of, ...span }: Pick<SpanRecord, 'name' | 'kind' | 'attributes'> & { of?: (result: T) => Attributes },
): Promise<T> {
  const startMs = wallClock()
  const open = quietly(() => sink.begin())
  const end = (more: Attributes, error?: SpanRecord['error']): void => {
    const attributes = { ...span.attributes, ...more, ...(error === undefined ? {} : { 'error.type': error.type }) }
    const whole = { ...span, attributes, startMs, endMs: wallClock(), children: [] }
    quietly(() => open?.end(error === undefined ? whole : { ...whole, error }))
  }
  try {
    const result = await work()
    end(quietly(() => of?.(result)) ?? {})
    return result
  } catch (thrown) {
    end({}, errorOf(thrown))
    throw thrown
  }
}

function sinkArgument(sink: unknown, what: string): void {
  if (typeof (sink as Partial<TelemetrySink> | undefined)?.begin !== 'function')
    throw new HybridError('INVALID_ARGUMENT', `${what} needs a \`sink\`: openTelemetry(api) or otlpExporter({ url })`)
}
