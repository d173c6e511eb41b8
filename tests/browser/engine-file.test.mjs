/**
 * Which file of the engine is fetched: the small one without a usable GPU, the large one with it, never both for one
 * load.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { calm, setUp } from './life/page.mjs'

const gpuFile = '/hybridge/wasm/worker/hybridge_worker_bg.wasm'
const cpuFile = '/hybridge/wasm/cpu/hybridge_cpu_bg.wasm'

let it
let withoutGpu
before(async () => {
  it = await setUp({ gpu: true })
  withoutGpu = await launch({ gpu: false })
})
after(() => Promise.all([it?.close(), withoutGpu?.close()]))
beforeEach(() => {
  calm(it.host, { '/tiny.gguf': it.models.read('q8_0') })
  it.faults.length = 0
})

/** Counts the requests for each file. The host forbids caching, so each worker requests it once. */
const fetched = () =>
  [gpuFile, cpuFile].map((file) => it.site.requests.filter((path) => path.toLowerCase() === file).length)

async function openPage({ browser = it.browser, poses = false } = {}) {
  const page = await browser.newPage()
  if (poses) await page.addInitScript({ path: join(import.meta.dirname, 'life/posing.mjs') })
  await page.goto(`${it.site.origin}/`)
  await page.waitForFunction('globalThis.isReady === true')
  it.site.requests.length = 0
  return page
}

const config = { temperature: 0, maxOutputTokens: 6 }

/** Loads the tiny model with these options, runs it, and reports the device. */
const run = (page, options = {}) =>
  page.evaluate(
    async ({ model, options, config }) => {
      globalThis.gemma = hybridge.gemmaModel({ model, contextWindow: 128, ...options, ...impatient })
      const load = await outcome(gemma.load())
      if (load.code !== undefined) return load
      const { text, device } = await gemma.generate({ prompt: 'hi', config })
      return { text, device }
    },
    { model: `${it.host.origin}/tiny.gguf`, options, config },
  )

const availability = (page, options = {}) =>
  page.evaluate((options) => hybridge.gemmaModel(options).availability(), {
    model: `${it.host.origin}/tiny.gguf`,
    ...options,
  })

test('without WebGPU only the small file is fetched, by availability and load', async () => {
  const page = await openPage({ browser: withoutGpu })
  const found = await availability(page)
  assert.deepEqual([found.status, found.device, found.code], ['downloadable', 'cpu', undefined], JSON.stringify(found))
  assert.deepEqual(fetched(), [0, 1])
  assert.equal((await run(page)).device, 'cpu')
  assert.deepEqual(fetched(), [0, 2])
  await page.close()
})

test('without WebGPU a required GPU is refused with the reason, and nothing large is fetched', async () => {
  const page = await openPage({ browser: withoutGpu })
  const selfTest = await page.evaluate(() => outcome(hybridge.gpuSelfTest()))
  assert.deepEqual([selfTest.status, selfTest.code], ['UNAVAILABLE', 'GPU_UNAVAILABLE'])
  assert.deepEqual(fetched(), [0, 0])
  const found = await run(page, { device: 'gpu' })
  assert.deepEqual([found.status, found.code], ['FAILED_PRECONDITION', 'GPU_UNAVAILABLE'])
  assert.match(found.message, /no GPU adapter|no WebGPU/)
  assert.equal(fetched()[0], 0)
  await page.close()
})

test('a software GPU is ignored unless it is required', async () => {
  const page = await openPage()
  assert.equal((await run(page)).device, 'cpu')
  assert.deepEqual(fetched(), [0, 1])
  await page.close()
  const other = await openPage()
  assert.equal((await run(other, { device: 'gpu' })).device, 'gpu')
  assert.deepEqual(fetched(), [1, 0])
  await other.close()
})

test('with a hardware GPU only the large file is fetched, by availability and load', async () => {
  const page = await openPage({ poses: true })
  const found = await availability(page)
  assert.deepEqual([found.status, found.device], ['downloadable', 'gpu'], JSON.stringify(found))
  assert.deepEqual(fetched(), [1, 0])
  assert.equal((await run(page, { workerUrl: '/life/posing-worker.mjs' })).device, 'gpu')
  assert.deepEqual(fetched(), [2, 0])
  await page.close()
})

