// Hostile input at every public entry point: it is rejected by name or a fallback takes over, and every promise
// settles.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'

import * as hybridge from '../../crate/npm/dist/node.js'
import {
  badChunks,
  hostileModels,
  leavingNothing,
  modes,
  nested,
  never,
  oddReplies,
  poison,
  settled,
  shapes,
  turn,
} from './border/shapes.mjs'
import { randomOf } from '../support/random.mjs'

const {
  cascadeModel,
  defineModel,
  FallbackStrategy,
  FirstMatch,
  geminiModel,
  HybridError,
  hybridModel,
  openAICompatibleModel,
  PreRoutingStrategy,
  PrivacyStrategy,
  runTools,
} = hybridge
const good = () => defineModel({ name: 'ok', generate: async () => 'ok' })

describe('hostile models settle in every router', () => {
  for (const [name, make] of Object.entries(hostileModels(hybridge))) {
    test(name, () =>
      leavingNothing(async (signal) => {
        for (const [shape, around] of Object.entries(shapes(hybridge))) {
          for (const [mode, run] of Object.entries(modes)) {
            const what = `${shape}, ${mode}`
            // A foreign model has its own public interface.
            if (shape === 'plain' && name.startsWith('foreign')) continue
            const { value, error } = await settled(run(around(make(), good()), { signal }), what)
            if (shape === 'plain') assert.ok(HybridError.isInstance(error), `${what}: ${String(error ?? value?.text)}`)
            else assert.equal(value?.text, 'ok', `${what}: ${error?.stack}`)
          }
        }
      }),
    )
  }
})

test('unusual numbers and reasons in a reply do not fail the answer', async () => {
  for (const [name, reply] of Object.entries(oddReplies)) {
    const model = defineModel({ name: 'o', generate: async () => reply() })
    for (const [shape, around] of Object.entries(shapes(hybridge))) {
      const { text, usage, message } = await around(model, good()).generate('x')
      assert.deepEqual([text, message.role, usage], ['a', 'model', {}], `${name}, ${shape}`)
    }
  }
})

test('the error of a malformed answer contains its path', async () => {
  const model = defineModel({
    name: 'm',
    generate: async () => ({ message: { role: 'model', content: [{ text: 'a' }, 'hi'] } }),
  })
  await assert.rejects(model.generate('x'), {
    status: 'INTERNAL',
    code: 'REPLY_MALFORMED',
    message: /message\.content\[1\].*such as \{ text \}, found a string/,
  })
  for (const chunk of Object.values(badChunks)) {
    await assert.rejects(
      defineModel({
        name: 'm',
        generate: (_, { sendChunk }) => {
          sendChunk(chunk)
          return ''
        },
      }).generate('x'),
      { status: 'INTERNAL' },
    )
  }
})

test('returned objects share nothing with the ones passed in', async () => {
  const content = [{ data: { list: [1] } }]
  const model = defineModel({
    name: 'm',
    generate: async (_, { sendChunk }) => {
      sendChunk(content)
      content[0].data.list.push(2)
      return { message: { role: 'model', content } }
    },
  })
  const stream = model.generateStream('x')
  for await (const chunk of stream) assert.deepEqual(chunk.content, [{ data: { list: [1] } }])
  const { message } = await stream.response
  content[0].data.list.push(3)
  assert.deepEqual(message.content, [{ data: { list: [1, 2] } }])
})

// ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const cyclic = {}
cyclic.self = cyclic
const part = (content) => ({ messages: [{ role: 'user', content: [content] }] })

