/** Answers that broke off and are continued by other branches. */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'

import { hybridge, recorder, textOf } from './setting.mjs'

const { chat, chatFromJSON, FallbackStrategy, FirstMatch, HybridError, hybridModel, hybridModelOnDeviceCloud } =
  hybridge
const { geminiModel, kCloud, kOnDevice, openAICompatibleModel, PrivacyStrategy, redacting } = hybridge

const down = (message = 'lost') => new HybridError('UNAVAILABLE', message)

/** Sends the chunks, then fails. */
const breaking =
  (...pieces) =>
  (_, { sendChunk }) => {
    for (const piece of pieces) sendChunk(piece)
    throw down()
  }
/** Sends the chunks as its complete answer. */
const sending =
  (...pieces) =>
  (_, { sendChunk }) => {
    for (const piece of pieces) sendChunk(piece)
    return { finishReason: 'stop' }
  }

const pair = (first, second, more = {}) => {
  const onDevice = recorder('device', { reply: first, inferenceSource: 'on_device', counts: false })
  const cloud = recorder('cloud', { reply: second, inferenceSource: 'in_cloud', counts: false })
  const ai = hybridModelOnDeviceCloud({
    onDevice,
    cloud,
    strategy: new FallbackStrategy([kOnDevice, kCloud]),
    ...more,
  })
  return { ai, onDevice, cloud }
}

async function read(stream) {
  let text = ''
  const branches = []
  try {
    for await (const chunk of stream) {
      text += chunk.text
      branches.push(chunk.branch)
    }
  } catch {
    // The response rejects in the same way.
  }
  return { text, branches }
}

const continueFrom = 'partial'

test('another branch continues the text so far, and message and trace are marked', async () => {
  const { ai, cloud } = pair(breaking('One ', 'two'), sending(' three', ' four'))
  const stream = ai.generateStream('Count.', { continueFrom })
  const { text, branches } = await read(stream)
  const response = await stream.response
  assert.equal(text, 'One two three four')
  assert.equal(response.text, text)
  assert.deepEqual(branches, ['onDevice', 'onDevice', 'cloud', 'cloud'])
  assert.equal(response.branch, 'cloud')
  assert.deepEqual(response.message.metadata.continued, { from: 'onDevice', at: 7 })
  const [first, second] = response.routing.attempts
  assert.deepEqual([first.outcome, second.outcome], ['failed', 'answered'])
  assert.deepEqual(second.continued, { from: 'onDevice', at: 7 })
  const [question, begun] = cloud.seen[0].messages
  assert.equal(textOf(question), 'Count.')
  assert.deepEqual(begun, { role: 'model', content: [{ text: 'One two' }], metadata: { prefix: true } })
})

test('without the option the failure is thrown, and no other branch is tried', async () => {
  const { ai, cloud } = pair(breaking('One'), sending(' two'))
  const stream = ai.generateStream('Count.')
  assert.equal((await read(stream)).text, 'One')
  await assert.rejects(stream.response, { status: 'UNAVAILABLE', branch: 'onDevice' })
  assert.equal(cloud.seen.length, 0)
  for (const wrong of [true, 'all', null, {}])
    await assert.rejects(ai.generate('x', { continueFrom: wrong }), { status: 'INVALID_ARGUMENT' })
  assert.throws(() => pair(sending('a'), sending('b'), { policy: { continueFrom: 'all' } }), {
    status: 'INVALID_ARGUMENT',
  })
  assert.throws(() => chat(ai, { continueFrom: 1 }), { status: 'INVALID_ARGUMENT' })
})

test('text repeated by the next branch is shown once, for every cut', async () => {
  const whole = 'It rains in Bonn today, and 🌧 tomorrow too.'
  const before = 'It rains in Bonn today, and 🌧 tom'
  for (const from of [0, 'It rains '.length]) {
    for (const size of [1, 2, 3, 7, 100]) {
      const again = whole.slice(from)
      const pieces = again.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g'))
      const { ai } = pair(breaking(before), sending(...pieces))
      const stream = ai.generateStream('The weather?', { continueFrom })
      assert.equal((await read(stream)).text, whole, `from ${from} in pieces of ${size}`)
      assert.equal((await stream.response).text, whole)
    }
  }
})

test('text that was cut inside a surrogate pair is restored', async () => {
  const { ai, cloud } = pair(breaking('a \ud83c'), sending('\udf27 b'))
  const stream = ai.generateStream('x', { continueFrom })
  assert.equal((await read(stream)).text, 'a 🌧 b')
  assert.equal(textOf(cloud.seen[0].messages.at(-1)).isWellFormed(), true)
})

