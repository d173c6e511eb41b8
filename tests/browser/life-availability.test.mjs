/** What `availability()` finds out, and what it leaves alone. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

let it
let bytes
before(async () => {
  it = await setUp()
  bytes = it.models.read('q8_0')
})
after(() => it?.close())
beforeEach(() => calm(it.host, { '/tiny.gguf': bytes }))

/** A page whose navigator answers as told. */
async function openOn({ adapter, connection } = {}) {
  const page = await it.open()
  await page.addInitScript(({ adapter, connection }) => {
    if (connection !== undefined) Object.defineProperty(navigator, 'connection', { value: connection })
    if (adapter === undefined) return
    const given = { info: { vendor: 'acme', architecture: 'rocket' }, features: new Set(), limits: adapter }
    Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => given } })
    // This adapter has been looked at before, and was right.
    localStorage.setItem(`hybridge-gpu-2|acme|rocket|false|${navigator.userAgent}`, 'right')
  }, { adapter, connection })
  await page.reload()
  await page.waitForFunction('globalThis.isReady === true')
  return page
}

const ask = (page, options) => page.evaluate((options) => hybridge.gemmaModel(options).availability(), options)

test('the size of a file that nobody knows, out of one small range', async () => {
  const page = await openOn()
  const found = await ask(page, { model: `${it.host.origin}/tiny.gguf`, device: 'cpu' })
  assert.deepEqual([found.status, found.code, found.bytesToDownload], ['downloadable', undefined, bytes.length])
  assert.deepEqual(it.host.requests.map(({ range }) => range), ['bytes=0-32767'])
  await page.context().close()
})

test('hosts without ranges, in trouble, silent, or refusing', async () => {
  const page = await openOn()
  const options = { model: `${it.host.origin}/tiny.gguf`, device: 'cpu' }
  it.host.knowsRanges = false
  assert.equal((await ask(page, options)).bytesToDownload, bytes.length)
  it.host.knowsRanges = true
  for (const [mood, status, code] of [[{ status: 401 }, 'unavailable', 'MODEL_GATED'], [{ status: 404 }, 'unavailable', 'MODEL_NOT_FOUND'], [{ status: 503 }, 'downloadable', undefined], [{ stall: 0 }, 'downloadable', undefined]]) {
    it.host.moods = [mood]
    const found = await ask(page, options)
    assert.deepEqual([found.status, found.code], [status, code], JSON.stringify(mood))
  }
  await page.context().close()
})

test('first bytes that are written while they are read are looked at again', async () => {
  const page = await openOn()
  const options = { model: `${it.host.origin}/tiny.gguf`, device: 'cpu', contextWindow: 64 }
  await page.evaluate(async (options) => {
    const gemma = hybridge.gemmaModel({ ...options, ...impatient })
    await gemma.load()
    await gemma.dispose()
    const whole = Blob.prototype.arrayBuffer
    Blob.prototype.arrayBuffer = function () {
      // As Chrome does to a file that a worker has written to since the page got it.
      return globalThis.refusals-- > 0 ? Promise.reject(new DOMException('changed', 'NotReadableError')) : whole.call(this)
    }
  }, options)
  // Who cannot read them at all asks the host.
  for (const [refusals, requests] of [[0, 0], [3, 0], [10, 1]]) {
    it.host.requests.length = 0
    await page.evaluate((refusals) => void (globalThis.refusals = refusals), refusals)
    const { status } = await ask(page, options)
    assert.deepEqual([status, it.host.requests.length], ['available', requests], `${refusals} refusals`)
  }
  await page.context().close()
})

test('what a context takes on the GPU, and a GPU that is too small for it', async () => {
  const large = { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31, maxComputeInvocationsPerWorkgroup: 256, maxComputeWorkgroupStorageSize: 16384, maxStorageBuffersPerShaderStage: 8, maxComputeWorkgroupsPerDimension: 65535 }
  const page = await openOn({ adapter: large })
  const needs = async (contextWindow, model = 'gemma-3-4b-it') => (await ask(page, { model, contextWindow })).gpuBytesNeeded
  // Four heads of 256 keys and values in f32: 5 layers of 34 hold the whole context, 29 a ring.
  const [short, long] = [await needs(4096), await needs(8192)]
  assert.equal(long - short, 4096 * 5 * 2 * 4 * 1024 + 4096 * 8 * 4)
  assert.deepEqual(it.host.requests, [], 'a known name needs no host')
  await page.context().close()
  for (const [limit, asked] of [[{ maxComputeInvocationsPerWorkgroup: 128 }, 4096], [{ maxStorageBuffersPerShaderStage: 4 }, 4096], [{ maxStorageBufferBindingSize: 2 ** 27 }, 131_072]]) {
    const small = await openOn({ adapter: { ...large, ...limit } })
    const found = await ask(small, { model: 'gemma-3-4b-it', contextWindow: asked })
    assert.deepEqual([found.status, found.code], ['unavailable', 'GPU_LIMITS'], found.reason)
    assert.match(found.reason, /\d/)
    await small.context().close()
  }
})

test('a connection that saves data starts nothing by itself, and is told', async () => {
  for (const connection of [{ saveData: true }, { type: 'cellular' }]) {
    it.host.requests.length = 0
    const page = await openOn({ connection })
    const found = await page.evaluate(async (url) => {
      const gemma = hybridge.gemmaModel({ model: { url, bytes: 400_000 }, device: 'cpu', contextWindow: 64, ...impatient })
      const { status, code } = await gemma.availability()
      const cloud = hybridge.defineModel({ name: 'sky', generate: async () => 'from the cloud' })
      const ai = hybridge.hybridModelOnDeviceCloud({ onDevice: gemma, cloud, strategy: new hybridge.FallbackStrategy(['onDevice', 'cloud']) })
      const { text } = await ai.generate('hi')
      return { status, code, text, state: gemma.state }
    }, `${it.host.origin}/tiny.gguf`)
    assert.deepEqual(found, { status: 'downloadable', code: 'DATA_SAVER', text: 'from the cloud', state: 'absent' })
    assert.deepEqual(it.host.requests, [])
    // Whoever asks for it gets it.
    const load = await page.evaluate((url) => outcome(hybridge.gemmaModel({ model: url, device: 'cpu', contextWindow: 64, ...impatient }).load()), `${it.host.origin}/tiny.gguf`)
    assert.equal(load.code, undefined, load.message)
    await page.context().close()
  }
})
