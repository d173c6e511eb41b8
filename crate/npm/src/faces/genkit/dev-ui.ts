/**
 * Connects models of a page or process to Genkit's Developer UI. Genkit's tool accepts runtimes on a WebSocket
 * (reflection protocol, version 2); this side connects, lists the models and runs the requested actions. For
 * development, on this machine only.
 */

import { HybridError } from '../../index.js'
import { urlOf } from '../../border/url.js'
import type { Flow, FlowTrace, GenerateRequest, GenerateResponse, Model, Status } from '../../index.js'
import { spanOf, type SpanRecord } from '../../otel/spans.js'
import type { TelemetrySink } from '../../otel/telemetry.js'
import { flowSpan } from '../../otel/work.js'
import type { TracedRun } from '../../flow/flow.js'
import { hybridErrorOf } from '../failure.js'
import { openStream } from '../opening.js'
import { servedOf, type ServedModels } from '../served.js'
import { hex, traceOf, type GenkitTrace } from './trace.js'
import { infoOf, isObject, requestOf, responseOf, type GenkitRequest } from './wire.js'

export interface ConnectDevUIOptions extends ServedModels {
  /** Flows of `defineFlow`, which can also be run from there: one trace each, with steps, requests and attempts. */
  flows?: readonly Flow<never, unknown, unknown>[]
  /**
   * The address at which `genkit start --experimental-reflection-v2` listens, for example `ws://localhost:3200`; on
   * this machine only.
   */
  url: string
  /** The name of this runtime. Default `'hybridge'`. */
  name?: string
  /** The address for traces. Default: the one that the Developer UI reports. */
  telemetryUrl?: string
  WebSocket?: typeof WebSocket
  fetch?: typeof fetch
}

/** A connection to the Developer UI. */
export interface DevUIConnection {
  /** Resolves once the models are registered. Rejects with UNAVAILABLE if nothing listens. */
  readonly ready: Promise<void>
  /** A sink for `withTelemetry`: also shows the page's own requests, one trace each. */
  readonly sink: TelemetrySink
  /** Aborts running actions and unregisters. */
  close(): void
}

const firstDelayMs = 500
const longestDelayMs = 5000
/** Error codes of JSON-RPC, and of Genkit's own failures. */
const codes = { unknownMethod: -32601, unknownAction: -32602, failed: -32000 } as const
const canonical: Status[] = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/**
 * Connects models to Genkit's Developer UI, which can run them and shows each run as a trace with its route and
 * attempts.
 *
 * @example
 * const devUI = connectDevUI({ models: { hybrid }, url: 'ws://localhost:3200' })
 * await devUI.ready
 */
export function connectDevUI(options: ConnectDevUIOptions): DevUIConnection {
  return new Connection(options)
}

interface Incoming {
  id?: string
  method?: string
  params?: unknown
  result?: unknown
  error?: { message?: string }
}

class Connection implements DevUIConnection {
  readonly ready: Promise<void>
  readonly sink: TelemetrySink
  readonly #models: ReadonlyMap<string, Model>
  readonly #flows: ReadonlyMap<string, RunFlow>
  readonly #options: ConnectDevUIOptions
  readonly #id = `hybridge-${hex(8)}`
  readonly #running = new Map<string, AbortController>()
  #telemetryUrl: string | undefined
  #socket: WebSocket | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #delayMs = firstDelayMs
  #isClosed = false