test('JSON, tool calls, permanent failures and the last branch are not continued, with the reason', async () => {
  const notContinued = async (first, request, second = sending('x')) => {
    const { ai } = pair(first, second)
    const stream = ai.generateStream(request, { continueFrom })
    await read(stream)
    const error = await stream.response.then(
      () => assert.fail('it was continued'),
      (thrown) => thrown,
    )
    return error.routing.attempts.map((it) => it.notContinued ?? '-').join(' ')
  }
  assert.equal(await notContinued(breaking('{"a'), { prompt: 'x', output: { format: 'json' } }), 'json')
  const calls = (_, { sendChunk }) => {
    sendChunk([{ text: 'Wait.' }, { toolRequest: { name: 'look', ref: '1' } }])
    throw down()
  }
  assert.equal(await notContinued(calls, 'x'), 'tool-call')
  const forbidden = (_, { sendChunk }) => {
    sendChunk('One')
    throw new HybridError('PERMISSION_DENIED', 'no')
  }
  assert.equal(await notContinued(forbidden, 'x'), 'permanent')
  assert.equal(await notContinued(breaking('One'), 'x', breaking(' two')), '- last-branch')
})

test('an abort is not continued', async () => {
  const stop = new AbortController()
  const { ai, cloud } = pair(async (_, { sendChunk, signal }) => {
    sendChunk('One')
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }, sending(' two'))
  const stream = ai.generateStream('x', { continueFrom, signal: stop.signal })
  for await (const { text } of stream.stream) if (text !== '') break
  stop.abort()
  await assert.rejects(stream.response, { status: 'CANCELLED' })
  assert.equal(cloud.seen.length, 0)
})

test('results of tools called after the break are sent to their branch', async () => {
  const { ai } = pair(breaking('I look. '), (_, { sendChunk }) => {
    sendChunk('Wait. ')
    return { message: { role: 'model', content: [{ text: 'Wait. ' }, { toolRequest: { name: 'look', ref: '1' } }] } }
  })
  const stream = ai.generateStream({ prompt: 'x', tools: [{ name: 'look', description: 'looks' }] }, { continueFrom })
  await read(stream)
  const { message } = await stream.response
  assert.deepEqual(message.content, [{ text: 'I look. Wait. ' }, { toolRequest: { name: 'look', ref: '1' } }])
  assert.deepEqual(message.metadata.branches, ['cloud'])
})

test('pins apply to the text so far as to the request', async () => {
  const strategy = new FirstMatch([new PrivacyStrategy(), new FallbackStrategy([kOnDevice, kCloud])])
  // The request contains nothing personal, but the device's text does.
  const { ai, cloud } = pair(breaking('Write to ada@example.org, who'), sending(' answers'), { strategy })
  const stream = ai.generateStream('Whom do I write to?', { continueFrom })
  await read(stream)
  const error = await stream.response.catch((thrown) => thrown)
  assert.equal(error.routing.attempts[0].notContinued, 'not-allowed')
  assert.deepEqual(error.routing.allow, ['onDevice'])
  assert.equal(cloud.seen.length, 0)
  const kept = pair(breaking('One'), sending(' two'))
  const held = kept.ai.generateStream('x', { continueFrom, allow: ['onDevice'] })
  await read(held)
  await assert.rejects(held.response, { status: 'UNAVAILABLE' })
  assert.equal(kept.cloud.seen.length, 0)
})

test('a redacted branch receives the text so far with placeholders', async () => {
  const onDevice = recorder('device', { reply: breaking('Ask ada@example.org'), counts: false })
  const cloud = recorder('cloud', { reply: sending(' now'), counts: false })
  const ai = hybridModel({
    branches: { onDevice, cloud: redacting(cloud) },
    strategy: new FirstMatch([
      new PrivacyStrategy({ keep: 'onDevice', redacted: 'cloud' }),
      new FallbackStrategy(['onDevice', 'cloud']),
    ]),
  })
  const stream = ai.generateStream('Who is ada@example.org?', { continueFrom })
  assert.equal((await read(stream)).text, 'Ask ada@example.org now')
  assert.equal(JSON.stringify(cloud.seen).includes('ada@example'), false)
  assert.equal(textOf(cloud.seen[0].messages.at(-1)), 'Ask [EMAIL_1]')
})

