/** Conversations with fake models: history, aborts, windows, pins, tools. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { answered, calling, hybridge, recorder, textOf, tokensOf, until, user } from './setting.mjs'

const { chat, chatFromJSON, hybridModelOnDeviceCloud, FallbackStrategy, HybridError, kCloud, kOnDevice } = hybridge
const words = (count, word = 'w') => Array(count).fill(word).join(' ')
const texts = ({ messages }) => messages.map((message) => `${message.role[0]}:${textOf(message)}`)

test('a conversation keeps its history, its usage and the branch that answered last', async () => {
  const model = recorder('echo', {
    reply: ({ messages }) => ({ text: `re: ${textOf(messages.at(-1))}`, usage: { inputTokens: 3, outputTokens: 2 } }),
  })
  const talk = chat(model, { system: 'Be brief.' })
  const stream = talk.send('one')
  let streamed = ''
  for await (const { text } of stream) streamed += text
  assert.equal(streamed, 're: one')
  assert.equal((await stream.response).text, 're: one')
  await talk.send([{ text: 'two' }]).response
  assert.deepEqual(texts(talk), ['u:one', 'm:re: one', 'u:two', 'm:re: two'])
  assert.deepEqual(talk.usage, { inputTokens: 6, outputTokens: 4 })
  assert.equal(talk.lastBranch, 'echo')
  assert.deepEqual(
    model.seen[1].messages.map(({ role }) => role),
    ['system', 'user', 'model', 'user'],
  )
})

test('turns sent at once run one after the other', async () => {
  const model = recorder('slow', {
    reply: async ({ messages }) => (
      await new Promise((resolve) => setTimeout(resolve, 20)),
      `re ${textOf(messages.at(-1))}`
    ),
  })
  const talk = chat(model)
  await Promise.all(['a', 'b', 'c'].map((text) => talk.send(text).response))
  assert.deepEqual(texts(talk), ['u:a', 'm:re a', 'u:b', 'm:re b', 'u:c', 'm:re c'])
})

test('an abort keeps the content so far and marks it, and the next turn continues', async () => {
  const model = recorder('stopped', {
    reply: async (_, { sendChunk, signal }, turn) => {
      if (turn > 1) return 'done'
      sendChunk('half an ')
      sendChunk('answer')
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  })
  const talk = chat(model)
  const stop = new AbortController()
  const stream = talk.send('go', { signal: stop.signal })
  const reading = (async () => {
    for await (const { text } of stream) if (text === 'answer') stop.abort()
  })()
  await assert.rejects(stream.response, { status: 'CANCELLED' })
  await assert.rejects(reading, { status: 'CANCELLED' })
  assert.deepEqual(texts(talk), ['u:go', 'm:half an answer'])
  assert.equal(talk.entries[1].state, 'aborted')
  assert.equal(talk.messages[1].metadata.aborted, true)
  await talk.send('on').response
  assert.deepEqual(texts(talk), ['u:go', 'm:half an answer', 'u:on', 'm:done'])
})

test('a turn that fails before its first chunk is answered by regenerate, or joined to the next message', async () => {
  let isDown = true
  const model = recorder('flaky', {
    reply: () => {
      if (isDown) throw new HybridError('UNAVAILABLE', 'down')
      return 'up'
    },
  })
  const talk = chat(model)
  await assert.rejects(talk.send('one').response, { status: 'UNAVAILABLE' })
  assert.equal(talk.entries[0].state, 'failed')
  assert.equal(talk.entries[0].error.status, 'UNAVAILABLE')
  isDown = false
  await talk.send('two').response
  assert.deepEqual(texts(talk), ['u:one', 'u:two', 'm:up'])
  assert.deepEqual(texts(model.seen.at(-1)), ['u:one\ntwo'])
  await talk.regenerate().response
  assert.deepEqual(texts(talk), ['u:one', 'u:two', 'm:up'])
  await assert.rejects(chat(model).regenerate().response, { status: 'FAILED_PRECONDITION' })
})

test('rewind, fork and JSON', async () => {
  const talk = chat(recorder('echo', { reply: ({ messages }) => `re ${textOf(messages.at(-1))}` }))
  for (const text of ['a', 'b']) await talk.send(text).response
  const copy = talk.fork(2)
  talk.rewindTo(2)
  await talk.send('c').response
  await copy.send('d').response
  assert.deepEqual(texts(talk), ['u:a', 'm:re a', 'u:c', 'm:re c'])
  assert.deepEqual(texts(copy), ['u:a', 'm:re a', 'u:d', 'm:re d'])
  const again = chatFromJSON(recorder('other'), JSON.parse(JSON.stringify(talk)))
  assert.deepEqual(texts(again), texts(talk))
  await again.send('e').response
  assert.deepEqual(texts(talk).length, 4)
  for (const index of [-1, 5, 1.5, NaN]) assert.throws(() => talk.rewindTo(index), { status: 'INVALID_ARGUMENT' })
})

test('histories from outside are validated', () => {
  const model = recorder('any')
  const hostile = [
    null,
    {},
    { version: 2, entries: [] },
    { version: 1, entries: {} },
    { version: 1, entries: [null] },
    { version: 1, entries: [{ message: { role: 'robot', content: [] } }] },
    { version: 1, entries: [{ message: { role: 'user', content: 'text' } }] },
  ]
  for (const snapshot of hostile)
    assert.throws(() => chatFromJSON(model, snapshot), { status: 'INVALID_ARGUMENT' }, JSON.stringify(snapshot))
  assert.throws(() => chat(model, { messages: [{ role: 'user' }] }), { status: 'INVALID_ARGUMENT' })
  assert.throws(() => chat({}), { status: 'INVALID_ARGUMENT' })
  assert.throws(() => chat(model, { persist: {} }), { status: 'INVALID_ARGUMENT' })
})

test('a branch with a small window receives the newest turns, and the history stays complete', async () => {
  const model = recorder('small', { contextWindow: 100 })
  const talk = chat(model, { system: 'Be brief.', config: { maxOutputTokens: 20 } })
  for (let turn = 0; turn < 6; turn++) await talk.send(`${turn} ${words(5)}`).response
  assert.equal(talk.messages.length, 12)
  for (const request of model.seen) {
    assert.ok(tokensOf(request) <= 80, `${tokensOf(request)} tokens`)
    assert.equal(request.messages[0].role, 'system')
    assert.equal(request.messages[1].role, 'user')
  }
  const last = model.seen.at(-1)
  assert.equal(textOf(last.messages.at(-1)), `5 ${words(5)}`)
  // A cut makes room for several turns, so that the beginning, and with it the cache, stays the same for them.
  const beginnings = model.seen.map(({ messages }) => textOf(messages[1]))
  assert.ok(new Set(beginnings).size < beginnings.length, beginnings.join(' | '))
})

test('a message that does not fit is an error with the numbers, and a hybrid moves on', async () => {
  const small = recorder('small', { contextWindow: 60 })
  const large = recorder('large', { reply: () => 'large' })
  const config = { maxOutputTokens: 10 }
  await assert.rejects(chat(small, { config }).send(words(60)).response, {
    status: 'RESOURCE_EXHAUSTED',
    code: 'CONTEXT_FULL',
    message: /7\d tokens.*50 are available/,
  })
  const refusing = chat(small, { config, window: 'refuse', messages: [user(words(20)), answered(words(20))] })
  await assert.rejects(refusing.send('on').response, { status: 'INVALID_ARGUMENT', code: 'CONTEXT_FULL' })
  const ai = hybridModelOnDeviceCloud({
    onDevice: small,
    cloud: large,
    strategy: new FallbackStrategy([kOnDevice, kCloud]),
  })
  const talk = chat(ai, { config })
  assert.equal((await talk.send(words(60)).response).branch, 'cloud')
  assert.equal(large.seen.length, 1)
})

test('each branch of a hybrid receives the conversation fitted to its own window', async () => {
  let isOffline = false
  const small = recorder('small', { contextWindow: 60, reply: () => 'small' })
  const large = recorder('large', {
    contextWindow: 100_000,
    reply: () => {
      if (isOffline) throw new HybridError('UNAVAILABLE', 'offline')
      return 'large'
    },
  })
  const ai = hybridModelOnDeviceCloud({
    onDevice: small,
    cloud: large,
    strategy: new FallbackStrategy([kCloud, kOnDevice]),
  })
  const talk = chat(ai, { config: { maxOutputTokens: 10 } })
  for (let turn = 0; turn < 4; turn++) await talk.send(words(6)).response
  isOffline = true
  const { branch, routing } = await talk.send('and now?').response
  assert.equal(branch, 'onDevice')
  assert.equal(large.seen.at(-1).messages.length, 9)
  assert.ok(small.seen[0].messages.length < 9)
  const attempt = routing.attempts.find(({ branch }) => branch === 'onDevice')
  assert.equal(attempt.window.leftOut, 9 - small.seen[0].messages.length)
  assert.equal(attempt.window.window, 60)
})

test('a summary replaces the omitted turns, and is written once until it is outgrown', async () => {
  let summaries = 0
  const reply = ({ messages }) => {
    if (!/^[^]*Summarise this conversation/.test(textOf(messages.at(-1)))) return 'ok'
    summaries++
    return `summary ${summaries}`
  }
  const model = recorder('small', { contextWindow: 700, reply })
  const talk = chat(model, { config: { maxOutputTokens: 20 }, window: { summarise: {} } })
  for (let turn = 0; turn < 14; turn++) await talk.send(words(60)).response
  assert.ok(summaries >= 1 && summaries < 8, `${summaries} summaries`)
  const last = model.seen.findLast(
    ({ messages }) => messages.at(-1).role === 'user' && !textOf(messages.at(-1)).includes('Summarise'),
  )
  const note = last.messages.find(({ role }) => role === 'system')
  assert.match(textOf(note), /^Summary of the conversation so far: summary \d$/)
  assert.equal(talk.messages.length, 28)
})

test('a custom window function', async () => {
  const model = recorder('small', { contextWindow: 60 })
  const seen = []
  const window = ({ messages, needed, available }) => (seen.push([needed, available]), messages.slice(-1))
  const talk = chat(model, {
    config: { maxOutputTokens: 10 },
    window,
    messages: [user(words(20)), answered(words(20))],
  })
  await talk.send('on').response
  assert.deepEqual(texts(model.seen[0]), ['u:on'])
  assert.deepEqual(seen, [[71, 50]])
  await assert.rejects(chat(model, { window: () => [], messages: [user(words(90))] }).send('on').response, {
    status: 'INVALID_ARGUMENT',
  })
})

test('the result of a window function is validated, and its exceptions go to the caller', async () => {
  const small = recorder('small', { contextWindow: 60 })
  const large = recorder('large')
  const ai = hybridModelOnDeviceCloud({
    onDevice: small,
    cloud: large,
    strategy: new FallbackStrategy([kOnDevice, kCloud]),
  })
  const table = [
    ['text', 'INVALID_ARGUMENT'],
    [undefined, 'INVALID_ARGUMENT'],
    [[null], 'INVALID_ARGUMENT'],
    [[{ role: 'user', content: null }], 'INVALID_ARGUMENT'],
    [[{ role: 'robot', content: [] }], 'INVALID_ARGUMENT'],
  ]
  for (const [returned, status] of table) {
    const talk = chat(ai, { window: () => returned })
    await assert.rejects(talk.send(words(90)).response, { status }, JSON.stringify(returned))
  }
  const mine = new Error('mine')
  const throwing = chat(ai, {
    window: () => {
      throw mine
    },
  })
  await assert.rejects(throwing.send(words(90)).response, (error) => error === mine)
  assert.deepEqual([small.seen.length, large.seen.length], [0, 0])
})

test('a summary of a pinned conversation is written by no other branch', async () => {
  for (const branch of [undefined, 'cloud', 'onDevice']) {
    const device = recorder('device', { contextWindow: 700 })
    const cloud = recorder('cloud')
    const strategy = {
      name: 'switch',
      route: ({ request }) =>
        request.messages.length === 1 && !textOf(request.messages[0]).includes('Summarise')
          ? { order: [kOnDevice], allow: [kOnDevice] }
          : [kCloud, kOnDevice],
    }
    const ai = hybridModelOnDeviceCloud({ onDevice: device, cloud, strategy })
    const window = { summarise: branch === undefined ? {} : { branch } }
    const talk = chat(ai, { config: { maxOutputTokens: 20 }, window })
    for (let turn = 0; turn < 14; turn++) await talk.send(words(60)).response
    assert.equal(cloud.seen.length, 0, `${branch}`)
    const summaries = device.seen.filter(({ messages }) => textOf(messages.at(-1)).includes('Summarise'))
    assert.equal(summaries.length > 0, branch !== 'cloud', `${branch}`)
  }
})

test('a pinned conversation stays pinned, until that turn is removed', async () => {
  const device = recorder('device', { reply: () => 'device' })
  const cloud = recorder('cloud', { reply: () => 'cloud' })
  let isPrivate = false
  const strategy = {
    name: 'switch',
    route: () => (isPrivate ? { order: [kOnDevice], allow: [kOnDevice] } : [kCloud, kOnDevice]),
  }
  const talk = chat(hybridModelOnDeviceCloud({ onDevice: device, cloud, strategy }))
  assert.equal((await talk.send('open').response).branch, 'cloud')
  isPrivate = true
  assert.equal((await talk.send('secret').response).branch, 'onDevice')
  isPrivate = false
  for (const text of ['and then', 'and then']) assert.equal((await talk.send(text).response).branch, 'onDevice')
  const copy = chatFromJSON(
    talk.fork().model ?? hybridModelOnDeviceCloud({ onDevice: device, cloud, strategy }),
    talk.toJSON(),
  )
  assert.equal((await copy.send('still').response).branch, 'onDevice')
  assert.equal(cloud.seen.length, 1)
  talk.rewindTo(2)
  assert.equal((await talk.send('open again').response).branch, 'cloud')
})

test('tools with functions run within the turn, and their messages are stored', async () => {
  const model = recorder('tools', {
    reply: (_, __, turn) => (turn === 1 ? calling(['add', { a: 1, b: 2 }, '1']) : 'three'),
  })
  const add = {
    description: 'adds',
    inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
    execute: ({ a, b }) => a + b,
  }
  const talk = chat(model, { tools: { add } })
  const { text } = await talk.send('1 + 2?').response
  assert.equal(text, 'three')
  assert.deepEqual(
    talk.messages.map(({ role }) => role),
    ['user', 'model', 'tool', 'model'],
  )
  assert.equal(talk.messages[2].content[0].toolResponse.output, 3)
  assert.equal(model.seen[0].tools[0].name, 'add')
})

test('a call that needs approval waits, also across JSON, and continues with the decision', async () => {
  let runs = 0
  const reply = ({ messages }) =>
    messages.at(-1).role === 'tool'
      ? `got ${JSON.stringify(messages.at(-1).content[0].toolResponse.output)}`
      : calling(['erase', {}, '7'])
  const tools = { erase: { description: 'erases', needsApproval: true, execute: () => (runs++, 'erased') } }
  const model = recorder('tools', { reply })
  const talk = chat(model, { tools })
  await talk.send('erase it').response
  assert.equal(runs, 0)
  assert.equal(talk.entries.at(-1).paused.calls[0].waits, true)
  const later = chatFromJSON(model, JSON.parse(JSON.stringify(talk)), { tools })
  assert.equal((await later.approve({ 7: true }).response).text, 'got "erased"')
  assert.equal(runs, 1)
  assert.deepEqual(
    later.messages.map(({ role }) => role),
    ['user', 'model', 'tool', 'model'],
  )
  assert.match(
    (await talk.approve({ 7: { approved: false, reason: 'too risky' } }).response).text,
    /declined.*too risky/,
  )
  assert.equal(runs, 1)
  await assert.rejects(talk.approve({}).response, { code: 'NOTHING_TO_APPROVE' })
})

test('a call without a result is never sent without one', async () => {
  const model = recorder('any')
  const call = calling(['f', {}, '1']).message
  const orphan = { role: 'tool', content: [{ toolResponse: { name: 'g', ref: '9', output: 1 } }] }
  const talk = chat(model, { messages: [user('a'), call, user('b'), answered(''), orphan] })
  await talk.send('c').response
  const [sent] = model.seen
  assert.deepEqual(
    sent.messages.map(({ role }) => role),
    ['user', 'model', 'tool', 'user'],
  )
  assert.match(sent.messages[2].content[0].toolResponse.output.error, /not run/)
})

test('listeners are called at every change and can be removed', async () => {
  const talk = chat(recorder('any'))
  let changes = 0
  const leave = talk.onChange(() => changes++)
  talk.onChange(() => {
    throw new Error('a broken listener costs nothing')
  })
  const before = globalThis.reportError
  globalThis.reportError = () => {}
  try {
    await talk.send('x').response
    await until(() => !talk.isBusy)
  } finally {
    globalThis.reportError = before
  }
  assert.ok(changes >= 2)
  leave()
  const so_far = changes
  await talk.send('y').response
  assert.equal(changes, so_far)
})

test('invalid arguments are INVALID_ARGUMENT, thrown or as a rejection', async () => {
  const model = recorder('model')
  const throwing = new Proxy([], {
    get() {
      throw new Error('mine')
    },
  })
  const refused = async (act) =>
    await assert.rejects(async () => await act(), { status: 'INVALID_ARGUMENT' }, String(act))
  for (const input of [null, undefined, 5, [], {}, [null], [5], [[]], [() => 1], throwing])
    await refused(() => chat(model).send(input).response)
  for (const options of [null, 5, [], { signal: {} }, { signal: 5 }, { allow: 'x' }, { allow: [5] }, { window: 1 }])
    await refused(() => chat(model).send('x', options).response)
  await refused(() => hybridge.streamTools(null).result)
  for (const options of [{ signal: {} }, { signal: 5 }, { allow: 'x' }, { allow: [5] }, { window: 1 }])
    await refused(() => hybridge.streamTools({ model, request: 'x', tools: {}, ...options }).result)
  for (const options of [null, 5, [], { persist: {} }, { media: 5 }, { continueFrom: true }])
    await refused(() => chat(model, options))
  const entry = { message: { role: 'user', content: [{ text: 'x' }] } }
  for (const more of [{ allow: 'x' }, { allow: [5] }, { allow: {} }, { usage: 'x' }])
    await refused(() => chatFromJSON(model, { version: 1, entries: [{ ...entry, ...more }] }))
  assert.equal(model.seen.length, 0)
})
