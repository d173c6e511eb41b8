/** Storage of a model's bytes: a full store, a browser without one, and a model in several files. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { calm, keptDigest, setUp } from './life/page.mjs'
import { sha256 } from '../support/model-host.mjs'

let it
let bytes
before(async () => {
  it = await setUp()
  bytes = it.models.read('q8_0')
})
after(() => it?.close())
beforeEach(() => {
  const parts = it.models.readParts().map((part, index) => [`/part-${index + 1}.gguf`, part])
  calm(it.host, { '/tiny.gguf': bytes, ...Object.fromEntries(parts) })
  it.faults.length = 0
})

const url = () => `${it.host.origin}/tiny.gguf`
const partUrls = () => [1, 2, 3].map((part) => `${it.host.origin}/part-${part}.gguf`)

/** Loads in a page, generates once, and returns the outcome. */
const load = (page, model, options = {}) =>
  page.evaluate(
    async ({ model, options }) => {
      const gemma = hybridge.gemmaModel({
        model,
        device: 'cpu',
        contextWindow: 64,
        workerUrl: '/life/faulty-worker.mjs',
        ...options,
        ...impatient,
      })
      const availability = await gemma.availability()
      const result = await outcome(gemma.load())
      const text =
        result.code === undefined
          ? (await gemma.generate({ prompt: 'hi', config: { temperature: 0, maxOutputTokens: 4 } })).text
          : undefined
      const found = { ...result, text, availability, state: gemma.state, after: (await gemma.availability()).status }
      await gemma.dispose()
      return found
    },
    { model, options },
  )

const numbersIn = (message) => [...message.matchAll(/\d+/g)].map(Number)

test('no storage by the browser’s estimate: an error with both numbers before any weights are fetched', async () => {
  const page = await it.open()
  await page.evaluate(() => (navigator.storage.estimate = async () => ({ quota: 100_000, usage: 0 })))
  // For the worker that measures the CPU, and for the one that loads.
  it.faults.push('little-room', 'little-room')
  const found = await load(page, { url: url() })
  assert.deepEqual(
    [found.status, found.code, found.state],
    ['FAILED_PRECONDITION', 'QUOTA_EXCEEDED', 'failed'],
    found.message,
  )
  const [needed, granted] = numbersIn(found.message)
  assert.ok(needed > bytes.length - 70_000 && needed <= bytes.length, found.message)
  assert.equal(granted, 100_000, found.message)
  assert.deepEqual([found.availability.status, found.availability.code], ['unavailable', 'QUOTA_EXCEEDED'])
  assert.ok(it.host.requests.length <= 3, `${it.host.requests.length} requests`)
  await page.context().close()
})

test('storage full during a write: an error with both numbers, and the received bytes are kept', async () => {
  const page = await it.open()
  // The browser still estimates gigabytes.
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: it.site.origin, quotaSize: 250_000 })
  const found = await page.evaluate(async (url) => {
    const gemma = (globalThis.gemma = hybridge.gemmaModel({
      model: { url },
      device: 'cpu',
      contextWindow: 64,
      workerUrl: '/life/faulty-worker.mjs',
      ...impatient,
    }))
    const { status, code, message } = await outcome(gemma.load())
    return { status, code, message, state: gemma.state, kept: (await hybridge.listCachedModels())[0]?.bytes }
  }, url())
  assert.deepEqual(
    [found.status, found.code, found.state],
    ['FAILED_PRECONDITION', 'QUOTA_EXCEEDED', 'failed'],
    found.message,
  )
  assert.ok(found.kept > 0 && found.kept < bytes.length, `${found.kept} bytes are kept`)
  const [needed, spokenOf] = numbersIn(found.message)
  assert.ok(needed > 0 && needed <= bytes.length && spokenOf > needed, found.message)
  assert.match(found.message, /store is full/)
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: it.site.origin })
  it.host.requests.length = 0
  const again = await page.evaluate(() => outcome(gemma.load()))
  assert.equal(again.code, undefined, again.message)
  assert.deepEqual(await keptDigest(page), [sha256(bytes)])
  const fetched = it.host.requests.reduce(
    (sum, { range }) => sum + (([from, to]) => to - from + 1)(numbersIn(range)),
    0,
  )
  assert.ok(fetched < bytes.length, 'kept bytes are not fetched again')
  await page.context().close()
})

/** Removes the file system, like a private window, in the page and in the worker. */
async function openWithoutStore() {
  const page = await it.open()
  await page.addInitScript(() => delete StorageManager.prototype.getDirectory)
  await page.reload()
  await page.waitForFunction('globalThis.isReady === true')
  it.faults.push('no-store', 'no-store')
  return page
}

test('a browser without a file system stores nothing, and runs the model from memory', async () => {
  for (const model of [{ url: url() }, { url: partUrls() }]) {
    const page = await openWithoutStore()
    it.host.moods = [{}, { cut: 5000 }]
    const found = await load(page, model)
    assert.deepEqual(
      [found.code, found.state, found.availability.status],
      [undefined, 'ready', 'downloadable'],
      found.message,
    )
    assert.ok(found.text.length > 0)
    // By a page of the same origin that still has its file system.
    const beside = await it.open(page)
    assert.deepEqual(await beside.evaluate(() => hybridge.listCachedModels()), [])
    assert.ok(it.host.requests.length > 3)
    await page.context().close()
  }
})

test('a model in three files: the same answer, with each part stored and resumed', async () => {
  const whole = await it.open()
  const { text } = await load(whole, { url: url() })
  await whole.context().close()
  it.host.requests.length = 0
  const page = await it.open()
  const parts = it.models.readParts()
  it.host.moods = [{}, { cut: 1000 }, {}, { stall: 500 }, { corrupt: true }]
  const model = { url: partUrls(), sha256: parts.map(sha256) }
  const found = await load(page, model)
  assert.deepEqual([found.code, found.text, found.after], [undefined, text, 'available'], found.message)
  assert.deepEqual(await keptDigest(page), parts.map(sha256))
  const listed = await page.evaluate(() => hybridge.listCachedModels())
  assert.deepEqual(
    listed.map(({ bytes }) => bytes),
    [parts.reduce((sum, { length }) => sum + length, 0)],
  )
  it.host.requests.length = 0
  assert.equal((await load(page, model)).text, text)
  assert.deepEqual(it.host.requests, [], 'the second load sends no request')
  await page.context().close()
})

test('parts that do not belong together are rejected', async () => {
  const [first, second, third] = partUrls()
  for (const urls of [
    [first, second],
    [second, third],
    [first, third, second, second],
  ]) {
    const page = await it.open()
    const { status, code, message } = await load(page, { url: urls })
    assert.equal(status, 'INVALID_ARGUMENT', `${code}: ${message}`)
    assert.match(message, /part|split/)
    await page.context().close()
  }
})