const badRequests = [
  [7, /found a number/],
  [null, /found null/],
  [undefined, /found undefined/],
  [[], /found an array/],
  [poison(), /cannot be read/],
  [{}, /no message/],
  [{ messages: [] }, /no message/],
  [{ prompt: 3 }, /`prompt`/],
  [{ prompt: ['hi'] }, /`prompt\[0\]`/],
  [{ system: [], prompt: 'x' }, /`system`/],
  [{ messages: 'x' }, /`messages`/],
  [{ messages: [null] }, /`messages\[0\]`/],
  [{ messages: [{ role: 'nobody', content: [] }] }, /`messages\[0\]\.role`/],
  [{ messages: [{ role: 'user', content: 'x' }] }, /`messages\[0\]\.content`/],
  [{ messages: [{ role: 'user', content: [], metadata: 7 }] }, /`messages\[0\]\.metadata`/],
  [part(null), /content\[0\]`/],
  [part('x'), /content\[0\]`/],
  [part({}), /content\[0\]`/],
  [part([]), /content\[0\]`/],
  [part({ text: 5 }), /content\[0\]\.text`/],
  [part({ text: 'a', media: { url: 'b' } }), /text and media/],
  [part({ media: 'x' }), /\.media`/],
  [part({ media: { url: 7 } }), /\.media\.url`/],
  [part({ media: { url: 'x', contentType: 1 } }), /contentType`/],
  [part({ toolRequest: {} }), /toolRequest\.name`/],
  [part({ toolResponse: { name: 'x', output: cyclic } }), /output` refers to itself/],
  [part({ data: cyclic }), /data` refers to itself/],
  [part({ data: 1n }), /bigint/],
  [part({ data: nested(200) }), /nested too deeply/],
  [part({ data: new Uint8Array(3) }), /binary/],
  [part({ custom: [] }), /custom`/],
  [part({ text: 'a', metadata: 'b' }), /metadata`/],
  [
    part({
      get text() {
        throw new Error('mine')
      },
    }),
    /cannot be read/,
  ],
  ...[
    ['temperature', ['hot', NaN, Infinity, -1, null, {}]],
    ['topK', [1.5, -1, '3']],
    ['topP', [2, -0.1]],
    ['minP', [7]],
    ['seed', [-1, 1.5, 2 ** 60]],
    ['maxOutputTokens', [-1, 0.5, '9']],
  ].flatMap(([name, values]) =>
    values.map((value) => [{ prompt: 'x', config: { [name]: value } }, new RegExp(`config\\.${name}`)]),
  ),
  [{ prompt: 'x', config: null }, /`config`/],
  [{ prompt: 'x', config: [] }, /`config`/],
  [{ prompt: 'x', config: { extra: cyclic } }, /`config` refers/],
  [{ prompt: 'x', config: { stopSequences: 'x' } }, /stopSequences`/],
  [{ prompt: 'x', config: { stopSequences: [1] } }, /stopSequences`/],
  [{ prompt: 'x', config: { stopSequences: [...'abcdef'] } }, /at most five/],
  [{ prompt: 'x', config: { branches: 7 } }, /config\.branches`/],
  [{ prompt: 'x', config: { branches: { m: 7 } } }, /config\.branches\.m`/],
  [{ prompt: 'x', tools: {} }, /`tools`/],
  [{ prompt: 'x', tools: [null] }, /`tools\[0\]`/],
  [{ prompt: 'x', tools: [{}] }, /tools\[0\]\.name`/],
  [{ prompt: 'x', tools: [{ name: 'f', description: 5 }] }, /description`/],
  [{ prompt: 'x', tools: [{ name: 'f', inputSchema: 'x' }] }, /tools\[0\]\.inputSchema`/],
  [{ prompt: 'x', tools: [{ name: 'f', inputSchema: cyclic }] }, /inputSchema` refers/],
  [{ prompt: 'x', toolChoice: 'maybe' }, /toolChoice`/],
  [{ prompt: 'x', output: null }, /`output`/],
  [{ prompt: 'x', output: { format: 'xml' } }, /output\.format`/],
  [{ prompt: 'x', output: { schema: null } }, /output\.schema`/],
  [{ prompt: 'x', output: { schema: cyclic } }, /output\.schema` refers/],
  [{ prompt: 'x', output: { schema: { items: nested(300) } } }, /output\.schema` is nested too deeply/],
]
const badOptions = [
  [null, /options/],
  [7, /options/],
  [{ signal: {} }, /`signal`/],
  [{ signal: null }, /`signal`/],
  [{ signal: 'x' }, /`signal`/],
  [{ context: 7 }, /`context`/],
  [{ context: null }, /`context`/],
]

test('a malformed request is INVALID_ARGUMENT with its path, before any branch or strategy runs', async () => {
  let ran = 0
  const counting = defineModel({
    name: 'm',
    generate: async () => {
      ran++
      return ''
    },
  })
  const strategy = new FirstMatch([new PreRoutingStrategy(() => void ran++), new FallbackStrategy(['first', 'ok'])])
  const all = { ...shapes(hybridge), strategic: (first, ok) => hybridModel({ branches: { first, ok }, strategy }) }
  for (const [shape, around] of Object.entries(all)) {
    const model = around(counting, counting)
    const check = async (run, message, what) => {
      const { error } = await settled(Promise.resolve().then(run), `${shape} ${what}`)
      assert.equal(error?.status, 'INVALID_ARGUMENT', `${shape} ${what}: ${error?.stack}`)
      assert.match(error.message, message, shape)
    }
    for (const [at, [request, message]] of badRequests.entries()) {
      await check(() => model.generate(request), message, `request ${at}`)
      await check(() => model.generateStream(request).response, message, `request ${at}, streamed`)
      if (model.explain) await check(() => model.explain(request), message, `request ${at}, explained`)
    }
    for (const [at, [options, message]] of badOptions.entries()) {
      await check(() => model.generate('x', options), message, `options ${at}`)
      await check(() => model.generateStream('x', options).response, message, `options ${at}, streamed`)
      if (model.explain) await check(() => model.explain('x', options), message, `options ${at}, explained`)
    }
  }
  assert.equal(ran, 0)
})

