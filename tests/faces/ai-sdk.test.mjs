/** `hybridge/ai-sdk` with the AI SDK itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  APICallError,
  DirectChatTransport,
  NoSuchModelError,
  RetryError,
  ToolLoopAgent,
  convertToModelMessages,
  createProviderRegistry,
  embedMany,
  generateObject,
  generateText,
  isStepCount,
  Output,
  stepCountIs,
  streamObject,
  streamText,
  tool,
} from 'ai'
import { Chat } from '@ai-sdk/react'
import { z } from 'zod'
import { collect, entry, failure, hybrid, hybridge, lengthEmbedder, scripted, weatherCall } from './setting.mjs'

const { aiSdkEmbeddingModel, aiSdkModel, downloadStore, hybridgeProvider } = await entry('./ai-sdk')

const weather = (asked = []) =>
  tool({
    description: 'The weather.',
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => (asked.push(city), { rain: true }),
  })
const upTo = stepCountIs ?? isStepCount
const user = (content) => ({
  role: 'user',
  content: typeof content === 'string' ? [{ type: 'text', text: content }] : content,
})
const bare = (text = 'hi') => ({ prompt: [user(text)] })

test('generateText: text, usage, reason, branch and trace', async () => {
  const device = scripted('device', [{ fail: failure('UNAVAILABLE') }])
  const cloud = scripted('cloud', [
    {
      reply: {
        message: { role: 'model', content: [{ reasoning: 'hm' }, { text: 'hello' }] },
        usage: { inputTokens: 7, outputTokens: 5, totalTokens: 15, thoughtsTokens: 3, cachedContentTokens: 2 },
      },
    },
  ])
  const result = await generateText({
    model: aiSdkModel(hybrid(device, cloud)),
    system: 'be brief',
    prompt: 'hi',
    temperature: 0.5,
    topP: 0.9,
    topK: 3,
    seed: 4,
    maxOutputTokens: 9,
    stopSequences: ['END'],
  })
  assert.deepEqual(
    [result.text, result.reasoningText, result.finishReason, result.rawFinishReason],
    ['hello', 'hm', 'stop', 'stop'],
  )
  const { inputTokens, outputTokens, totalTokens, inputTokenDetails, outputTokenDetails } = result.usage
  assert.deepEqual(
    [
      inputTokens,
      outputTokens,
      totalTokens,
      inputTokenDetails.cacheReadTokens,
      outputTokenDetails.reasoningTokens,
      outputTokenDetails.textTokens,
    ],
    [7, 8, 15, 2, 3, 5],
  )
  const { branch, routing, inferenceSource } = result.providerMetadata.hybridge
  assert.deepEqual(
    [branch, inferenceSource, routing.attempts.map(({ outcome }) => outcome)],
    ['cloud', 'on_device', ['failed', 'answered']],
  )
  assert.deepEqual(cloud.seen[0].request.config, {
    temperature: 0.5,
    topP: 0.9,
    topK: 3,
    seed: 4,
    maxOutputTokens: 9,
    stopSequences: ['END'],
  })
  assert.deepEqual(cloud.seen[0].request.messages, [
    { role: 'system', content: [{ text: 'be brief' }] },
    { role: 'user', content: [{ text: 'hi' }] },
  ])
})

test('only given settings are passed on, and unknown values are undefined', async () => {
  const model = scripted('m', ['ok'])
  const { usage } = await generateText({ model: aiSdkModel(model), prompt: 'hi' })
  assert.deepEqual(model.seen[0].request.config, {})
  assert.equal(model.seen[0].request.tools.length, 0)
  assert.deepEqual([usage.inputTokens, usage.outputTokens, usage.totalTokens], [undefined, undefined, undefined])
})

test('a stream: one block open at a time, one start at the beginning, one finish at the end', async () => {
  const signed = [{ text: '', metadata: { thoughtSignature: 's' } }]
  const model = scripted('m', [
    [{ reasoning: 'h' }],
    [{ reasoning: 'm' }],
    'a',
    'b',
    [{ reasoning: '?' }],
    'c',
    signed,
    { reply: { usage: { inputTokens: 1, outputTokens: 2 } } },
  ])
  const { stream } = await aiSdkModel(model).doStream(bare())
  const parts = await collect(stream)
  assert.equal(parts[0].type, 'stream-start')
  assert.equal(parts.at(-1).type, 'finish')
  assert.equal(parts.filter(({ type }) => type === 'finish').length, 1)
  let open
  for (const { type, id } of parts) {
    if (/^(text|reasoning)-start$/.test(type)) (assert.equal(open, undefined), (open = id))
    if (/-delta$/.test(type)) assert.equal(open, id)
    if (/^(text|reasoning)-end$/.test(type)) (assert.equal(open, id), (open = undefined))
  }
  assert.equal(open, undefined)
  assert.deepEqual(parts.findLast(({ type }) => type === 'text-end').providerMetadata, {
    hybridge: { metadata: { thoughtSignature: 's' } },
  })
  const pieces = scripted('m', [[{ reasoning: 'hm' }], 'a', 'b'])
  const result = streamText({ model: aiSdkModel(pieces), prompt: 'hi' })
  assert.deepEqual(await collect(result.textStream), ['a', 'b'])
  assert.equal(await result.reasoningText, 'hm')
  assert.equal((await result.providerMetadata).hybridge.branch, 'm')
})

test('a tool loop: results reach the branch that called, with reference and signature, also streamed', async () => {
  for (const streams of [false, true]) {
    const asked = []
    const cloud = scripted('cloud', [weatherCall('Oslo')], ['It rains.'])
    const device = scripted('device', [{ fail: failure('UNAVAILABLE') }], ['wrong branch'])
    const model = aiSdkModel(hybrid(device, cloud))
    const options = { model, prompt: 'rain in Oslo?', tools: { weather: weather(asked) }, stopWhen: upTo(3) }
    const result = streams ? streamText(options) : await generateText(options)
    if (streams) await result.consumeStream()
    assert.equal(await result.text, 'It rains.')
    const steps = await result.steps
    assert.deepEqual(
      steps.map(({ finishReason }) => finishReason),
      ['tool-calls', 'stop'],
    )
    assert.deepEqual([asked, device.seen.length], [['Oslo'], 1])
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

test('IDs of calls are unique across turns, and a call without arguments has the input {}', async () => {
  const model = scripted('m', [[...weatherCall('Oslo'), { toolRequest: { name: 'weather' } }]], [weatherCall('Rome')])
  const face = aiSdkModel(model)
  const calls = []
  for (let turn = 0; turn < 2; turn++)
    calls.push(...(await face.doGenerate(bare())).content.filter(({ type }) => type === 'tool-call'))
  assert.equal(new Set(calls.map(({ toolCallId }) => toolCallId)).size, 3)
  assert.deepEqual(
    calls.map(({ input }) => input),
    ['{"city":"Oslo"}', '{}', '{"city":"Rome"}'],
  )
})

test('calls of a failed turn are not run', async () => {
  const asked = []
  const model = scripted('m', ['a', weatherCall('Oslo'), { fail: failure('INTERNAL') }])
  const errors = []
  const result = streamText({
    model: aiSdkModel(model),
    prompt: 'hi',
    tools: { weather: weather(asked) },
    stopWhen: upTo(3),
    onError: ({ error }) => void errors.push(error),
  })
  assert.deepEqual(await collect(result.textStream), ['a'])
  assert.deepEqual([asked, errors.length, model.seen.length], [[], 1, 1])
  assert.ok(APICallError.isInstance(errors[0]))
})

test('tool choices', async () => {
  const model = scripted('m', ['ok'])
  const face = aiSdkModel(model)
  const tools = ['a', 'b'].map((name) => ({ type: 'function', name, inputSchema: { type: 'object' } }))
  for (const [toolChoice, expected] of [
    [{ type: 'auto' }, ['ab', 'auto']],
    [{ type: 'none' }, ['ab', 'none']],
    [{ type: 'required' }, ['ab', 'required']],
    [{ type: 'tool', toolName: 'b' }, ['b', 'required']],
    [undefined, ['ab', undefined]],
  ]) {
    await face.doGenerate({ ...bare(), tools, toolChoice })
    const { request } = model.seen.at(-1)
    assert.deepEqual([request.tools.map(({ name }) => name).join(''), request.toolChoice], expected)
  }
  await assert.rejects(
    face.doGenerate({ ...bare(), tools, toolChoice: { type: 'tool', toolName: 'z' } }),
    (error) => error.cause.status === 'INVALID_ARGUMENT' && !error.isRetryable,
  )
})

test('objects, complete and streamed', async () => {
  const schema = z.object({ city: z.string() })
  const model = scripted('m', ['{"city":', '"Oslo"}'])
  const face = aiSdkModel(model)
  assert.deepEqual((await generateObject({ model: face, schema, prompt: 'x' })).object, { city: 'Oslo' })
  assert.equal(model.seen[0].request.output.format, 'json')
  assert.equal(model.seen[0].request.output.schema.properties.city.type, 'string')
  assert.deepEqual((await generateText({ model: face, prompt: 'x', output: Output.object({ schema }) })).output, {
    city: 'Oslo',
  })
  const streamed = streamObject({ model: face, schema, prompt: 'x' })
  assert.deepEqual((await collect(streamed.partialObjectStream)).at(-1), { city: 'Oslo' })
  assert.deepEqual(await streamed.object, { city: 'Oslo' })
  const fenced = scripted('f', ['```json\n{"city":"Oslo"}\n```'])
  assert.deepEqual((await generateObject({ model: aiSdkModel(fenced), schema, prompt: 'x' })).object, { city: 'Oslo' })
  const pieces = scripted('p', [' `', '``js', 'on\n{"ci', 'ty":"O`', 'slo"}\n', '``', '`\n'])
  const partial = streamObject({ model: aiSdkModel(pieces), schema, prompt: 'x' })
  assert.deepEqual((await collect(partial.textStream)).join(''), '{"city":"O`slo"}')
  assert.deepEqual(await partial.object, { city: 'O`slo' })
  // A format without a schema still means JSON.
  await face.doGenerate({ ...bare(), responseFormat: { type: 'json' } })
  assert.deepEqual(model.seen.at(-1).request.output, { format: 'json' })
})

test('unsupported options give warnings', async () => {
  const model = hybridge.defineModel({
    name: 'm',
    info: { supports: { json: 'none', tools: false } },
    generate: async () => 'ok',
  })
  const { warnings } = await aiSdkModel(model).doGenerate({
    ...bare(),
    presencePenalty: 1,
    frequencyPenalty: 0,
    reasoning: 'high',
    responseFormat: { type: 'json' },
    tools: [
      { type: 'provider', id: 'x.search', name: 'search', args: {} },
      { type: 'function', name: 'a', inputSchema: {} },
    ],
  })
  assert.deepEqual(
    warnings.map(({ type, feature }) => [type, feature]),
    [
      ['unsupported', 'presencePenalty'],
      ['unsupported', 'frequencyPenalty'],
      ['unsupported', 'reasoning'],
      ['unsupported', 'provider-defined tool x.search'],
      ['unsupported', 'responseFormat'],
      ['unsupported', 'tools'],
    ],
  )
  assert.deepEqual(
    (await aiSdkModel(scripted('q', ['ok'])).doGenerate({ ...bare(), reasoning: 'provider-default' })).warnings,
    [],
  )
})

test('files: bytes, text, URLs, incomplete media types; a reference is an error', async () => {
  const model = scripted('m', ['ok'])
  const face = aiSdkModel(model)
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47)
  const large = new Uint8Array(3_000_000)
  await face.doGenerate({
    prompt: [
      user([
        { type: 'file', mediaType: 'image/*', data: { type: 'data', data: png } },
        { type: 'file', mediaType: 'image', data: { type: 'data', data: '/9j/' } },
        { type: 'file', mediaType: 'audio', data: { type: 'data', data: Uint8Array.of(0x49, 0x44, 0x33) } },
        { type: 'file', mediaType: 'image/png', data: { type: 'url', url: new URL('https://example.com/a.png') } },
        { type: 'file', mediaType: 'text/plain', data: { type: 'text', text: 'words' } },
        { type: 'file', mediaType: 'video/mp4', data: { type: 'data', data: large } },
      ]),
    ],
  })
  const content = model.seen[0].request.messages[0].content
  assert.deepEqual(content.slice(0, 5), [
    { media: { url: 'data:image/png;base64,iVBORw==', contentType: 'image/png' } },
    { media: { url: 'data:image/jpeg;base64,/9j/', contentType: 'image/jpeg' } },
    { media: { url: 'data:audio/mpeg;base64,SUQz', contentType: 'audio/mpeg' } },
    { media: { url: 'https://example.com/a.png', contentType: 'image/png' } },
    { text: 'words' },
  ])
  assert.equal(content[5].media.url.length, 'data:video/mp4;base64,'.length + 4_000_000)
  await assert.rejects(
    face.doGenerate({
      prompt: [
        user([{ type: 'file', mediaType: 'image/png', data: { type: 'reference', reference: { openai: 'x' } } }]),
      ],
    }),
    (error) => error.cause.status === 'INVALID_ARGUMENT',
  )
})

test('tool results: errors stay errors, consecutive results are merged, unknown calls keep their ID', async () => {
  const model = scripted('m', ['ok'])
  const result = (toolCallId, output) => ({ type: 'tool-result', toolCallId, toolName: 'weather', output })
  const outputs = [
    { type: 'text', value: 'a' },
    { type: 'json', value: { a: 1 } },
    { type: 'error-text', value: 'bad' },
    { type: 'error-json', value: { b: 1 } },
    { type: 'execution-denied', reason: 'no' },
    {
      type: 'content',
      value: [
        { type: 'text', text: 'x' },
        { type: 'text', text: 'y' },
      ],
    },
  ]
  await aiSdkModel(model).doGenerate({
    prompt: [
      user('hi'),
      {
        role: 'assistant',
        content: [
          { type: 'custom', kind: 'other.thing' },
          ...outputs.map((_, index) => ({
            type: 'tool-call',
            toolCallId: `c${index}`,
            toolName: 'weather',
            input: {},
          })),
        ],
      },
      { role: 'tool', content: outputs.slice(0, 3).map((output, index) => result(`c${index}`, output)) },
      {
        role: 'tool',
        content: [
          ...outputs.slice(3).map((output, index) => result(`c${index + 3}`, output)),
          { type: 'tool-approval-response', approvalId: 'x', approved: true },
        ],
      },
    ],
  })
  const { messages } = model.seen[0].request
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['user', 'model', 'tool'],
  )
  assert.deepEqual(
    messages[2].content.map(({ toolResponse }) => toolResponse.output),
    ['a', { a: 1 }, { error: 'bad' }, { error: { b: 1 } }, { error: 'no' }, 'x\ny'],
  )
  assert.deepEqual(
    messages[2].content.map(({ toolResponse }) => toolResponse.ref),
    ['c0', 'c1', 'c2', 'c3', 'c4', 'c5'],
  )
  assert.equal(messages[1].content.length, 6)
})

test('hybridge’s own settings', async () => {
  const model = scripted('m', ['ok'])
  await generateText({
    model: aiSdkModel(model),
    prompt: 'x',
    providerOptions: {
      hybridge: { context: { tab: 1 }, config: { minP: 0.1, branches: { cloud: { a: 1 } } } },
      other: { x: 1 },
    },
  })
  assert.deepEqual(model.seen[0].context, { tab: 1 })
  assert.deepEqual(model.seen[0].request.config, { minP: 0.1, branches: { cloud: { a: 1 } } })
})

const endings = [
  ['stop', 'stop'],
  ['length', 'length'],
  ['blocked', 'content-filter'],
  ['interrupted', 'other'],
  ['other', 'other'],
  ['unknown', 'other'],
]
for (const [ours, theirs] of endings) {
  test(`${ours} becomes ${theirs}`, async () => {
    const model = scripted(
      'm',
      [{ reply: { text: 'a', finishReason: ours, finishMessage: 'SAFETY' } }],
      [{ reply: { text: 'a', finishReason: ours } }],
    )
    assert.deepEqual((await aiSdkModel(model).doGenerate(bare())).finishReason, { unified: theirs, raw: 'SAFETY' })
    const parts = await collect((await aiSdkModel(model).doStream(bare())).stream)
    assert.deepEqual(parts.at(-1).finishReason, { unified: theirs, raw: ours })
  })
}

// ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────

for (const status of [
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
]) {
  test(`${status} is reported at once, and is not retried`, async () => {
    const model = scripted('m', [{ fail: failure(status, { code: 'SOME_CODE' }) }])
    const error = await generateText({ model: aiSdkModel(model), prompt: 'x' }).catch((thrown) => thrown)
    assert.ok(APICallError.isInstance(error), `${error}`)
    assert.deepEqual(
      [error.isRetryable, error.status, error.code, error.cause.status, model.seen.length],
      [false, status, 'SOME_CODE', status, 1],
    )
    assert.ok(hybridge.HybridError.isInstance(error.cause))
    const errors = []
    const result = streamText({
      model: aiSdkModel(model),
      prompt: 'x',
      onError: ({ error }) => void errors.push(error),
    })
    await collect(result.textStream)
    assert.deepEqual([errors.length, model.seen.length], [1, 2])
    await assert.rejects(async () => result.text)
  })
}

test('only a delay leads to a retry, after that delay; the error stays accessible', async () => {
  const model = scripted('m', [{ fail: failure('RESOURCE_EXHAUSTED', { retryAfterMs: 5 }) }], ['ok'])
  assert.equal((await generateText({ model: aiSdkModel(model), prompt: 'x' })).text, 'ok')
  const always = scripted('a', [{ fail: failure('RESOURCE_EXHAUSTED', { retryAfterMs: 5 }) }])
  const error = await generateText({ model: aiSdkModel(always), prompt: 'x' }).catch((thrown) => thrown)
  assert.ok(RetryError.isInstance(error))
  assert.deepEqual([always.seen.length, error.lastError.cause.status], [3, 'RESOURCE_EXHAUSTED'])
  const long = scripted('l', [{ fail: failure('RESOURCE_EXHAUSTED', { retryAfterMs: 3_600_000 }) }])
  await assert.rejects(generateText({ model: aiSdkModel(long), prompt: 'x' }))
  assert.equal(long.seen.length, 1)
})

test('no error contains a prompt', async () => {
  const ai = hybridge.hybridModel({
    branches: { a: scripted('a', ['ok']) },
    strategy: {
      route: () => {
        throw new Error('secret')
      },
    },
  })
  const error = await aiSdkModel(ai)
    .doGenerate(bare('my secret'))
    .catch((thrown) => thrown)
  assert.doesNotMatch(JSON.stringify([error.message, error]), /secret/)
})

// ── Stopping ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const stopped = async ({ signal }) => {
  for (let turn = 0; turn < 200 && !signal.aborted; turn++) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(signal.aborted, true, 'the work was not aborted')
}

test('an abort rejects with its own reason, is not retried, and causes no fallback', async () => {
  const cloud = scripted('cloud', ['never'])
  const device = scripted('device', [{ hang: true }])
  const face = aiSdkModel(hybrid(device, cloud))
  for (const reason of [undefined, new Error('my own reason')]) {
    const stop = new AbortController()
    setTimeout(() => stop.abort(reason), 10)
    const error = await generateText({ model: face, prompt: 'x', abortSignal: stop.signal }).catch((thrown) => thrown)
    if (reason === undefined) assert.equal(error.name, 'AbortError')
    else assert.equal(error, reason)
  }
  assert.deepEqual([device.seen.length, cloud.seen.length], [2, 0])
  const early = AbortSignal.abort(new Error('early'))
  await assert.rejects(face.doGenerate({ ...bare(), abortSignal: early }), /early/)
  await assert.rejects(face.doStream({ ...bare(), abortSignal: early }), /early/)
  assert.equal(device.seen.length, 2)
})

test('an abort during a stream is an abort for the SDK, not an error', async () => {
  const model = scripted('m', ['a', { hang: true }])
  const stop = new AbortController()
  const heard = []
  const result = streamText({
    model: aiSdkModel(model),
    prompt: 'x',
    abortSignal: stop.signal,
    onAbort: () => void heard.push('abort'),
    onError: () => void heard.push('error'),
  })
  const types = []
  for await (const part of result.fullStream ?? result.stream) {
    types.push(part.type)
    if (part.type === 'text-delta') stop.abort()
  }
  assert.deepEqual(heard, ['abort'])
  assert.ok(types.includes('abort'))
  await stopped(model.seen[0])
})

test('cancelling a stream aborts the work, and the next call works', async () => {
  const model = scripted('m', ['a', { hang: true }], ['ok'])
  const face = aiSdkModel(model)
  const reader = (await face.doStream(bare())).stream.getReader()
  while ((await reader.read()).value.type !== 'text-delta');
  await reader.cancel()
  await stopped(model.seen[0])
  assert.equal((await generateText({ model: face, prompt: 'x' })).text, 'ok')
})

// ── The rest of the surface ──────────────────────────────────────────────────────────────────────────────────────────

test('providers', async () => {
  const provider = hybridgeProvider({ models: { ai: scripted('m', ['ok']) }, embedders: { e: lengthEmbedder() } })
  assert.equal((await generateText({ model: provider('ai'), prompt: 'x' })).text, 'ok')
  assert.deepEqual(
    [provider('ai').modelId, provider('ai').provider, provider.specificationVersion],
    ['ai', 'hybridge', 'v4'],
  )
  assert.equal(
    (
      await generateText({
        model: createProviderRegistry({ hybridge: provider }).languageModel('hybridge:ai'),
        prompt: 'x',
      })
    ).text,
    'ok',
  )
  for (const [make, modelType] of [
    [() => provider('z'), 'languageModel'],
    [() => provider.embeddingModel('z'), 'embeddingModel'],
    [() => provider.imageModel('z'), 'imageModel'],
  ]) {
    assert.throws(
      make,
      (error) => NoSuchModelError.isInstance(error) && error.modelId === 'z' && error.modelType === modelType,
    )
  }
  assert.throws(() => aiSdkModel({}), { status: 'INVALID_ARGUMENT' })
})

test('embeddings: one call, numbers, dimensions and task', async () => {
  const embedder = lengthEmbedder()
  const model = aiSdkEmbeddingModel(embedder, { modelId: 'e' })
  const { embeddings } = await embedMany({
    model,
    values: ['abc', 'b'],
    providerOptions: { hybridge: { task: 'query' } },
  })
  assert.deepEqual(embeddings, [
    [3, 97, 0.5],
    [1, 98, 0.5],
  ])
  assert.ok(embeddings.every(Array.isArray))
  assert.deepEqual([embedder.seen.length, embedder.seen[0].options.task], [1, 'query'])
  assert.deepEqual([model.modelId, aiSdkEmbeddingModel({ ...embedder, name: 'gemma' }).modelId], ['e', 'gemma'])
  await model.doEmbed({ values: ['a'], dimensions: 256 })
  assert.equal(embedder.seen[1].options.dimensions, 256)
  const broken = aiSdkEmbeddingModel({
    ...embedder,
    embed: async () => {
      throw failure('UNAVAILABLE')
    },
  })
  await assert.rejects(
    embedMany({ model: broken, values: ['a'] }),
    (error) => APICallError.isInstance(error) && !error.isRetryable,
  )
})

test('useChat in the page: an agent with tools, stored messages, results to their branch', async () => {
  const cloud = scripted('cloud', [weatherCall('Oslo')], ['It rains.'], ['Still.'])
  const device = scripted('device', [{ fail: failure('UNAVAILABLE') }])
  const agent = new ToolLoopAgent({ model: aiSdkModel(hybrid(device, cloud)), tools: { weather: weather() } })
  const chat = new Chat({ transport: new DirectChatTransport({ agent }) })
  await chat.sendMessage({ text: 'rain in Oslo?' })
  assert.equal(chat.status, 'ready')
  assert.equal(
    chat.messages
      .at(-1)
      .parts.filter(({ type }) => type === 'text')
      .map(({ text }) => text)
      .join(''),
    'It rains.',
  )
  const stored = JSON.parse(JSON.stringify(chat.messages))
  const again = new Chat({ messages: stored, transport: new DirectChatTransport({ agent }) })
  await again.sendMessage({ text: 'and now?' })
  const called = cloud.seen[2].request.messages.find(({ role }) => role === 'model')
  assert.deepEqual(called.metadata, { branches: ['cloud'] })
  assert.deepEqual(called.content[0].metadata, { thoughtSignature: 'signed-Oslo' })
  assert.ok((await convertToModelMessages(stored)).length > 0)
})

// ── The download store ───────────────────────────────────────────────────────────────────────────────────────────────

/** A device model whose load is controlled by the test. */
function loadable({ status = 'downloadable', code, state = 'absent' } = {}) {
  const loads = []
  return {
    state,
    loads,
    availability: async () => ({ status, ...(code && { code, reason: 'no GPU' }) }),
    load({ signal, onProgress }) {
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        loads.push({ onProgress, resolve, reject })
      })
    },
  }
}
const turn = () => new Promise((resolve) => setTimeout(resolve, 0))

