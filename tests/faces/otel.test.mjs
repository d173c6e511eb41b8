/** `hybridge/otel`: with OpenTelemetry's own SDK, and compared with the output of its own exporter. */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import * as api from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { collect, entry, failure, hybrid, hybridge, scripted } from './setting.mjs'

const { openTelemetry, otlpExporter, withTelemetry } = await entry('./otel')

const memory = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] })
api.trace.setGlobalTracerProvider(provider)
const metricMemory = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter: metricMemory, exportIntervalMillis: 60_000 })
api.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
after(() => reader.shutdown())

const secret = 'my card is 4111'
const answer = { reply: { text: 'hello', usage: { inputTokens: 7, outputTokens: 5, thoughtsTokens: 2 } } }
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

async function spansOf(work) {
  memory.reset()
  await work()
  await turn()
  return memory.getFinishedSpans()
}

test('one span per request by the conventions, one child per attempt', async () => {
  const ai = withTelemetry(
    hybrid(
      scripted('device', [{ fail: failure('UNAVAILABLE', { code: 'MODEL_NOT_LOADED' }) }]),
      scripted('cloud', [answer]),
    ),
    { sink: openTelemetry(api) },
  )
  const spans = await spansOf(() =>
    ai.generate({ prompt: secret, config: { temperature: 0.5, topK: 3, maxOutputTokens: 9, stopSequences: ['END'] } }),
  )
  const root = spans.find(({ name }) => name === 'chat hybrid')
  assert.equal(root.kind, api.SpanKind.CLIENT)
  const { attributes } = root
  for (const [name, value] of Object.entries({
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'hybrid',
    'gen_ai.request.temperature': 0.5,
    'gen_ai.request.top_k': 3,
    'gen_ai.request.max_tokens': 9,
    'gen_ai.request.stop_sequences': ['END'],
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.usage.input_tokens': 7,
    'gen_ai.usage.output_tokens': 5,
    'hybridge.branch': 'cloud',
    'hybridge.routing.attempts': 2,
  }))
    assert.deepEqual(attributes[name], value, name)
  const children = spans.filter((span) => span !== root)
  assert.deepEqual(
    children.map(({ name, attributes: { 'hybridge.attempt.outcome': outcome }, status }) => [
      name,
      outcome,
      status.code,
    ]),
    [
      ['attempt onDevice', 'failed', 2],
      ['attempt cloud', 'answered', 0],
    ],
  )
  for (const child of children) {
    assert.equal(child.parentSpanContext.spanId, root.spanContext().spanId)
    assert.equal(child.spanContext().traceId, root.spanContext().traceId)
    assert.ok(child.startTime[0] >= root.startTime[0] - 1)
  }
  assert.doesNotMatch(JSON.stringify(spans.map(({ attributes, status }) => [attributes, status])), /4111/)
})

test('an attempt shows whose answer it continued', async () => {
  const ai = withTelemetry(
    hybrid(scripted('device', ['one ', { fail: failure('UNAVAILABLE') }]), scripted('cloud', ['two'])),
    { sink: openTelemetry(api) },
  )
  const spans = await spansOf(() => ai.generateStream('x', { continueFrom: 'partial' }).response)
  const { attributes } = spans.find(({ name }) => name === 'attempt cloud')
  assert.equal(attributes['hybridge.attempt.continued_from'], 'onDevice')
  assert.equal(attributes['hybridge.attempt.continued_at'], 4)
})

test('failures and aborts: the error type, but no foreign messages', async () => {
  const fault = hybridge.hybridModel({
    branches: { a: scripted('a', ['x']) },
    strategy: {
      route: () => {
        throw new Error(secret)
      },
    },
  })
  const stop = new AbortController()
  const spans = await spansOf(async () => {
    await withTelemetry(scripted('m', [{ fail: failure('UNAUTHENTICATED') }]), { sink: openTelemetry(api) })
      .generate('x')
      .catch(() => {})
    await withTelemetry(fault, { sink: openTelemetry(api) })
      .generate('x')
      .catch(() => {})
    setTimeout(() => stop.abort(), 5)
    await withTelemetry(scripted('s', [{ hang: true }]), { sink: openTelemetry(api) })
      .generate('x', { signal: stop.signal })
      .catch(() => {})
  })
  const roots = spans.filter(({ name }) => name.startsWith('chat'))
  assert.deepEqual(
    roots.map(({ attributes, status }) => [attributes['error.type'], status.code]),
    [
      ['UNAUTHENTICATED', 2],
      ['_OTHER', 2],
      ['CANCELLED', 2],
    ],
  )
  assert.doesNotMatch(JSON.stringify(roots.map(({ status, attributes }) => [status, attributes])), /4111/)
})

