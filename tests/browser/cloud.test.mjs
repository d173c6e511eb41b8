/** The cloud branches in a page, against emulators that are tested with the official clients. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { chunk, chunks, errorInfo, gate, refusal, refusals, stream, usage } from '../emulator/gemini.mjs'
import { key, openSetting } from './cloud/setting.mjs'

const setting = await openSetting()
const { gemini, run } = setting
after(() => setting.close())

const lastRequest = () => gemini.requests.at(-1)

// The server waits for this before it continues, so that the page has read everything so far.
let onFirstChunk = () => {}
await setting.page.exposeFunction('chunkHasArrived', () => onFirstChunk())

test('a question and its answer', async () => {
  const answer = await run(({ gemini }) => told(hybridge.geminiModel(gemini).generate('hello there')))
  assert.equal(answer.text, 'You said: hello there')
  assert.deepEqual(
    [answer.finishReason, answer.finishMessage, answer.branch, answer.inferenceSource],
    ['stop', 'STOP', 'gemini-x', 'in_cloud'],
  )
  assert.deepEqual(answer.usage, { inputTokens: 3, outputTokens: 4, totalTokens: 7 })
  assert.equal(lastRequest().path, '/v1beta/models/gemini-x:generateContent')
})

test('a stream arrives chunk by chunk', async () => {
  const { wait, open } = gate()
  gemini.next(stream(chunk('one '), { wait }, chunk('two', { finishReason: 'STOP' }, { usageMetadata: usage(2, 2) })))
  onFirstChunk = open
  // The second chunk is sent only once the first has been read, so no chunk waits for a full buffer.
  const answer = await run(({ gemini }) =>
    streamed(hybridge.geminiModel(gemini).generateStream('x'), () => globalThis.chunkHasArrived()),
  )
  assert.deepEqual(answer.texts, ['one ', 'two'])
  assert.equal(answer.text, 'one two')
  assert.equal(lastRequest().path, '/v1beta/models/gemini-x:streamGenerateContent?alt=sse')
})

test('every field of a request is sent', async () => {
  const request = {
    system: 'be brief',
    messages: [
      { role: 'user', content: [{ text: 'look' }, { media: { url: 'data:image/png;base64,AA==' } }] },
      { role: 'model', content: [{ text: 'yes' }] },
    ],
    prompt: 'and now?',
    config: {
      temperature: 0.5,
      topK: 3,
      topP: 0.9,
      seed: 7,
      maxOutputTokens: 99,
      stopSequences: ['END'],
      thinkingConfig: { thinkingBudget: 0 },
      branches: { onDevice: { secret: 1 } },
    },
    output: {
      schema: {
        type: 'object',
        properties: { zebra: { type: 'string', minLength: 2 }, apple: { type: 'integer', minimum: 3 } },
        required: ['zebra', 'apple'],
      },
    },
  }
  const answer = await run(
    ({ gemini, request }) =>
      told(
        hybridge
          .geminiModel({
            ...gemini,
            safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
          })
          .generate(request),
      ),
    { request },
  )
  assert.deepEqual(answer.output, { zebra: 'and now?', apple: 3 })
  const { body, text } = lastRequest()
  assert.equal(body.systemInstruction.parts[0].text, 'be brief')
  assert.deepEqual(
    body.contents.map(({ role }) => role),
    ['user', 'model', 'user'],
  )
  assert.equal(body.generationConfig.thinkingConfig.thinkingBudget, 0)
  assert.equal(body.safetySettings[0].threshold, 'BLOCK_NONE')
  assert.ok(
    text.indexOf('zebra') < text.indexOf('apple'),
    'a schema keeps the order of its properties, in which a model writes them',
  )
  assert.ok(!text.includes('secret') && !text.includes('minLength'))
})

test('tokens are counted, including those of the system message', async () => {
  const count = await run(({ gemini }) =>
    hybridge.geminiModel(gemini).countTokens({ system: 'sixteen letters!', prompt: 'sixteen letters!' }),
  )
  assert.equal(count, 8)
})

test('reasoning is separate, and is sent back with its signatures', async () => {
  const tools = [
    {
      name: 'weather',
      description: 'The weather.',
      inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
    },
  ]
  const [first, second] = await run(
    async ({ gemini, tools }) => {
      const model = hybridge.geminiModel(gemini)
      const config = { thinkingConfig: { includeThoughts: true } }
      const messages = [{ role: 'user', content: [{ text: 'weather in Oslo' }] }]
      const first = await model.generate({ messages, tools, config })
      messages.push(first.message, { role: 'tool', content: [{ toolResponse: { name: 'weather', output: 'snow' } }] })
      return [await told(first), await told(model.generate({ messages, tools, config }))]
    },
    { tools },
  )
  assert.match(first.reasoning, /say it back/)
  assert.deepEqual(first.toolRequests, [{ name: 'weather', input: { city: 'weather in Oslo' } }])
  assert.equal(second.text, 'You said: {"output":"snow"}')
  assert.deepEqual(lastRequest().body.contents[1].parts, [
    { functionCall: { name: 'weather', args: { city: 'weather in Oslo' } }, thoughtSignature: 'ZW11bGF0ZWQ=' },
  ])
})

test('a blocked reply is an answer', async () => {
  for (const reply of [
    chunks({ promptFeedback: { blockReason: 'SAFETY' } }),
    chunks(chunk(undefined, { finishReason: 'SAFETY' })),
  ]) {
    for (const way of ['generate', 'generateStream']) {
      gemini.next(reply)
      const answer = await run(
        ({ gemini, way }) =>
          told(
            way === 'generate'
              ? hybridge.geminiModel(gemini).generate('x')
              : hybridge.geminiModel(gemini).generateStream('x').response,
          ),
        { way },
      )
      assert.deepEqual([answer.finishReason, answer.finishMessage, answer.text], ['blocked', 'SAFETY', ''])
    }
  }
})

test('an abort closes the connection, before and during an answer', async () => {
  const arrived = gate()
  gemini.next(() => {
    arrived.open()
    return gate().wait
  })
  const before = run(({ gemini }) => {
    globalThis.stop = new AbortController()
    return streamed(hybridge.geminiModel(gemini).generateStream('x', { signal: globalThis.stop.signal }))
  })
  await arrived.wait
  await setting.page.evaluate(() => globalThis.stop.abort())
  const within = async () => {
    gemini.next(stream(chunk('one '), { wait: gate().wait }))
    return run(({ gemini }) => {
      const stop = new AbortController()
      return streamed(hybridge.geminiModel(gemini).generateStream('x', { signal: stop.signal }), () => stop.abort())
    })
  }
  for (const { error, failed } of [await before, await within()]) {
    assert.equal(error.status, 'CANCELLED')
    assert.equal(failed.status, 'CANCELLED')
    assert.equal(await lastRequest().closed, 'cut')
  }
})

test('leaving the loop closes the connection', async () => {
  gemini.next(stream(chunk('one '), { wait: gate().wait }))
  await run(({ gemini }) => streamed(hybridge.geminiModel(gemini).generateStream('x'), () => 'leave'))
  assert.equal(await lastRequest().closed, 'cut')
})

test('errors of the service have their status and code', async () => {
  const table = [
    [refusals.badKey(), 'UNAUTHENTICATED', 'API_KEY_INVALID'],
    [refusals.noKey(), 'PERMISSION_DENIED'],
    [refusals.location(), 'FAILED_PRECONDITION', 'LOCATION_UNSUPPORTED'],
    [refusals.noModel('models/x'), 'NOT_FOUND', 'MODEL_NOT_FOUND'],
    [refusals.tooLong(), 'INVALID_ARGUMENT', 'CONTEXT_TOO_LONG'],
    [refusals.rate('34.4s'), 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED', 34_400],
    [refusals.daily(), 'RESOURCE_EXHAUSTED', 'QUOTA_DAILY'],
    [refusals.overloaded(), 'UNAVAILABLE'],
    [refusals.internal(), 'INTERNAL'],
    [refusals.deadline(), 'DEADLINE_EXCEEDED'],
    [refusal(403, 'PERMISSION_DENIED', 'no', [errorInfo('SERVICE_DISABLED')]), 'PERMISSION_DENIED', 'SERVICE_DISABLED'],
  ]
  for (const way of ['generate', 'stream', 'count']) {
    for (const [reply, ...expected] of table) {
      gemini.next(reply)
      const { error } = await run(
        ({ gemini, way }) => {
          const model = hybridge.geminiModel(gemini)
          return told(
            way === 'generate'
              ? model.generate('x')
              : way === 'stream'
                ? model.generateStream('x').response
                : model.countTokens('x'),
          )
        },
        { way },
      )
      assert.deepEqual([error.status, error.code, error.retryAfterMs].slice(0, expected.length), expected, way)
      assert.ok(error.isOurs)
    }
  }
})

test('a stream that breaks off keeps the text received', async () => {
  const bare = JSON.stringify({ error: { code: 503, message: 'overloaded', status: 'UNAVAILABLE' } })
  for (const [tail, code] of [
    [[], 'STREAM_TRUNCATED'],
    [['cut'], 'STREAM_TRUNCATED'],
    [[bare], undefined],
  ]) {
    // Browsers drop the unread bytes of a broken connection.
    const { wait, open } = gate()
    onFirstChunk = open
    gemini.next(stream(chunk('half '), { wait }, ...tail))
    const answer = await run(({ gemini }) =>
      streamed(hybridge.geminiModel(gemini).generateStream('x'), () => globalThis.chunkHasArrived()),
    )
    assert.deepEqual(answer.texts, ['half '])
    assert.deepEqual([answer.error.status, answer.error.code], ['UNAVAILABLE', code])
    assert.deepEqual(answer.error.partial, [{ text: 'half ' }])
  }
})

test('a service that cannot be reached is UNAVAILABLE, with a hint', async () => {
  const unreachable = (baseUrl) =>
    run(({ gemini, baseUrl }) => told(hybridge.geminiModel({ ...gemini, baseUrl }).generate('x')), { baseUrl })
  const { startGemini } = await import('../emulator/gemini.mjs')
  const withoutCors = await startGemini({ cors: false })
  try {
    for (const baseUrl of [withoutCors.origin, 'http://127.0.0.1:9', 'http://no-such-host.invalid']) {
      const { error } = await unreachable(baseUrl)
      assert.deepEqual([error.status, error.code], ['UNAVAILABLE', 'NETWORK'])
      assert.match(error.message, /CORS/)
    }
    assert.deepEqual(withoutCors.requests, [], 'the preflight failed, so nothing was sent')
  } finally {
    await withoutCors.close()
  }
  await setting.page.context().setOffline(true)
  const { error } = await unreachable(gemini.origin)
  await setting.page.context().setOffline(false)
  assert.deepEqual([error.status, error.code], ['UNAVAILABLE', 'OFFLINE'])
})

test('retries wait as long as the service requests', async () => {
  const ask = (retries) =>
    run(
      async ({ gemini, retries }) => {
        const started = performance.now()
        return {
          ...(await told(hybridge.geminiModel({ ...gemini, retries }).generate('x'))),
          took: performance.now() - started,
        }
      },
      { retries },
    )
  const before = gemini.requests.length
  gemini.next(refusals.rate('0.05s'))
  gemini.next(refusals.rate('0.05s'))
  const answer = await ask(2)
  assert.equal(answer.text, 'You said: x')
  assert.ok(answer.took >= 100, `two pauses of 50 ms take at least 100, found ${answer.took}`)
  assert.equal(gemini.requests.length - before, 3)

  for (const reply of [refusals.daily(), refusals.badKey(), refusals.rate('61s')]) {
    gemini.next(reply)
    assert.ok((await ask(5)).error, 'hopeless, permanent or too long: not tried again')
  }
  gemini.next(refusals.rate('0.01s'))
  assert.equal((await ask(0)).error.code, 'QUOTA_EXCEEDED', 'none unless asked for')
  gemini.next(stream(chunk('half ')))
  const half = await run(({ gemini }) => streamed(hybridge.geminiModel({ ...gemini, retries: 5 }).generateStream('x')))
  assert.equal(half.error.code, 'STREAM_TRUNCATED', 'no fallback after content')
})

test('an abort ends a pause', async () => {
  gemini.next(refusals.rate('59s'))
  const { error } = await run(async ({ gemini }) => {
    const stop = new AbortController()
    const fetch = async (...args) => {
      const response = await globalThis.fetch(...args)
      setTimeout(() => stop.abort(), 20)
      return response
    }
    return told(hybridge.geminiModel({ ...gemini, retries: 3, fetch }).generate('x', { signal: stop.signal }))
  })
  assert.equal(error.status, 'CANCELLED')
})

test('the key is sent in its header and nowhere else', async () => {
  const keys = await run(async ({ gemini, origin }) => {
    document.cookie = 'session=1'
    const model = hybridge.geminiModel({
      ...gemini,
      apiKey: async () => ` ${gemini.apiKey}\n`,
      headers: () => ({ 'x-goog-api-key': 'overruled' }),
    })
    return [await told(model.generate('x')), String(model), JSON.stringify(model), origin]
  })
  assert.equal(keys[0].text, 'You said: x')
  assert.ok(!keys.slice(1).some((it) => it.includes(key)))
  const { path, headers } = lastRequest()
  assert.equal(headers['x-goog-api-key'], key)
  assert.ok(!path.includes(key))
  assert.equal(headers.referer, undefined)
  assert.equal(headers.cookie, undefined)
  assert.match(headers['cache-control'], /no-cache|no-store/)
  const own = Object.keys(headers).filter(
    (name) => !/^(sec-|accept|user-agent|host|connection|origin|cache-control|pragma|content-length)/.test(name),
  )
  assert.deepEqual(own.sort(), ['content-type', 'x-goog-api-key'])
})

test('a missing key is reported before anything is sent', async () => {
  const before = gemini.requests.length
  const outcomes = await run(async ({ gemini: { apiKey, ...gemini } }) => {
    const ask = (more) => told(hybridge.geminiModel({ ...gemini, ...more }).generate('x'))
    return [
      await ask({ baseUrl: undefined }),
      await ask({ apiKey: '' }),
      await ask({ apiKey: () => undefined }),
      await ask({
        apiKey: () => {
          throw new TypeError('callback')
        },
      }),
      await ask({
        apiKey: () => {
          throw new hybridge.HybridError('UNAVAILABLE', 'broker is down')
        },
      }),
      await ask({ apiKey: 'schlüssel…' }),
    ]
  })
  assert.deepEqual(
    outcomes.map(({ error }) => [error.status, error.code]),
    [
      ['UNAUTHENTICATED', 'API_KEY_MISSING'],
      ['UNAUTHENTICATED', 'API_KEY_MISSING'],
      ['UNAUTHENTICATED', 'API_KEY_MISSING'],
      ['UNAUTHENTICATED', 'CREDENTIALS_FAILED'],
      ['UNAVAILABLE', undefined],
      ['INVALID_ARGUMENT', 'HEADER_INVALID'],
    ],
  )
  assert.equal(gemini.requests.length, before)
})

test('a custom fetch is used', async () => {
  const [answer, seen, failed] = await run(async ({ gemini }) => {
    const seen = []
    const fetch = (url, init) => {
      seen.push([
        url,
        init.method,
        init.cache,
        init.credentials,
        init.referrerPolicy,
        init.signal instanceof AbortSignal,
      ])
      return globalThis.fetch(url, init)
    }
    const failing = async () => {
      throw Object.assign(new Error('x'), { status: 'PERMISSION_DENIED', code: 'APP_CHECK' })
    }
    return [
      await told(hybridge.geminiModel({ ...gemini, fetch }).generate('x')),
      seen,
      await told(hybridge.geminiModel({ ...gemini, fetch: failing }).generate('x')),
    ]
  })
  assert.equal(answer.text, 'You said: x')
  assert.deepEqual(seen, [
    [`${gemini.origin}/v1beta/models/gemini-x:generateContent`, 'POST', 'no-store', 'omit', 'no-referrer', true],
  ])
  assert.deepEqual([failed.error.status, failed.error.code], ['PERMISSION_DENIED', 'APP_CHECK'])
})

test('doubles are exact to the last bit in both directions', async () => {
  const [sent, called, returned] = await run(async ({ gemini }) => {
    let state = 1
    const doubles = Array.from({ length: 2_000 }, () => {
      state = (state * 48_271) % 2_147_483_647
      return (state / 2_147_483_647) * 10 ** ((state % 40) - 20)
    })
    const bodies = []
    const fetch = async (_, { body }) => {
      bodies.push(JSON.parse(body))
      const parts = [{ functionCall: { name: 'plot', args: { doubles } } }]
      return Response.json({ candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }] })
    }
    const model = hybridge.geminiModel({ ...gemini, fetch })
    const tools = [{ name: 'plot', description: 'x', inputSchema: { type: 'object' } }]
    const messages = [{ role: 'user', content: [{ text: 'x' }] }]
    const answer = await model.generate({ messages, tools })
    const [{ toolRequest }] = answer.message.content.filter((part) => part.toolRequest)
    const output = { name: 'plot', ...(toolRequest.ref && { ref: toolRequest.ref }), output: { doubles } }
    const tool = { role: 'tool', content: [{ toolResponse: output }] }
    await model.generate({ messages: [...messages, answer.message, tool], tools })
    const [response] = bodies[1].contents.at(-1).parts
    return [doubles, toolRequest.input.doubles, response.functionResponse.response.doubles]
  })
  assert.deepEqual(called, sent)
  assert.deepEqual(returned, sent)
})

test('many requests run in parallel, and one of them is aborted', async () => {
  const texts = await run(async ({ gemini }) => {
    const model = hybridge.geminiModel(gemini)
    const stop = new AbortController()
    return Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const running = model.generateStream(`number ${index}`, index === 7 ? { signal: stop.signal } : {})
        if (index === 7) stop.abort()
        const { text, error } = await streamed(running)
        return text ?? error.status
      }),
    )
  })
  assert.deepEqual(
    texts,
    Array.from({ length: 20 }, (_, index) => (index === 7 ? 'CANCELLED' : `You said: number ${index}`)),
  )
})

test('no error, trace or log line contains the key or the prompt', async () => {
  const secret = 'my diary says that Rosa is ill'
  const echo = ({ text, headers }) =>
    refusal(
      400,
      'INVALID_ARGUMENT',
      `cannot read ${JSON.parse(text).contents[0].parts[0].text} with key ${headers['x-goog-api-key']}`,
    )
  const replies = [
    echo,
    refusals.badKey(),
    refusals.overloaded(),
    stream(chunk(secret)),
    stream('data: nonsense\n\n'),
    { status: 502, steps: [`<p>${secret} ${key}</p>`] },
    chunks(chunk(secret, { finishReason: 'SAFETY' })),
  ]
  const shown = []
  for (const reply of replies) {
    gemini.next(reply)
    const { failed, error } = await run(
      ({ gemini, secret }) => streamed(hybridge.geminiModel(gemini).generateStream(secret)),
      { secret },
    )
    shown.push(failed?.shown, failed?.message, error?.shown, error?.message)
  }
  const shownAtAll = shown.filter((it) => it !== undefined)
  assert.ok(shownAtAll.length >= 20)
  for (const text of [...shownAtAll, ...setting.logged]) {
    assert.ok(!text.includes(key), text)
    assert.ok(!text.includes(secret), text)
  }
})