test('the judged request is the one that is sent, even if it is modified meanwhile', async () => {
  const seen = []
  const reads = defineModel({
    name: 'm',
    generate: async ({ messages }) => {
      seen.push(messages[0].content[0].text)
      messages[0].content[0].text = 'overwritten'
      throw new HybridError('UNAVAILABLE', 'x')
    },
  })
  const content = [{ text: 'first' }]
  const strategy = new PreRoutingStrategy(async ({ request }) => {
    content[0].text = 'second'
    request.messages[0].content[0].text = 'third'
    await turn()
    return ['a', 'b']
  })
  const running = hybridModel({ branches: { a: reads, b: reads }, strategy }).generate({
    messages: [{ role: 'user', content }],
  })
  content[0].text = 'changed'
  await assert.rejects(running, { status: 'UNAVAILABLE' })
  assert.deepEqual(seen, ['first', 'first'])

  // A getter and a toJSON are called once.
  let reading = 0
  const sly = {
    get text() {
      return reading++ === 0 ? 'harmless' : 'ann@example.org'
    },
  }
  const slyData = { toJSON: () => (reading++ === 1 ? 'harmless' : 'ann@example.org') }
  const texts = []
  const keeps = (name) =>
    defineModel({
      name,
      generate: async ({ messages }) => {
        texts.push(JSON.stringify(messages))
        return name
      },
    })
  const ai = hybridModel({
    branches: { onDevice: keeps('onDevice'), cloud: keeps('cloud') },
    strategy: new FirstMatch([new PrivacyStrategy(), new FallbackStrategy(['cloud', 'onDevice'])]),
  })
  assert.equal((await ai.generate({ prompt: [sly, { data: slyData }] })).text, 'cloud')
  assert.doesNotMatch(texts[0], /example/)
})

test('unpaired surrogates become U+FFFD everywhere, and `__proto__` is an ordinary name', async () => {
  let seen
  const model = defineModel({
    name: 'm',
    generate: async (request) => {
      seen = request
      return ''
    },
  })
  const half = 'x😀'.slice(0, 2)
  const data = JSON.parse('{"__proto__": {"polluted": 1}}')
  data[half] = half
  await model.generate({
    system: half,
    prompt: [{ text: half }, { data }, { toolResponse: { name: half, output: [half] } }],
    tools: [{ name: half, description: half, inputSchema: { enum: [half] } }],
    output: { schema: { enum: [half] } },
    config: { stopSequences: [half] },
  })
  assert.ok(JSON.stringify(seen).isWellFormed?.() ?? true)
  assert.ok(!JSON.stringify(seen).includes('\\ud83d') && JSON.stringify(seen).includes('x\ufffd'))
  assert.equal({}.polluted, undefined)
  assert.equal(seen.messages[1].content[1].data.polluted, undefined)
})

test('invalid options of models, strategies and tools are reported by name', async () => {
  const a = good()
  const order = new FallbackStrategy(['a'])
  const nonsense = [
    undefined,
    null,
    5,
    'x',
    [],
    {},
    { branches: null },
    { branches: { a: null } },
    { branches: { a }, strategy: { route: 5 } },
  ]
  const policies = [
    null,
    5,
    { breaker: null },
    { breaker: {} },
    { breaker: { failures: 1 } },
    { totalTimeoutMs: -1 },
    { totalTimeoutMs: NaN },
    { totalTimeoutMs: '5' },
    { fallbackOn: null },
    { fallbackOn: ['SOMETIMES'] },
  ]
  for (const policy of policies)
    nonsense.push(
      { branches: { a }, strategy: order, policy },
      { branches: { a }, strategy: order, branchPolicies: { a: policy } },
    )
  nonsense.push(
    { branches: { a }, strategy: order, branchPolicies: null },
    { branches: { a }, strategy: order, branchPolicies: { b: {} } },
    { branches: { a }, strategy: order, onTrace: 5 },
    { branches: { a }, strategy: order, name: '' },
  )
  const makers = [
    'hybridModel',
    'hybridModelOnDeviceCloud',
    'cascadeModel',
    'confidenceCascade',
    'defineModel',
    'wrapModel',
    'tool',
    'geminiModel',
    'openAICompatibleModel',
    'gemmaModel',
    'gemmaEmbedder',
  ]
  for (const name of makers) {
    for (const [at, value] of nonsense.entries())
      assert.throws(() => hybridge[name](value), { status: 'INVALID_ARGUMENT' }, `${name} ${at}`)
  }
  for (const name of Object.keys(hybridge).filter((it) => /Strategy$|^FirstMatch$|^WithFallback$/.test(it))) {
    for (const value of [null, 5, 'x', { children: 5 }, { order: 5 }, [null]]) {
      let thrown
      try {
        new hybridge[name](value)
      } catch (error) {
        thrown = error
      }
      // Some functions take no options, or only optional ones.
      assert.ok(thrown === undefined || HybridError.isInstance(thrown), `${name}: ${thrown?.stack}`)
    }
  }
  await assert.rejects(runTools(null), { status: 'INVALID_ARGUMENT' })
  assert.throws(() => hybridge.configure(), { status: 'INVALID_ARGUMENT' })
})