test('if the GPU is gone when the engine starts, the large file runs the model on the CPU', async () => {
  const page = await openPage()
  it.faults.push('vanishes')
  const found = await run(page, { workerUrl: '/life/posing-worker.mjs' })
  assert.equal(found.device, 'cpu', JSON.stringify(found))
  assert.deepEqual(fetched(), [1, 0])
  await page.close()
})

test('after a GPU is lost for good, the CPU answers next, without another file', async () => {
  const page = await openPage()
  it.faults.push('', 'gone')
  const options = { workerUrl: '/life/posing-worker.mjs', waitForLoad: true }
  const first = await run(page, options)
  assert.equal(first.device, 'gpu', JSON.stringify(first))
  const second = await page.evaluate(async (config) => {
    new BroadcastChannel('posing').postMessage('lose')
    return await outcome(gemma.generate({ prompt: 'hi', config }).then(({ text, device }) => ({ text, device })))
  }, config)
  assert.deepEqual(second.value, { text: first.text, device: 'cpu' }, JSON.stringify(second))
  assert.deepEqual(fetched(), [2, 0])
  await page.close()
})

test('a GPU that failed its self-test before gets the small file', async () => {
  const page = await openPage({ poses: true })
  await page.evaluate(() => localStorage.setItem(`hybridge-gpu-2|acme|rocket|false|${navigator.userAgent}`, 'wrong'))
  assert.equal((await run(page, { workerUrl: '/life/posing-worker.mjs' })).device, 'cpu')
  assert.deepEqual(fetched(), [0, 1])
  await page.close()
})

test('a named large file serves all machines, a named small one only those without a GPU', async () => {
  const page = await openPage({ browser: withoutGpu })
  assert.equal((await run(page, { wasmUrl: gpuFile })).device, 'cpu')
  assert.deepEqual(fetched(), [1, 0])
  assert.equal((await run(page, { wasmUrl: '/missing.wasm', cpuWasmUrl: cpuFile })).device, 'cpu')
  assert.deepEqual(fetched(), [1, 1])
  await page.close()
})

test('a missing GPU file is reported on machines with a GPU only', async () => {
  const wasmUrl = '/no-gpu-file.wasm'
  const missing = /\/no-gpu-file\.wasm is not there \(the server answered 404\).*wasmUrl/
  const page = await openPage({ poses: true })
  const found = await availability(page, { wasmUrl, cpuWasmUrl: cpuFile })
  assert.deepEqual([found.status, found.code], ['unavailable', 'WASM_UNAVAILABLE'], JSON.stringify(found))
  assert.match(found.reason, missing)
  assert.match((await run(page, { wasmUrl, workerUrl: '/life/posing-worker.mjs' })).message, missing)
  await page.close()
  const other = await openPage({ browser: withoutGpu })
  assert.equal((await availability(other, { wasmUrl, cpuWasmUrl: cpuFile })).status, 'downloadable')
  await other.close()
})

test('a missing or invalid file is reported with its address', async () => {
  const page = await openPage({ browser: withoutGpu })
  for (const [place, message] of [
    ['/missing.wasm', /\/missing\.wasm is not there \(the server answered 404\).*cpuWasmUrl/],
    ['/', /is not WebAssembly \(the server answered text\/html.*cpuWasmUrl/],
    ['/life/page.mjs', /page\.mjs: it does not compile/],
    ['http://127.0.0.1:1/engine.wasm', /127\.0\.0\.1:1\/engine\.wasm could not be fetched.*connect-src/],
  ]) {
    await page.evaluate(() => localStorage.clear())
    const found = await availability(page, { cpuWasmUrl: place })
    assert.deepEqual([found.status, found.code], ['unavailable', 'WASM_UNAVAILABLE'], JSON.stringify(found))
    assert.match(found.reason, message)
    const load = await run(page, { cpuWasmUrl: place })
    assert.equal(load.code, 'WASM_UNAVAILABLE')
    assert.match(load.message, message)
  }
  // The load is retried and finds the file.
  assert.equal((await run(page)).device, 'cpu')
  await page.close()
})