test('a chat continues within the turn, and later turns include the complete answer', async () => {
  let turns = 0
  const { ai, onDevice } = pair(
    (request, run) => (++turns === 1 ? breaking('One ')(request, run) : 'again'),
    sending('two'),
    {},
  )
  const talk = chat(ai, { continueFrom })
  const { text } = await talk.send('Count.').response
  assert.equal(text, 'One two')
  assert.deepEqual(talk.messages[1].metadata.continued, { from: 'onDevice', at: 4 })
  assert.equal(talk.entries[1].state, undefined)
  await talk.send('More.').response
  assert.equal(textOf(onDevice.seen[1].messages[1]), 'One two')
})

test('random breaks across three branches: the text is complete, and the trace shows each continuation', async () => {
  let seed = 7
  const random = (most) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % most
  for (let round = 0; round < 200; round++) {
    const words = Array.from({ length: 12 }, (_, at) => `word${at}x${random(1000)}`)
    const whole = words.join(' ')
    const cuts = [random(whole.length), random(whole.length)].sort((a, b) => a - b)
    // A model without `prefix` may repeat; this one continues right after the given text.
    const going = (end) => (request, run) => {
      const last = request.messages.at(-1)
      const from = last.role === 'model' ? textOf(last).length : 0
      const piece = whole.slice(from, end)
      for (const chunk of piece.match(/[\s\S]{1,5}/g) ?? []) run.sendChunk(chunk)
      if (end < whole.length) throw down()
      return { finishReason: 'stop' }
    }
    const branches = Object.fromEntries(
      [...cuts, whole.length].map((end, at) => [`b${at}`, recorder(`b${at}`, { reply: going(end), counts: false })]),
    )
    const ai = hybridModel({ branches, strategy: new FallbackStrategy(Object.keys(branches)) })
    const stream = ai.generateStream('x', { continueFrom })
    const { text } = await read(stream)
    const response = await stream.response
    assert.equal(text, whole, `cuts ${cuts}`)
    assert.equal(response.text, whole)
    for (const { continued } of response.routing.attempts)
      if (continued !== undefined) assert.ok(cuts.includes(continued.at) || continued.at === 0)
  }
})