// ── Stops ────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('an abort by the caller ends everything at once, with the same names as in the platform', () =>
  leavingNothing(async () => {
    const hanging = defineModel({ name: 'h', generate: () => never })
    for (const [shape, around] of Object.entries(shapes(hybridge))) {
      for (const [mode, run] of Object.entries(modes)) {
        for (const [reason, status, name] of [
          [undefined, 'CANCELLED', 'AbortError'],
          [new DOMException('late', 'TimeoutError'), 'DEADLINE_EXCEEDED', 'HybridError'],
          ['odd', 'CANCELLED', 'AbortError'],
        ]) {
          const controller = new AbortController()
          const running = settled(run(around(hanging, good()), { signal: controller.signal }), `${shape}, ${mode}`)
          await turn()
          controller.abort(reason)
          const { error } = await running
          assert.deepEqual([error?.status, error?.name], [status, name], `${shape}, ${mode}: ${error?.stack}`)
        }
      }
    }
  }))

test('a cloud that never answers times out after fifteen seconds if another branch is left', async () => {
  const stalled = (inferenceSource) => defineModel({ name: 's', info: { inferenceSource }, generate: () => never })
  const kept = globalThis.setTimeout
  /** Returns the timeout that a run of these branches sets; the timer itself never fires. */
  const deadlineOf = async (first, more = {}) => {
    const delays = []
    globalThis.setTimeout = (act, ms, ...rest) =>
      ms > 1000 ? (delays.push(ms), kept(act, ms, ...rest)) : kept(act, ms, ...rest)
    const controller = new AbortController()
    const running = hybridModel({
      branches: { first, ok: good() },
      strategy: new FallbackStrategy(['first', 'ok']),
      ...more,
    }).generate('x', { signal: controller.signal })
    await turn()
    globalThis.setTimeout = kept
    controller.abort()
    await assert.rejects(running, { status: 'CANCELLED' })
    return delays.map((ms) => Math.round(ms / 1000))
  }
  try {
    assert.deepEqual(await deadlineOf(stalled('in_cloud')), [15])
    assert.deepEqual(await deadlineOf(stalled('in_cloud'), { policy: { firstTokenTimeoutMs: 60_000 } }), [60])
    assert.deepEqual(await deadlineOf(stalled('on_device')), [])
    assert.deepEqual(await deadlineOf(stalled('in_cloud'), { strategy: new FallbackStrategy(['first']) }), [])
  } finally {
    globalThis.setTimeout = kept
  }
})

test('a cascade keeps answers that `accept` rejected, and supports policies and a trace', async () => {
  const traces = []
  const refused = defineModel({ name: 'r', generate: async () => 'refused' })
  const failing = defineModel({
    name: 'f',
    generate: async () => {
      throw new HybridError('NOT_FOUND', 'x')
    },
  })
  const slow = defineModel({ name: 's', generate: () => never })
  for (const [mode, run] of Object.entries(modes)) {
    const ai = cascadeModel({
      branches: { refused, failing },
      order: ['refused', 'failing'],
      accept: () => false,
      onTrace: (trace) => traces.push(trace),
    })
    const { text, branch } = await run(ai)
    assert.deepEqual([text, branch], ['refused', 'refused'], mode)
    const bounded = cascadeModel({
      branches: { slow, ok: good() },
      order: ['slow', 'ok'],
      accept: () => true,
      branchPolicies: { slow: { totalTimeoutMs: 20 } },
    })
    assert.equal((await settled(run(bounded), mode)).value?.text, 'ok')
  }
  assert.equal(traces.length, 3)
  assert.throws(
    () =>
      cascadeModel({ branches: { refused }, order: ['refused'], accept: () => true, policy: { totalTimeoutMs: -1 } }),
    { status: 'INVALID_ARGUMENT' },
  )
})

test('streamed reasoning is delivered once', async () => {
  const thinking = defineModel({
    name: 't',
    generate: async (_, { sendChunk }) => {
      sendChunk([{ reasoning: 'hmm' }])
      return { finishReason: 'length' }
    },
  })
  for (const [shape, around] of Object.entries(shapes(hybridge))) {
    const found = []
    for await (const { content } of around(thinking, good()).generateStream('x')) found.push(...content)
    assert.deepEqual(found, [{ reasoning: 'hmm' }], shape)
  }
})

