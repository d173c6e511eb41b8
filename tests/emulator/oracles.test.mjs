/** Tests the emulators with the services' official clients. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ApiError, FunctionCallingConfigMode, GoogleGenAI, Type } from '@google/genai'
import OpenAI from 'openai'
import * as geminiEmulator from './gemini.mjs'
import * as openaiEmulator from './openai.mjs'

const model = 'gemini-emulator'
const gemini = await geminiEmulator.startGemini({ keys: ['right'] })
const openaiServer = await openaiEmulator.startOpenAI({ keys: ['right'], models: ['emulator'] })
after(() => Promise.all([gemini.close(), openaiServer.close()]))

const google = (apiKey = 'right') =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: gemini.origin, retryOptions: { attempts: 1 } } }).models
const { chunk, chunks, usage, refusals } = geminiEmulator
const schema = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 3 } },
  required: ['name', 'age'],
}
const weather = {
  name: 'weather',
  description: 'The weather.',
  parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } } },
}

async function all(stream) {
  const list = []
  for await (const it of stream) list.push(it)
  return list
}

test('google: generate', async () => {
  const response = await google().generateContent({
    model,
    contents: 'hello there',
    config: {
      systemInstruction: 'be brief',
      temperature: 0.5,
      topK: 3,
      topP: 0.9,
      seed: 1,
      stopSequences: ['x'],
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
    },
  })
  assert.equal(response.text, 'You said: hello there')
  assert.equal(response.candidates[0].finishReason, 'STOP')
  assert.ok(response.usageMetadata.totalTokenCount > 0)
  assert.equal(gemini.requests.at(-1).headers['x-goog-api-key'], 'right')
})

test('google: stream', async () => {
  const list = await all(
    await google().generateContentStream({ model, contents: 'one two three', config: { maxOutputTokens: 4 } }),
  )
  assert.equal(list.map((it) => it.text ?? '').join(''), 'You said: one two ')
  assert.equal(list.length, 5)
  assert.equal(list.at(-1).candidates[0].finishReason, 'MAX_TOKENS')
})

test('google: without alt=sse a stream is an array', async () => {
  const response = await fetch(`${gemini.origin}/v1beta/models/${model}:streamGenerateContent`, {
    method: 'POST',
    headers: { 'x-goog-api-key': 'right' },
    body: JSON.stringify({ contents: [{ parts: [{ text: 'a b' }] }] }),
  })
  const list = await response.json()
  assert.equal(list.map((it) => it.candidates[0].content.parts[0].text).join(''), 'You said: a b')
})

test('google: count', async () => {
  const { totalTokens } = await google().countTokens({ model, contents: 'sixteen letters!' })
  assert.equal(totalTokens, 4)
})

test('google: tool calls and their results', async () => {
  const config = { tools: [{ functionDeclarations: [weather] }] }
  const first = await google().generateContent({ model, contents: 'weather in Oslo', config })
  assert.deepEqual(first.functionCalls, [{ name: 'weather', args: { city: 'weather in Oslo' } }])
  const contents = [
    { role: 'user', parts: [{ text: 'weather in Oslo' }] },
    first.candidates[0].content,
    { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { output: 'snow' } } }] },
  ]
  const second = await google().generateContent({ model, contents, config })
  assert.equal(second.text, 'You said: {"output":"snow"}')
  const forced = { ...config, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } }
  assert.equal((await google().generateContent({ model, contents: 'hi', config: forced })).functionCalls.length, 1)
})

test('google: JSON by both kinds of schema', async () => {
  const json = { responseMimeType: 'application/json' }
  const by = async (config) =>
    JSON.parse((await google().generateContent({ model, contents: 'Ada', config: { ...json, ...config } })).text)
  assert.deepEqual(await by({ responseJsonSchema: schema }), { name: 'Ada', age: 3 })
  const upper = { type: Type.OBJECT, properties: { name: { type: Type.STRING } } }
  assert.deepEqual(await by({ responseSchema: upper }), { name: 'Ada' })
})

test('google: thinking, blocked, pictures, log-probabilities', async () => {
  const thought = await google().generateContent({
    model,
    contents: 'x',
    config: { thinkingConfig: { includeThoughts: true } },
  })
  assert.equal(thought.candidates[0].content.parts[0].thought, true)
  assert.equal(thought.text, 'You said: x')
  gemini.next(chunks({ promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: usage(3, 0) }))
  assert.equal((await google().generateContent({ model, contents: 'x' })).promptFeedback.blockReason, 'SAFETY')
  gemini.next(chunks(chunk(undefined, { finishReason: 'PROHIBITED_CONTENT' })))
  assert.equal(
    (await google().generateContent({ model, contents: 'x' })).candidates[0].finishReason,
    'PROHIBITED_CONTENT',
  )
  const picture = [{ inlineData: { mimeType: 'image/png', data: 'AA==' } }, { text: 'what?' }]
  assert.equal((await google().generateContent({ model, contents: picture })).text, 'You said: [image/png] what?')
  gemini.next(
    chunks(
      chunk('a', {
        finishReason: 'STOP',
        avgLogprobs: -0.5,
        logprobsResult: { chosenCandidates: [{ token: 'a', logProbability: -0.5 }] },
      }),
    ),
  )
  const likely = await google().generateContent({ model, contents: 'x', config: { responseLogprobs: true } })
  assert.equal(likely.candidates[0].logprobsResult.chosenCandidates[0].logProbability, -0.5)
})

test('google: errors', async () => {
  const failure = async (reply, call = () => google().generateContent({ model, contents: 'x' })) => {
    if (reply) gemini.next(reply)
    const error = await call().then(
      () => undefined,
      (it) => it,
    )
    assert.ok(error instanceof ApiError, String(error))
    return { status: error.status, reported: JSON.parse(error.message).error }
  }
  assert.equal(
    (await failure(undefined, () => google('wrong').generateContent({ model, contents: 'x' }))).reported.details[0]
      .reason,
    'API_KEY_INVALID',
  )
  assert.equal(
    (await failure(undefined, () => google().generateContent({ model: 'no-such', contents: 'x' }))).status,
    404,
  )
  assert.equal(
    (
      await failure(undefined, () =>
        google().generateContent({ model, contents: [{ role: 'robot', parts: [{ text: 'x' }] }] }),
      )
    ).status,
    400,
  )
  assert.equal((await failure(refusals.rate())).reported.details[1].retryDelay, '34.4s')
  assert.match((await failure(refusals.daily())).reported.details[0].violations[0].quotaId, /PerDay/)
  assert.equal((await failure(refusals.overloaded())).status, 503)
  assert.equal(
    (await failure(refusals.overloaded(), () => google().generateContentStream({ model, contents: 'x' }))).status,
    503,
  )
  // A failure during a stream, as the official client reads it.
  const { wait, open } = geminiEmulator.gate()
  gemini.next(
    geminiEmulator.stream(
      chunk('half '),
      { wait },
      JSON.stringify({ error: { code: 503, message: 'overloaded', status: 'UNAVAILABLE' } }),
    ),
  )
  await assert.rejects(async () => {
    for await (const it of await google().generateContentStream({ model, contents: 'x' }))
      if (it.text === 'half ') open()
  }, /overloaded/)
})

const client = (apiKey = 'right') =>
  new OpenAI({ apiKey, baseURL: `${openaiServer.origin}/v1`, maxRetries: 0 }).chat.completions
const ask = (content, more = {}) => ({ model: 'emulator', messages: [{ role: 'user', content }], ...more })
const tools = [{ type: 'function', function: { name: 'weather', parameters: weather.parametersJsonSchema } }]

test('openai: generate and stream', async () => {
  const whole = await client().create(ask('hello', { temperature: 0.5, seed: 1, stop: ['x'] }))
  assert.equal(whole.choices[0].message.content, 'You said: hello')
  assert.equal(whole.choices[0].finish_reason, 'stop')
  assert.equal(whole.usage.prompt_tokens_details.cached_tokens, 2)
  const list = await all(
    await client().create(ask('one two', { stream: true, stream_options: { include_usage: true }, max_tokens: 3 })),
  )
  assert.equal(list.map((it) => it.choices[0]?.delta.content ?? '').join(''), 'You said: one ')
  assert.equal(list.at(-2).choices[0].finish_reason, 'length')
  assert.ok(list.at(-1).usage.total_tokens > 0)
})

test('openai: tool calls and their results, in fragments', async () => {
  const runner = client().stream(ask('weather in Oslo', { tools }))
  const message = await runner.finalMessage()
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'weather in Oslo' })
  const messages = [
    ...ask('weather in Oslo').messages,
    { role: 'assistant', content: null, tool_calls: message.tool_calls },
    { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'snow' },
  ]
  assert.equal(
    (await client().create({ model: 'emulator', messages, tools })).choices[0].message.content,
    'You said: snow',
  )
  const whole = await client().create(ask('hi', { tools, tool_choice: 'required' }))
  assert.equal(whole.choices[0].message.tool_calls[0].function.name, 'weather')
})

test('openai: JSON and log-probabilities', async () => {
  const format = {
    type: 'json_schema',
    json_schema: { name: 'output', schema: { ...schema, additionalProperties: false }, strict: true },
  }
  assert.deepEqual(
    (await client().parse(ask('Ada', { response_format: format }))).choices[0].message.content,
    '{"name":"Ada","age":3}',
  )
  assert.equal((await client().create(ask('a', { logprobs: true }))).choices[0].logprobs.content[0].logprob, -0.25)
})

test('openai: errors', async () => {
  await assert.rejects(
    client('wrong').create(ask('x')),
    (error) => error instanceof OpenAI.AuthenticationError && error.code === 'invalid_api_key',
  )
  await assert.rejects(client().create({ ...ask('x'), model: 'no-such' }), OpenAI.NotFoundError)
  await assert.rejects(client().create({ ...ask('x'), nonsense: 1 }), OpenAI.BadRequestError)
  openaiServer.next(openaiEmulator.refusals.rate())
  await assert.rejects(client().create(ask('x')), OpenAI.RateLimitError)
  openaiServer.next(
    openaiEmulator.stream(openaiEmulator.chunk({ content: 'half' }), {
      error: { message: 'out of memory', type: 'server_error', code: null },
    }),
  )
  await assert.rejects(async () => all(await client().create(ask('x', { stream: true }))), /out of memory/)
})
