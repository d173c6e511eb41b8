/**
 * Spans and metrics of models, following OpenTelemetry's conventions for generative AI. Importing this has no effect.
 */

export { openTelemetry, type OpenTelemetryApi } from './api.js'
export { otlpExporter, type OtlpExporter, type OtlpOptions } from './otlp.js'
export type { Attributes, AttributeValue, Measurement, SpanRecord } from './spans.js'
export { withTelemetry, type TelemetryOptions, type TelemetrySink } from './telemetry.js'
export { flowTelemetry, tracedEmbedder, tracedTools } from './work.js'
