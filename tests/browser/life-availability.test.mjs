/** The facts that `availability()` gathers, and those that it ignores. */

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
beforeEach(() =>
  calm(it.host, {
    '/tiny.gguf': bytes,
    '/empty.gguf': Buffer.alloc(0),
    '/words.gguf': Buffer.from('# A page of words\n'.repeat(3000)),
  }),
)

/** A page whose navigator returns scripted values. */
async function openOn({ adapter, connection } = {}) {
  const page = await it.open()
  await page.addInitScript(
    ({ adapter, connection }) => {
      if (connection !== undefined) Object.defineProperty(navigator, 'connection', { value: connection })
      if (adapter === undefined) return
      const given = { info: { vendor: 'acme', architecture: 'rocket' }, features: new Set(), limits: adapter }
      Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => given } })
      // This adapter passed an earlier self-test.
      localStorage.setItem(`hybridge-gpu-2|acme|rocket|false|${navigator.userAgent}`, 'right')
    },
    { adapter, connection },
  )
  await page.reload()
  await page.waitForFunction('globalThis.isReady === true')
  return page
}

const ask = (page, options) => page.evaluate((options) => hybridge.gemmaModel(options).availability(), options)

test('the size of an unknown file, from one small range request', async () => {
  const page = await openOn()
  const found = await ask(page, { model: `${it.host.origin}/tiny.gguf`, device: 'cpu' })
  assert.deepEqual([found.status, found.code, found.bytesToDownload], ['downloadable', undefined, bytes.length])
  assert.deepEqual(
    it.host.requests.map(({ range }) => range),
    ['bytes=0-32767'],
  )
  await page.context().close()
})

test('hosts without ranges, failing, silent, or refusing', async () => {
  const page = await openOn()
  const options = { model: `${it.host.origin}/tiny.gguf`, device: 'cpu' }
  it.host.knowsRanges = false
  assert.equal((await ask(page, options)).bytesToDownload, bytes.length)
  it.host.knowsRanges = true
  for (const [mood, status, code] of [
    [{ status: 401 }, 'unavailable', 'MODEL_GATED'],
    [{ status: 404 }, 'unavailable', 'MODEL_NOT_FOUND'],
    [{ status: 503 }, 'downloadable', undefined],
    [{ stall: 0 }, 'downloadable', undefined],
  ]) {
    it.host.moods = [mood]
    const found = await ask(page, options)
    assert.deepEqual([found.status, found.code], [status, code], JSON.stringify(mood))
  }
  await page.context().close()
})

test('first bytes that are written during a read are read again', async () => {
  const page = await openOn()
  const options = { model: `${it.host.origin}/tiny.gguf`, device: 'cpu', contextWindow: 64 }
  await page.evaluate(async (options) => {
    const gemma = hybridge.gemmaModel({ ...options, ...impatient })
    await gemma.load()
    await gemma.dispose()
    const whole = Blob.prototype.arrayBuffer
    Blob.prototype.arrayBuffer = function () {
      // As in Chrome for a file that a worker has written to since the page opened it.
      return globalThis.refusals-- > 0
        ? Promise.reject(new DOMException('changed', 'NotReadableError'))
        : whole.call(this)
    }
  }, options)
  // If they cannot be read at all, the host is asked.
  for (const [refusals, requests] of [
    [0, 0],
    [3, 0],
    [10, 1],
  ]) {
    it.host.requests.length = 0
    await page.evaluate((refusals) => void (globalThis.refusals = refusals), refusals)
    const { status } = await ask(page, options)
    assert.deepEqual([status, it.host.requests.length], ['available', requests], `${refusals} refusals`)
  }
  await page.context().close()
})

test('memory of a context on the GPU, and a GPU that is too small for it', async () => {
  const large = {
    maxBufferSize: 2 ** 31,
    maxStorageBufferBindingSize: 2 ** 31,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16384,
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupsPerDimension: 65535,
  }
  const page = await openOn({ adapter: large })
  const needs = async (contextWindow, model = 'gemma-3-4b-it') =>
    (await ask(page, { model, contextWindow })).gpuBytesNeeded
  // Four heads of 256 keys and values in f32: 5 of 34 layers store the whole context, 29 a ring.
  const [short, long] = [await needs(4096), await needs(8192)]
  assert.equal(long - short, 4096 * 5 * 2 * 4 * 1024 + 4096 * 8 * 4)
  assert.deepEqual(it.host.requests, [], 'a known name needs no request')
  await page.context().close()
  for (const [limit, asked] of [
    [{ maxComputeInvocationsPerWorkgroup: 128 }, 4096],
    [{ maxStorageBuffersPerShaderStage: 4 }, 4096],
    [{ maxStorageBufferBindingSize: 2 ** 27 }, 131_072],
  ]) {
    const small = await openOn({ adapter: { ...large, ...limit } })
    const found = await ask(small, { model: 'gemma-3-4b-it', contextWindow: asked })
    assert.deepEqual([found.status, found.code], ['unavailable', 'GPU_LIMITS'], found.reason)
    assert.match(found.reason, /\d/)
    await small.context().close()
  }
})

