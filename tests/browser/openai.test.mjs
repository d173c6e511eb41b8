/** Chat completions in a page, against a server that allows pages to send two headers only. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { chunk, deltas, gate, refusals, stream } from '../emulator/openai.mjs'
import { key, openSetting } from './cloud/setting.mjs'

const setting = await openSetting()
const { openai, run } = setting
after(() => setting.close())

const lastRequest = () => openai.requests.at(-1)

test('a complete and a streamed answer', async () => {
  const whole = await run(({ openai }) =>
    told(hybridge.openAICompatibleModel({ ...openai, name: 'mine' }).generate('hello')),
  )
  assert.deepEqual(
    [whole.text, whole.finishReason, whole.finishMessage, whole.branch],
    ['You said: hello', 'stop', 'stop', 'mine'],
  )
  assert.deepEqual(whole.usage, {
    inputTokens: 7,
    outputTokens: 5,
    totalTokens: 12,
    thoughtsTokens: 1,
    cachedContentTokens: 2,
  })
  const pieces = await run(({ openai }) =>
    streamed(
      hybridge
        .openAICompatibleModel(openai)
        .generateStream({ prompt: 'one two', config: { maxOutputTokens: 3, logprobs: true } }),
    ),
  )
  assert.deepEqual(pieces.texts, ['You ', 'said: ', 'one '])
  assert.equal(pieces.finishReason, 'length')
  assert.deepEqual(pieces.confidence, { tokens: 3, meanLogprob: -0.25, minLogprob: -0.25, p10Logprob: -0.25 })
  assert.equal(pieces.usage.inputTokens, 7)
  assert.equal(lastRequest().headers.authorization, `Bearer ${key}`)
  const own = Object.keys(lastRequest().headers).filter(
    (name) => !/^(sec-|accept|user-agent|host|connection|origin|cache-control|pragma|content-length)/.test(name),
  )
  assert.deepEqual(own.sort(), ['authorization', 'content-type'])
})

test('[DONE] ends the stream, even if the server keeps the connection open', async () => {
  openai.next(
    stream(chunk({ content: 'a' }), chunk({}, { finish_reason: 'stop' }), 'data: [DONE]\n\n', { wait: gate().wait }),
  )
  const { text } = await run(({ openai }) => streamed(hybridge.openAICompatibleModel(openai).generateStream('x')))
  assert.equal(text, 'a')
  assert.equal(await lastRequest().closed, 'cut')
})

test('tool calls and their results', async () => {
  const tools = [
    {
      name: 'weather',
      description: 'The weather.',
      inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
    },
  ]
  const [first, second] = await run(
    async ({ openai, tools }) => {
      const model = hybridge.openAICompatibleModel(openai)
      const messages = [{ role: 'user', content: [{ text: 'weather in Oslo' }] }]
      const running = model.generateStream({ messages, tools, toolChoice: 'required' })
      const { message, toolRequests } = await running.response
      messages.push(message, {
        role: 'tool',
        content: [{ toolResponse: { name: 'weather', output: { sky: 'snow' }, ref: toolRequests[0].ref } }],
      })
      return [toolRequests, await told(model.generate({ messages, tools }))]
    },
    { tools },
  )
  assert.deepEqual(first, [{ name: 'weather', input: { city: 'weather in Oslo' }, ref: 'call_emulated' }])
  assert.equal(second.text, 'You said: {"sky":"snow"}')
})

test('JSON by a schema, with members in its order', async () => {
  const schema = {
    type: 'object',
    properties: { zebra: { type: 'string' }, apple: { type: 'integer' } },
    required: ['zebra', 'apple'],
    additionalProperties: false,
  }
  const { output } = await run(
    ({ openai, schema }) =>
      told(hybridge.openAICompatibleModel(openai).generate({ prompt: 'Ada', output: { schema } })),
    { schema },
  )
  assert.deepEqual(output, { zebra: 'Ada', apple: 1 })
  const { body } = lastRequest()
  assert.equal(body.response_format.json_schema.strict, true)
  assert.deepEqual(Object.keys(body.response_format.json_schema.schema.properties), ['zebra', 'apple'])
})

test('reasoning is separate', async () => {
  openai.next(deltas(chunk({ reasoning_content: 'hm' }), chunk({ content: 'a' }), chunk({}, { finish_reason: 'stop' })))
  const { text, reasoning } = await run(({ openai }) =>
    streamed(hybridge.openAICompatibleModel(openai).generateStream('x')),
  )
  assert.deepEqual([text, reasoning], ['a', 'hm'])
})

test('errors of the service have their status and code', async () => {
  for (const [reply, ...expected] of [
    [refusals.badKey(), 'UNAUTHENTICATED', 'API_KEY_INVALID'],
    [refusals.noModel('x'), 'NOT_FOUND', 'MODEL_NOT_FOUND'],
    [refusals.rate(), 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED'],
    [refusals.noCredit(), 'RESOURCE_EXHAUSTED', 'INSUFFICIENT_QUOTA'],
    [refusals.tooLong(), 'INVALID_ARGUMENT', 'CONTEXT_TOO_LONG'],
    [refusals.loading(), 'UNAVAILABLE', undefined],
    [stream({ error: { message: 'out of memory', type: 'server_error' } }), 'INTERNAL', undefined],
  ]) {
    openai.next(reply)
    const { error } = await run(({ openai }) => streamed(hybridge.openAICompatibleModel(openai).generateStream('x')))
    assert.deepEqual([error.status, error.code], expected)
  }
})

test('a service without a key needs none', async () => {
  openai.next(deltas(chunk({ content: 'a' }), chunk({}, { finish_reason: 'stop' })))
  const { text } = await run(({ openai: { apiKey, ...openai } }) =>
    told(hybridge.openAICompatibleModel(openai).generate('x')),
  )
  assert.equal(text, 'a')
  assert.equal(lastRequest().headers.authorization, undefined)
})
