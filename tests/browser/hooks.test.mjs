// Hooks around models, tools with functions, schemas of other libraries, media without URLs. The Node entry, as
// shipped.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  cascadeModel,
  defineModel,
  FallbackStrategy,
  geminiModel,
  HybridError,
  hybridModel,
  runTools,
  tool,
  wrapModel,
} from '../../crate/npm/dist/node.js'

const says = (...chunks) => {
  const seen = []
  const model = defineModel({
    name: 'm',
    generate: async (request, { sendChunk }) => {
      seen.push(request)
      chunks.forEach((chunk) => sendChunk(chunk))
      return {}
    },
  })
  return Object.assign(model, { seen })
}
const read = async (stream) => {
  const texts = []
  for await (const { text } of stream) texts.push(text)
  return { texts, response: await stream.response }
}

test('hooks modify a request, its chunks and its reply', async () => {
  const model = says('a', 'secret', 'b')
  const wrapped = wrapModel(model, {
    onRequest: (request) => ({ ...request, system: 'be brief' }),
    onChunk: ([part]) => (part.text === 'secret' ? [] : undefined),
    onResponse: async (reply) => ({
      ...reply,
      message: { role: 'model', content: [{ text: reply.message.content[0].text.replace('secret', '') }] },
    }),
  })
  const { texts, response } = await read(wrapped.generateStream('x'))
  assert.deepEqual([texts, response.text], [['a', 'b'], 'ab'])
  assert.deepEqual(
    model.seen[0].messages.map(({ role }) => role),
    ['system', 'user'],
  )
  assert.equal(response.routing.attempts[0].outcome, 'answered')
})

test('a cache answers without the model, also through a hybrid', async () => {
  const model = says('a')
  const cache = new Map()
  const wrapped = wrapModel(model, {
    onRequest: (request) => {
      const reply = cache.get(JSON.stringify(request))
      return reply && { reply }
    },
    onResponse: (reply, request) => void cache.set(JSON.stringify(request), reply),
  })
  const ai = hybridModel({ branches: { wrapped }, strategy: new FallbackStrategy(['wrapped']) })
  assert.equal((await ai.generate('x')).text, 'a')
  assert.deepEqual((await read(ai.generateStream('x'))).texts, ['a'])
  assert.equal(model.seen.length, 1)
})

test('exceptions of a hook are thrown to the caller, and no other branch runs', async () => {
  const mine = new Error('mine')
  const other = says('other')
  for (const hooks of [
    {
      onRequest: () => {
        throw mine
      },
    },
    {
      onRequest: async () => {
        throw mine
      },
    },
    {
      onChunk: () => {
        throw mine
      },
    },
    {
      onResponse: () => {
        throw mine
      },
    },
  ]) {
    const ai = hybridModel({
      branches: { wrapped: wrapModel(says('a'), hooks), other },
      strategy: new FallbackStrategy(['wrapped', 'other']),
    })
    await assert.rejects(ai.generateStream('x').response, (error) => error === mine)
    await assert.rejects(wrapModel(says('a'), hooks).generateStream('x').response, (error) => error === mine)
  }
  assert.equal(other.seen.length, 0)
  for (const [model, hooks] of [
    [null, {}],
    [{}, {}],
    [says('a'), null],
    [says('a'), { onChunk: 7 }],
  ])
    assert.throws(() => wrapModel(model, hooks), { status: 'INVALID_ARGUMENT' })
  await assert.rejects(wrapModel(says('a'), { onRequest: () => ({ prompt: 5 }) }).generate('x'), {
    status: 'INVALID_ARGUMENT',
  })
  await assert.rejects(wrapModel(says('a'), { onRequest: () => ({ reply: 5 }) }).generate('x'), {
    status: 'INTERNAL',
    code: 'REPLY_MALFORMED',
  })
})

test('a wrapped model keeps its other members, and aborts reach it', async () => {
  let state = 'absent'
  const device = Object.defineProperty(
    Object.assign(says('a'), {
      load: async () => {
        state = 'ready'
      },
    }),
    'state',
    { get: () => state, enumerable: true },
  )
  const wrapped = wrapModel(device, {})
  assert.equal(wrapped.state, 'absent')
  await wrapped.load()
  assert.deepEqual([wrapped.state, wrapped.name], ['ready', 'm'])
  const hybrid = wrapModel(cascadeModel({ branches: { a: says('a') }, order: ['a'], accept: () => true }), {})
  assert.deepEqual(
    [(await hybrid.generate('x')).routing.strategy, typeof hybrid.explain, typeof hybrid.health],
    ['cascade', 'function', 'function'],
  )
  const failing = wrapModel(
    hybridModel({
      branches: {
        f: defineModel({
          name: 'f',
          generate: () => {
            throw new HybridError('NOT_FOUND', 'x')
          },
        }),
      },
      strategy: new FallbackStrategy(['f']),
    }),
    {},
  )
  await assert.rejects(failing.generate('x'), ({ routing, branch }) => routing.order[0] === 'f' && branch === 'f')
  let stopped = 0
  const hanging = defineModel({
    name: 'h',
    generate: (_, { signal }) => new Promise(() => signal.addEventListener('abort', () => stopped++)),
  })
  for (const hooks of [{}, { onChunk: () => undefined }, { onRequest: () => new Promise(() => {}) }]) {
    const controller = new AbortController()
    const running = wrapModel(hanging, hooks).generate('x', { signal: controller.signal })
    setTimeout(() => controller.abort(), 5)
    await assert.rejects(running, { name: 'AbortError' })
  }
  assert.equal(stopped, 2)
})

