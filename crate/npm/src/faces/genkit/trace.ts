/** Converts spans to the format of Genkit's telemetry server. */

import type { SpanRecord } from '../../otel/spans.js'

/** A trace in the form of `POST /api/traces`. */
export interface GenkitTrace {
  traceId: string
  displayName: string
  startTime: number
  endTime: number
  spans: Record<string, object>
}

/** The input and output of an action. */
export interface Shown {
  input?: unknown
  output?: unknown
}

export function traceOf(root: SpanRecord, traceId: string, { input, output }: Shown = {}): GenkitTrace {
  const spans: Record<string, object> = {}
  const add = (span: SpanRecord, parentSpanId: string | undefined, path: string): void => {
    const spanId = hex(8)
    const { name, type, subtype } = kindOf(span.name)
    const own = `${path}/{${name},t:${type}${subtype === undefined ? '' : `,s:${subtype}`}}`
    const isRoot = parentSpanId === undefined
    spans[spanId] = {
      spanId,
      traceId,
      ...(isRoot ? {} : { parentSpanId }),
      startTime: span.startMs,
      endTime: span.endMs,
      displayName: name,
      attributes: {
        ...span.attributes,
        'genkit:name': name,
        'genkit:type': type,
        ...(subtype === undefined ? {} : { 'genkit:metadata:subtype': subtype }),
        'genkit:path': own,
        'genkit:state': span.error === undefined ? 'success' : 'error',
        ...(isRoot
          ? { 'genkit:isRoot': true, ...shown('genkit:input', input), ...shown('genkit:output', output) }
          : {}),
      },
      instrumentationLibrary: { name: 'hybridge' },
      spanKind: 'INTERNAL',
      status: span.error === undefined ? { code: 0 } : { code: 2, message: span.error.message },
    }
    for (const child of span.children) add(child, spanId, own)
  }
  add(root, undefined, '')
  return { traceId, displayName: kindOf(root.name).name, startTime: root.startMs, endTime: root.endMs, spans }
}

/** Returns Genkit's name for a span. */
function kindOf(spanName: string): { name: string; type: string; subtype?: string } {
  const [, operation = '', name = spanName] = /^(\S+) (.*)$/s.exec(spanName) ?? []
  if (operation === 'step') return { name, type: 'flowStep' }
  const subtypes: Record<string, string> = { invoke_workflow: 'flow', execute_tool: 'tool', embeddings: 'embedder' }
  return { name, type: 'action', subtype: subtypes[operation] ?? 'model' }
}

function shown(name: string, value: unknown): Record<string, string> {
  return value === undefined ? {} : { [name]: typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null') }
}

export function hex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
