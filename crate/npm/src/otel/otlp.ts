/** Sends spans and metrics by OTLP over HTTP, as JSON, for pages without an SDK. */

import { HybridError } from '../index.js'
import { urlOf } from '../border/url.js'
import type { Attributes, AttributeValue, Measurement, SpanRecord } from './spans.js'
import type { TelemetrySink } from './telemetry.js'

/** Options of the exporter. */
export interface OtlpOptions {
  /** The collector's address, for example `http://localhost:4318`; `/v1/traces` and `/v1/metrics` are appended. */
  url: string
  headers?: Record<string, string>
  /** `service.name` of the resource. Default `'hybridge'`. */
  serviceName?: string
  /** How long spans wait to be sent together, in milliseconds. Default 5000. */
  delayMs?: number
  fetch?: typeof fetch
}

/** A sink that sends to a collector. */
export interface OtlpExporter extends TelemetrySink {
  /** Sends what is queued. Settles when it is sent or given up; never rejects. */
  flush(): Promise<void>
  /** Sends what is queued and stops the timer. */
  close(): Promise<void>
  /** The number of spans that were dropped: sending failed, or the queue was full. */
  readonly dropped: number
}

/** The size of the queue. It is reached only while a collector is down; then the newest spans are dropped. */
const mostWaiting = 2048
const tries = 3
/**
 * In characters. Text outside ASCII makes the body longer; if it is refused for that, the second try is sent without
 * `keepalive`.
 */
const longestKeptAlive = 60_000

/**
 * Creates a sink that sends spans and metrics to an OpenTelemetry collector. A collector that is down never affects a
 * request: spans that cannot be sent are counted in `dropped`.
 *
 * @example
 * const ai = withTelemetry(hybrid, { sink: otlpExporter({ url: 'http://localhost:4318' }) })
 */
export function otlpExporter({
  url,
  headers = {},
  serviceName = 'hybridge',
  delayMs = 5000,
  fetch: send = globalThis.fetch.bind(globalThis),
}: OtlpOptions): OtlpExporter {
  if (urlOf(url) === undefined) throw new HybridError('INVALID_ARGUMENT', 'otlpExporter needs the `url` of a collector')
  const base = url.replace(/\/+$/, '')
  let spans: object[] = []
  let points: Measurement[] = []
  /** When the last measurements were sent. */
  let since = Date.now()
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: Promise<void> = Promise.resolve()
  let dropped = 0
  const resource = { attributes: keyValues({ 'service.name': serviceName }) }
  const scope = { name: 'hybridge' }

  /** Retries a few times if a collector is busy. */
  const post = async (path: string, content: object): Promise<boolean> => {
    const body = JSON.stringify(content)
    for (let count = 1; count <= tries; count++) {
      try {
        const { ok, status } = await send(`${base}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body,
          // The request outlives the page. Browsers limit such requests to 64 KB in total.
          keepalive: count === 1 && body.length <= longestKeptAlive,
        })
        if (ok) return true
        if (![429, 502, 503, 504].includes(status)) return false
      } catch {
        // An unreachable collector is retried like a busy one.
      }
      if (count < tries) await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** count))
    }
    return false
  }
  const sendWaiting = async (): Promise<void> => {
    const [sentSpans, sentPoints, startMs] = [spans, points, since]
    spans = []
    points = []
    since = Date.now()
    if (
      sentSpans.length > 0 &&
      !(await post('/v1/traces', { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: sentSpans }] }] }))
    )
      dropped += sentSpans.length
    if (sentPoints.length > 0)
      await post('/v1/metrics', {
        resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: metricsOf(sentPoints, startMs) }] }],
      })
  }
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    return (running = running.then(sendWaiting))
  }
  const schedule = (): void => {
    timer ??= setTimeout(() => void flush(), delayMs)
    // In Node, the timer alone must not keep the process alive.
    ;(timer as { unref?: () => void }).unref?.()
  }
  const onHide = (): void => {
    if (globalThis.document?.visibilityState === 'hidden') void flush()
  }
  globalThis.document?.addEventListener('visibilitychange', onHide)
  return {
    begin: () => ({
      end(record) {
        const flat = flatten(record, hex(16))
        const room = Math.max(0, mostWaiting - spans.length)
        dropped += Math.max(0, flat.length - room)
        spans.push(...flat.slice(0, room))
        schedule()
      },
    }),
    measure(measurement) {
      if (points.length < mostWaiting) points.push(measurement)
      schedule()
    },
    flush,
    async close() {
      globalThis.document?.removeEventListener('visibilitychange', onHide)
      await flush()
    },
    get dropped() {
      return dropped
    },
  }
}

function flatten(
  { name, kind, startMs, endMs, attributes, error, children }: SpanRecord,
  traceId: string,
  parentSpanId?: string,
): object[] {
  const spanId = hex(8)
  const span = {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: kind === 'client' ? 3 : 1,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(endMs),
    attributes: keyValues(attributes),
    status: error === undefined ? { code: 0 } : { code: 2, message: error.message },
  }
  return [span, ...children.flatMap((child) => flatten(child, traceId, spanId))]
}

/** Histograms of the measurements since the last export. */
function metricsOf(points: Measurement[], startMs: number): object[] {
  const metrics = new Map<
    string,
    { name: string; unit: string; description: string; histogram: { aggregationTemporality: 1; dataPoints: object[] } }
  >()
  const groups = new Map<string, Measurement[]>()
  for (const point of points) {
    const key = JSON.stringify([point.name, point.attributes])
    groups.set(key, [...(groups.get(key) ?? []), point])
  }
  const now = nanos(Date.now())
  for (const group of groups.values()) {
    const [{ name, unit, description, attributes } = {} as Measurement] = group
    const bounds = unit === 's' ? durationBounds : tokenBounds
    const bucketCounts = Array.from({ length: bounds.length + 1 }, () => 0)
    for (const { value } of group) {
      const at = bounds.findIndex((bound) => value <= bound)
      const bucket = at === -1 ? bounds.length : at
      bucketCounts[bucket] = (bucketCounts[bucket] ?? 0) + 1
    }
    const values = group.map(({ value }) => value)
    const metric = metrics.get(name) ?? {
      name,
      unit,
      description,
      histogram: { aggregationTemporality: 1, dataPoints: [] },
    }
    metrics.set(name, metric)
    metric.histogram.dataPoints.push({
      startTimeUnixNano: nanos(startMs),
      timeUnixNano: now,
      // Numbers, because not every collector reads 64-bit integers as strings.
      count: group.length,
      sum: values.reduce((sum, value) => sum + value, 0),
      min: Math.min(...values),
      max: Math.max(...values),
      bucketCounts,
      explicitBounds: bounds,
      attributes: keyValues(attributes),
    })
  }
  return [...metrics.values()]
}

// The bucket boundaries recommended by the conventions.
const durationBounds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const tokenBounds = [
  1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
]

function keyValues(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: AttributeValue): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}

/** Nanoseconds need more digits than a JavaScript number has. */
function nanos(ms: number): string {
  const whole = Math.floor(ms)
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1_000_000)))
}

function hex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
