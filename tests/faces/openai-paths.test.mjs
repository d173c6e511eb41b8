/** The other paths of `hybridge/openai`: embeddings, models, responses, and the client without HTTP. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { collect, entry, failure, hybrid, lengthEmbedder, scripted, weather, weatherCall } from './setting.mjs'

const { openAIClient, openAIFetch, OpenAIFaceError } = await entry('./openai')

const clientOf = (served) => new OpenAI({ apiKey: 'none', baseURL: 'http://local.test/v1', fetch: openAIFetch(served) })
const ask = (model, fields = {}) => ({ model: model.name, messages: [{ role: 'user', content: 'hi' }], ...fields })
const stopped = async ({ signal }) => {
  for (let turn = 0; turn < 200 && !signal.aborted; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(signal.aborted, true, 'the work was not aborted')
}

test('embeddings: base64 by default of the client, floats on request, errors', async () => {
  const embedder = lengthEmbedder()
  const client = clientOf({ models: {}, embedders: { e: embedder } })
  const { data, usage } = await client.embeddings.create({ model: 'e', input: ['abc', 'b'] })
  assert.deepEqual(
    data.map(({ embedding, index }) => [index, ...embedding]),
    [
      [0, 3, 97, 0.5],
      [1, 1, 98, 0.5],
    ],
  )
  assert.equal(typeof usage.prompt_tokens, 'number')
  const floats = await client.embeddings.create({
    model: 'e',
    input: 'abc',
    encoding_format: 'float',
    dimensions: 256,
    hybridge: { task: 'query' },
  })
  assert.deepEqual(floats.data[0].embedding, [3, 97, 0.5])
  assert.deepEqual([embedder.seen[1].options.dimensions, embedder.seen[1].options.task], [256, 'query'])
  for (const input of [[1, 2], [], {}, undefined])
    await assert.rejects(client.embeddings.create({ model: 'e', input }), { status: 400, param: 'input' })
  await assert.rejects(client.embeddings.create({ model: 'nobody', input: 'x' }), {
    status: 404,
    code: 'model_not_found',
  })
})

test('models', async () => {
  const client = clientOf({ models: { a: scripted('x'), b: scripted('y') }, embedders: { e: lengthEmbedder() } })
  assert.deepEqual(
    (await collect(await client.models.list())).map(({ id }) => id),
    ['a', 'b', 'e'],
  )
  assert.equal((await client.models.retrieve('a')).id, 'a')
  await assert.rejects(client.models.retrieve('z'), OpenAI.NotFoundError)
})

test('responses: text, tool calls and results, schema, stream', async () => {
  const cloud = scripted('cloud', [[{ reasoning: 'hm' }], weatherCall('Oslo')], ['It ', 'rains.'])
  const device = scripted('device', [{ fail: failure('UNAVAILABLE') }])
  const client = clientOf({ models: { ai: hybrid(device, cloud) } })
  const tools = [{ type: 'function', ...weather, strict: false }]
  const input = [{ role: 'user', content: 'rain in Oslo?' }]
  const first = await client.responses.create({ model: 'ai', instructions: 'be brief', input, tools })
  assert.deepEqual(
    first.output.map(({ type }) => type),
    ['reasoning', 'function_call'],
  )
  const call = first.output[1]
  assert.deepEqual([call.name, call.arguments], ['weather', '{"city":"Oslo"}'])
  const stream = client.responses.stream({
    model: 'ai',
    input: [
      ...input,
      ...first.output,
      { type: 'function_call_output', call_id: call.call_id, output: '{"rain":true}' },
    ],
    tools,
  })
  const deltas = []
  for await (const event of stream) if (event.type === 'response.output_text.delta') deltas.push(event.delta)
  assert.deepEqual(deltas, ['It ', 'rains.'])
  assert.equal((await stream.finalResponse()).output_text, 'It rains.')
  assert.deepEqual(cloud.seen[0].request.messages[0], { role: 'system', content: [{ text: 'be brief' }] })
  assert.deepEqual(cloud.seen[1].request.messages[1].metadata, { branches: ['cloud'] })
  assert.deepEqual(cloud.seen[1].request.messages[2].content[0].toolResponse, {
    name: 'weather',
    output: { rain: true },
    ref: '0',
  })
  assert.equal(device.seen.length, 1)

  const json = scripted('j', [{ reply: { text: '{"a":1}', finishReason: 'length' } }])
  const cut = await clientOf(json).responses.create({
    model: 'j',
    input: 'x',
    text: { format: { type: 'json_schema', name: 'a', schema: { type: 'object' } } },
  })
  assert.deepEqual(
    [cut.status, cut.incomplete_details.reason, cut.output_text],
    ['incomplete', 'max_output_tokens', '{"a":1}'],
  )
  assert.deepEqual(json.seen[0].request.output, { format: 'json', schema: { type: 'object' } })
  for (const [param, fields] of [
    ['previous_response_id', { previous_response_id: 'r' }],
    ['input', { input: [] }],
    ['input', { input: [{ type: 'web_search_call' }] }],
    ['input', { input: [{ type: 'function_call_output', call_id: 'x', output: '' }] }],
    ['background', { background: true }],
  ]) {
    await assert.rejects(clientOf(json).responses.create({ model: 'j', input: 'x', ...fields }), { status: 400, param })
  }
})

test('a given responses module is used, as in a service worker', async () => {
  const { responses } = await entry('./openai/responses')
  const model = scripted('m', ['ok'])
  let used = 0
  const client = clientOf({ models: { m: model }, responses: (...call) => (used++, responses(...call)) })
  assert.equal((await client.responses.create({ model: 'm', input: 'x' })).output_text, 'ok')
  assert.equal(used, 1)
})

test('a streamed response with calls equals the complete one', async () => {
  const model = scripted('m', ['Let me see.', weatherCall('Oslo')])
  const events = await collect(await clientOf(model).responses.create({ model: 'm', input: 'x', stream: true }))
  assert.deepEqual(
    events.map(({ sequence_number: at }) => at),
    events.map((_, index) => index),
  )
  const { response } = events.at(-1)
  assert.deepEqual(
    response.output.map(({ type }) => type),
    ['message', 'function_call'],
  )
  assert.deepEqual(
    events.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item.id),
    response.output.map(({ id }) => id),
  )
  const broken = scripted('b', ['a', { fail: failure('INTERNAL') }])
  await assert.rejects(
    async () => collect(await clientOf(broken).responses.create({ model: 'b', input: 'x', stream: true })),
    OpenAI.APIError,
  )
})

test('the client without HTTP', async () => {
  const model = scripted(
    'm',
    ['a', 'b'],
    ['a', { hang: true }],
    [{ fail: failure('UNAVAILABLE') }],
    ['a', { hang: true }],
  )
  const client = openAIClient({ models: { m: model }, embedders: { e: lengthEmbedder() } })
  assert.equal((await client.chat.completions.create(ask(model))).choices[0].message.content, 'ab')
  const stop = new AbortController()
  const reason = new Error('enough')
  await assert.rejects(async () => {
    for await (const _ of await client.chat.completions.create(ask(model, { stream: true }), { signal: stop.signal }))
      setTimeout(() => stop.abort(reason), 5)
  }, reason)
  const error = await client.chat.completions.create(ask(model)).catch((thrown) => thrown)
  assert.ok(error instanceof OpenAIFaceError)
  assert.deepEqual(
    [error.status, error.code, error.type, error.cause.status],
    [503, 'UNAVAILABLE', 'server_error', 'UNAVAILABLE'],
  )
  const cycle = ask(model)
  cycle.metadata = cycle
  await assert.rejects(client.chat.completions.create(cycle), { status: 400, code: 'invalid_json' })
  for await (const { choices } of await client.chat.completions.create(ask(model, { stream: true })))
    if (choices[0].delta.content === 'a') break
  await stopped(model.seen[3])
  const { data } = await client.embeddings.create({ model: 'e', input: 'abc' })
  assert.deepEqual(data[0].embedding, [3, 97, 0.5])
  assert.deepEqual(
    (await client.models.list()).data.map(({ id }) => id),
    ['m', 'e'],
  )
})
