// The tool loop with scripted models, and a router that returns results to the branch that called.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

import {
  configure,
  defineModel,
  FallbackStrategy,
  HybridError,
  hybridModel,
  runTools,
} from '../../crate/npm/dist/index.js'

configure({ wasmUrl: await readFile(new URL('../../crate/npm/wasm/page/hybridge_page_bg.wasm', import.meta.url)) })

const tools = [
  {
    name: 'add',
    description: 'adds',
    inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
  },
]
const call = (input, ref) => ({ toolRequest: { name: 'add', input, ...(ref === undefined ? {} : { ref }) } })

/** Returns these parts in turn, and records its requests in `heard`. */
function scripted(name, ...script) {
  const heard = []
  const model = defineModel({
    name,
    generate: async (request) => {
      heard.push(request)
      const next = script.shift()
      if (next instanceof Error) throw next
      return { message: { role: 'model', content: next } }
    },
  })
  return Object.assign(model, { heard })
}
const add = ({ a, b }) => a + b

test('calls are answered in parallel until the model answers in words', async () => {
  const model = scripted('m', [call({ a: 1, b: 2 }, 'x'), call({ a: 3, b: 4 }, 'y')], [{ text: '3 and 7' }])
  const turns = []
  const { text } = await runTools({
    model,
    request: { prompt: 'add', tools, toolChoice: 'required' },
    tools: { add },
    onTurn: ({ toolRequests }) => turns.push(toolRequests.length),
  })
  assert.equal(text, '3 and 7')
  assert.deepEqual(turns, [2, 0])
  const [first, second] = model.heard
  assert.equal(first.toolChoice, 'required')
  assert.equal(second.toolChoice, undefined, 'the required call was made')
  assert.deepEqual(
    second.messages.map(({ role }) => role),
    ['user', 'model', 'tool'],
  )
  assert.deepEqual(second.messages[2].content, [
    { toolResponse: { name: 'add', output: 3, ref: 'x' } },
    { toolResponse: { name: 'add', output: 7, ref: 'y' } },
  ])
})

test('invalid arguments are returned to the model, not passed to the function', async () => {
  const model = scripted('m', [call({ a: 1, b: 'two' })], [{ text: 'sorry' }])
  let ran = 0
  await runTools({ model, request: { prompt: 'add', tools }, tools: { add: () => ran++ } })
  assert.equal(ran, 0)
  assert.deepEqual(model.heard[1].messages[2].content, [
    { toolResponse: { name: 'add', output: { error: 'the arguments are wrong at /b: expected number' } } },
  ])
})

test('calls without a function are left to the caller', async () => {
  const endless = scripted('m', ...Array.from({ length: 9 }, () => [call({ a: 1, b: 1 })]))
  await assert.rejects(runTools({ model: endless, request: { prompt: 'x', tools }, tools: { add }, maxTurns: 2 }), {
    status: 'ABORTED',
    code: 'TOOL_TURNS_EXCEEDED',
  })
  assert.equal(endless.heard.length, 3)
  const unknown = await runTools({
    model: scripted('m', [call({ a: 1, b: 1 })]),
    request: { prompt: 'x', tools },
    tools: {},
  })
  assert.equal(unknown.toolRequests.length, 1)
  const fault = new RangeError('mine')
  await assert.rejects(
    runTools({
      model: scripted('m', [call({ a: 1, b: 1 })]),
      request: { prompt: 'x', tools },
      tools: {
        add: () => {
          throw fault
        },
      },
    }),
    (error) => error === fault,
  )
  await assert.rejects(runTools({ model: scripted('m'), request: { prompt: 'x', tools }, tools: {}, maxTurns: 0 }), {
    status: 'INVALID_ARGUMENT',
  })
  const stop = new AbortController()
  const stopped = scripted('m', [call({ a: 1, b: 1 })], [{ text: 'late' }])
  await assert.rejects(
    runTools({
      model: stopped,
      request: { prompt: 'x', tools },
      tools: { add: () => stop.abort() },
      signal: stop.signal,
    }),
    { status: 'CANCELLED' },
  )
  assert.equal(stopped.heard.length, 1)
})

test('results go to the branch that called, even if the strategy now prefers another', async () => {
  const device = scripted(
    'device',
    new HybridError('UNAVAILABLE', 'not yet'),
    [{ text: 'device' }],
    [{ text: 'device' }],
  )
  const cloud = scripted('cloud', [call({ a: 1, b: 1 }, 'x')], [{ text: 'cloud' }])
  const model = hybridModel({ branches: { device, cloud }, strategy: new FallbackStrategy(['device', 'cloud']) })
  const answer = await runTools({ model, request: { prompt: 'x', tools }, tools: { add } })
  assert.deepEqual([answer.branch, answer.text, answer.routing.order], ['cloud', 'cloud', ['cloud', 'device']])
  // The strategy decides about a new question again.
  assert.equal((await model.generate('y')).branch, 'device')
})

test('another branch takes over if that one fails before its first content', async () => {
  const first = scripted('first', [call({ a: 1, b: 1 }, 'x')], new HybridError('UNAVAILABLE', 'gone'))
  const second = scripted('second', [{ text: 'I take over' }])
  const model = hybridModel({ branches: { first, second }, strategy: new FallbackStrategy(['first', 'second']) })
  const answer = await runTools({ model, request: { prompt: 'x', tools }, tools: { add } })
  assert.deepEqual([answer.branch, answer.text], ['second', 'I take over'])
  assert.equal(second.heard[0].messages.at(-1).role, 'tool')
})