  constructor(options: ConnectDevUIOptions) {
    this.#options = options
    this.#models = servedOf(options, 'connectDevUI').models
    this.#flows = flowsArgument(options.flows)
    requireLoopback(options.url, 'url', ['ws:', 'wss:'])
    if (options.telemetryUrl !== undefined) requireLoopback(options.telemetryUrl, 'telemetryUrl', ['http:', 'https:'])
    this.#telemetryUrl = options.telemetryUrl
    this.ready = new Promise((resolve, reject) => this.#connect(resolve, reject))
    // A caller need not await it.
    this.ready.catch(() => undefined)
    this.sink = {
      begin: () => ({
        end: (span) => {
          const { 'gen_ai.input.messages': input, 'gen_ai.output.messages': output } = span.attributes
          void this.#post(traceOf(span, hex(16), { input, output }))
        },
      }),
      measure: () => undefined,
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const work of this.#running.values()) work.abort(new DOMException('the connection was closed', 'AbortError'))
    this.#socket?.close()
  }

  #connect(resolve?: () => void, reject?: (error: HybridError) => void): void {
    const { url, WebSocket: Socket = globalThis.WebSocket } = this.#options
    const refuse = (): void =>
      reject?.(
        new HybridError(
          'UNAVAILABLE',
          `nothing listens at ${url}: start it with \`genkit start --experimental-reflection-v2\``,
        ),
      )
    if (typeof Socket !== 'function') return refuse()
    let isRegistered = false
    const socket = new Socket(url)
    this.#socket = socket
    socket.addEventListener('open', () => {
      const { name = 'hybridge' } = this.#options
      const pid = (globalThis as { process?: { pid?: number } }).process?.pid ?? 0
      this.#send({
        id: 'register',
        method: 'register',
        params: { id: this.#id, pid, name, genkitVersion: 'hybridge', reflectionApiSpecVersion: 1, envs: ['dev'] },
      })
    })
    socket.addEventListener('message', ({ data }: MessageEvent) => {
      const message = parsed(data)
      if (message === undefined) return
      if (message.method !== undefined) return void this.#onRequest(message.method, message)
      if (message.id !== 'register' || message.error !== undefined) return
      isRegistered = true
      this.#delayMs = firstDelayMs
      if (isObject(message.result)) this.#configure(message.result)
      resolve?.()
    })
    // An error is followed by a close event.
    socket.addEventListener('error', () => undefined)
    socket.addEventListener('close', () => {
      // The actions of this connection have no receiver any more.
      for (const work of this.#running.values()) work.abort(new DOMException('the connection was lost', 'AbortError'))
      if (this.#isClosed)
        return reject?.(new HybridError('CANCELLED', 'the connection was closed before it was established'))
      // A failed first connection is reported to the caller; an established one reconnects.
      if (!isRegistered && reject !== undefined) return refuse()
      this.#timer = setTimeout(() => this.#connect(), this.#delayMs)
      this.#delayMs = Math.min(longestDelayMs, this.#delayMs * 2)
    })
  }

  #configure({ telemetryServerUrl }: Record<string, unknown>): void {
    if (
      this.#options.telemetryUrl === undefined &&
      typeof telemetryServerUrl === 'string' &&
      isLoopback(telemetryServerUrl, ['http:', 'https:'])
    )
      this.#telemetryUrl = telemetryServerUrl
  }

  #send(message: object): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }))
  }