test('tools made by tool() are declared automatically', async () => {
  const script = [
    [{ toolRequest: { name: 'add', input: { a: 1, b: 'two' } } }],
    [{ toolRequest: { name: 'add', input: { a: 1, b: 2 } } }],
    [{ text: '3' }],
  ]
  const seen = []
  const model = defineModel({
    name: 'm',
    generate: async (request) => {
      seen.push(request)
      return { message: { role: 'model', content: script.shift() } }
    },
  })
  const add = tool({
    description: 'adds',
    inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
    execute: ({ a, b }) => a + b,
  })
  const { text } = await runTools({ model, request: { prompt: 'x' }, tools: { add } })
  assert.equal(text, '3')
  assert.deepEqual(seen[0].tools, [{ name: 'add', description: 'adds', inputSchema: add.inputSchema }])
  const results = seen[2].messages
    .filter(({ role }) => role === 'tool')
    .map(({ content }) => content[0].toolResponse.output)
  assert.deepEqual(results, [{ error: 'the arguments are wrong at /b: expected number' }, 3])
  for (const bad of [
    { description: 5, execute() {} },
    { description: 'x' },
    { description: 'x', inputSchema: 'x', execute() {} },
  ])
    assert.throws(() => tool(bad), { status: 'INVALID_ARGUMENT' })
})

test('a Standard Schema is sent as JSON Schema, and the answer is validated', async () => {
  const json = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
  const standard = (more) => ({ '~standard': { version: 1, vendor: 'test', validate: () => {}, ...more } })
  // In the forms of zod 4.2 and of valibot's converter, of zod's method, and of arktype's function-like types.
  const exporting = [
    standard({
      jsonSchema: {
        input: ({ target }) => (
          assert.equal(target, 'draft-2020-12'),
          { $schema: 'https://json-schema.org/draft/2020-12/schema', ...json }
        ),
      },
    }),
    Object.assign(standard({}), { toJSONSchema: () => json }),
    Object.assign(() => {}, standard({}), { toJsonSchema: () => json }),
  ]
  for (const schema of exporting) {
    const model = says('{"a":5}')
    const { outputError } = await model.generate({ prompt: 'x', output: { schema } })
    assert.deepEqual([outputError?.code, outputError?.cause.path], ['OUTPUT_MISMATCH', '/a'])
    assert.deepEqual(model.seen[0].output.schema, json)
    assert.deepEqual(tool({ description: 'x', inputSchema: schema, execute() {} }).inputSchema, json)
  }
  for (const schema of [
    standard({}),
    standard({
      jsonSchema: {
        input: () => {
          throw new Error('transforms')
        },
      },
    }),
  ]) {
    await assert.rejects(says('{}').generate({ prompt: 'x', output: { schema } }), {
      status: 'INVALID_ARGUMENT',
      message: /output\.schema.*JSON Schema/,
    })
  }
})

test('media are Blobs, Files and bytes, copied when they are passed in', async () => {
  const bytes = Uint8Array.of(1, 2, 250)
  const model = says('ok')
  const running = model.generate({
    prompt: [
      { media: new Blob([bytes], { type: 'image/png' }) },
      { media: { data: bytes, contentType: 'audio/wav' } },
      { media: { data: bytes.buffer.slice(0), contentType: 'audio/wav' } },
      { media: { data: new Blob([bytes]), contentType: 'image/gif' } },
      { media: { url: 'https://example.org/x.png' } },
    ],
  })
  bytes.fill(0)
  await running
  const base64 = Buffer.from([1, 2, 250]).toString('base64')
  assert.deepEqual(
    model.seen[0].messages[0].content.map(({ media }) => media.url),
    [
      `data:image/png;base64,${base64}`,
      `data:audio/wav;base64,${base64}`,
      `data:audio/wav;base64,${base64}`,
      `data:image/gif;base64,${base64}`,
      'https://example.org/x.png',
    ],
  )
  const large = says('ok')
  await large.generate({ prompt: [{ media: { data: new Uint8Array(1 << 20), contentType: 'image/png' } }] })
  assert.equal(
    large.seen[0].messages[0].content[0].media.url.length,
    'data:image/png;base64,'.length + Math.ceil((1 << 20) / 3) * 4,
  )
  for (const media of [
    5,
    {},
    { data: 5 },
    { data: Uint8Array.of(1) },
    new Blob(['x']),
    { data: Uint8Array.of(1), contentType: 5 },
  ]) {
    await assert.rejects(says('ok').generate({ prompt: [{ media }] }), {
      status: 'INVALID_ARGUMENT',
      message: /prompt\[0\]\.media/,
    })
  }
  let body
  const cloud = geminiModel({
    model: 'm',
    apiKey: 'k',
    fetch: async (_, init) => {
      body = JSON.parse(init.body)
      return new Response('{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}')
    },
  })
  await cloud.generate({ prompt: [{ media: new Blob(['x'], { type: 'image/png' }) }] })
  assert.deepEqual(body.contents[0].parts[0].inlineData, { mimeType: 'image/png', data: 'eA==' })
})

test('a fenced answer inside prose is parsed', async () => {
  const { output } = await says('Here you are:\n```json\n{"a": 1}\n```\nAnything else?').generate({
    prompt: 'x',
    output: { format: 'json' },
  })
  assert.deepEqual(output, { a: 1 })
})