test('text received before a failure is available through every router', async () => {
  const breaks = geminiModel({
    model: 'm',
    apiKey: 'k',
    fetch: async () =>
      new Response('data: {"candidates":[{"content":{"parts":[{"text":"so far"}]}}]}\n\n', {
        headers: { 'content-type': 'text/event-stream' },
      }),
  })
  for (const [shape, around] of Object.entries(shapes(hybridge))) {
    if (shape.includes('cascade')) continue // A cascade shows no part of a partial answer, and moves on.
    const { error } = await settled(modes['stream, read'](around(breaks, good())), shape)
    assert.equal(error?.partial?.content[0]?.text, 'so far', `${shape}: ${error?.stack}`)
  }
})

// ── Tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a tool that ignores its signal is abandoned, and its siblings are aborted', () =>
  leavingNothing(async () => {
    const calls = defineModel({
      name: 'm',
      generate: async () => ({
        message: { role: 'model', content: [{ toolRequest: { name: 'deaf' } }, { toolRequest: { name: 'other' } }] },
      }),
    })
    const request = {
      prompt: 'x',
      tools: [
        { name: 'deaf', description: '' },
        { name: 'other', description: '' },
      ],
    }
    const controller = new AbortController()
    let sibling
    const other = (_, { signal }) => {
      sibling = signal
      return never
    }
    const running = settled(
      runTools({ model: calls, request, tools: { deaf: () => never, other }, signal: controller.signal }),
      'abort',
    )
    while (sibling === undefined) await turn()
    controller.abort()
    assert.equal((await running).error?.status, 'CANCELLED')
    assert.ok(sibling.aborted)
    sibling = undefined
    const mine = new Error('mine')
    const { error } = await settled(
      runTools({
        model: calls,
        request,
        tools: {
          deaf: async () => {
            while (sibling === undefined) await turn()
            throw mine
          },
          other,
        },
      }),
      'throw',
    )
    assert.ok(error === mine && sibling.aborted)
    for (const bad of [
      { model: null },
      { tools: null },
      { tools: { deaf: 7 } },
      { request: {} },
      { signal: {} },
      { maxTurns: NaN },
    ]) {
      await assert.rejects(
        runTools({ model: calls, request, tools: {}, ...bad }),
        { status: 'INVALID_ARGUMENT' },
        JSON.stringify(bad),
      )
    }
  }))

// ── Clouds ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const okBody = {
  gemini: '{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}',
  openai: '{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}',
}
const clouds = {
  gemini: (options) => geminiModel({ model: 'm', apiKey: 'secret-key', ...options }),
  openai: (options) =>
    openAICompatibleModel({ model: 'm', baseUrl: 'https://service.example/v1', apiKey: 'secret-key', ...options }),
}
const reader = (read) => ({
  status: 200,
  headers: new Headers(),
  body: { getReader: () => ({ read, cancel: () => Promise.reject(new Error('x')) }) },
})
const badFetches = {
  undefined: async () => undefined,
  null: async () => null,
  'a number': () => 5,
  'an empty object': async () => ({}),
  'a mock without a body': async () => ({ ok: true, status: 200, json: async () => ({}) }),
  'a status that is a string': async () => ({ status: 'fine', headers: new Headers(), body: null }),
  'a body that was read': async () => {
    const response = new Response('{}')
    await response.text()
    return response
  },
  'a body that is being read': async () => {
    const response = new Response('{}')
    response.body.getReader()
    return response
  },
  'a reader that throws': async () =>
    reader(() => {
      throw new Error('x')
    }),
  'a reader that returns nothing': async () => reader(() => undefined),
  'a reader that returns numbers': async () => reader(async () => ({ value: 7 })),
  'a body without a reader': async () => ({ status: 200, headers: new Headers(), body: { getReader: () => null } }),
  'a body that throws': async () => ({
    status: 200,
    headers: new Headers(),
    get body() {
      throw new Error('x')
    },
  }),
  poison: async () => poison(),
  'a throw': () => {
    throw new Error('x')
  },
  'a throw of undefined': async () => {
    throw undefined
  },
  'a throw of a hostile object': async () => {
    throw poison()
  },
  'an AbortError': async () => {
    throw new DOMException('x', 'AbortError')
  },
  'a redirect': async () => new Response(null, { status: 307, headers: { location: 'https://elsewhere.example' } }),
  'a 499 from the service': async () =>
    new Response('{"error":{"code":499,"status":"CANCELLED","message":"x"}}', { status: 499 }),
}

describe('invalid results of fetch settle in every router', () => {
  for (const [name, fetch] of Object.entries(badFetches)) {
    test(name, () =>
      leavingNothing(async (signal) => {
        for (const [dialect, cloud] of Object.entries(clouds)) {
          for (const [shape, around] of Object.entries(shapes(hybridge))) {
            for (const [mode, run] of Object.entries(modes)) {
              const what = `${dialect}, ${shape}, ${mode}`
              const { value, error } = await settled(run(around(cloud({ fetch }), good()), { signal }), what)
              if (shape === 'plain') {
                assert.ok(
                  HybridError.isInstance(error) && ['INTERNAL', 'UNAVAILABLE'].includes(error.status),
                  `${what}: ${error?.stack ?? value?.text}`,
                )
                assert.doesNotMatch(`${error.message} ${JSON.stringify(error)}`, /secret-key/, what)
              } else assert.equal(value?.text, 'ok', `${what}: ${error?.stack}`)
            }
          }
        }
      }),
    )
  }
})

