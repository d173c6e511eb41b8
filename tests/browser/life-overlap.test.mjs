/** Weights are uploaded to the device while the rest of their file is still being downloaded. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { wholeFile } from '../../bench/model.mjs'
import { sha256 } from '../support/model-host.mjs'
import { calm, setUp } from './life/page.mjs'

let it
let bytes
before(async () => {
  it = await setUp({ gpu: true })
  bytes = readFileSync(wholeFile({ shape: 'mini', body: 'q8_0', layers: 2 }))
})
after(() => it?.close())

const piece = 1 << 20

/** Delays requests for the file's end until it is released. */
function withhold(host) {
  const gate = {}
  gate.opened = new Promise((resolve) => (gate.open = resolve))
  host.rule = ({ range }) =>
    Number(/^bytes=(\d+)/.exec(range ?? '')?.[1] ?? 0) > bytes.length - 2 * piece ? { until: gate.opened } : undefined
  return gate
}

beforeEach(() => {
  calm(it.host, { '/model.gguf': bytes })
  // Otherwise the host would hash the file for each request.
  it.host.etag = '"one"'
})

/** The model's text and its confidence: random weights give similar text in any case, but not the same confidence. */
const teach = () => {
  globalThis.said = async (gemma) => {
    const { text, confidence } = await gemma.generate({ prompt: 'so', config: { temperature: 0, maxOutputTokens: 6 } })
    return { text, confidence }
  }
}

/** A page with `load(options)`, `held()`, the bytes of its GPU buffers, and `answer()`. */
async function open(model = {}) {
  const page = await it.open()
  await page.evaluate(teach)
  await page.evaluate(
    ({ url, model, piece }) => {
      const policy = {
        [Symbol.for('hybridge.downloadPolicy')]: { piece, parallel: 4, failures: 4, pauseMs: 5, stallMs: 60_000 },
      }
      const gemma = hybridge.gemmaModel({
        model: { url, ...model },
        device: 'gpu',
        contextWindow: 64,
        workerUrl: '/life/faulty-worker.mjs',
        ...policy,
      })
      const channel = new BroadcastChannel('faults')
      globalThis.phases = []
      globalThis.load = (options) =>
        (globalThis.loading = outcome(gemma.load({ onProgress: ({ phase }) => phases.push(phase), ...options })))
      // A worker that has not started yet receives nothing.
      globalThis.held = () =>
        new Promise((resolve) => {
          channel.onmessage = ({ data }) => data.gpu !== undefined && resolve(data.gpu)
          channel.postMessage('memory')
          setTimeout(() => resolve(0), 500)
        })
      globalThis.answer = () => said(gemma)
    },
    { url: `${it.host.origin}/model.gguf`, model, piece },
  )
  return page
}

/** Waits until most of the weights are on the GPU. */
const mostlyThere = (page) =>
  page.evaluate(async (enough) => {
    for (let turn = 0; turn < 600; turn++) {
      if ((await held()) > enough) return true
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return false
  }, bytes.length / 2)

/** Returns the model's answer after a load from the store. */
let plain
test('most of a model is on the GPU before its last bytes arrive, and its answer is the same', async () => {
  const gate = withhold(it.host)
  const page = await open()
  await page.evaluate(() => void load())
  assert.equal(await mostlyThere(page), true, 'nothing was uploaded before the file was complete')
  assert.deepEqual(await page.evaluate(() => [...new Set(phases)]), ['download'])
  gate.open()
  assert.equal((await page.evaluate(() => loading)).code, undefined)
  const early = await page.evaluate(() => answer())
  plain = await page.evaluate(
    async ({ url }) => {
      const gemma = hybridge.gemmaModel({ model: { url }, device: 'gpu', contextWindow: 64 })
      await gemma.load()
      return await said(gemma)
    },
    { url: `${it.host.origin}/model.gguf` },
  )
  assert.ok(plain.confidence !== undefined)
  assert.deepEqual(early, plain)
  await page.context().close()
})

test('wrong bytes stay neither on the GPU nor in the store', async () => {
  // In the middle of a matrix, where only the digest can detect it.
  let isWrong = true
  it.host.rule = ({ range }) => {
    const start = Number(/^bytes=(\d+)/.exec(range ?? '')?.[1] ?? 0)
    if (!isWrong || start < bytes.length / 2) return undefined
    isWrong = false
    return { flip: true }
  }
  const page = await open({ sha256: sha256(bytes) })
  const result = await page.evaluate(() => load())
  assert.equal(isWrong, false)
  assert.equal(result.code, undefined, result.message)
  assert.deepEqual(await page.evaluate(() => answer()), plain)
  await page.context().close()
})

test('an abort ends load and download, and the next load uses the stored bytes', async () => {
  const gate = withhold(it.host)
  const page = await open()
  await page.evaluate(() => {
    globalThis.stop = new AbortController()
    void load({ signal: stop.signal })
  })
  assert.equal(await mostlyThere(page), true)
  const stopped = await page.evaluate(() => (stop.abort(), loading))
  assert.equal(stopped.status, 'CANCELLED')
  gate.open()
  it.host.requests.length = 0
  assert.equal((await page.evaluate(() => load())).code, undefined)
  assert.ok(it.host.requests.length <= 4, `${it.host.requests.length} requests for what was missing`)
  assert.deepEqual(await page.evaluate(() => answer()), plain)
  await page.context().close()
})

test('an engine that fails during the download loses none of the bytes received', async () => {
  const gate = withhold(it.host)
  it.faults.push('trap-on-submit')
  const page = await open()
  const fallen = await page.evaluate(() => load())
  assert.equal(fallen.code, 'ENGINE_PANIC', JSON.stringify(fallen))
  gate.open()
  assert.ok(it.host.requests.length > 0)
  it.host.requests.length = 0
  assert.equal((await page.evaluate(() => load())).code, undefined)
  assert.ok(!it.host.requests.some(({ range }) => range?.startsWith('bytes=0-')), 'it begins where it was')
  assert.deepEqual(await page.evaluate(() => answer()), plain)
  await page.context().close()
})
