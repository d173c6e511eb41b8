/** A model on the GPU, a software one here: the right tokens, and a refusal if it is too slow. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

let it
let bytes
before(async () => {
  it = await setUp({ gpu: true })
  bytes = it.models.read('q8_0')
})
after(() => it?.close())
beforeEach(() => calm(it.host, { '/tiny.gguf': bytes, '/embedding.gguf': it.models.read('embedding_q8_0') }))

const greedy = { temperature: 0, maxOutputTokens: 12 }

async function openModel(options = {}) {
  const page = await it.open()
  await page.evaluate(
    async ({ url, options }) => {
      globalThis.faults = new BroadcastChannel('faults')
      globalThis.gemma = hybridge.gemmaModel({
        model: { url },
        device: 'gpu',
        contextWindow: 256,
        workerUrl: '/life/faulty-worker.mjs',
        ...options,
        ...impatient,
      })
      globalThis.ask = (prompt, config) =>
        outcome(
          gemma.generate({ prompt, config }).then(({ text, usage, finishReason }) => ({ text, usage, finishReason })),
        )
      globalThis.until = async (holds) => {
        for (let waited = 0; !holds() && waited < 3000; waited++)
          await new Promise((resolve) => setTimeout(resolve, 10))
        if (!holds()) throw new Error(`it never came: ${holds}, state ${gemma.state}`)
      }
    },
    { url: `${it.host.origin}/tiny.gguf`, options },
  )
  return page
}

test('the answer equals that of the reference pass', async (t) => {
  const native = it.models.answer('q8_0', [
    '--prompt',
    'What is the capital of France?',
    '--temperature',
    '0',
    '--tokens',
    '12',
  ])
  const page = await openModel()
  const found = await page.evaluate(async (config) => {
    const availability = await gemma.availability()
    const load = await outcome(gemma.load())
    return { availability, load, answer: await ask('What is the capital of France?', config) }
  }, greedy)
  assert.equal(found.load.code, undefined, found.load.message)
  assert.deepEqual([found.availability.status, found.availability.code], ['downloadable', 'GPU_SOFTWARE'])
  assert.equal(found.answer.value?.text, native.text, JSON.stringify(found.answer))
  assert.equal(found.answer.value.usage.outputTokens, native.ids.length)
  await page.context().close()
})

test('auto ignores a software GPU: the tiny model runs on the CPU, a large one not at all', async () => {
  const page = await openModel({ device: 'auto' })
  const found = await page.evaluate(async (config) => {
    await gemma.load()
    const large = await hybridge.gemmaModel({ model: 'gemma-3-4b-it' }).availability()
    return { answer: await ask('hi', config), large: [large.status, large.code, large.reason] }
  }, greedy)
  assert.equal(found.answer.value.usage.outputTokens, 12)
  assert.deepEqual(found.large.slice(0, 2), ['unavailable', 'GPU_UNAVAILABLE'])
  assert.match(found.large[2], /software/)
  await page.context().close()
})

test('embeddings equal those of the reference pass', async () => {
  const native = it.models.answer('embedding_q8_0', ['--embed', 'the quick brown fox'])
  const page = await openModel()
  const vector = await page.evaluate(async (url) => {
    const embedder = hybridge.gemmaEmbedder({ model: { url }, device: 'gpu' })
    await embedder.load()
    return [...(await embedder.embed('the quick brown fox'))[0]]
  }, `${it.host.origin}/embedding.gguf`)
  const dot = native.vector.reduce((sum, value, at) => sum + value * vector[at], 0)
  assert.ok(dot > 0.999999, `cosine ${dot}`)
  await page.context().close()
})
