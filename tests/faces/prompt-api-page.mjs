/** Runs in the page of `prompt-api-page.test.mjs`. */

import { defineModel } from '/hybridge/dist/index.js'
import { installPromptApi } from '/hybridge/dist/prompt-api.js'

const trigger = '<call>'
/** Repeats the last message, or calls every tool with the arguments that its description states. */
const echo = defineModel({
  name: 'echo',
  generate: async ({ messages, tools }) => {
    const text = messages.map(({ content }) => content.map(shown).join(' ')).join('\n')
    const isCall = messages.at(-1).content.some((part) => part.text?.startsWith(trigger))
    if (!isCall) return text
    const calls = tools.map(({ name, description }) => ({
      toolRequest: { name, input: JSON.parse(/Args: (.*)$/.exec(description)?.[1] ?? '{}') },
    }))
    return { message: { role: 'model', content: [{ text }, ...calls] } }
  },
})
function shown(part) {
  if (part.text !== undefined) return part.text
  return part.media === undefined ? JSON.stringify(part) : part.media.url.slice(0, 40)
}

const tests = []
const check = (name, run) => tests.push({ name, run })
function isTrue(value, what) {
  if (!value) throw new Error(what)
}
async function rejects(promise, name) {
  let thrown
  try {
    await promise
  } catch (error) {
    thrown = error
  }
  isTrue(thrown !== undefined, `expected ${name}, and nothing was thrown`)
  isTrue(thrown.name === name, `expected ${name}, found ${thrown.name}: ${thrown.message}`)
  isTrue(/^(TypeError|RangeError|Error)$/.test(name) || thrown instanceof DOMException, `${name} is no DOMException`)
}
const create = (options) => LanguageModel.create(options)
const lookup = { name: 'lookup', description: 'Looks up. Args: {"q":"x"}', inputSchema: { type: 'object' } }
const openLoop = { expectedOutputs: [{ type: 'tool-call' }], tools: [lookup] }
const response = (result, more) => ({
  role: 'user',
  content: [{ type: 'tool-response', value: { callId: 'a', name: 'lookup', result, ...more } }],
})

// ── Creating ──────────

for (const [what, inputSchema] of [
  ['null', null],
  ['empty', {}],
  ['a text', 'x'],
  ['without a type', { properties: {} }],
  ['of a string', { type: 'string' }],
  ['with invalid properties', { type: 'object', properties: 'x' }],
  ['with an invalid `required` list', { type: 'object', required: 'x' }],
  ['absent', undefined],
])
  check(`a tool whose schema is ${what}`, () =>
    rejects(create({ ...openLoop, tools: [{ ...lookup, inputSchema }] }), 'TypeError'),
  )
for (const [what, more] of [
  ['no name', { name: '' }],
  ['no description', { description: '' }],
])
  check(`a tool with ${what}`, () => rejects(create({ ...openLoop, tools: [{ ...lookup, ...more }] }), 'TypeError'))
check('two tools of one name', () => rejects(create({ ...openLoop, tools: [lookup, lookup] }), 'TypeError'))
check('a circular schema among valid ones', () => {
  const inputSchema = { type: 'object' }
  inputSchema.self = inputSchema
  return rejects(create({ ...openLoop, tools: [lookup, { ...lookup, name: 'b', inputSchema }] }), 'TypeError')
})
check('what a getter of a schema throws', () => {
  const inputSchema = { type: 'object', get properties() { throw new Error('mine') } } // prettier-ignore
  return rejects(create({ ...openLoop, tools: [{ ...lookup, inputSchema }] }), 'Error')
})
check('what toJSON of a schema throws', () => {
  const inputSchema = { type: 'object', toJSON() { throw new Error('mine') } } // prettier-ignore
  return rejects(create({ ...openLoop, tools: [{ ...lookup, inputSchema }] }), 'Error')
})
check('tools without execute and without tool-call', () => rejects(create({ tools: [lookup] }), 'TypeError'))
check('no tools in a list', async () => isTrue((await (await create({ tools: [] })).prompt('Hello')).includes('Hello')))
check('language tags', async () => {
  await create({ expectedInputs: [{ type: 'text', languages: ['en', 'de-AT'] }] })
  await rejects(create({ expectedInputs: [{ type: 'text', languages: ['not a tag'] }] }), 'RangeError')
})
check('two system messages, and one that is not first', async () => {
  const [system, user] = ['system', 'user'].map((role) => ({ role, content: 'x' }))
  await rejects(create({ initialPrompts: [system, system] }), 'TypeError')
  await rejects(create({ initialPrompts: [user, system] }), 'TypeError')
})
check('progress from 0 to 1, and none after a stop', async () => {
  const seen = []
  await create({ monitor: (it) => it.addEventListener('downloadprogress', (event) => seen.push(event.loaded)) })
  isTrue(seen[0] === 0 && seen.at(-1) === 1, `found ${seen}`)
  const stop = new AbortController()
  stop.abort()
  await rejects(create({ signal: stop.signal, monitor: () => seen.push('late') }), 'AbortError')
  isTrue(!seen.includes('late'), 'the monitor was called')
})