test('content only if enabled, and never of a pinned request', async () => {
  const models = () => ({ branches: { device: scripted('device', [answer]), cloud: scripted('cloud', [answer]) } })
  const pinned = hybridge.hybridModel({
    ...models(),
    name: 'pinned',
    strategy: { route: () => ({ order: ['device'], allow: ['device'] }) },
  })
  const nested = hybridge.hybridModel({
    branches: { pinned, other: scripted('o', [answer]) },
    name: 'nested',
    strategy: new hybridge.FallbackStrategy(['pinned', 'other']),
  })
  const free = hybridge.hybridModel({
    ...models(),
    name: 'free',
    strategy: new hybridge.FallbackStrategy(['device', 'cloud']),
  })
  const request = {
    system: 'be brief',
    messages: [{ role: 'user', content: [{ media: { url: 'data:image/png;base64,AAAA' } }, { text: secret }] }],
  }
  for (const [model, content, isWritten] of [
    [free, false, false],
    [free, true, true],
    [pinned, true, false],
    [nested, true, false],
  ]) {
    const spans = await spansOf(() => withTelemetry(model, { sink: openTelemetry(api), content }).generate(request))
    const text = JSON.stringify(spans.map(({ attributes }) => attributes))
    assert.equal(/4111/.test(text), isWritten, `${model.name} ${content}`)
    assert.equal(/hello/.test(text), isWritten)
    assert.doesNotMatch(text, /AAAA/)
  }
  const broken = withTelemetry(scripted('m', [{ fail: new Error('x') }]), { sink: openTelemetry(api), content: true })
  const [span] = await spansOf(() => broken.generate(secret).catch(() => {}))
  assert.ok(span)
})

test('streams: chunks pass unchanged, leaving the loop aborts, the first chunk is timed', async () => {
  const model = scripted('m', ['a', 'b'], ['a', { hang: true }])
  const ai = withTelemetry(model, { sink: openTelemetry(api) })
  const { stream, response } = ai.generateStream('x')
  assert.deepEqual(
    (await collect(stream)).map(({ text }) => text),
    ['a', 'b'],
  )
  assert.equal((await response).text, 'ab')
  for await (const _ of ai.generateStream('x')) break
  for (let count = 0; count < 100 && !model.seen[1].signal.aborted; count++) await turn()
  assert.equal(model.seen[1].signal.aborted, true)
  await reader.forceFlush()
  const names = metricMemory
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor)))
  for (const [name, unit] of [
    ['gen_ai.client.operation.duration', 's'],
    ['gen_ai.client.token.usage', '{token}'],
    ['gen_ai.client.operation.time_to_first_chunk', 's'],
  ])
    assert.ok(
      names.some((it) => it.name === name && it.unit === unit),
      name,
    )
})

test('other members of a model are unchanged, and a failing sink affects nothing', async () => {
  const model = Object.assign(scripted('m', ['ok']), {
    state: 'ready',
    load() {
      return this === model ? 'loaded' : 'lost'
    },
  })
  const sink = {
    begin: () => {
      throw new Error('x')
    },
    measure: () => {
      throw new Error('y')
    },
  }
  const ai = withTelemetry(model, { sink })
  assert.deepEqual([ai.name, ai.state, ai.load(), (await ai.generate('x')).text], ['m', 'ready', 'loaded', 'ok'])
  assert.equal((await hybrid(ai, scripted('c', ['x'])).generate('x')).branch, 'onDevice')
  assert.throws(() => withTelemetry({}, { sink }), { status: 'INVALID_ARGUMENT' })
  assert.throws(() => withTelemetry(model, {}), { status: 'INVALID_ARGUMENT' })
})

// ── OTLP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A collector that answers with the given statuses, then 200. */
async function collector(...statuses) {
  const seen = []
  const server = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    seen.push({ path: request.url, headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) })
    response.writeHead(statuses.shift() ?? 200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    seen,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
const spansIn = ({ body }) => body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))