  async #onRequest(method: string, { id, params }: Incoming): Promise<void> {
    const given = isObject(params) ? params : {}
    const answer = (result: object): void => this.#send({ id, result })
    switch (method) {
      case 'listActions':
        return answer({ actions: this.#actions() })
      case 'listValues':
        return answer({ values: {} })
      case 'configure':
        return this.#configure(given)
      case 'runAction':
        return this.#run(id ?? '', given)
      case 'cancelAction': {
        const work = this.#running.get(String(given['traceId']))
        work?.abort(new DOMException('stopped in the Developer UI', 'AbortError'))
        return work === undefined
          ? this.#fail(id, codes.failed, 'no such action runs', 'NOT_FOUND')
          : answer({ message: 'Action cancelled' })
      }
      case 'sendInputStreamChunk':
      case 'endInputStream':
        return
      default:
        if (id !== undefined)
          this.#send({ id, error: { code: codes.unknownMethod, message: `unknown method: ${method}` } })
    }
  }

  #actions(): Record<string, object> {
    const flows = [...this.#flows.keys()].map((name): [string, object] => {
      const key = `/flow/${name}`
      return [key, { key, name, metadata: {} }]
    })
    return Object.fromEntries([
      ...[...this.#models].map(([name, model]): [string, object] => {
        const key = `/model/${name}`
        return [key, { key, name, description: `hybridge - ${name}`, metadata: { model: infoOf(name, model) } }]
      }),
      ...flows,
    ])
  }

  async #run(id: string, { key, input, context, stream }: Record<string, unknown>): Promise<void> {
    const [, kind, name = ''] = /^\/(model|flow)\/(.*)$/s.exec(String(key)) ?? []
    const model = kind === 'model' ? this.#models.get(name) : undefined
    const flow = kind === 'flow' ? this.#flows.get(name) : undefined
    if (model === undefined && flow === undefined)
      return this.#send({ id, error: { code: codes.unknownAction, message: `unknown action: ${String(key)}` } })
    const traceId = hex(16)
    const work = new AbortController()
    this.#running.set(traceId, work)
    // The cancellation came early, or the action could not be stopped.
    this.#send({ method: 'runActionState', params: { requestId: id, state: { traceId } } })
    const given = isObject(context) ? context : undefined
    const run = { id, stream: stream === true, signal: work.signal, context: given, input, traceId }
    try {
      const result = await (flow === undefined ? this.#runModel(name, model as Model, run) : this.#runFlow(flow, run))
      this.#send({ id, result: { result, telemetry: { traceId } } })
    } catch (thrown) {
      const error = work.signal.aborted ? new HybridError('CANCELLED', 'stopped by the caller') : hybridErrorOf(thrown)
      this.#fail(id, codes.failed, error.message, error.status, {
        traceId,
        ...(error.code === undefined ? {} : { code: error.code }),
      })
    } finally {
      this.#running.delete(traceId)
    }
  }

  async #runFlow(flow: RunFlow, { id, stream, signal, context = {}, input, traceId }: ActionRun): Promise<unknown> {
    let span: SpanRecord | undefined
    const onTrace = (trace: FlowTrace): void => void (span = flowSpan(trace))
    const sendChunk = (chunk: unknown): void => {
      if (stream) this.#send({ method: 'streamChunk', params: { requestId: id, chunk } })
    }
    let output: unknown
    try {
      output = await flow({ input, signal, context, sendChunk, onTrace })
      return output
    } finally {
      if (span !== undefined) await this.#post(traceOf(span, traceId, { input, output }))
    }
  }

  async #runModel(
    name: string,
    model: Model,
    { id, stream, signal, context, input, traceId }: ActionRun,
  ): Promise<object> {
    const startMs = now()
    const request =
      isObject(input) && Array.isArray(input['messages']) ? requestOf(input as unknown as GenkitRequest) : {}
    const end = (outcome: { response: GenerateResponse } | { thrown: unknown }, output?: unknown): Promise<void> =>
      this.#post(
        traceOf(spanOf({ model: name, request, startMs, endMs: now(), outcome, content: false }), traceId, {
          input,
          output,
        }),
      )
    try {
      const response = await this.#answer(model, request, { id, stream, signal, context })
      const result = responseOf(response)
      await end({ response }, result)
      return result
    } catch (thrown) {
      await end({ thrown: signal.aborted ? new HybridError('CANCELLED', 'stopped by the caller') : thrown })
      throw thrown
    }
  }

  async #answer(
    model: Model,
    request: GenerateRequest,
    {
      id,
      stream,
      signal,
      context,
    }: { id: string; stream: boolean; signal: AbortSignal; context: Record<string, unknown> | undefined },
  ): Promise<GenerateResponse> {
    if (!stream) return await model.generate(request, { signal, ...(context === undefined ? {} : { context }) })
    const { chunks, response } = await openStream(model, request, { signal, context })
    for await (const { content, index } of chunks)
      this.#send({ method: 'streamChunk', params: { requestId: id, chunk: { role: 'model', index, content } } })
    return await response
  }

  #fail(id: string | undefined, code: number, message: string, status: Status, details: object = {}): void {
    this.#send({ id, error: { code, message, data: { code: canonical.indexOf(status) + 1, message, details } } })
  }

  /** A failure to store a trace affects nothing else. */
  async #post(trace: GenkitTrace): Promise<void> {
    if (this.#telemetryUrl === undefined) return
    const { fetch: send = globalThis.fetch.bind(globalThis) } = this.#options
    try {
      await send(`${this.#telemetryUrl.replace(/\/+$/, '')}/api/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(trace),
      })
    } catch {
      // The server is down, or does not accept traces from this origin.
    }
  }
}

/** An action that the Developer UI can run. */
interface ActionRun {
  id: string
  stream: boolean
  signal: AbortSignal
  context: Record<string, unknown> | undefined
  input: unknown
  traceId: string
}

type RunFlow = (run: TracedRun) => Promise<unknown>

/** The key under which the core's flows run with a listener for their trace. */
const traced = Symbol.for('hybridge.tracedFlow')

function flowsArgument(flows: ConnectDevUIOptions['flows'] = []): Map<string, RunFlow> {
  if (!Array.isArray(flows)) throw new HybridError('INVALID_ARGUMENT', '`flows` must be a list of flows')
  return new Map(
    flows.map((flow: Partial<Flow<never, unknown, unknown>> & { [traced]?: RunFlow }): [string, RunFlow] => {
      const run = flow?.[traced]
      if (typeof run !== 'function' || flow.flowName === undefined)
        throw new HybridError('INVALID_ARGUMENT', '`flows` must be made by defineFlow()')
      return [flow.flowName, run]
    }),
  )
}

function parsed(data: unknown): Incoming | undefined {
  try {
    const message: unknown = JSON.parse(String(data))
    return isObject(message) ? message : undefined
  } catch {
    return undefined
  }
}

/** Prompts are sent unencrypted, so the connection is limited to this machine. */
function requireLoopback(url: string, what: string, protocols: string[]): void {
  if (!isLoopback(url, protocols))
    throw new HybridError(
      'INVALID_ARGUMENT',
      `\`${what}\` must be an address of this machine that begins with ${protocols[0]}//localhost`,
    )
}

function isLoopback(url: string, protocols: string[]): boolean {
  if (urlOf(url) === undefined) return false
  const { hostname, protocol } = new URL(url)
  return protocols.includes(protocol) && /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

function now(): number {
  return performance.timeOrigin + performance.now()
}
