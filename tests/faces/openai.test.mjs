/** `hybridge/openai` with OpenAI's official client, and with request bodies that no client would send. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { zodResponseFormat, zodFunction } from 'openai/helpers/zod'
import { z } from 'zod'
import { collect, entry, failure, hybrid, hybridge, scripted, weather, weatherCall } from './setting.mjs'

const { openAIFetch } = await entry('./openai')

const clientOf = (served, options) =>
  new OpenAI({ apiKey: 'none', baseURL: 'http://local.test/v1', fetch: openAIFetch(served), ...options })
const said = (content) => [{ role: 'user', content }]
const ask = (model, fields = {}) => ({ model: model.name, messages: said('hi'), ...fields })
const tool = { type: 'function', function: weather }

test('a complete answer: text, usage, branch, times in seconds', async () => {
  const device = scripted('device', [
    {
      reply: {
        text: 'hello',
        usage: { inputTokens: 7, outputTokens: 5, totalTokens: 15, thoughtsTokens: 3, cachedContentTokens: 2 },
      },
    },
  ])
  const ai = hybrid(device, scripted('cloud', ['never']))
  const {
    data,
    response,
    request_id: requestId,
  } = await clientOf({ models: { ai } })
    .chat.completions.create({ model: 'ai', messages: said('hi') })
    .withResponse()
  assert.equal(data.choices[0].message.content, 'hello')
  assert.equal(data.choices[0].message.refusal, null)
  assert.equal(data.choices[0].finish_reason, 'stop')
  // The total shows that this branch counts reasoning separately from its output.
  assert.deepEqual(data.usage, {
    prompt_tokens: 7,
    completion_tokens: 8,
    total_tokens: 15,
    prompt_tokens_details: { cached_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 3 },
  })
  assert.ok(Math.abs(data.created - Date.now() / 1000) < 60)
  assert.deepEqual([data.object, data.model, data.hybridge.branch], ['chat.completion', 'ai', 'onDevice'])
  assert.equal(data.hybridge.routing.attempts[0].outcome, 'answered')
  assert.equal(response.headers.get('x-hybridge-branch'), 'onDevice')
  assert.equal(requestId, data.hybridge.routing.id)
})

test('reasoning inside the output stays inside; missing counts are 0', async () => {
  const model = scripted(
    'm',
    [{ reply: { text: 'a', usage: { inputTokens: 7, outputTokens: 5, totalTokens: 12, thoughtsTokens: 3 } } }],
    // Counted separately, as foreign models may do: reasoning exceeds the output.
    [{ reply: { text: 'a', usage: { outputTokens: 1, thoughtsTokens: 3 } } }],
    [{ reply: 'b' }],
  )
  const client = clientOf(model)
  assert.equal((await client.chat.completions.create(ask(model))).usage.completion_tokens, 5)
  assert.equal((await client.chat.completions.create(ask(model))).usage.completion_tokens, 4)
  assert.deepEqual(Object.values((await client.chat.completions.create(ask(model))).usage).slice(0, 3), [0, 0, 0])
})

test('a stream: the role once, text in order, usage only on request', async () => {
  const model = scripted('m', [
    [{ reasoning: 'hm' }],
    'Grüß ',
    '👋🏽',
    { reply: { usage: { inputTokens: 1, outputTokens: 2 } } },
  ])
  for (const wantsUsage of [false, true]) {
    const events = await collect(
      await clientOf(model).chat.completions.create(
        ask(model, { stream: true, ...(wantsUsage && { stream_options: { include_usage: true } }) }),
      ),
    )
    assert.equal(events.filter(({ choices }) => choices[0]?.delta.role !== undefined).length, 1)
    assert.equal(events.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), 'Grüß 👋🏽')
    assert.equal(events.map(({ choices }) => choices[0]?.delta.reasoning_content ?? '').join(''), 'hm')
    assert.equal(events.filter(({ choices }) => choices.length === 0).length, wantsUsage ? 1 : 0)
    assert.equal(new Set(events.map(({ id, created, model }) => `${id} ${created} ${model}`)).size, 1)
    assert.deepEqual(
      events.flatMap(({ choices }) => choices[0]?.finish_reason ?? []),
      ['stop'],
    )
    assert.equal(events.at(-1).hybridge.branch, 'm')
    if (wantsUsage) assert.equal(events.at(-1).usage.total_tokens, 3)
  }
})

test('the response body of a stream ends with [DONE], in whole events', async () => {
  const model = scripted('m', ['ä', 'ö'])
  const answer = await openAIFetch(model)('/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify(ask(model, { stream: true })),
  })
  assert.match(answer.headers.get('content-type'), /^text\/event-stream/)
  const pieces = await collect(answer.body)
  for (const piece of pieces) assert.match(new TextDecoder('utf-8', { fatal: true }).decode(piece), /^data: .*\n\n$/)
  assert.equal(new TextDecoder().decode(pieces.at(-1)), 'data: [DONE]\n\n')
})

test('stream(), parse() and strict schemas of the client', async () => {
  const model = scripted('m', [{ reply: { text: '```json\n{"city":"Oslo"}\n```' } }])
  const City = z.object({ city: z.string() })
  const parsed = await clientOf(model).chat.completions.parse(
    ask(model, { response_format: zodResponseFormat(City, 'city') }),
  )
  assert.deepEqual(parsed.choices[0].message.parsed, { city: 'Oslo' })
  assert.equal(model.seen[0].request.output.format, 'json')
  assert.equal(model.seen[0].request.output.schema.properties.city.type, 'string')
  const words = scripted('w', ['a', 'b'])
  const runner = clientOf(words).chat.completions.stream(ask(words))
  assert.equal(await runner.finalContent(), 'ab')
  const cut = scripted('c', [{ reply: { text: '{', finishReason: 'length' } }])
  await assert.rejects(
    clientOf(cut).chat.completions.parse(ask(cut, { response_format: zodResponseFormat(City, 'city') })),
    { name: 'Error', message: /length limit/ },
  )
  const held = scripted('h', [{ reply: { text: '', finishReason: 'blocked' } }])
  assert.equal((await clientOf(held).chat.completions.create(ask(held))).choices[0].finish_reason, 'content_filter')
})

test('JSON streams without its code fence, other text with it', async () => {
  const pieces = ['``', '`json\n{"a"', ':"```', '"}', '\n`', '``']
  for (const [fields, expected] of [
    [{ response_format: { type: 'json_object' } }, '{"a":"```"}'],
    [{}, pieces.join('')],
  ]) {
    const model = scripted('m', pieces)
    assert.equal(await clientOf(model).chat.completions.stream(ask(model, fields)).finalContent(), expected)
    const { output_text: text } = await clientOf(model)
      .responses.stream({
        model: 'm',
        input: 'x',
        ...(fields.response_format && { text: { format: { type: 'json_object' } } }),
      })
      .finalResponse()
    assert.equal(text, expected)
  }
  const unclosed = scripted('u', ['```json'])
  assert.equal(
    await clientOf(unclosed)
      .chat.completions.stream(ask(unclosed, { response_format: { type: 'json_object' } }))
      .finalContent(),
    '',
  )
})

test('tools: results reach the branch that called, with reference and signature', async () => {
  for (const stream of [false, true]) {
    const cloud = scripted('cloud', [weatherCall('Oslo')], ['It rains.'])
    const device = scripted('device', [{ fail: failure('UNAVAILABLE') }], ['wrong branch'])
    const ai = hybrid(device, cloud)
    const client = clientOf({ models: { ai } })
    const messages = said('rain in Oslo?')
    const body = { model: 'ai', messages, tools: [tool], tool_choice: 'required' }
    const first = stream
      ? await client.chat.completions.stream(body).finalMessage()
      : (await client.chat.completions.create(body)).choices[0].message
    assert.equal(first.content, null)
    const [call] = first.tool_calls
    assert.deepEqual(
      [call.type, call.function.name, call.function.arguments],
      ['function', 'weather', '{"city":"Oslo"}'],
    )
    assert.equal(cloud.seen[0].request.toolChoice, 'required')
    // Through storage as JSON text.
    const history = JSON.parse(
      JSON.stringify([...messages, first, { role: 'tool', tool_call_id: call.id, content: '{"rain":true}' }]),
    )
    const second = await client.chat.completions.create({ model: 'ai', messages: history, tools: [tool] })
    assert.equal(second.choices[0].message.content, 'It rains.')
    assert.equal(second.hybridge.branch, 'cloud')
    assert.equal(device.seen.length, 1)
    const [, called, answered] = cloud.seen[1].request.messages
    assert.deepEqual(called.metadata, { branches: ['cloud'] })
    assert.deepEqual(called.content, [
      {
        toolRequest: { name: 'weather', input: { city: 'Oslo' }, ref: '0' },
        metadata: { thoughtSignature: 'signed-Oslo' },
      },
    ])
    assert.deepEqual(answered, {
      role: 'tool',
      content: [{ toolResponse: { name: 'weather', output: { rain: true }, ref: '0' } }],
    })
  }
})

test('signed text and reasoning are returned beside a call, in both APIs', async () => {
  const signed = (kind, text) => [{ [kind]: text, metadata: { thoughtSignature: `signed-${kind}` } }]
  const turn = [signed('reasoning', 'hm'), signed('text', 'Let me see.'), weatherCall('Oslo')]
  const model = scripted('m', turn, ['Rain.'], turn, ['Rain.'])
  const client = new OpenAI({ fetch: openAIFetch({ models: { m: model } }), apiKey: 'none' })
  const asked = [{ role: 'user', content: 'rain?' }]
  const { choices } = await client.chat.completions.create({ model: 'm', messages: asked })
  const { message } = choices[0]
  const [call] = message.tool_calls
  const result = { role: 'tool', tool_call_id: call.id, content: 'yes' }
  await client.chat.completions.create({ model: 'm', messages: [...asked, message, result] })
  const { output } = await client.responses.create({ model: 'm', input: asked })
  const { call_id: id } = output.at(-1)
  const input = [...asked, ...output, { type: 'function_call_output', call_id: id, output: 'yes' }]
  await client.responses.create({ model: 'm', input })
  for (const { request } of [model.seen[1], model.seen[3]])
    assert.deepEqual(request.messages[1].content, [
      ...signed('reasoning', 'hm'),
      ...signed('text', 'Let me see.'),
      ...weatherCall('Oslo'),
    ])
})

test('calls have unique IDs within a turn and across turns', async () => {
  const model = scripted('m', [[...weatherCall('Oslo', '0'), ...weatherCall('Bonn', '1')]], [weatherCall('Rome', '0')])
  const ids = []
  for (let turn = 0; turn < 2; turn++)
    ids.push(
      ...(
        await clientOf(model).chat.completions.create(ask(model, { tools: [tool] }))
      ).choices[0].message.tool_calls.map(({ id }) => id),
    )
  assert.equal(new Set(ids).size, 3)
})

test('runTools of the client, both ways', async () => {
  for (const stream of [false, true]) {
    const model = scripted('m', [weatherCall('Oslo')], ['Rain in Oslo.'])
    const asked = []
    const run = zodFunction({
      name: 'weather',
      parameters: z.object({ city: z.string() }),
      function: ({ city }) => (asked.push(city), { rain: true }),
    })
    const runner = clientOf(model).chat.completions.runTools(ask(model, { stream, tools: [run] }))
    assert.equal(await runner.finalContent(), 'Rain in Oslo.')
    assert.deepEqual(asked, ['Oslo'])
    assert.deepEqual(model.seen[1].request.messages.at(-1).content[0].toolResponse.output, { rain: true })
  }
})

test('a named tool choice keeps and requires only that tool; external histories are accepted', async () => {
  const model = scripted('m', ['ok'])
  const other = { type: 'function', function: { name: 'other' } }
  const history = [
    ...said('hi'),
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'call_abc', type: 'function', function: { name: 'weather', arguments: '' } }],
    },
    { role: 'tool', tool_call_id: 'call_abc', content: [{ type: 'text', text: 'no JSON' }] },
  ]
  await clientOf(model).chat.completions.create({
    model: 'm',
    messages: history,
    tools: [tool, other],
    tool_choice: { type: 'function', function: { name: 'other' } },
  })
  const { tools, toolChoice, messages } = model.seen[0].request
  assert.deepEqual([tools.map(({ name }) => name), toolChoice], [['other'], 'required'])
  assert.deepEqual(messages[1].content[0].toolRequest, { name: 'weather', input: {}, ref: 'call_abc' })
  assert.deepEqual(messages[2].content[0].toolResponse, { name: 'weather', output: 'no JSON', ref: 'call_abc' })
})

test('given settings reach the model by its own names, and no others', async () => {
  const model = scripted('m', ['ok'])
  const client = clientOf(model)
  await client.chat.completions.create(
    ask(model, {
      temperature: 0.5,
      top_p: 0.9,
      seed: 4,
      max_completion_tokens: 9,
      stop: 'END',
      n: 1,
      user: 'u',
      store: false,
      metadata: {},
      parallel_tool_calls: true,
      service_tier: 'auto',
      presence_penalty: 0,
      logit_bias: {},
      response_format: null,
      tools: null,
    }),
  )
  assert.deepEqual(model.seen[0].request.config, {
    temperature: 0.5,
    topP: 0.9,
    seed: 4,
    maxOutputTokens: 9,
    stopSequences: ['END'],
  })
  await client.chat.completions.create(
    ask(model, { hybridge: { context: { tab: 1 }, config: { minP: 0.1, branches: { cloud: { a: 1 } } } } }),
  )
  assert.deepEqual(model.seen[1].request.config, { minP: 0.1, branches: { cloud: { a: 1 } } })
  assert.deepEqual(model.seen[1].context, { tab: 1 })
  await client.chat.completions.create({
    model: 'm',
    messages: [
      { role: 'developer', content: 'be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'see' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
        ],
      },
    ],
  })
  assert.deepEqual(model.seen[2].request.messages, [
    { role: 'system', content: [{ text: 'be brief' }] },
    { role: 'user', content: [{ text: 'see' }, { media: { url: 'data:image/png;base64,AA==' } }] },
  ])
})

test('log-probabilities if the branch reports them, otherwise an error with its own code', async () => {
  const piece = (text, ...logprobs) => Object.assign([{ text }], { logprobs })
  const model = scripted('m', [piece('ab', -0.5), piece('cd', -1, -2)])
  for (const stream of [false, true]) {
    const answer = await clientOf(model).chat.completions.create(ask(model, { logprobs: true, stream }))
    const entries = stream
      ? (await collect(answer)).flatMap(({ choices }) => choices[0]?.logprobs?.content ?? [])
      : answer.choices[0].logprobs.content
    assert.deepEqual(
      entries.map(({ token, logprob }) => [token, logprob]),
      [
        ['ab', -0.5],
        ['cd', -1],
        ['', -2],
      ],
    )
  }
  const plain = scripted('plain', ['ok'])
  for (const stream of [false, true])
    await assert.rejects(clientOf(plain).chat.completions.create(ask(plain, { logprobs: true, stream })), {
      status: 400,
      param: 'logprobs',
    })
})

// ── What can't be done ───────────────────────────────────────────────────────────────────────────────────────────────

const answersTo = [{ role: 'tool', tool_call_id: 'call_nobody', content: 'x' }]
const refused = [
  ['n', { n: 2 }],
  ['n', { n: 0 }],
  ['audio', { audio: { voice: 'x' } }],
  ['modalities', { modalities: ['audio'] }],
  ['web_search_options', { web_search_options: {} }],
  ['presence_penalty', { presence_penalty: 1 }],
  ['logit_bias', { logit_bias: { 5: 1 } }],
  ['top_logprobs', { top_logprobs: 2 }],
  ['functions', { functions: [] }],
  ['temperature', { temperature: 'hot' }],
  ['temperature', { temperature: -1 }],
  ['top_p', { top_p: 5 }],
  ['max_completion_tokens', { max_completion_tokens: 1.5 }],
  ['seed', { seed: -1 }],
  ['seed', { seed: null, max_tokens: 'many' }, 'max_tokens'],
  ['stop', { stop: [1] }],
  ['stop', { stop: ['a', 'b', 'c', 'd', 'e', 'f'] }],
  ['stream', { stream: 'yes' }],
  ['response_format', { response_format: { type: 'xml' } }],
  ['response_format', { response_format: { type: 'json_schema' } }],
  ['tools', { tools: {} }],
  ['tools', { tools: [{ type: 'custom', custom: {} }] }],
  ['tools', { tools: [{ type: 'function', function: {} }] }],
  ['tool_choice', { tool_choice: { type: 'function', function: { name: 'nobody' } } }],
  ['tool_choice', { tool_choice: 'required' }],
  ['messages', { messages: undefined }],
  ['messages', { messages: [] }],
  ['messages', { messages: 'hi' }],
  ['messages', { messages: [null] }],
  ['messages', { messages: [{ role: 'king', content: 'x' }] }],
  ['messages', { messages: [{ role: 'user' }] }],
  ['messages', { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }],
  ['messages', { messages: answersTo }],
  ['messages', { messages: [{ role: 'assistant', tool_calls: [{ id: 'a' }] }] }],
  ['model', { model: undefined }],
  ['hybridge', { hybridge: 1 }],
]

for (const [field, fields, param = field] of refused) {
  test(`400 names ${param}: ${JSON.stringify(fields).slice(0, 80)}`, async () => {
    const model = scripted('m', ['never'])
    const body = JSON.stringify(ask(model, fields))
    const answer = await openAIFetch(model)('http://x.test/v1/chat/completions', { method: 'POST', body })
    const { error } = await answer.json()
    assert.deepEqual(
      [answer.status, error.type, error.param, answer.headers.get('x-should-retry')],
      [400, 'invalid_request_error', param, 'false'],
      JSON.stringify(error),
    )
    assert.equal(typeof error.message, 'string')
  })
}

test('paths, methods and bodies', async () => {
  const model = scripted('m', ['ok'])
  const face = openAIFetch({ models: { m: model } })
  const at = async (path, init) => {
    const answer = await face(path, init)
    return [answer.status, (await answer.json()).error]
  }
  const [status, error] = await at('http://x/v1/images/generations', { method: 'POST', body: '{}' })
  assert.equal(status, 404)
  for (const path of ['chat/completions', 'embeddings', 'models']) assert.ok(error.message.includes(path))
  assert.equal((await at('/chat/completions'))[0], 405)
  assert.equal((await at('/v1/models', { method: 'POST', body: '{}' }))[0], 405)
  for (const body of ['', '{', 'null', '[]', '"x"'])
    assert.equal((await at('/chat/completions', { method: 'POST', body }))[0], 400)
  const [unknown, lost] = await at('/chat/completions', { method: 'POST', body: '{"model":"gpt-9"}' })
  assert.deepEqual(
    [unknown, lost.code, lost.param, /there are: m/.test(lost.message)],
    [404, 'model_not_found', 'model', true],
  )
  // Every kind of body that fetch accepts.
  const text = JSON.stringify(ask(model))
  for (const [input, init] of [
    ['/v1/chat/completions', { method: 'post', body: new TextEncoder().encode(text) }],
    [new URL('http://x/openai/deployments/v1/chat/completions/?a=1'), { method: 'POST', body: new Blob([text]) }],
    [new Request('http://x/v1/chat/completions', { method: 'POST', body: text })],
    [new Request('http://x/v1/chat/completions', { method: 'POST', body: '{' }), { body: text }],
  ])
    assert.equal((await face(input, init)).status, 200)
  assert.throws(() => openAIFetch({ models: { m: {} } }), { status: 'INVALID_ARGUMENT' })
  assert.throws(() => openAIFetch({}), { status: 'INVALID_ARGUMENT' })
})

const classes = [
  ['INVALID_ARGUMENT', 400, OpenAI.BadRequestError],
  ['OUT_OF_RANGE', 400, OpenAI.BadRequestError],
  ['FAILED_PRECONDITION', 400, OpenAI.BadRequestError],
  ['UNAUTHENTICATED', 401, OpenAI.AuthenticationError],
  ['PERMISSION_DENIED', 403, OpenAI.PermissionDeniedError],
  ['NOT_FOUND', 404, OpenAI.NotFoundError],
  ['RESOURCE_EXHAUSTED', 429, OpenAI.RateLimitError],
  ['INTERNAL', 500, OpenAI.InternalServerError],
  ['UNIMPLEMENTED', 501, OpenAI.InternalServerError],
  ['UNAVAILABLE', 503, OpenAI.InternalServerError],
  ['DEADLINE_EXCEEDED', 504, OpenAI.InternalServerError],
  ['DATA_LOSS', 500, OpenAI.InternalServerError],
]

for (const [status, http, Class] of classes) {
  test(`${status} is ${http}, reported at once, and not retried`, async () => {
    for (const stream of [false, true]) {
      const model = scripted('m', [
        { fail: failure(status, status === 'UNAVAILABLE' ? { code: 'MODEL_NOT_LOADED' } : {}) },
      ])
      const error = await clientOf(model)
        .chat.completions.create(ask(model, { stream }))
        .then(
          () => assert.fail('it answered'),
          (thrown) => thrown,
        )
      assert.ok(error instanceof Class, `${error}`)
      assert.deepEqual(
        [error.status, error.code, model.seen.length],
        [http, status === 'UNAVAILABLE' ? 'MODEL_NOT_LOADED' : status, 1],
      )
      assert.match(error.message, /scripted/)
    }
  })
}

test('only a delay leads to a retry, after that delay', async () => {
  const model = scripted('m', [{ fail: failure('RESOURCE_EXHAUSTED', { retryAfterMs: 5 }) }], ['ok'])
  assert.equal((await clientOf(model).chat.completions.create(ask(model))).choices[0].message.content, 'ok')
  assert.equal(model.seen.length, 2)
  const long = scripted('l', [{ fail: failure('RESOURCE_EXHAUSTED', { retryAfterMs: 3_600_000 }) }])
  await assert.rejects(clientOf(long).chat.completions.create(ask(long)), OpenAI.RateLimitError)
  assert.equal(long.seen.length, 1)
})

test('an exception of a callback is a 500 without its message', async () => {
  const strategy = {
    route: () => {
      throw new Error('secret prompt')
    },
  }
  const ai = hybridge.hybridModel({ branches: { a: scripted('a', ['ok']) }, strategy })
  const error = await clientOf(ai)
    .chat.completions.create(ask(ai))
    .catch((thrown) => thrown)
  assert.equal(error.status, 500)
  assert.doesNotMatch(error.message, /secret/)
})

test('a failure after the first content is an event that the client throws', async () => {
  const model = scripted('m', ['a', { fail: failure('INTERNAL') }])
  const words = []
  await assert.rejects(async () => {
    for await (const { choices } of await clientOf(model).chat.completions.create(ask(model, { stream: true })))
      words.push(choices[0]?.delta.content)
  }, OpenAI.APIError)
  assert.equal(words.join(''), 'a')
})

// ── Stopping ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const stopped = async ({ signal }) => {
  for (let turn = 0; turn < 200 && !signal.aborted; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(signal.aborted, true, 'the work was not aborted')
}

test('an abort before, during and after the first content ends the work, and the next call works', async () => {
  const model = scripted(
    'm',
    [{ hang: true }],
    ['a', { hang: true }],
    ['a', { hang: true }],
    ['a', { hang: true }],
    ['ok'],
  )
  const client = clientOf(model)
  const early = new AbortController()
  const waiting = client.chat.completions.create(ask(model), { signal: early.signal })
  setTimeout(() => early.abort(), 10)
  await assert.rejects(waiting, OpenAI.APIUserAbortError)
  await stopped(model.seen[0])

  // The client's own abort ends its loop silently.
  const stream = await client.chat.completions.create(ask(model, { stream: true }))
  for await (const { choices } of stream) if (choices[0].delta.content === 'a') stream.controller.abort()
  await stopped(model.seen[1])

  for await (const { choices } of await client.chat.completions.create(ask(model, { stream: true })))
    if (choices[0].delta.content === 'a') break
  await stopped(model.seen[2])

  const answer = await openAIFetch(model)('/chat/completions', {
    method: 'POST',
    body: JSON.stringify(ask(model, { stream: true })),
  })
  const reader = answer.body.getReader()
  await reader.read()
  await reader.cancel()
  await stopped(model.seen[3])
  assert.equal((await client.chat.completions.create(ask(model))).choices[0].message.content, 'ok')
})

test('an abort rejects with its own reason and causes no fallback', async () => {
  const cloud = scripted('cloud', ['never'])
  const device = scripted('device', [{ hang: true }])
  const ai = hybrid(device, cloud)
  const reason = new Error('my own reason')
  const stop = new AbortController()
  setTimeout(() => stop.abort(reason), 10)
  await assert.rejects(
    openAIFetch({ models: { ai } })('/chat/completions', {
      method: 'POST',
      body: JSON.stringify({ model: 'ai', messages: said('x') }),
      signal: stop.signal,
    }),
    reason,
  )
  await assert.rejects(
    openAIFetch({ models: { ai } })('/chat/completions', { method: 'POST', body: '{}', signal: stop.signal }),
    reason,
  )
  assert.equal(cloud.seen.length, 0)
})
