// Answers validated by the page's real wasm, and partial JSON. Node runs the same wasm as a browser.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

import { cascadeModel, configure, defineModel } from '../../crate/npm/dist/index.js'

configure({ wasmUrl: await readFile(new URL('../../crate/npm/wasm/page/hybridge_page_bg.wasm', import.meta.url)) })

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', pattern: '^\\p{Lu}' },
    age: { type: 'integer', minimum: 0 },
    tags: { items: { enum: ['a', 'b'] } },
  },
  required: ['name'],
}
const says = (text, more = {}) => defineModel({ name: 'm', generate: async () => ({ text, ...more }) })
const ask = (text, more) => says(text, more).generate({ prompt: 'x', output: { schema } })
const problem = ({ outputError }) =>
  outputError && [outputError.code, outputError.cause.path, outputError.cause.expected]

for (const [text, expected, more] of [
  ['{"name":"Ada","age":36,"tags":["a"]}', undefined],
  ['```json\n{"name":"Ada"}\n```', undefined],
  ['{"name":"Ada","age":-1}', ['OUTPUT_MISMATCH', '/age', 'a larger number']],
  ['{"name":"Ada","tags":["a","c"]}', ['OUTPUT_MISMATCH', '/tags/1', 'one of the values allowed']],
  ['{"name":"ada"}', ['OUTPUT_MISMATCH', '/name', 'a text that matches the pattern']],
  ['{}', ['OUTPUT_MISMATCH', '', 'a member "name"']],
  ['Ada', ['OUTPUT_MISMATCH', '', 'JSON']],
  [
    '{"name":"A',
    ['OUTPUT_INCOMPLETE', '', 'JSON, but it was cut off at `maxOutputTokens`'],
    { finishReason: 'length' },
  ],
  ['', undefined, { finishReason: 'blocked' }],
]) {
  test(`${text || 'nothing'} is ${expected === undefined ? 'valid' : expected.join(', ')}`, async () => {
    assert.deepEqual(problem(await ask(text, more)), expected)
  })
}

test('text answers are not validated', async () => {
  assert.equal((await says('Ada').generate('x')).outputError, undefined)
  assert.equal((await says('Ada').generate({ prompt: 'x', output: { format: 'text', schema } })).outputError, undefined)
})

test('JSON without a schema only has to parse', async () => {
  const ask = (text) => says(text).generate({ prompt: 'x', output: { format: 'json' } })
  assert.equal((await ask('[1]')).outputError, undefined)
  assert.deepEqual(problem(await ask('[1')), ['OUTPUT_MISMATCH', '', 'JSON'])
})

test('the error does not quote the answer', async () => {
  const closed = { properties: {}, additionalProperties: { type: 'null' } }
  const { outputError } = await says('{"secret name":"secret value"}').generate({
    prompt: 'x',
    output: { schema: closed },
  })
  assert.doesNotMatch(outputError.message + JSON.stringify(outputError.cause), /secret/)
})

test('a cascade can use the error', async () => {
  const cascade = cascadeModel({
    branches: { small: says('{"name":"ada"}'), large: says('{"name":"Ada"}') },
    order: ['small', 'large'],
    accept: ({ outputError }) => outputError === undefined,
  })
  const response = await cascade.generate({ prompt: 'x', output: { schema } })
  assert.deepEqual([response.branch, response.output, response.outputError], ['large', { name: 'Ada' }, undefined])
})

test('partial JSON grows and never breaks, wherever it is cut', async () => {
  const whole =
    '```json\n{"a": "x\\n\\u00e9\\"y", "b": [1, -2.5e3, true, null, {"c": {}}], "d\\"": "", "e": [[], "z"]}\n```'
  const letters = defineModel({
    name: 'm',
    generate: async (request, { sendChunk }) =>
      [...whole].forEach((letter) => sendChunk(letter)) ?? { finishReason: 'stop' },
  })
  const stream = letters.generateStream({ prompt: 'x', output: { format: 'json' } })
  const parts = []
  for await (const { output } of stream) parts.push(output)
  assert.equal(parts.length, whole.length)
  const final = (await stream.response).output
  assert.deepEqual(final, { a: 'x\né"y', b: [1, -2500, true, null, { c: {} }], 'd"': '', e: [[], 'z'] })
  // Everything shown is final except for the end: the last text or number may grow.
  const isBeginning = (part, of, isLast) => {
    if (typeof part === 'string' && typeof of === 'string') return isLast ? of.startsWith(part) : of === part
    if (typeof part === 'number' && typeof of === 'number') return isLast || of === part
    if (Array.isArray(part))
      return Array.isArray(of) && part.every((item, at) => isBeginning(item, of[at], isLast && at === part.length - 1))
    if (part === null || typeof part !== 'object') return part === of
    const names = Object.keys(part)
    return names.every(
      (name, at) => Object.hasOwn(of, name) && isBeginning(part[name], of[name], isLast && at === names.length - 1),
    )
  }
  parts.forEach((part, at) => {
    assert.ok(
      part === undefined ? at + 1 < '```json\n{'.length : isBeginning(part, final, true),
      `${JSON.stringify(part)} at ${at}`,
    )
  })
})
