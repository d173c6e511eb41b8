/** `hybridge/genkit` with Genkit itself, its runtime manager and its command line. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'
import { collect, entry, failure, hybrid, hybridge, lengthEmbedder, scripted, weatherCall } from './setting.mjs'

// Genkit's development features read this when they load.
process.env.GENKIT_ENV = ''
const { genkit, GenkitError, z } = await import('genkit')
const { connectDevUI, genkitModel, hybridgePlugin } = await entry('./genkit')
const { withTelemetry } = await entry('./otel')
const require = createRequire(import.meta.url)

const open = []
after(async () => {
  for (const close of open.reverse()) await close()
})
const turn = (ms = 5) => new Promise((resolve) => setTimeout(resolve, ms))
async function until(check, what, turns = 2000) {
  for (let count = 0; count < turns; count++) {
    const found = await check()
    if (found) return found
    await turn()
  }
  assert.fail(what)
}
const stopped = ({ signal }) => until(() => signal.aborted, 'the work was not aborted')
const genkitOver = (models, more = {}) => genkit({ plugins: [hybridgePlugin({ models, ...more })] })

// ── The plugin ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('generate: text, reason, usage, and the trace in `custom`', async () => {
  const cloud = scripted('cloud', [{ reply: { text: 'hello', usage: { inputTokens: 7, outputTokens: 5 } } }])
  const ai = genkitOver({ ai: hybrid(scripted('device', [{ fail: failure('UNAVAILABLE') }]), cloud) })
  const response = await ai.generate({
    model: 'hybridge/ai',
    system: 'be brief',
    prompt: 'hi',
    config: { temperature: 0.5, apiKey: 'secret', version: 'v9', topK: 3 },
  })
  assert.deepEqual([response.text, response.finishReason, response.usage.inputTokens], ['hello', 'stop', 7])
  assert.deepEqual([response.custom.branch, response.custom.routing.attempts.length], ['cloud', 2])
  const { request } = cloud.seen[0]
  assert.deepEqual(
    request.messages.map(({ role, content }) => [role, content[0].text]),
    [
      ['system', 'be brief'],
      ['user', 'hi'],
    ],
  )
  assert.deepEqual(request.config, { temperature: 0.5, topK: 3 })
})

test('generateStream', async () => {
  const ai = genkitOver({ m: scripted('m', [[{ reasoning: 'hm' }], 'a', 'b']) }, { name: 'mine' })
  const { stream, response } = ai.generateStream({ model: 'mine/m', prompt: 'x' })
  assert.deepEqual((await collect(stream)).map(({ text }) => text).filter(Boolean), ['a', 'b'])
  assert.equal((await response).text, 'ab')
  assert.equal((await response).reasoning, 'hm')
})

test('tools: Genkit runs the loop, results reach the branch that called', async () => {
  const cloud = scripted('cloud', [weatherCall('Oslo')], ['It rains.'])
  const device = scripted('device', [{ fail: failure('UNAVAILABLE') }], ['wrong branch'])
  const ai = genkitOver({ ai: hybrid(device, cloud) })
  const asked = []
  const weather = ai.defineTool(
    {
      name: 'weather',
      description: 'The weather.',
      inputSchema: z.object({ city: z.string() }),
      outputSchema: z.object({ rain: z.boolean() }),
    },
    async ({ city }) => (asked.push(city), { rain: true }),
  )
  const { text } = await ai.generate({ model: 'hybridge/ai', prompt: 'rain in Oslo?', tools: [weather] })
  assert.deepEqual([text, asked, device.seen.length], ['It rains.', ['Oslo'], 1])
  const [, called, answered] = cloud.seen[1].request.messages
  assert.deepEqual(called.metadata, { branches: ['cloud'] })
  assert.deepEqual(called.content[0].metadata, { thoughtSignature: 'signed-Oslo' })
  assert.deepEqual(answered.content[0].toolResponse, { name: 'weather', output: { rain: true }, ref: '0' })
  assert.equal(cloud.seen[0].request.tools[0].inputSchema.properties.city.type, 'string')
})

test('structured output: the model receives the schema as a constraint', async () => {
  const model = scripted('m', ['{"city":"Oslo"}'])
  const { output } = await genkitOver({ m: model }).generate({
    model: 'hybridge/m',
    prompt: 'x',
    output: { schema: z.object({ city: z.string() }) },
  })
  assert.deepEqual(output, { city: 'Oslo' })
  assert.equal(model.seen[0].request.output.schema.properties.city.type, 'string')
})

test('errors are Genkit’s, with hybridge’s code; aborts stay aborts', async () => {
  const ai = genkitOver({
    m: scripted('m', [{ fail: failure('UNAVAILABLE', { code: 'MODEL_NOT_LOADED' }) }]),
    fault: hybridge.hybridModel({
      branches: { a: scripted('a', ['x']) },
      strategy: {
        route: () => {
          throw new Error('secret')
        },
      },
    }),
  })
  const error = await ai.generate({ model: 'hybridge/m', prompt: 'x' }).catch((thrown) => thrown)
  assert.ok(error instanceof GenkitError, `${error}`)
  assert.deepEqual([error.status, error.detail.code], ['UNAVAILABLE', 'MODEL_NOT_LOADED'])
  const fault = await ai.generate({ model: 'hybridge/fault', prompt: 'x' }).catch((thrown) => thrown)
  assert.equal(fault.status, 'INTERNAL')
  assert.doesNotMatch(fault.message, /secret/)
  const hanging = scripted('h', [{ hang: true }])
  const stop = new AbortController()
  const running = genkitOver({ h: hanging }).generate({ model: 'hybridge/h', prompt: 'x', abortSignal: stop.signal })
  await until(() => hanging.seen.length === 1, 'it did not start')
  stop.abort()
  await assert.rejects(running, { name: 'AbortError' })
  await stopped(hanging.seen[0])
})

test('embedders', async () => {
  const embedder = lengthEmbedder()
  const ai = genkitOver({}, { embedders: { e: embedder } })
  const [{ embedding }] = await ai.embed({
    embedder: 'hybridge/e',
    content: 'abc',
    options: { task: 'query', dimensions: 256 },
  })
  assert.deepEqual(embedding, [3, 97, 0.5])
  assert.deepEqual(embedder.seen[0].options, { task: 'query', dimensions: 256 })
})

test('a Genkit model as a branch: complete, streamed, aborted, missing', async () => {
  const ai = genkit({})
  const seen = []
  // Like Gemini, which counts thoughts separately from the output.
  const usage = { inputTokens: 3, outputTokens: 4, thoughtsTokens: 5, totalTokens: 12 }
  ai.defineModel(
    { apiVersion: 'v2', name: 'theirs/m', supports: { constrained: 'all', output: ['text', 'json'] } },
    async (request, { sendChunk, abortSignal }) => {
      seen.push({ request, abortSignal })
      if (request.messages.at(-1).content[0].text === 'hang')
        await new Promise((_, reject) => abortSignal.addEventListener('abort', () => reject(abortSignal.reason)))
      if (request.messages.at(-1).content[0].text === 'fail')
        throw new GenkitError({ status: 'RESOURCE_EXHAUSTED', message: 'busy' })
      for (const text of ['a', 'b']) sendChunk({ content: [{ text }] })
      return { message: { role: 'model', content: [{ text: 'ab' }] }, finishReason: 'stop', usage }
    },
  )
  const branch = genkitModel(ai, 'theirs/m', { inferenceSource: 'in_cloud' })
  const combined = hybrid(scripted('device', [{ fail: failure('UNAVAILABLE') }]), branch)
  const response = await combined.generate({
    prompt: 'x',
    config: { temperature: 0.5, branches: { cloud: {} } },
    output: { schema: { type: 'object' } },
  })
  assert.deepEqual(
    [response.text, response.branch, response.inferenceSource, response.usage.outputTokens],
    ['ab', 'cloud', 'in_cloud', 9],
  )
  assert.equal(seen[0].request.output.schema.type, 'object')
  assert.deepEqual(await collect(branch.generateStream('x').textStream), ['a', 'b'])
  await assert.rejects(branch.generate('fail'), { status: 'RESOURCE_EXHAUSTED' })
  await assert.rejects(genkitModel(ai, 'nobody/x').generate('x'), { status: 'NOT_FOUND' })
  const stop = new AbortController()
  const running = branch.generate('hang', { signal: stop.signal })
  await until(() => seen.length === 4, 'it did not start')
  stop.abort()
  await assert.rejects(running, { status: 'CANCELLED' })
})

// ── The Developer UI ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Genkit's own telemetry server and runtime manager, in this process. */
async function tools() {
  const folder = await mkdtemp(join(tmpdir(), 'hybridge-genkit-'))
  const {
    LocalFileTraceStore,
    LocalFileLogStore,
    startTelemetryServer,
    stopTelemetryApi,
  } = require('@genkit-ai/telemetry-server')
  const { RuntimeManagerV2 } = require(join(require.resolve('@genkit-ai/tools-common/manager'), '../manager-v2.js'))
  const port = await freePort()
  const stores = [
    new LocalFileTraceStore({ storeRoot: folder, indexRoot: folder }),
    LocalFileLogStore && new LocalFileLogStore({ storeRoot: folder, indexRoot: folder }),
  ]
  await startTelemetryServer({ port, traceStore: stores[0], logStore: stores[1] })
  const manager = await RuntimeManagerV2.create({
    telemetryServerUrl: `http://127.0.0.1:${port}`,
    manageHealth: false,
    projectRoot: folder,
    reflectionV2Port: await freePort(),
  })
  open.push(async () => {
    for (const client of manager.wss.clients) client.terminate()
    await new Promise((resolve) => manager.wss.close(resolve))
    await stopTelemetryApi()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    manager,
    url: `ws://127.0.0.1:${manager.port}`,
    trace: async (id) => (await fetch(`http://127.0.0.1:${port}/api/traces/${id}`)).json(),
  }
}

async function freePort() {
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

const { WebSocket } = globalThis.WebSocket === undefined ? { WebSocket: require('ws') } : globalThis
const connected = (models, url, more) => {
  const connection = connectDevUI({ models, url, WebSocket, name: 'a test', ...more })
  open.push(() => connection.close())
  return connection
}
const said = (text) => ({ messages: [{ role: 'user', content: [{ text }] }] })
let shared

test('the Developer UI lists models, runs them, streams, and shows one trace with each attempt', async () => {
  shared = await tools()
  const { manager, url, trace } = shared
  const cloud = scripted('cloud', [{ reply: { text: 'hello', usage: { inputTokens: 7 } } }], ['a', 'b'])
  const connection = connected({ ai: hybrid(scripted('device', [{ fail: failure('UNAVAILABLE') }]), cloud) }, url)
  await connection.ready
  assert.deepEqual(
    manager.listRuntimes().map(({ name }) => name),
    ['a test'],
  )
  const actions = await manager.listActions()
  assert.equal(actions['/model/ai'].metadata.model.supports.multiturn, true)
  const { result, telemetry } = await manager.runAction({ key: '/model/ai', input: said('hi') })
  assert.deepEqual([result.message.content[0].text, result.custom.branch], ['hello', 'cloud'])
  assert.match(telemetry.traceId, /^[0-9a-f]{32}$/)
  const { spans } = await trace(telemetry.traceId)
  const all = Object.values(spans)
  const root = all.find(({ parentSpanId }) => parentSpanId === undefined)
  assert.deepEqual(
    [
      root.displayName,
      root.attributes['genkit:state'],
      JSON.parse(root.attributes['genkit:output']).message.content[0].text,
    ],
    ['ai', 'success', 'hello'],
  )
  assert.deepEqual(
    all
      .filter((span) => span !== root)
      .map(({ displayName, attributes, parentSpanId }) => [
        displayName,
        attributes['genkit:state'],
        parentSpanId === root.spanId,
      ]),
    [
      ['onDevice', 'error', true],
      ['cloud', 'success', true],
    ],
  )
  const chunks = []
  await manager.runAction({ key: '/model/ai', input: said('hi') }, (chunk) => chunks.push(chunk))
  assert.deepEqual(
    chunks.map(({ content }) => content[0].text),
    ['a', 'b'],
  )
  // A restarted tool finds its runtimes again.
  for (const client of manager.wss.clients) client.terminate()
  await until(() => manager.listRuntimes().length === 0, 'the connection stands')
  await until(() => manager.listRuntimes().length === 1, 'it did not come back')
  connection.close()
  await until(() => manager.listRuntimes().length === 0, 'it is still registered')
})

test('a page in Chromium registers, runs and stores its trace', async () => {
  const { manager, url, trace } = shared
  const browser = await launch({ gpu: false })
  open.push(() => browser.close())
  const npm = join(import.meta.dirname, '../../crate/npm')
  const body = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
    import { defineModel } from '/dist/index.js'
    import { connectDevUI } from '/dist/genkit.js'
    const model = defineModel({ name: 'm', generate: (_, { sendChunk }) => { for (const text of ['a', 'b']) sendChunk(text); return {} } })
    globalThis.connection = connectDevUI({ models: { page: model }, url: '${url}', name: 'a page' })
    globalThis.ready = connection.ready.then(() => 'ready', (error) => error.message)
  </script>`
  const server = await serve(
    { '/dist/': join(npm, 'dist'), '/wasm/': join(npm, 'wasm') },
    { pages: { '/': { type: 'text/html', body } } },
  )
  open.push(() => server.close())
  // The telemetry server accepts pages of `localhost` only by that name.
  const { page, problems } = await openPage(browser, server.origin.replace('127.0.0.1', 'localhost'))
  assert.equal(await page.evaluate(() => globalThis.ready), 'ready')
  assert.deepEqual(
    manager.listRuntimes().map(({ name }) => name),
    ['a page'],
  )
  const chunks = []
  const { result, telemetry } = await manager.runAction({ key: '/model/page', input: said('hi') }, (chunk) =>
    chunks.push(chunk.content[0].text),
  )
  assert.deepEqual([chunks, result.message.content[0].text], [['a', 'b'], 'ab'])
  assert.equal(Object.keys((await trace(telemetry.traceId)).spans).length, 2)
  assert.deepEqual(problems, [])
  await page.evaluate(() => globalThis.connection.close())
  await until(() => manager.listRuntimes().length === 0, 'it is still registered')
})

test('failures and aborts reach the Developer UI with their codes', async () => {
  const { manager, url } = shared
  const hanging = scripted('h', [{ hang: true }])
  const connection = connected(
    { m: scripted('m', [{ fail: failure('UNAVAILABLE', { code: 'MODEL_NOT_LOADED' }) }]), h: hanging },
    url,
  )
  await connection.ready
  const error = await manager.runAction({ key: '/model/m', input: said('x') }).catch((thrown) => thrown)
  assert.equal(error.data.code, 14)
  assert.match(error.message, /scripted/)
  assert.match(
    (await manager.runAction({ key: '/model/nobody', input: {} }).catch((thrown) => thrown)).message,
    /unknown action/,
  )
  let traceId
  const running = manager
    .runAction(
      { key: '/model/h', input: said('x') },
      () => {},
      (id) => (traceId = id),
    )
    .catch((thrown) => thrown)
  await until(() => traceId !== undefined && hanging.seen.length === 1, 'no early state')
  await manager.cancelAction({ traceId })
  const stop = await running
  assert.equal(stop.data?.code, 1)
  await stopped(hanging.seen[0])
  const last = manager.runAction({ key: '/model/h', input: said('x') }).catch((thrown) => thrown)
  await until(() => hanging.seen.length === 2, 'it did not start')
  connection.close()
  connection.close()
  await stopped(hanging.seen[1])
  void last
})

test('a missing server is UNAVAILABLE with advice; only this machine is allowed', async () => {
  const models = { m: scripted('m', ['x']) }
  await assert.rejects(
    connected(models, `ws://127.0.0.1:${await freePort()}`).ready,
    (error) => error.status === 'UNAVAILABLE' && /genkit start/.test(error.message),
  )
  for (const url of ['ws://example.com:3200', 'http://localhost:3200', 'nowhere', 'ws://localhost.example.com'])
    assert.throws(() => connectDevUI({ models, url, WebSocket }), { status: 'INVALID_ARGUMENT' })
  assert.throws(
    () => connectDevUI({ models, url: 'ws://localhost:3200', telemetryUrl: 'http://example.com', WebSocket }),
    { status: 'INVALID_ARGUMENT' },
  )
})

test('flows run from the Developer UI: chunks, result, and one trace with steps, requests and attempts', async () => {
  const { manager, url, trace } = shared
  const ai = hybrid(scripted('device', [{ fail: failure('UNAVAILABLE') }]), scripted('cloud', ['soup']))
  const flow = hybridge.defineFlow({ name: 'menu' }, async ({ theme }, flow) => {
    flow.sendChunk('thinking')
    return await flow.run('dish', async () => `${theme} ${(await flow.with(ai).generate(theme)).text}`)
  })
  const connection = connected({ ai }, url, { flows: [flow] })
  await connection.ready
  assert.equal((await manager.listActions())['/flow/menu'].name, 'menu')
  const chunks = []
  const { result, telemetry } = await manager.runAction({ key: '/flow/menu', input: { theme: 'leek' } }, (chunk) =>
    chunks.push(chunk),
  )
  assert.deepEqual([result, chunks], ['leek soup', ['thinking']])
  const spans = Object.values((await trace(telemetry.traceId)).spans)
  const parent = ({ parentSpanId }) => spans.find(({ spanId }) => spanId === parentSpanId)?.displayName
  assert.deepEqual(
    spans.map((span) => [span.displayName, span.attributes['genkit:type'], parent(span)]),
    [
      ['menu', 'action', undefined],
      ['dish', 'flowStep', 'menu'],
      ['hybrid', 'action', 'dish'],
      ['onDevice', 'action', 'hybrid'],
      ['cloud', 'action', 'hybrid'],
    ],
  )
  assert.equal(spans[0].attributes['genkit:metadata:subtype'], 'flow')
  await assert.rejects(manager.runAction({ key: '/flow/menu', input: null }))
  for (const flows of [[{}], [() => 1], {}])
    assert.throws(() => connectDevUI({ models: { ai }, flows, url, WebSocket }), { status: 'INVALID_ARGUMENT' })
  connection.close()
})

test('`genkit start` shows the page’s own requests', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hybridge-genkit-start-'))
  await writeFile(join(folder, 'package.json'), '{"name":"page","private":true}')
  const environment = join(folder, 'genkit.env')
  const command = require.resolve('genkit-cli/package.json').replace('package.json', 'dist/bin/genkit.js')
  const child = spawn(
    process.execPath,
    [command, 'start', '--noui', '--non-interactive', '--experimental-reflection-v2', '--write-env-file', environment],
    { cwd: folder, stdio: 'ignore', env: { ...process.env, GENKIT_ENV: undefined, CI: '1' } },
  )
  const ended = new Promise((resolve) => child.once('exit', resolve))
  open.push(async () => {
    child.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true, force: true })
  })
  const settings = await until(
    async () => {
      const text = await readFile(environment, 'utf8').catch(() => '')
      return (
        /GENKIT_REFLECTION_V2_SERVER=/.test(text) &&
        Object.fromEntries(
          text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
        )
      )
    },
    '`genkit start` wrote no addresses',
    8000,
  )
  const models = { ai: hybrid(scripted('device', [{ fail: failure('UNAVAILABLE') }]), scripted('cloud', ['hello'])) }
  let connection
  await until(
    async () => {
      connection = connected(models, settings.GENKIT_REFLECTION_V2_SERVER.replace('localhost', '127.0.0.1'))
      return connection.ready.then(
        () => true,
        () => false,
      )
    },
    'it could not be connected to',
    200,
  )
  await withTelemetry(models.ai, { sink: connection.sink, content: true }).generate('Hi there')
  const api = settings.GENKIT_TELEMETRY_SERVER
  const found = await until(
    async () => (await (await fetch(`${api}/api/traces`)).json()).traces?.[0],
    'no trace was stored',
    400,
  )
  const { spans } = await (await fetch(`${api}/api/traces/${found.traceId}`)).json()
  const root = Object.values(spans).find(({ parentSpanId }) => parentSpanId === undefined)
  assert.match(root.attributes['genkit:input'], /Hi there/)
  assert.equal(Object.keys(spans).length, 3)
})
