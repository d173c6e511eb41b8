/** Reports spans and metrics through OpenTelemetry's own API, with any SDK. */

import type { Attributes, Measurement, SpanRecord } from './spans.js'
import type { TelemetrySink } from './telemetry.js'

interface ApiSpan {
  end(endTime?: number): void
  setStatus(status: { code: number; message?: string }): unknown
}

/** `@opentelemetry/api`, the part that is used here: pass the module itself. */
export interface OpenTelemetryApi {
  trace: {
    getTracer(name: string): {
      startSpan(
        name: string,
        options?: { kind?: number; startTime?: number; attributes?: Attributes },
        context?: never,
      ): ApiSpan
    }
    setSpan(context: never, span: never): unknown
  }
  context: { active(): unknown }
  metrics?: {
    getMeter(name: string): {
      createHistogram(
        name: string,
        options?: { unit?: string; description?: string },
      ): { record(value: number, attributes?: Attributes): void }
    }
  }
}

const statusError = 2
const kinds = { internal: 0, client: 2 } as const

/**
 * Creates a sink for the tracer and meter that the page has registered. Spans become children of the span that is
 * active when the model is called.
 *
 * @example
 * import * as api from '@opentelemetry/api'
 * const ai = withTelemetry(hybrid, { sink: openTelemetry(api) })
 */
export function openTelemetry(api: OpenTelemetryApi): TelemetrySink {
  const write = (record: SpanRecord, parent: unknown): void => {
    const { name, kind, startMs, endMs, attributes, error, children } = record
    const span = api.trace
      .getTracer('hybridge')
      .startSpan(name, { kind: kinds[kind], startTime: startMs, attributes }, parent as never)
    const within = api.trace.setSpan(parent as never, span as never)
    for (const child of children) write(child, within)
    if (error !== undefined) span.setStatus({ code: statusError, message: error.message })
    span.end(endMs)
  }
  const histograms = new Map<string, { record(value: number, attributes?: Attributes): void } | undefined>()
  const histogram = ({
    name,
    unit,
    description,
  }: Measurement): { record(value: number, attributes?: Attributes): void } | undefined => {
    if (!histograms.has(name))
      histograms.set(name, api.metrics?.getMeter('hybridge').createHistogram(name, { unit, description }))
    return histograms.get(name)
  }
  return {
    begin() {
      const parent = api.context.active()
      return { end: (record) => write(record, parent) }
    },
    measure: (measurement) => histogram(measurement)?.record(measurement.value, measurement.attributes),
  }
}