test('a fetch that never answers and ignores its signal is abandoned at once', () =>
  leavingNothing(async () => {
    for (const fetch of [() => never, async () => reader(() => never)]) {
      for (const cloud of Object.values(clouds)) {
        for (const run of Object.values(modes)) {
          const controller = new AbortController()
          const running = settled(run(cloud({ fetch }), { signal: controller.signal }), 'abort')
          await turn()
          controller.abort()
          assert.equal((await running).error?.status, 'CANCELLED')
        }
      }
    }
  }))

test('an endless body is given up, and can be aborted', async () => {
  const endless = (text) => {
    const value = new TextEncoder().encode(text)
    // Never yields to the event loop between two chunks.
    return async () => reader(async () => ({ done: false, value }))
  }
  const events = {
    gemini: 'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n\n',
    openai: 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n',
  }
  for (const [dialect, cloud] of Object.entries(clouds)) {
    const stop = AbortSignal.timeout(50)
    const talking = cloud({ fetch: endless(events[dialect]) }).generateStream('x', { signal: stop }).response
    assert.equal((await settled(talking, `${dialect}, events`, 10_000)).error?.status, 'DEADLINE_EXCEEDED')
    const run = modes[dialect === 'gemini' ? 'generate' : 'stream, awaited']
    const { error } = await settled(run(cloud({ fetch: endless(': c\n') }), {}), `${dialect}, comments`, 30_000)
    assert.ok(['INTERNAL', 'UNAVAILABLE'].includes(error?.status), `${dialect}: ${error?.stack}`)
  }
})

test('responses from another realm, and bodies of strings, are read', async () => {
  const { runInNewContext } = await import('node:vm')
  for (const [dialect, cloud] of Object.entries(clouds)) {
    const bytes = new TextEncoder().encode(okBody[dialect])
    const foreign = runInNewContext('Uint8Array').from(bytes)
    for (const piece of [bytes, foreign, okBody[dialect]]) {
      const pieces = [{ value: piece }, { done: true }]
      const fetch = async () => ({
        status: 200,
        headers: { get: (name) => (name === 'content-type' ? 'application/json' : null) },
        body: { getReader: () => ({ read: async () => pieces.shift(), cancel() {} }) },
      })
      assert.equal((await cloud({ fetch }).generate('x')).text, 'hi', dialect)
    }
  }
})