test('exported data has the format of the official exporter', async () => {
  const { url, seen, close } = await collector()
  try {
    const official = new OTLPTraceExporter({ url: `${url}/v1/traces` })
    const theirs = await spansOf(() =>
      withTelemetry(hybrid(scripted('d', [{ fail: failure('UNAVAILABLE') }]), scripted('c', [answer])), {
        sink: openTelemetry(api),
      }).generate('x'),
    )
    await new Promise((resolve) => official.export(theirs, resolve))
    await official.shutdown()
    const exporter = otlpExporter({ url, headers: { 'x-team': 'a' }, serviceName: 'shop' })
    await withTelemetry(hybrid(scripted('d', [{ fail: failure('UNAVAILABLE') }]), scripted('c', [answer])), {
      sink: exporter,
    }).generate('x')
    await turn()
    await exporter.close()
    const traces = seen.filter(({ path }) => path === '/v1/traces')
    const [expected, sent] = [traces[0], traces[1]].map(spansIn)
    assert.equal(traces[1].headers['x-team'], 'a')
    const shape = (span) => ({
      name: span.name,
      kind: span.kind,
      status: span.status.code,
      types: ['traceId', 'spanId', 'startTimeUnixNano', 'endTimeUnixNano'].map((key) => [
        key,
        typeof span[key],
        String(span[key]).length,
      ]),
      attributes: Object.fromEntries(
        span.attributes
          .filter(({ key }) => !/routing.id|response.id|first_token/.test(key))
          .map(({ key, value }) => [key, Object.keys(value)[0]])
          .sort(),
      ),
      isChild: span.parentSpanId !== undefined,
    })
    const byName = (spans) => spans.map(shape).sort((a, b) => a.name.localeCompare(b.name))
    const [ours, official_] = [byName(sent), byName(expected)]
    assert.deepEqual(ours, official_)
    assert.equal(new Set(sent.map(({ traceId }) => traceId)).size, 1)
    assert.equal(traces[1].body.resourceSpans[0].resource.attributes[0].value.stringValue, 'shop')
    const metrics = seen.find(({ path }) => path === '/v1/metrics').body.resourceMetrics[0].scopeMetrics[0].metrics
    const duration = metrics.find(({ name }) => name === 'gen_ai.client.operation.duration')
    const [point] = duration.histogram.dataPoints
    assert.equal(point.bucketCounts.length, point.explicitBounds.length + 1)
    assert.equal(
      point.bucketCounts.reduce((sum, count) => sum + Number(count), 0),
      Number(point.count),
    )
  } finally {
    await close()
  }
})

test('a large export is sent without keepalive, which browsers limit to 64 KB', async () => {
  const seen = []
  const send = async (_, { body, keepalive }) => (seen.push([body.length > 60_000, keepalive]), new Response('{}'))
  const exporter = otlpExporter({ url: 'http://127.0.0.1:1', fetch: send })
  const ai = withTelemetry(scripted('m', ['ok']), { sink: exporter })
  await ai.generate('x')
  await exporter.flush()
  for (let count = 0; count < 100; count++) await ai.generate('x')
  await exporter.flush()
  assert.deepEqual(
    seen.filter(([isLarge]) => isLarge).map(([, keepalive]) => keepalive),
    [false],
  )
  assert.equal(seen[0][1], true)
})

test('a busy collector is retried; one that refuses or is down only loses spans', async () => {
  const busy = await collector(503, 429)
  const exporter = otlpExporter({ url: `${busy.url}/` })
  await withTelemetry(scripted('m', ['x']), { sink: exporter }).generate('x')
  await turn()
  await exporter.flush()
  assert.equal(busy.seen.filter(({ path }) => path === '/v1/traces').length, 3)
  assert.equal(exporter.dropped, 0)
  await busy.close()
  for (const fetch of [
    async () => new Response('', { status: 400 }),
    async () => {
      throw new TypeError('x')
    },
  ]) {
    const away = otlpExporter({ url: 'http://127.0.0.1:9', fetch })
    assert.equal((await withTelemetry(scripted('m', ['x']), { sink: away }).generate('x')).text, 'x')
    await turn()
    await away.close()
    assert.equal(away.dropped, 2)
  }
  assert.throws(() => otlpExporter({ url: 'nowhere' }), { status: 'INVALID_ARGUMENT' })
})

const named = (spans, name) => spans.find((span) => span.name === name)