// ── Input ──────────

for (const [input, words] of [
  [null, 'null'],
  [undefined, 'undefined'],
  [{}, '[object Object]'],
  [[{ role: 'user', content: 'shorthand' }], 'shorthand'],
  ['', ''],
])
  check(`prompt(${JSON.stringify(input)})`, async () => isTrue((await (await create()).prompt(input)).includes(words)))
check('empty lists', async () => {
  const session = await create()
  for (const input of [[], [{ role: 'user', content: [] }]]) {
    isTrue(typeof (await session.prompt(input)) === 'string')
    for await (const _ of session.promptStreaming(input));
  }
})
check('system messages within a conversation', async () => {
  const session = await create()
  for (const act of ['prompt', 'append']) await rejects(session[act]([{ role: 'system', content: 'x' }]), 'TypeError')
  await session.append({ role: 'system', content: 'a text, as every object is' })
})
check('a prefix that is not last', async () => {
  const [first, last] = [
    { role: 'assistant', content: 'x', prefix: true },
    { role: 'user', content: 'y' },
  ]
  await rejects((await create()).prompt([first, last]), 'SyntaxError')
})

// ── A session's life ──────────

check('prompts side by side, whole and streamed', async () => {
  const session = await create()
  const whole = await Promise.all([session.prompt('a'), session.prompt('b')])
  isTrue(whole[1].includes('b'), 'the second has its answer')
  const streams = [session.promptStreaming('c'), session.promptStreaming('d')]
  const texts = await Promise.all(streams.map(async (it) => (await Array.fromAsync(it)).join('')))
  isTrue(texts[0].includes('c') && texts[1].includes('d'), 'each stream has its answer')
})
check('a stop, its reason, and the session afterwards', async () => {
  const session = await create()
  const stop = new AbortController()
  const pending = session.prompt('x', { signal: stop.signal })
  stop.abort()
  await rejects(pending, 'AbortError')
  isTrue((await session.prompt('again')).includes('again'))
  const reason = new Error('mine')
  const given = await session.prompt('x', { signal: AbortSignal.abort(reason) }).catch((it) => it)
  isTrue(given === reason, 'the reason itself')
})
check('destroy', async () => {
  const session = await create()
  const pending = session.prompt('x')
  session.destroy()
  await rejects(pending, 'AbortError')
  await rejects(session.prompt('x'), 'AbortError')
  isTrue(typeof session.contextUsage === 'number' && typeof session.contextWindow === 'number')
})
check('usage', async () => {
  const initialPrompts = [{ role: 'system', content: 'The word of the day is banana.' }]
  const session = await create({ initialPrompts })
  isTrue(session.contextUsage === (await session.measureContextUsage('The word of the day is banana.')))
  const before = session.contextUsage
  const own = await session.measureContextUsage('some words')
  await session.append('some words')
  isTrue(own > 0 && session.contextUsage === before + own, 'the sum of both')
  await session.append([])
  isTrue(session.contextUsage === before + own, 'nothing adds nothing')
})
check('more than the window', async () => {
  const session = await create()
  const words = 'word '.repeat(session.contextWindow)
  const requested = await session.measureContextUsage(words)
  const error = await session.append(words).catch((it) => it)
  isTrue(error.name === 'QuotaExceededError' && error.requested === requested && error.quota === session.contextWindow)
  isTrue(error instanceof DOMException && session.contextUsage === 0)
})
check('a clone goes its own way', async () => {
  const session = await create()
  await session.prompt('first')
  const copy = await session.clone()
  isTrue(copy instanceof LanguageModel && copy.contextUsage === session.contextUsage)
  isTrue((await copy.prompt('second')).includes('first'))
  isTrue(!(await session.prompt('third')).includes('second'))
})

// ── Tools ──────────