test('a redirect gets neither key nor prompt', async () => {
  let reached = 0
  const elsewhere = createServer((_, response) => {
    reached++
    response.end('{}')
  })
  const service = createServer((_, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${elsewhere.address().port}/` })
    response.end()
  })
  for (const server of [elsewhere, service]) await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    for (const cloud of Object.values(clouds)) {
      const model = cloud({ baseUrl: `http://127.0.0.1:${service.address().port}` })
      for (const run of [() => model.generate('x'), () => model.generateStream('x').response]) {
        await assert.rejects(run(), { status: 'UNAVAILABLE', code: 'REDIRECTED', message: /redirects.*baseUrl/ })
      }
    }
    assert.equal(reached, 0)
  } finally {
    for (const server of [elsewhere, service]) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
})

test('options of clouds are validated', () => {
  for (const bad of [
    { retries: -1 },
    { retries: 1.5 },
    { retries: NaN },
    { retries: '3' },
    { fetch: 'x' },
    { headers: {} },
    { apiKey: 7 },
    { model: '' },
    { baseUrl: 7 },
  ]) {
    for (const [dialect, cloud] of Object.entries(clouds))
      assert.throws(() => cloud(bad), { status: 'INVALID_ARGUMENT' }, `${dialect} ${JSON.stringify(bad)}`)
  }
  assert.throws(() => geminiModel(), { status: 'INVALID_ARGUMENT' })
  assert.throws(() => openAICompatibleModel(null), { status: 'INVALID_ARGUMENT' })
})

test('invalid headers are the caller’s mistake, and a Headers object is accepted', async () => {
  for (const headers of [
    () => undefined,
    async () => null,
    () => 7,
    () => {
      throw new Error('x')
    },
    () => [7],
  ]) {
    for (const cloud of Object.values(clouds)) {
      const ai = hybridModel({
        branches: { first: cloud({ headers }), ok: good() },
        strategy: new FallbackStrategy(['first', 'ok']),
      })
      await assert.rejects(ai.generate('x'), { status: 'UNAUTHENTICATED', code: 'CREDENTIALS_FAILED' })
    }
  }
  for (const headers of [() => ({ 'x-own': 'yes' }), () => new Headers({ 'x-own': 'yes' }), () => [['x-own', 'yes']]]) {
    let sent
    await clouds
      .gemini({
        headers,
        fetch: async (_, init) => {
          sent = new Headers(init.headers).get('x-own')
          return new Response(okBody.gemini)
        },
      })
      .generate('x')
    assert.equal(sent, 'yes')
  }
})

test('reasoning is requested by the option of each service', async () => {
  const sent = async (dialect, config) => {
    let body
    await clouds[dialect]({
      fetch: async (_, init) => {
        body = JSON.parse(init.body)
        return new Response(okBody[dialect], { headers: { 'content-type': 'application/json' } })
      },
    }).generate({ prompt: 'x', config })
    return body
  }
  assert.deepEqual((await sent('gemini', { includeReasoning: true })).generationConfig, {
    thinkingConfig: { includeThoughts: true },
  })
  assert.ok(!('includeReasoning' in (await sent('openai', { includeReasoning: true }))))
})

test('direction marks in a service’s message are removed', async () => {
  const model = clouds.gemini({
    fetch: async () =>
      new Response(
        JSON.stringify({ error: { code: 400, status: 'INVALID_ARGUMENT', message: 'a\u202egnp.exe\u2066b\u200f' } }),
        { status: 400 },
      ),
  })
  await assert.rejects(
    model.generate('x'),
    ({ message }) => !/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(message) && message.includes('gnp.exe'),
  )
})

// ── Answers against schemas ──────────────────────────────────────────────────────────────────────────────────────────

test('no schema and no answer can block the page', async () => {
  const letters = 'a'.repeat(40)
  const answers = (text, schema) =>
    defineModel({ name: 'm', generate: async () => text }).generate({ prompt: 'x', output: { schema } })
  for (const [text, schema] of [
    [JSON.stringify(`${letters}!`), { type: 'string', pattern: '^(a+)+$' }],
    [JSON.stringify(`${letters}!`), { type: 'string', pattern: '^(a|a)*$' }],
    [JSON.stringify({ [`${letters}!`]: 1 }), { patternProperties: { '^(a+)+$': false } }],
    ['"x"', { anyOf: [{ $ref: '#' }, { $ref: '#' }] }],
    [JSON.stringify(Array.from({ length: 20_000 }, (_, at) => ({ at }))), { uniqueItems: true }],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, { type: 'array' }],
    [`"${'\\\\'.repeat(50_000)}`, { type: 'string' }],
  ]) {
    const { value, error } = await settled(answers(text, schema), text.slice(0, 40), 5000)
    assert.equal(value?.text, text, error?.stack)
  }
  const wrong = await answers(JSON.stringify(`${letters}!`), { type: 'string', pattern: '^(a+)+$' })
  assert.deepEqual(
    [wrong.outputError?.code, wrong.outputError?.cause.expected],
    ['OUTPUT_MISMATCH', 'a text that matches the pattern'],
  )
  assert.equal((await answers('{"a":"\\ud83d"}', { properties: { a: { type: 'string' } } })).outputError, undefined)
})

test('partial JSON never contains half a surrogate pair', async () => {
  for (const whole of ['{"a":"x😀"}', '{"a":"x\\ud83d\\ude00"}']) {
    const units = whole.split('')
    const model = defineModel({
      name: 'm',
      generate: async (_, { sendChunk }) => {
        for (const unit of units) sendChunk(unit)
        return {}
      },
    })
    const stream = model.generateStream({ prompt: 'x', output: { format: 'json' } })
    for await (const { output } of stream) assert.ok(!/\p{Surrogate}/u.test(output?.a ?? ''), JSON.stringify(output))
    assert.deepEqual((await stream.response).output, { a: 'x😀' })
  }
})

// ── Streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a stream can be read as text and as a web stream, and is stopped at the end of its block', async () => {
  let stopped = 0
  const chunks = ['a', '', 'b']
  const make = (hang) =>
    defineModel({
      name: 'm',
      generate: async (_, { sendChunk, signal }) => {
        signal.addEventListener('abort', () => stopped++)
        for (const chunk of chunks) {
          sendChunk(chunk)
          await turn()
        }
        if (hang) await never
        return {}
      },
    })
  const texts = []
  for await (const text of make().generateStream('x').textStream) texts.push(text)
  assert.deepEqual(texts, ['a', 'b'])
  const read = []
  for await (const { text } of make().generateStream('x').toReadableStream()) read.push(text)
  assert.deepEqual(read, chunks)
  const cancelled = make(true).generateStream('x')
  await turn()
  await cancelled.toReadableStream().cancel()
  await assert.rejects(cancelled.response, { name: 'AbortError' })
  if (Symbol.asyncDispose !== undefined) {
    const disposed = make(true).generateStream('x')
    await turn()
    await disposed[Symbol.asyncDispose]()
    await assert.rejects(disposed.response, { status: 'CANCELLED' })
  }
  assert.ok(stopped >= 1)
})