test('tools are spans by the conventions, without arguments and results', async () => {
  const { tracedTools } = await entry('./otel')
  const tools = tracedTools(
    {
      look: { description: 'Looks.', execute: async ({ at }) => ({ found: at }) },
      fail: {
        description: '',
        execute: () => {
          throw new Error(secret)
        },
      },
    },
    { sink: openTelemetry(api) },
  )
  const calls = [
    {
      reply: {
        message: {
          role: 'model',
          content: [
            { toolRequest: { name: 'look', input: { at: secret }, ref: '7' } },
            { toolRequest: { name: 'fail', input: {} } },
          ],
        },
      },
    },
  ]
  const model = scripted('m', calls, ['done'])
  let result
  const spans = await spansOf(async () => {
    result = await hybridge.streamTools({ model, request: 'x', tools }).result
  })
  assert.deepEqual(result.messages[2].content[0].toolResponse.output, { found: secret })
  const look = named(spans, 'execute_tool look')
  assert.equal(look.kind, api.SpanKind.INTERNAL)
  assert.deepEqual(look.attributes, {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'look',
    'gen_ai.tool.type': 'function',
    'gen_ai.tool.description': 'Looks.',
    'gen_ai.tool.call.id': '7',
  })
  const fail = named(spans, 'execute_tool fail')
  assert.equal(fail.status.code, api.SpanStatusCode.ERROR)
  assert.equal(fail.attributes['error.type'], '_OTHER')
  assert.equal(JSON.stringify(spans.map(({ attributes, status }) => [attributes, status])).includes(secret), false)
  assert.throws(() => tracedTools({ look: {} }, { sink: openTelemetry(api) }), { status: 'INVALID_ARGUMENT' })
  assert.throws(() => tracedTools({}, {}), { status: 'INVALID_ARGUMENT' })
})

test('embeddings are spans without their texts', async () => {
  const { tracedEmbedder } = await entry('./otel')
  const embedder = {
    info: { name: 'e', inferenceSource: 'on_device' },
    embed: async (texts) => {
      if (texts === '') throw failure('UNAVAILABLE', { code: 'MODEL_NOT_LOADED' })
      return [texts].flat().map(() => new Float32Array(128))
    },
    load: async () => 'loaded',
  }
  const traced = tracedEmbedder(embedder, { sink: openTelemetry(api) })
  const spans = await spansOf(async () => {
    assert.equal((await traced.embed([secret, 'b'])).length, 2)
    await assert.rejects(traced.embed(''), { code: 'MODEL_NOT_LOADED' })
  })
  const [good, bad] = spans.filter(({ name }) => name === 'embeddings e')
  assert.equal(good.kind, api.SpanKind.CLIENT)
  assert.deepEqual(good.attributes, {
    'gen_ai.operation.name': 'embeddings',
    'gen_ai.provider.name': 'hybridge',
    'gen_ai.request.model': 'e',
    'hybridge.inference_source': 'on_device',
    'hybridge.embeddings.texts': 2,
    'gen_ai.embeddings.dimension.count': 128,
  })
  assert.equal(bad.attributes['error.type'], 'MODEL_NOT_LOADED')
  assert.equal(await traced.load(), 'loaded')
  assert.throws(() => tracedEmbedder({}, { sink: openTelemetry(api) }), { status: 'INVALID_ARGUMENT' })
})

test('a flow is one trace with its steps, and the requests in them', async () => {
  const { flowTelemetry } = await entry('./otel')
  const ai = hybrid(scripted('device', [{ fail: failure('UNAVAILABLE') }]), scripted('cloud', ['soup'], ['more']))
  const flow = hybridge.defineFlow(
    { name: 'menu', onTrace: flowTelemetry({ sink: openTelemetry(api) }) },
    async (theme, flow) => {
      const dish = await flow.run('dish', async () => (await flow.with(ai).generate(theme)).text)
      await flow.with(ai).generateStream(secret).response
      return dish
    },
  )
  const spans = await spansOf(async () => assert.equal(await flow(secret), 'soup'))
  const root = named(spans, 'invoke_workflow menu')
  const step = named(spans, 'step dish')
  const parentOf = (span) => spans.find((it) => it.spanContext().spanId === span.parentSpanContext?.spanId)
  assert.equal(root.attributes['gen_ai.workflow.name'], 'menu')
  assert.equal(parentOf(step), root)
  const chats = spans.filter(({ name }) => name === 'chat hybrid')
  assert.deepEqual(chats.map(parentOf), [step, root])
  const attempts = spans.filter(({ name }) => name.startsWith('attempt '))
  assert.deepEqual(attempts.map(({ name }) => name).sort(), [
    'attempt cloud',
    'attempt cloud',
    'attempt onDevice',
    'attempt onDevice',
  ])
  assert.equal(JSON.stringify(spans.map(({ attributes }) => attributes)).includes(secret), false)
})