test('on a connection that saves data nothing starts automatically, and this is reported', async () => {
  for (const connection of [{ saveData: true }, { type: 'cellular' }]) {
    it.host.requests.length = 0
    const page = await openOn({ connection })
    const found = await page.evaluate(async (url) => {
      const gemma = hybridge.gemmaModel({
        model: { url, bytes: 400_000 },
        device: 'cpu',
        contextWindow: 64,
        ...impatient,
      })
      const { status, code } = await gemma.availability()
      const cloud = hybridge.defineModel({ name: 'sky', generate: async () => 'from the cloud' })
      const ai = hybridge.hybridModelOnDeviceCloud({
        onDevice: gemma,
        cloud,
        strategy: new hybridge.FallbackStrategy(['onDevice', 'cloud']),
      })
      const { text } = await ai.generate('hi')
      return { status, code, text, state: gemma.state }
    }, `${it.host.origin}/tiny.gguf`)
    assert.deepEqual(found, { status: 'downloadable', code: 'DATA_SAVER', text: 'from the cloud', state: 'absent' })
    assert.deepEqual(it.host.requests, [])
    // It is used on request.
    const load = await page.evaluate(
      (url) => outcome(hybridge.gemmaModel({ model: url, device: 'cpu', contextWindow: 64, ...impatient }).load()),
      `${it.host.origin}/tiny.gguf`,
    )
    assert.equal(load.code, undefined, load.message)
    await page.context().close()
  }
})

test('the actual obstacle is reported, and never the device instead', async () => {
  const page = await openOn()
  for (const [options, mood, status, code] of [
    [{ model: '/missing.gguf' }, undefined, 'unavailable', 'MODEL_NOT_FOUND'],
    [{ model: '/tiny.gguf' }, { status: 401 }, 'unavailable', 'MODEL_GATED'],
    [{ model: '/tiny.gguf' }, { status: 400 }, 'unavailable', 'MODEL_HTTP'],
    [{ model: '/tiny.gguf' }, { status: 503 }, 'downloadable', 'MODEL_HTTP'],
    [{ model: '/tiny.gguf' }, { stall: 0 }, 'downloadable', 'NETWORK'],
    [
      { model: '/tiny.gguf' },
      { status: 200, body: '<h1>Sign in</h1>', headers: { 'content-type': 'text/html' } },
      'unavailable',
      'MODEL_NOT_FOUND',
    ],
    [{ model: '/empty.gguf' }, undefined, 'unavailable', 'GGUF_TRUNCATED'],
    [{ model: '/words.gguf' }, undefined, 'unavailable', 'GGUF_INVALID'],
    [{ model: 'http://127.0.0.1:1/tiny.gguf' }, undefined, 'unavailable', 'NETWORK'],
    [{ model: '/tiny.gguf', wasmUrl: '/missing.wasm' }, undefined, 'unavailable', 'WASM_UNAVAILABLE'],
    [{ model: '/tiny.gguf', workerUrl: '/missing-worker.js' }, undefined, 'unavailable', 'WORKER_UNAVAILABLE'],
  ]) {
    it.host.moods = mood === undefined ? [] : [mood]
    const model = options.model.startsWith('/') ? it.host.origin + options.model : options.model
    // Each in a page whose CPU has not been measured, on a machine without a GPU.
    await page.evaluate(() => localStorage.clear())
    const found = await ask(page, { ...options, model })
    assert.deepEqual([found.status, found.code], [status, code], JSON.stringify({ options, mood, found }))
    assert.ok(found.reason.length > 10 && !/GPU/.test(found.reason), found.reason)
    assert.equal(found.estimatedTokensPerSecond, undefined, 'an invalid file has no speed')
  }
  await page.context().close()
})

test('a supplied file that isn’t a model is rejected', async () => {
  const page = await openOn()
  const found = await page.evaluate(async () => {
    const files = [new Blob([]), new Blob(['# words'.repeat(9000)]), new File(['<!doctype html>'], 'x.gguf')]
    return await Promise.all(files.map((model) => hybridge.gemmaModel({ model }).availability()))
  })
  assert.deepEqual(
    found.map(({ status, code }) => [status, code]),
    [
      ['unavailable', 'GGUF_TRUNCATED'],
      ['unavailable', 'GGUF_INVALID'],
      ['unavailable', 'GGUF_INVALID'],
    ],
  )
  await page.context().close()
})

test('whether a download is kept, and why not', async () => {
  const page = await openOn()
  const model = `${it.host.origin}/tiny.gguf`
  const kept = await ask(page, { model, device: 'cpu' })
  assert.deepEqual([kept.kept, kept.notKeptReason], [true, undefined])
  const none = await ask(page, { model, device: 'cpu', cache: 'none' })
  assert.equal(none.kept, false)
  assert.match(none.notKeptReason, /cache: 'none'/)
  // A browser without the file system, and a private window that refuses it.
  for (const [refuse, reason] of [
    [() => delete StorageManager.prototype.getDirectory, /has no private file system/],
    [
      () =>
        (StorageManager.prototype.getDirectory = async () => {
          throw new DOMException('no', 'SecurityError')
        }),
      /refuses/,
    ],
  ]) {
    const other = await openOn()
    await other.evaluate(refuse)
    const found = await ask(other, { model, device: 'cpu' })
    assert.deepEqual([found.status, found.kept], ['downloadable', false])
    assert.match(found.notKeptReason, reason)
    await other.context().close()
  }
  await page.context().close()
})

test('a GPU driver that hangs delays only the first request, by two seconds', async () => {
  const page = await it.open()
  await page.addInitScript(() => {
    globalThis.asked = 0
    Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: () => (asked++, new Promise(() => {})) } })
  })
  await page.reload()
  await page.waitForFunction('globalThis.isReady === true')
  const asked = await page.evaluate(async () => {
    for (let round = 0; round < 4; round++) await hybridge.deviceFacts()
    return globalThis.asked
  })
  assert.equal(asked, 1)
  await page.context().close()
})