/** A service with one answer, which records its requests. */
async function service(answer) {
  const seen = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece) => (body += piece))
    request.on('end', () => {
      seen.push(JSON.parse(body))
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(answer.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { seen, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }
}

test('each cloud service gets an instruction to continue, in its own format', async () => {
  const begun = 'It rains in Bonn today, and'
  const again = 'Bonn today, and tomorrow too.'
  const gemini = await service([
    { candidates: [{ content: { role: 'model', parts: [{ text: again }] }, finishReason: 'STOP' }] },
  ])
  const openai = await service([{ choices: [{ index: 0, delta: { content: again }, finish_reason: 'stop' }] }])
  try {
    const clouds = {
      gemini: geminiModel({ model: 'm', apiKey: 'k', baseUrl: gemini.url }),
      openai: openAICompatibleModel({ model: 'm', baseUrl: openai.url }),
    }
    for (const [name, cloud] of Object.entries(clouds)) {
      const first = recorder('first', { reply: breaking(begun), counts: false })
      const ai = hybridModel({ branches: { first, cloud }, strategy: new FallbackStrategy(['first', 'cloud']) })
      const stream = ai.generateStream('The weather?', { continueFrom })
      assert.equal((await read(stream)).text, 'It rains in Bonn today, and tomorrow too.', name)
      assert.equal((await stream.response).text, 'It rains in Bonn today, and tomorrow too.')
    }
    // A marked last message is continued without a hybrid, too, streamed or not.
    const marked = {
      messages: [
        { role: 'user', content: [{ text: 'The weather?' }] },
        { role: 'model', content: [{ text: begun }], metadata: { prefix: true } },
      ],
    }
    assert.equal((await read(clouds.openai.generateStream(marked))).text, ' tomorrow too.')
    const [, model, asked] = gemini.seen[0].contents
    assert.deepEqual(model, { role: 'model', parts: [{ text: begun }] })
    assert.match(asked.parts[0].text, /«in Bonn today, and»/)
    const [, assistant, wanted] = openai.seen[0].messages
    assert.deepEqual(assistant, { role: 'assistant', content: begun })
    assert.match(wanted.content, /«in Bonn today, and»/)
  } finally {
    gemini.close()
    openai.close()
  }
})

// ── Stored answers ──

/** A chat with an answer that broke off, and a model whose next answers are these. */
async function begun(text, replies, options = {}) {
  const model = recorder('model', {
    counts: false,
    reply: (request, run, turn) => (turn === 1 ? breaking(text) : replies[turn - 2])(request, run),
  })
  const talk = chat(model, options)
  await assert.rejects(talk.send('Count.').response)
  return { model, talk }
}

test('regenerate continues a stored answer, even after a reload', async () => {
  const { model, talk } = await begun('One ', [sending('two', ' three')])
  const again = chatFromJSON(model, structuredClone(talk.toJSON()))
  const stream = again.regenerate({ continueFrom })
  const { text } = await read(stream)
  assert.equal(text, 'two three', 'the stream brings what is new')
  const response = await stream.response
  assert.equal(response.text, 'One two three')
  assert.deepEqual(again.messages.map(textOf), ['Count.', 'One two three'])
  assert.deepEqual(
    again.entries.map(({ state }) => state),
    [undefined, undefined],
  )
  const [question, prefix] = model.seen[1].messages
  assert.equal(textOf(question), 'Count.')
  assert.deepEqual(prefix, { role: 'model', content: [{ text: 'One ' }], metadata: { prefix: true } })
  // The next turn has one complete answer before it.
  await again.send('Go on.').response.catch(() => {})
  assert.deepEqual(model.seen[2].messages.map(textOf), ['Count.', 'One two three', 'Go on.'])
})

test('text that the model repeats of a stored answer is dropped', async () => {
  const { talk } = await begun('One two three', [sending('One two', ' three four')])
  const { text } = await read(talk.regenerate({ continueFrom }))
  assert.equal(text, ' four')
  assert.equal(textOf(talk.messages[1]), 'One two three four')
})

test('a continued answer that breaks off or is stopped is kept completely', async () => {
  const { model, talk } = await begun('One', [breaking(' two'), breaking(), sending(' three')])
  const { text } = await read(talk.regenerate({ continueFrom }))
  assert.equal(text, ' two')
  assert.deepEqual([textOf(talk.messages[1]), talk.entries[1].state], ['One two', 'failed'])
  await read(talk.regenerate({ continueFrom }))
  assert.deepEqual([textOf(talk.messages[1]), talk.entries[1].state], ['One two', 'failed'])
  assert.equal(textOf(model.seen[2].messages[1]), 'One two')
  await talk.regenerate({ continueFrom }).response
  assert.deepEqual([textOf(talk.messages[1]), talk.entries[1].state], ['One two three', undefined])
})

test('without its own option, or with nothing to continue, regenerate generates a new answer', async () => {
  const { model, talk } = await begun('One', [sending('Uno'), sending('Eins')], { continueFrom })
  await talk.regenerate().response
  assert.equal(textOf(talk.messages[1]), 'Uno')
  await talk.regenerate({ continueFrom }).response
  assert.equal(textOf(talk.messages[1]), 'Eins', 'a finished answer is not continued')
  assert.ok(model.seen.every(({ messages }) => messages.length === 1))
})

test('a hybrid continues a stored answer across two branches', async () => {
  const { ai, cloud } = pair(breaking(' two'), sending(' three'))
  const talk = chatFromJSON(ai, {
    version: 1,
    entries: [
      { message: { role: 'user', content: [{ text: 'Count.' }] } },
      { message: { role: 'model', content: [{ text: 'One' }] }, state: 'aborted', branch: 'onDevice' },
    ],
  })
  const response = await talk.regenerate({ continueFrom }).response
  assert.equal(response.text, 'One two three')
  assert.deepEqual(response.message.metadata.continued, { from: 'onDevice', at: 3 })
  assert.deepEqual(cloud.seen[0].messages.map(textOf), ['Count.', 'One two'], 'one text to go on from')
})

test('tools may follow a continued answer', async () => {
  const calls = {
    message: { role: 'model', content: [{ text: ' moment.' }, { toolRequest: { name: 'now', ref: 'a' } }] },
  }
  const tools = { now: { description: 'the time', execute: () => '12:00' } }
  const { model, talk } = await begun('One', [() => calls, sending('Noon.')], { tools })
  await talk.regenerate({ continueFrom }).response
  assert.deepEqual(
    talk.messages.map(({ role }) => role),
    ['user', 'model', 'tool', 'model'],
  )
  assert.deepEqual([textOf(talk.messages[1]), textOf(talk.messages[3])], ['One moment.', 'Noon.'])
  assert.deepEqual(
    model.seen[2].messages.map(({ role }) => role),
    ['user', 'model', 'tool'],
  )
})
