/** Low-rank adapters in the browser: the same answers as natively on both devices, and errors for invalid adapters. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

const prompt = 'the weather is'
const tokens = 12
/** Greedy answers of a random network repeat the prompt's last word with any adapter, so tests sample. */
const sampling = { temperature: 2, seed: 7 }

let it
let files
before(async () => {
  it = await setUp({ gpu: true })
  const { read } = it.models
  files = {
    '/model.gguf': read('q4_k'),
    '/adapter.gguf': read('adapters/q4_k'),
    '/other.gguf': read('adapters/gemma3n'),
  }
})
after(() => it?.close())
beforeEach(() => calm(it.host, files))

const address = (name) => `${it.host.origin}/${name}.gguf`

/** Returns the engine's native answer with the adapter at these scales. */
function native(...scales) {
  const adapter = join(it.models.folder, 'adapters/q4_k.gguf')
  const adapters = scales.flatMap((scale) => ['--lora', `${adapter}:${scale}`])
  const { temperature, seed } = sampling
  const asked = ['--raw', prompt, '--tokens', `${tokens}`, '--temperature', `${temperature}`, '--seed', `${seed}`]
  return it.models.answer('q4_k', [...asked, ...adapters]).text
}

/** Opens a page with a model that has these adapters. */
async function openModel(adapters, options = {}) {
  const page = await it.open()
  await page.evaluate(
    ({ model, adapters, options, prompt, config }) => {
      globalThis.gemma = hybridge.gemmaModel({ model, adapters, template: 'none', ...options, ...impatient })
      globalThis.write = async () => {
        const messages = [{ role: 'user', content: [{ text: prompt }] }]
        return (await gemma.generate({ messages, config })).text
      }
    },
    { model: address('model'), adapters, options, prompt, config: { ...sampling, maxOutputTokens: tokens } },
  )
  return page
}

for (const device of ['cpu', 'gpu'])
  test(`a model with adapters gives the native answer (${device})`, async () => {
    const expected = native(1)
    assert.notEqual(expected, native(), 'the adapter changes the answer')
    const page = await openModel([address('adapter')], { device })
    const found = await page.evaluate(async () => {
      const before = await gemma.availability()
      const seen = []
      await gemma.load({ onProgress: ({ loadedBytes, totalBytes }) => seen.push([loadedBytes, totalBytes]) })
      const text = await write()
      const stored = (await hybridge.listCachedModels()).map(({ name, complete }) => [name, complete]).sort()
      await gemma.remove()
      return { before, seen, text, stored, left: (await hybridge.listCachedModels()).length }
    })
    await page.close()
    assert.equal(found.text, expected)
    const bytes = files['/model.gguf'].length + files['/adapter.gguf'].length
    assert.equal(found.before.bytesToDownload, bytes)
    assert.ok(found.seen.every(([loaded, total]) => loaded <= total && total <= bytes))
    assert.deepEqual(found.stored, [
      ['adapter', true],
      ['model', true],
    ])
    assert.equal(found.left, 0)
  })

test('adapters are scaled, stacked, taken as files, and kept for the next visit', async () => {
  const expected = native(1.5, -0.75)
  const page = await openModel([])
  const first = await page.evaluate(
    async ({ model, adapter }) => {
      const blob = await (await fetch(adapter)).blob()
      const adapters = [
        { url: adapter, scale: 1.5 },
        { file: blob, scale: -0.75 },
      ]
      globalThis.make = () => hybridge.gemmaModel({ model, adapters, template: 'none', device: 'cpu', ...impatient })
      globalThis.gemma = make()
      await gemma.load()
      const text = await write()
      await gemma.dispose()
      globalThis.gemma = make()
      return { text, status: (await gemma.availability()).status }
    },
    { model: address('model'), adapter: address('adapter') },
  )
  assert.deepEqual(first, { text: expected, status: 'available' })
  it.host.requests.length = 0
  const again = await page.evaluate(async () => {
    await gemma.load()
    return await write()
  })
  assert.equal(again, expected)
  assert.equal(it.host.requests.length, 0)
  await page.close()
})

test('invalid adapters are refused with a specific error', async () => {
  const page = await openModel([])
  const model = address('model')
  const load = (adapters) =>
    page.evaluate(
      ({ model, adapters }) =>
        outcome(hybridge.gemmaModel({ model, adapters, device: 'cpu', cache: 'none', ...impatient }).load()),
      { model, adapters },
    )
  assert.equal((await load([address('other')])).code, 'ADAPTER_MISMATCH')
  assert.equal((await load([model])).code, 'ADAPTER_INVALID')
  assert.equal((await load([address('missing')])).code, 'MODEL_NOT_FOUND')
  const made = await page.evaluate((model) => {
    const cases = [7, 'x', {}, [7], [null], ['name'], [{}], [{ file: 'x' }], [{ url: '' }]]
    const scales = ['1', Number.NaN, Infinity, null].map((scale) => [{ url: '/a.gguf', scale }])
    return [...cases, ...scales].map((adapters) => {
      try {
        hybridge.gemmaModel({ model, adapters })
        return JSON.stringify(adapters)
      } catch (thrown) {
        return thrown.status
      }
    })
  }, model)
  assert.ok(
    made.every((status) => status === 'INVALID_ARGUMENT'),
    made.join(),
  )
  await page.close()
})
