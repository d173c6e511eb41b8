/** Adds tracing and metrics to a model. */

import { HybridError } from '../index.js'
import type { GenerateRequest, GenerateResponse, Model } from '../index.js'
import { measurementsOf, spanOf, type Ended, type Measurement, type SpanRecord } from './spans.js'

/** Receives spans and measurements. Exceptions of a sink never reach a request. */
export interface TelemetrySink {
  /** Called at the beginning of a request, so that its span finds its parent. */
  begin(): { end(span: SpanRecord): void }
  measure(measurement: Measurement): void
}

/** Options of `withTelemetry`. */
export interface TelemetryOptions {
  sink: TelemetrySink
  /**
   * Whether prompts and answers are written into spans. Default false. Content of a request that a strategy pinned is
   * never written.
   */
  content?: boolean
}

/**
 * Adds tracing to a model: one span per request, by OpenTelemetry's conventions for generative AI, with a child for
 * each attempt of its routing, and histograms of tokens and durations.
 *
 * @example
 * import * as api from '@opentelemetry/api'
 * const ai = withTelemetry(hybrid, { sink: openTelemetry(api) })
 */
export function withTelemetry<M extends Model>(model: M, { sink, content = false }: TelemetryOptions): M {
  if (typeof model?.generate !== 'function' || typeof model.generateStream !== 'function')
    throw new HybridError('INVALID_ARGUMENT', 'withTelemetry needs a model')
  if (typeof sink?.begin !== 'function')
    throw new HybridError(
      'INVALID_ARGUMENT',
      'withTelemetry needs a `sink`: openTelemetry(api) or otlpExporter({ url })',
    )
  const watch = (given: string | GenerateRequest, answer: Promise<GenerateResponse>): void => {
    const request = typeof given === 'string' ? { prompt: given } : given
    const startMs = wallClock()
    const span = quietly(() => sink.begin())
    const end = (outcome: Ended['outcome']): void => {
      const ended: Ended = { model: model.name, request, startMs, endMs: wallClock(), content, outcome }
      quietly(() => span?.end(spanOf(ended)))
      quietly(() => measurementsOf(ended).forEach((measurement) => sink.measure(measurement)))
    }
    answer.then(
      (response) => end({ response }),
      (thrown: unknown) => end({ thrown }),
    )
  }
  const own: Pick<Model, 'generate' | 'generateStream'> = {
    generate(request, options) {
      const answer = model.generate(request, options)
      watch(request, answer)
      return answer
    },
    generateStream(request, options) {
      const stream = model.generateStream(request, options)
      watch(request, stream.response)
      return stream
    },
  }
  // State, load, explain and the rest are the model's own.
  return new Proxy(model, {
    get(target, key) {
      if (key === 'generate' || key === 'generateStream') return own[key]
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value as (...given: unknown[]) => unknown).bind(target) : value
    },
  })
}

/** Milliseconds since 1970. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now()
}

/** Telemetry never fails a request. */
export function quietly<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