test('the store: one for all components, inactive until subscribed, never rejecting', async () => {
  const model = loadable()
  const store = downloadStore(model)
  assert.equal(downloadStore(model), store)
  const heard = []
  const leave = store.subscribe(() => heard.push(store.getSnapshot().status))
  await turn()
  assert.deepEqual(
    [store.getSnapshot().status, store.getSnapshot() === store.getSnapshot(), model.loads.length],
    ['downloadable', true, 0],
  )
  const [one, two] = [store.load(), store.load()]
  assert.equal(one, two)
  assert.equal(model.loads.length, 1)
  model.loads[0].onProgress({ phase: 'download', loadedBytes: 1, totalBytes: 2, fraction: 0.5 })
  assert.deepEqual([store.getSnapshot().status, store.getSnapshot().progress], ['downloading', 0.5])
  model.loads[0].reject(failure('UNAVAILABLE'))
  await one
  assert.deepEqual(
    [store.getSnapshot().status, store.getSnapshot().progress, store.getSnapshot().error.status],
    ['failed', 0.5, 'UNAVAILABLE'],
  )
  void store.load()
  store.cancel()
  await turn()
  assert.equal(store.getSnapshot().status, 'downloadable')
  const last = store.load()
  model.loads[2].resolve()
  await last
  assert.deepEqual([store.getSnapshot().status, store.getSnapshot().progress], ['ready', 1])
  leave()
  assert.deepEqual(heard, [
    'downloading',
    'downloading',
    'failed',
    'downloading',
    'downloadable',
    'downloading',
    'ready',
  ])
})

test('the store: state changes reported by the model', async () => {
  const cases = [
    [loadable({ status: 'unavailable', code: 'GPU_UNAVAILABLE' }), 'unavailable'],
    [loadable({ state: 'ready', status: 'available' }), 'ready'],
    [loadable({ status: 'available' }), 'downloadable'],
    [loadable({ status: 'downloading' }), 'downloading'],
    [
      {
        ...loadable(),
        availability: async () => {
          throw new Error('x')
        },
      },
      'failed',
    ],
  ]
  for (const [model, status] of cases) {
    const store = downloadStore(model)
    assert.equal(store.getServerSnapshot().status, 'downloadable')
    store.subscribe(() => {})
    await turn()
    assert.equal(store.getSnapshot().status, status)
    if (status === 'unavailable') assert.equal(store.getSnapshot().error.code, 'GPU_UNAVAILABLE')
  }
})