check('calls come as a list, streamed too, and results go back', async () => {
  const session = await create(openLoop)
  const list = await session.prompt(`${trigger} now`)
  const { value } = list.find(({ type }) => type === 'tool-call')
  isTrue(list[0].type === 'text' && value.name === 'lookup' && value.arguments.q === 'x')
  isTrue(typeof value.callID === 'string' && value.callId === value.callID, 'both names of the id')
  const pieces = await Array.fromAsync(session.promptStreaming(`${trigger} now`))
  isTrue(
    pieces.some(({ type }) => type === 'tool-call'),
    'a piece is the call',
  )
  const { callId, name } = value
  const answer = await session.prompt([
    {
      role: 'user',
      content: [{ type: 'tool-response', value: { callId, name, result: [{ type: 'text', value: '4' }] } }],
    },
  ])
  isTrue(answer.includes('"output":"4"'), answer)
})
check('calls and results as history', async () => {
  const call = (more) => ({ type: 'tool-call', value: { callId: 'a', name: 'lookup', ...more } })
  const content = [call({ arguments: { filters: { cities: ['Paris'] } } }), call({ arguments: undefined }), call({})]
  const session = await create({ ...openLoop, initialPrompts: [{ role: 'assistant', content }] })
  const text = await session.prompt('Continue')
  isTrue(text.includes('"input":{"filters":{"cities":["Paris"]}}') && text.includes('"input":{}'), text)
  await session.append([response([{ type: 'text', value: 'found' }])])
  isTrue((await session.prompt('And?')).includes('"output":"found"'))
  await session.append([response(undefined, { errorMessage: 'failed' })])
  isTrue((await session.prompt('And?')).includes('{"error":"failed"}'))
})
check('wrong arguments of calls, and calls by the user', async () => {
  const session = await create(openLoop)
  const circular = {}
  circular.self = circular
  const ask = (value, role = 'assistant') =>
    session.prompt([
      { role, content: [{ type: 'tool-call', value: { callId: 'a', name: 'lookup', arguments: value } }] },
    ])
  await rejects(ask([]), 'DataError')
  await rejects(ask(circular), 'DataError')
  await rejects(ask({}, 'user'), 'TypeError')
})
check('wrong results of tools', async () => {
  const session = await create(openLoop)
  const circular = {}
  circular.self = circular
  const bitmap = await createImageBitmap(drawn().canvas)
  for (const value of [circular, () => 1, 12345678901234567890n])
    await rejects(session.prompt([response([{ type: 'text', value }])]), 'DataError')
  await rejects(session.prompt([response([{ type: 'object', value: bitmap }])]), 'DataError')
  await rejects(session.prompt([response([{ type: 'image', value: bitmap }])]), 'NotSupportedError')
  await rejects(session.prompt([{ ...response('x'), role: 'assistant' }]), 'TypeError')
  const mixed = [{ type: 'text', value: 'words' }, { type: 'text', value: { nested: 1 } }] // prettier-ignore
  isTrue((await session.prompt([response(mixed)])).includes('words{\\"nested\\":1}'))
})

// ── Constraints ──────────

check('constraints that cannot be kept', async () => {
  const session = await create()
  const circular = {}
  circular.self = circular
  for (const responseConstraint of [circular, { type: 'nonsense' }, /x/])
    await rejects(session.prompt('x', { responseConstraint }), 'NotSupportedError')
})

// ── Pictures ──────────

function drawn() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 })
  const context = canvas.getContext('2d')
  context.fillRect(0, 0, 4, 4)
  return { canvas, context }
}
const pictures = {
  'a canvas': async () => drawn().canvas,
  'an OffscreenCanvas': async () => {
    const canvas = new OffscreenCanvas(8, 8)
    canvas.getContext('2d').fillRect(0, 0, 4, 4)
    return canvas
  },
  'an ImageBitmap': () => createImageBitmap(drawn().canvas),
  ImageData: async () => drawn().context.getImageData(0, 0, 8, 8),
  'a VideoFrame': async () => new VideoFrame(drawn().canvas, { timestamp: 1 }),
  'an image': async () => {
    const image = Object.assign(new Image(), { src: drawn().canvas.toDataURL() })
    await image.decode()
    return image
  },
  'a Blob': () => new Promise((resolve) => drawn().canvas.toBlob(resolve)),
  'an ArrayBuffer': async () => (await pictures['a Blob']()).arrayBuffer(),
  'a view of a buffer': async () => new Uint8Array(await pictures['an ArrayBuffer']()),
}
const asked = (value, type = 'image') => [
  {
    role: 'user',
    content: [
      { type: 'text', value: 'look' },
      { type, value },
    ],
  },
]
for (const [what, make] of Object.entries(pictures)) {
  check(`${what} as a picture`, async () => {
    const session = await create({ expectedInputs: [{ type: 'image' }] })
    const text = await session.prompt(asked(await make()))
    isTrue(text.includes('data:image/png;base64,'), text)
  })
}
check('pictures and sounds that were not expected, and values that are none', async () => {
  const session = await create()
  const blob = await pictures['a Blob']()
  await rejects(session.prompt(asked(blob)), 'NotSupportedError')
  await rejects(session.prompt(asked(blob, 'audio')), 'NotSupportedError')
  const seeing = await create({ expectedInputs: [{ type: 'image' }] })
  for (const value of ['text', 5, {}, null]) await rejects(seeing.prompt(asked(value)), 'TypeError')
  await rejects(seeing.prompt([{ ...asked(blob)[0], role: 'assistant' }]), 'NotSupportedError')
  const empty = new OffscreenCanvas(0, 0)
  isTrue((await seeing.prompt(asked(empty)).catch((it) => it)) instanceof DOMException, 'an empty canvas')
})
check('a stop while a picture is read', async () => {
  const session = await create({ expectedInputs: [{ type: 'image' }] })
  const stop = new AbortController()
  const pending = session.prompt(asked(await pictures['a Blob']()), { signal: stop.signal })
  stop.abort()
  await rejects(pending, 'AbortError')
  isTrue((await session.prompt('again')).includes('again') && session.contextUsage > 0)
})

export async function run() {
  const remove = installPromptApi(echo, { force: true })
  const results = []
  for (const { name, run: act } of tests) {
    try {
      await act()
      results.push({ name })
    } catch (error) {
      results.push({ name, problem: String(error) })
    }
  }
  remove()
  return results
}