// ── At random ────────────────────────────────────────────────────────────────────────────────────────────────────────

const runs = Number(process.env.HYBRIDGE_RANDOM_RUNS ?? 300)

test(`${runs} random trees of random models settle, keep their order and leave nothing behind`, async () => {
  const random = randomOf(Number(process.env.HYBRIDGE_RANDOM_SEED ?? 1))
  const pick = (list) => list[Math.floor(random() * list.length)]
  const hostile = Object.values(hostileModels(hybridge))
  const transient = () =>
    new HybridError(
      pick(['UNAVAILABLE', 'INTERNAL', 'NOT_FOUND', 'CANCELLED']),
      'x',
      random() < 0.2 ? { retryAfterMs: 5 } : {},
    )
  /** Chunks contain their model's name, so that mixing would show. */
  const honest = () => {
    const id = `m${Math.floor(random() * 1e9)}`
    const plan = Array.from({ length: Math.floor(random() * 4) }, () => pick(['chunk', 'empty', 'wait', 'reasoning']))
    const end = pick(['reply', 'reply', 'reply', 'fail', 'hang'])
    return defineModel({
      name: id,
      info: { inferenceSource: pick(['on_device', 'in_cloud', 'unknown']) },
      generate: async (_, { sendChunk, signal }) => {
        for (const step of plan) {
          if (step === 'chunk') sendChunk(`<${id}>`, { logprobs: [-random() * 3] })
          else if (step === 'empty') sendChunk('')
          else if (step === 'reasoning') sendChunk([{ reasoning: `<${id}>` }])
          else await turn()
        }
        if (end === 'fail') throw transient()
        if (end === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve))
        return plan.includes('chunk') ? {} : `<${id}>`
      },
    })
  }
  const policy = () => ({
    ...(random() < 0.8 ? { totalTimeoutMs: 5 + Math.floor(random() * 20) } : {}),
    ...(random() < 0.3 ? { firstTokenTimeoutMs: 1 + Math.floor(random() * 10) } : {}),
    ...(random() < 0.3 ? { hedgeAfterMs: Math.floor(random() * 5) } : {}),
    ...(random() < 0.2 ? { breaker: { failures: 1, cooldownMs: 1 } } : {}),
  })
  const tree = (depth) => {
    if (depth === 0 || random() < 0.3) return random() < 0.3 ? pick(hostile)() : honest()
    const keys = ['a', 'b', 'c'].slice(0, 1 + Math.floor(random() * 3))
    const branches = Object.fromEntries(keys.map((key) => [key, tree(depth - 1)]))
    const common = { branches, policy: policy(), ...(random() < 0.2 ? { onTrace: () => undefined } : {}) }
    if (random() < 0.3)
      return cascadeModel({
        ...common,
        order: keys,
        accept:
          random() < 0.1
            ? () => {
                throw new Error('mine')
              }
            : async () => random() < 0.5,
      })
    return hybridModel({
      ...common,
      strategy:
        random() < 0.2
          ? new PreRoutingStrategy(async () => {
              await turn()
              return keys
            })
          : new FallbackStrategy(keys),
    })
  }
  // Loads the wasm first, which is not part of the measurement.
  await hybridModel({ branches: { a: good() }, strategy: new FallbackStrategy(['a']) }).generate('x')
  for (let at = 0; at < runs; at++) {
    await leavingNothing(async () => {
      const model = hybridModel({
        branches: { top: tree(2), last: honest() },
        strategy: new FallbackStrategy(['top', 'last']),
        policy: { totalTimeoutMs: 30 },
      })
      const controller = new AbortController()
      const stop = random() < 0.2 ? setTimeout(() => controller.abort(), Math.floor(random() * 10)) : undefined
      const seen = []
      const running =
        random() < 0.5
          ? model.generate('x', { signal: controller.signal })
          : (async () => {
              const answer = model.generateStream('x', { signal: controller.signal })
              for await (const { text, index } of answer) {
                assert.equal(index, seen.length, 'chunks are numbered')
                seen.push(text)
                if (random() < 0.02) break
              }
              return await answer.response
            })()
      // A long run may encounter a busy machine.
      const { value, error } = await settled(running, `run ${at}`, runs > 1000 ? 10_000 : 1000)
      clearTimeout(stop)
      const names = new Set(`${seen.join('')}${value?.text ?? ''}`.match(/<m\d+>/g) ?? [])
      assert.ok(names.size <= 1, `run ${at} mixed ${[...names]}`)
      if (error !== undefined && error.message !== 'mine')
        assert.ok(HybridError.isInstance(error), `run ${at}: ${error.stack}`)
    })
  }
})
