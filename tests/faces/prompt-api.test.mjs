/**
 * `hybridge/prompt-api`: the behaviours covered by the platform's tests for `LanguageModel`, tested independently.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, entry, failure, hybrid, hybridge, scripted } from './setting.mjs'

const { installPromptApi, promptApi } = await entry('./prompt-api')

const words = (messages) =>
  messages
    .flatMap(({ content }) => content)
    .map((part) => part.text ?? '')
    .join(' ')
    .split(/\s+/)
    .filter(Boolean).length
const classOf = (model, options) => promptApi(model, { countTokens: words, contextWindow: 100, ...options })
const sessionOf = (model, given, options) => classOf(model, options).create(given)
const named = (name) => (error) => error instanceof DOMException && error.name === name
const heard = (model, at = -1) =>
  model.seen
    .at(at)
    .request.messages.map(
      ({ role, content }) => `${role}: ${content.map((part) => part.text ?? JSON.stringify(part)).join('|')}`,
    )
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))
const stopped = async ({ signal }) => {
  for (let count = 0; count < 200 && !signal.aborted; count++) await turn()
  assert.equal(signal.aborted, true, 'the work was not aborted')
}

test('the class: its name, its constructor, availability', async () => {
  const LanguageModel = classOf(scripted('m', ['ok']))
  assert.equal(LanguageModel.name, 'LanguageModel')
  assert.throws(() => new LanguageModel(), TypeError)
  assert.equal(await LanguageModel.availability(), 'available')
  const session = await LanguageModel.create()
  assert.ok(session instanceof LanguageModel && session instanceof EventTarget)
  assert.deepEqual([session.contextUsage, session.contextWindow, session.samplingMode], [0, 100, 'balanced'])
  assert.equal('LanguageModel' in globalThis, false)
  // Like the platform's own: enumerable members, required arguments counted, null instead of options.
  assert.equal(String(session), '[object LanguageModel]')
  const { create, prototype } = LanguageModel
  assert.deepEqual([create.length, prototype.prompt.length, prototype.clone.length], [0, 1, 0])
  assert.ok(Object.keys(prototype).includes('promptStreaming'))
  assert.equal(await LanguageModel.availability(null), 'available')
  assert.equal(await session.prompt('x', null), 'ok')
  await assert.rejects(session.prompt(), TypeError)
  assert.throws(() => session.promptStreaming(), TypeError)
  await assert.rejects(session.prompt(Symbol('x')), TypeError)
  await assert.rejects(LanguageModel.create({ initialPrompts: 'words' }), TypeError)
})

test('a conversation is remembered, initial prompts first, and counted message by message', async () => {
  const model = scripted('m', ['one two'], ['three'])
  const session = await sessionOf(model, {
    initialPrompts: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'a' },
    ],
  })
  assert.equal(session.contextUsage, 4)
  assert.equal(await session.prompt('hi there'), 'one two')
  assert.equal(session.contextUsage, 8)
  assert.equal(
    await session.prompt([
      {
        role: 'user',
        content: [
          { type: 'text', value: 'a' },
          { type: 'text', value: 'b' },
        ],
      },
    ]),
    'three',
  )
  assert.deepEqual(heard(model), [
    'system: be brief',
    'user: q',
    'model: a',
    'user: hi there',
    'model: one two',
    'user: ab',
  ])
  await session.append([{ role: 'user', content: 'noted down' }])
  assert.equal(session.contextUsage, 12)
  assert.equal(model.seen.length, 2)
  assert.equal(await session.measureContextUsage('x y z'), 3)
  assert.equal(session.contextUsage, 12)
})

test('input is coerced as on the platform', async () => {
  for (const [input, expected] of [
    [null, ['user: null']],
    [{}, ['user: [object Object]']],
    [undefined, ['user: undefined']],
    [5, ['user: 5']],
    ['', ['user: ']],
    [[], ['user: ']],
  ]) {
    const model = scripted('m', ['ok'])
    const session = await sessionOf(model)
    await session.prompt(input)
    assert.deepEqual(heard(model), expected)
  }
})

const picture = new Blob([Uint8Array.of(0x89, 0x50, 0x4e, 0x47)], { type: 'image/png' })
const user = (content) => [{ role: 'user', content }]
const malformed = [
  ['an unknown role', [{ role: 'king', content: 'x' }], TypeError],
  ['no role', [{ content: 'x' }], TypeError],
  ['no content', [{ role: 'user' }], TypeError],
  ['an unknown type', user([{ type: 'smell', value: 'x' }]), TypeError],
  ['a text that is not a string', user([{ type: 'text', value: 5 }]), TypeError],
  ['null among messages', [null], TypeError],
  ['an unexpected picture', user([{ type: 'image', value: picture }]), named('NotSupportedError')],
  ['a picture that is a string', user([{ type: 'image', value: 'x' }]), TypeError],
  ['a system message', [{ role: 'system', content: 'x' }], TypeError],
  ['a system message after another message', [...user('x'), { role: 'system', content: 'x' }], TypeError],
  [
    'a call with a list of arguments',
    [{ role: 'assistant', content: [{ type: 'tool-call', value: { callID: '1', name: 't', arguments: [] } }] }],
    named('DataError'),
  ],
  ['a call by the user', user([{ type: 'tool-call', value: { callID: '1', name: 't', arguments: {} } }]), TypeError],
  ['a prefix by the user', [{ role: 'user', content: 'x', prefix: true }], named('SyntaxError')],
  [
    'a prefix that is not last',
    [
      { role: 'assistant', content: 'x', prefix: true },
      { role: 'user', content: 'y' },
    ],
    named('SyntaxError'),
  ],
]
for (const [what, input, expected] of malformed) {
  test(`rejected before anything runs: ${what}`, async () => {
    const model = scripted('m', ['never'])
    const session = await sessionOf(model)
    await assert.rejects(session.prompt(input), expected)
    await assert.rejects(session.append(input), expected)
    await assert.rejects(session.measureContextUsage(input), expected)
    assert.throws(() => session.promptStreaming(input), expected)
    assert.deepEqual([model.seen.length, session.contextUsage], [0, 0])
  })
}

test('images: bytes and blobs as data: URLs, for the user only', async () => {
  const model = scripted('m', ['ok'])
  const session = await sessionOf(model, { expectedInputs: [{ type: 'image' }] })
  await session.prompt(
    user([
      { type: 'text', value: 'see' },
      { type: 'image', value: picture },
      { type: 'image', value: Uint8Array.of(0xff, 0xd8, 0xff) },
    ]),
  )
  assert.deepEqual(model.seen[0].request.messages[0].content.slice(1), [
    { media: { url: 'data:image/png;base64,iVBORw==', contentType: 'image/png' } },
    { media: { url: 'data:image/jpeg;base64,/9j/', contentType: 'image/jpeg' } },
  ])
  await assert.rejects(
    session.prompt([{ role: 'assistant', content: [{ type: 'image', value: picture }] }]),
    named('NotSupportedError'),
  )
  const blind = hybridge.defineModel({ name: 'blind', info: { supports: { media: false } }, generate: async () => 'x' })
  assert.equal(await classOf(blind).availability({ expectedInputs: [{ type: 'image' }] }), 'unavailable')
  await assert.rejects(sessionOf(blind, { expectedInputs: [{ type: 'image' }] }), named('NotSupportedError'))
})

test('a prefix is continued', async () => {
  const model = scripted('m', ['rest'])
  const session = await sessionOf(model)
  await session.prompt([
    { role: 'user', content: 'x' },
    { role: 'assistant', content: 'It is', prefix: true },
  ])
  assert.deepEqual(heard(model), ['user: x', 'model: It is'])
  assert.deepEqual(model.seen[0].request.messages.at(-1).metadata, { prefix: true })
})

const badOptions = [
  [{ samplingMode: 'wild' }, TypeError],
  [{ samplingMode: 'creative', topK: 3 }, TypeError],
  [{ samplingMode: 'creative', temperature: 1 }, TypeError],
  [{ expectedInputs: [{ type: 'smell' }] }, TypeError],
  [{ expectedInputs: 5 }, TypeError],
  [{ expectedInputs: [{ type: 'text', languages: ['not a tag'] }] }, RangeError],
  [{ expectedOutputs: [{ type: 'image' }] }, named('NotSupportedError')],
  [
    {
      initialPrompts: [
        { role: 'user', content: 'x' },
        { role: 'system', content: 'y' },
      ],
    },
    TypeError,
  ],
  [{ initialPrompts: [{ role: 'assistant', content: 'x', prefix: true }] }, named('SyntaxError')],
]
for (const [given, expected] of badOptions)
  test(`create rejects ${JSON.stringify(given)}`, () =>
    assert.rejects(sessionOf(scripted('m', ['x']), given), expected))

test('sampling modes; topK and temperature are accepted without effect', async () => {
  const found = {}
  for (const samplingMode of ['most-predictable', 'predictable', 'balanced', 'creative', 'most-creative']) {
    const model = scripted('m', ['x'])
    await (await sessionOf(model, { samplingMode })).prompt('q')
    found[samplingMode] = model.seen[0].request.config.temperature
  }
  assert.deepEqual([found['most-predictable'], found.balanced], [0, undefined])
  assert.ok(found.predictable < found.creative && found.creative < found['most-creative'])
  const model = scripted('m', ['x'])
  await (await sessionOf(model, { topK: 3, temperature: 2 })).prompt('q')
  assert.deepEqual(model.seen[0].request.config, {})
})

// ── Queues, stops, ends ──────────────────────────────────────────────────────────────────────────────────────────────

test('prompts wait for each other; a waiting one that is aborted never runs', async () => {
  let release
  const model = scripted('m', ['a', { wait: new Promise((resolve) => (release = resolve)) }], ['b'])
  const session = await sessionOf(model)
  const stop = new AbortController()
  const first = session.prompt('1')
  const second = session.prompt('2', { signal: stop.signal })
  const third = session.prompt('3')
  await turn()
  assert.equal(model.seen.length, 1)
  stop.abort()
  await assert.rejects(second, named('AbortError'))
  release()
  assert.deepEqual([await first, await third], ['a', 'b'])
  assert.deepEqual(heard(model), ['user: 1', 'model: a', 'user: 3'])
})

test('an aborted running prompt leaves no trace, and rejects with its own reason each time', async () => {
  const model = scripted('m', ['a', { hang: true }], ['a', { hang: true }], ['ok'])
  const session = await sessionOf(model)
  const reason = new Error('mine')
  for (const expected of [named('AbortError'), (error) => error === reason]) {
    const stop = new AbortController()
    const running = session.prompt('x', { signal: stop.signal })
    await turn()
    stop.abort(expected === undefined ? undefined : model.seen.length === 1 ? undefined : reason)
    await assert.rejects(running, expected)
    await assert.rejects(session.prompt('x', { signal: stop.signal }), expected)
    assert.throws(() => session.promptStreaming('x', { signal: stop.signal }), expected)
    assert.equal(session.contextUsage, 0)
  }
  await stopped(model.seen[1])
  assert.equal(await session.prompt('y'), 'ok')
  assert.deepEqual(heard(model), ['user: y'])
})

test('destroy ends pending and later calls; the model stays for other sessions', async () => {
  const model = scripted('m', ['a', { hang: true }], ['ok'])
  const LanguageModel = classOf(model)
  const session = await LanguageModel.create()
  const pending = [session.prompt('1'), session.prompt('2')]
  const stream = session.promptStreaming('3')
  await turn()
  session.destroy()
  session.destroy()
  for (const it of [
    ...pending,
    collect(stream),
    session.prompt('4'),
    session.append('5'),
    session.clone(),
    session.measureContextUsage('6'),
  ])
    await assert.rejects(it, named('AbortError'))
  assert.throws(() => session.promptStreaming('7'), named('AbortError'))
  await stopped(model.seen[0])
  assert.equal(await (await LanguageModel.create()).prompt('x'), 'ok')
})

test('the signal of create destroys the session later, with its reason', async () => {
  const stop = new AbortController()
  const session = await sessionOf(scripted('m', [{ hang: true }]), { signal: stop.signal })
  const reason = new Error('mine')
  const pending = session.prompt('x')
  stop.abort(reason)
  await assert.rejects(pending, reason)
  await assert.rejects(session.prompt('y'), reason)
  await assert.rejects(sessionOf(scripted('m', ['x']), { signal: stop.signal }), reason)
})

test('streams deliver new chunks without repetition; cancelling aborts the work', async () => {
  const model = scripted('m', ['a', 'b'], ['a', { hang: true }], ['ok'])
  const session = await sessionOf(model)
  assert.deepEqual(await collect(session.promptStreaming('x')), ['a', 'b'])
  const reader = session.promptStreaming('y').getReader()
  assert.equal((await reader.read()).value, 'a')
  await reader.cancel()
  await stopped(model.seen[1])
  assert.equal(await session.prompt('z'), 'ok')
  assert.deepEqual(heard(model), ['user: x', 'model: ab', 'user: z'])
})

test('clones share the past, not the future; the model is not loaded again', async () => {
  const model = scripted('m', ['a'], ['b'], ['c'])
  const session = await sessionOf(model, { initialPrompts: [{ role: 'system', content: 's' }] })
  await session.prompt('1')
  const copy = await session.clone()
  await session.prompt('2')
  session.destroy()
  assert.equal(await copy.prompt('3'), 'c')
  assert.deepEqual(heard(model), ['system: s', 'user: 1', 'model: a', 'user: 3'])
  await assert.rejects(copy.clone({ signal: AbortSignal.abort(new Error('no')) }), /no/)
})

// ── The window ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('an overflow drops the oldest turns; a prompt that cannot fit changes nothing', async () => {
  const model = scripted('m', ['a b'], ['c d'], ['e f'])
  const session = await sessionOf(
    model,
    { initialPrompts: [{ role: 'system', content: 'stay' }] },
    { contextWindow: 9 },
  )
  const events = []
  session.addEventListener('contextoverflow', () => events.push('listener'))
  session.oncontextoverflow = () => events.push('handler')
  await session.prompt('1 1')
  await session.prompt('2 2')
  assert.deepEqual([session.contextUsage, events], [9, []])
  await session.prompt('3 3')
  assert.deepEqual(heard(model), ['system: stay', 'user: 2 2', 'model: c d', 'user: 3 3'])
  assert.deepEqual([session.contextUsage, events], [9, ['listener', 'handler']])
  const long = 'x '.repeat(20)
  const error = await session.prompt(long).catch((thrown) => thrown)
  assert.equal(error.name, 'QuotaExceededError')
  assert.deepEqual([error.requested, error.quota], [20, 8])
  await assert.rejects(session.append(long), named('QuotaExceededError'))
  await assert.rejects(
    sessionOf(model, { initialPrompts: [{ role: 'user', content: long }] }, { contextWindow: 9 }),
    named('QuotaExceededError'),
  )
  assert.deepEqual([session.contextUsage, model.seen.length], [9, 3])
})

test('without a count the estimate grows with the text; the model’s window is used', async () => {
  const model = hybridge.defineModel({ name: 'm', info: { contextWindow: 77 }, generate: async () => 'x' })
  const session = await promptApi(model).create()
  assert.equal(session.contextWindow, 77)
  assert.ok((await session.measureContextUsage('word '.repeat(40))) > (await session.measureContextUsage('word')))
  assert.equal(await session.measureContextUsage(''), 0)
})

// ── Constraints, tools, errors ───────────────────────────────────────────────────────────────────────────────────────

test('a constraint applies to one prompt', async () => {
  const model = scripted('m', ['{"a":1}'], ['free'])
  const session = await sessionOf(model)
  const schema = { type: 'object', properties: { a: { type: 'integer' } } }
  assert.equal(await session.prompt('x', { responseConstraint: schema, omitResponseConstraintInput: true }), '{"a":1}')
  assert.deepEqual(model.seen[0].request.output, { format: 'json', schema })
  await session.prompt('y')
  assert.equal(model.seen[1].request.output, undefined)
  const circular = {}
  circular.self = circular
  for (const responseConstraint of [
    circular,
    { type: 'unknown' },
    { type: 'object', properties: { a: { type: 'x' } } },
    /a+/,
    [],
  ])
    await assert.rejects(session.prompt('x', { responseConstraint }), named('NotSupportedError'))
  await assert.rejects(session.prompt('x', { responseConstraint: 5 }), TypeError)
  for (const method of ['prompt', 'measureContextUsage'])
    await assert.rejects(session[method]('x', { omitResponseConstraintInput: true }), TypeError)
  assert.equal(model.seen.length, 2)
})

const weather = { name: 'weather', description: 'The weather.', inputSchema: { type: 'object' } }
const call = (city, ref) => [{ toolRequest: { name: 'weather', input: { city }, ...(ref !== undefined && { ref }) } }]

test('tools with execute run in parallel, exceptions are reported to the model, calls are remembered', async () => {
  const model = scripted('m', [[...call('Oslo', '0'), ...call('Bonn', '1')]], ['done'], ['again'])
  const asked = []
  const execute = async ({ city }) => {
    asked.push(city)
    if (city === 'Bonn') throw new Error('no such city')
    return 'rain'
  }
  const session = await sessionOf(model, { tools: [{ ...weather, execute }] })
  assert.deepEqual(await collect(session.promptStreaming('x')), ['done'])
  assert.deepEqual(asked, ['Oslo', 'Bonn'])
  assert.deepEqual(
    model.seen[1].request.messages.at(-1).content.map(({ toolResponse }) => [toolResponse.output, toolResponse.ref]),
    [
      ['rain', '0'],
      [{ error: 'no such city' }, '1'],
    ],
  )
  await session.prompt('y')
  assert.equal(model.seen[2].request.messages.length, 5)
})

test('an open loop: calls go to the page with their own IDs, and results are returned', async () => {
  const model = scripted('m', ['see: ', call('Oslo', '0')], ['rain'])
  const session = await sessionOf(model, { tools: [weather], expectedOutputs: [{ type: 'tool-call' }] })
  const answer = await session.prompt('x')
  assert.deepEqual(
    answer.map(({ type }) => type),
    ['text', 'tool-call'],
  )
  const { callID, name, arguments: input } = answer[1].value
  assert.deepEqual([name, input], ['weather', { city: 'Oslo' }])
  assert.equal(
    await session.prompt(
      user([{ type: 'tool-response', value: { callID, name, result: [{ type: 'text', value: 'rain' }] } }]),
    ),
    'rain',
  )
  assert.deepEqual(model.seen[1].request.messages.at(-1), {
    role: 'tool',
    content: [{ toolResponse: { name: 'weather', output: 'rain', ref: '0' } }],
  })
})

const circular = {}
circular.self = circular
const badTools = [
  { ...weather },
  { ...weather, name: '', execute() {} },
  { ...weather, description: '', execute() {} },
  { ...weather, inputSchema: 'x', execute() {} },
  { ...weather, inputSchema: {}, execute() {} },
  { ...weather, inputSchema: { type: 'string' }, execute() {} },
  { ...weather, inputSchema: { type: 'object', properties: 'x' }, execute() {} },
  { ...weather, inputSchema: { type: 'object', required: 'x' }, execute() {} },
  { ...weather, inputSchema: circular, execute() {} },
  { ...weather, execute: 5 },
  null,
]
for (const [index, tool] of badTools.entries())
  test(`a malformed tool, ${index}`, () =>
    assert.rejects(sessionOf(scripted('m', ['x']), { tools: [tool] }), TypeError))
test('two tools of one name', () =>
  assert.rejects(
    sessionOf(scripted('m', ['x']), {
      tools: [
        { ...weather, execute() {} },
        { ...weather, execute() {} },
      ],
    }),
    TypeError,
  ))

const errors = [
  ['PERMISSION_DENIED', 'NotAllowedError'],
  ['UNAUTHENTICATED', 'NotAllowedError'],
  ['FAILED_PRECONDITION', 'NotSupportedError'],
  ['UNAVAILABLE', 'NetworkError'],
  ['INTERNAL', 'OperationError'],
  ['DATA_LOSS', 'UnknownError'],
]
for (const [status, name] of errors) {
  test(`${status} is ${name}, with the HybridError as its cause, and leaves no trace`, async () => {
    const session = await sessionOf(
      scripted('m', [{ fail: failure(status) }], ['a', { fail: failure(status) }], ['ok']),
    )
    for (const running of [session.prompt('x'), collect(session.promptStreaming('y'))])
      await assert.rejects(running, (error) => named(name)(error) && error.cause.status === status)
    assert.equal(session.contextUsage, 0)
    assert.equal(await session.prompt('z'), 'ok')
  })
}

test('a filtered answer is NotReadableError', async () => {
  const session = await sessionOf(scripted('m', [{ reply: { text: '', finishReason: 'blocked' } }]))
  await assert.rejects(session.prompt('x'), named('NotReadableError'))
})

test('reasoning is never part of the text', async () => {
  const session = await sessionOf(scripted('m', [[{ reasoning: 'hm' }], 'a']))
  assert.deepEqual(await collect(session.promptStreaming('x')), ['a'])
})

// ── The download ─────────────────────────────────────────────────────────────────────────────────────────────────────

function loadable(model, { status = 'downloadable', fractions = [], fail } = {}) {
  let loads = 0
  return Object.assign(model, {
    state: 'absent',
    loads: () => loads,
    availability: async () => ({ status }),
    async load({ onProgress, signal }) {
      loads++
      for (const fraction of fractions) onProgress({ fraction })
      if (fail === 'hang')
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(failure('CANCELLED'))))
      if (fail !== undefined) throw fail
      model.state = 'ready'
    },
  })
}
const monitorInto = (events) => (monitor) =>
  monitor.addEventListener('downloadprogress', ({ loaded, total, lengthComputable }) =>
    events.push([loaded, total, lengthComputable]),
  )

test('progress grows from 0 to 1 in steps, even if nothing is loaded', async () => {
  const model = loadable(scripted('m', ['x']), { fractions: [0, 0.1, 0.1, 0.1000001, 0.05, 0.9, 1, 1] })
  const events = []
  assert.equal(await classOf(model).availability(), 'downloadable')
  await sessionOf(model, { monitor: monitorInto(events) })
  const loaded = events.map(([it]) => it)
  assert.deepEqual([loaded[0], loaded.at(-1)], [0, 1])
  assert.deepEqual(
    loaded,
    [...new Set(loaded)].sort((a, b) => a - b),
  )
  assert.ok(
    events.every(([it, total, computable]) => total === 1 && computable === true && Number.isInteger(it * 65_536)),
  )
  const again = []
  await sessionOf(model, { monitor: monitorInto(again) })
  assert.deepEqual([again.map(([it]) => it), model.loads()], [[0, 1], 1])
})

test('a load that fails, is aborted, or is impossible', async () => {
  await assert.rejects(
    sessionOf(loadable(scripted('m', ['x']), { fail: failure('UNAVAILABLE') })),
    named('NetworkError'),
  )
  await assert.rejects(sessionOf(loadable(scripted('m', ['x']), { status: 'unavailable' })), named('NotSupportedError'))
  const stop = new AbortController()
  const reason = new Error('mine')
  const creating = sessionOf(loadable(scripted('m', ['x']), { fail: 'hang' }), { signal: stop.signal })
  await turn()
  stop.abort(reason)
  await assert.rejects(creating, reason)
  const fault = new Error('in the monitor')
  await assert.rejects(
    sessionOf(scripted('m', ['x']), {
      monitor: () => {
        throw fault
      },
    }),
    fault,
  )
})

test('a hybrid reports the download of the named branch', async () => {
  const device = loadable(scripted('device', ['x']))
  const LanguageModel = classOf(hybrid(device, scripted('cloud', ['y'])), { download: device })
  assert.equal(await LanguageModel.availability(), 'downloadable')
  await LanguageModel.create()
  assert.equal(await LanguageModel.availability(), 'available')
})

// ── Installing ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('installed only if there is none, unless forced; not enumerable; removed without a trace', async () => {
  const remove = installPromptApi(scripted('m', ['mine']))
  assert.deepEqual(['LanguageModel' in globalThis, Object.keys(globalThis).includes('LanguageModel')], [true, false])
  const first = globalThis.LanguageModel
  installPromptApi(scripted('n', ['x']))()
  assert.equal(globalThis.LanguageModel, first)
  const removeForced = installPromptApi(scripted('f', ['forced']), { force: true })
  assert.equal(await (await globalThis.LanguageModel.create()).prompt('x'), 'forced')
  removeForced()
  assert.equal(globalThis.LanguageModel, first)
  remove()
  remove()
  assert.equal('LanguageModel' in globalThis, false)
})

test('a hybrid with the built-in model does not call itself', async () => {
  const ai = hybrid(hybridge.promptApiModel(), scripted('cloud', ['from the cloud']))
  const ordered = hybridge.hybridModelOnDeviceCloud({
    onDevice: hybridge.promptApiModel(),
    cloud: scripted('c', ['from the cloud']),
    strategy: new hybridge.FallbackStrategy(['onDevice', 'cloud']),
    policy: { fallbackOn: ['FAILED_PRECONDITION', 'UNAVAILABLE'] },
  })
  const remove = installPromptApi(ordered)
  try {
    assert.equal(await (await globalThis.LanguageModel.create()).prompt('x'), 'from the cloud')
    assert.equal((await hybridge.promptApiModel().availability()).status, 'unavailable')
    const stuck = await promptApi(ai).create()
    await assert.rejects(stuck.prompt('x'), named('NotSupportedError'))
  } finally {
    remove()
  }
})
