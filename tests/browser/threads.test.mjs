/** Threads of the CPU's engine: which pages have them, that answers stay the same, and lost helpers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { serve } from '../support/server.mjs'
import { calm, lifePage, setUp } from './life/page.mjs'

const root = join(import.meta.dirname, '../..')
const isolating = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
const files = ['cpu/hybridge_cpu', 'threads/hybridge_threads'].map((it) => `/hybridge/wasm/${it}_bg.wasm`)

let it
before(async () => {
  it = await setUp({ headers: isolating })
})
after(() => it?.close())
beforeEach(() => {
  calm(it.host, { '/tiny.gguf': it.models.read('q8_0') })
  it.faults.length = 0
  it.site.requests.length = 0
})

/** Counts the requests for each file of the engine: the one for one thread, and the one for several. */
const fetched = (requests = it.site.requests) => files.map((file) => requests.filter((path) => path === file).length)

/** Loads the tiny model with these options, and returns its answer. */
const run = (page, options = {}) =>
  page.evaluate(
    async ({ model, options }) => {
      const gemma = hybridge.gemmaModel({ model, device: 'cpu', contextWindow: 256, ...options, ...impatient })
      const load = await outcome(gemma.load())
      if (load.code !== undefined) return load
      const prompt = 'a prompt of more tokens than one, so that its parts are worth sharing among threads'
      const answer = await gemma.generate({ prompt, config: { temperature: 0, maxOutputTokens: 40 } })
      await gemma.dispose()
      return answer.text
    },
    { model: `${it.host.origin}/tiny.gguf`, options },
  )

test('an isolated page fetches the file with threads, unless one thread is requested', async () => {
  const page = await it.open()
  assert.equal(await page.evaluate(() => crossOriginIsolated), true)
  const alone = await run(page, { threads: 1 })
  assert.deepEqual(fetched(), [1, 0])
  assert.ok(alone.length > 0)
  for (const precision of ['exact', 'fast'])
    for (const threads of [2, 3, 4, 'auto']) {
      const expected = await run(page, { threads: 1, precision })
      assert.equal(await run(page, { threads, precision }), expected, `${threads} threads, ${precision}`)
    }
  assert.deepEqual(fetched(), [9, 8])
})

test('availability measures with the threads of the load, and fetches no other file', async () => {
  const page = await it.open()
  const options = { model: `${it.host.origin}/tiny.gguf`, device: 'cpu' }
  const found = await page.evaluate((options) => hybridge.gemmaModel(options).availability(), options)
  assert.deepEqual([found.status, found.device], ['downloadable', 'cpu'], JSON.stringify(found))
  assert.deepEqual(fetched(), [0, 1])
})

test('an invalid number of threads is refused', async () => {
  const page = await it.open()
  for (const threads of [0, 1.5, '2', null]) {
    const found = await page.evaluate((threads) => {
      try {
        hybridge.gemmaModel({ model: '/tiny.gguf', threads })
      } catch ({ status }) {
        return status
      }
    }, threads)
    assert.equal(found, 'INVALID_ARGUMENT', String(threads))
  }
})

test('a page that is not isolated fetches the file for one thread', async () => {
  const pages = { '/': { type: 'text/html', body: lifePage } }
  const site = await serve({ '/hybridge/': join(root, 'crate/npm') }, { pages })
  const page = await it.browser.newPage()
  await page.goto(`${site.origin}/`)
  await page.waitForFunction('globalThis.isReady === true')
  assert.equal(await page.evaluate(() => crossOriginIsolated), false)
  assert.ok((await run(page, { threads: 4 })).length > 0)
  assert.deepEqual(fetched(site.requests), [1, 0])
  await page.close()
  await site.close()
})

test('if the file with threads is not served, the other one is used', async () => {
  const page = await it.open()
  const expected = await run(page, { threads: 1 })
  assert.equal(await run(page, { threads: 2, threadsWasmUrl: '/missing.wasm' }), expected)
  assert.equal(await run(page, { threads: 2, cpuWasmUrl: files[0] }), expected)
  assert.deepEqual(fetched(), [3, 0])
})

test('helpers that break off: an error with its code, and the engine is rebuilt', async () => {
  const page = await it.open()
  const expected = await run(page, { threads: 1 })
  it.site.requests.length = 0
  it.faults.push('1500')
  const found = await page.evaluate(async (model) => {
    const gemma = hybridge.gemmaModel({
      model,
      device: 'cpu',
      contextWindow: 256,
      threads: 2,
      workerUrl: '/life/lost-thread-worker.mjs',
      waitForLoad: true,
      ...impatient,
    })
    const prompt = 'a prompt of more tokens than one, so that its parts are worth sharing among threads'
    const ask = () => outcome(gemma.generate({ prompt, config: { temperature: 0, maxOutputTokens: 40 } }))
    await gemma.load()
    const ends = []
    const start = performance.now()
    // The loss is detected during one of these answers, or between two of them.
    while (performance.now() - start < 4000) {
      const { value, code } = await ask()
      ends.push(code ?? value.text)
    }
    return { codes: ends.filter((end) => end === 'THREAD_LOST').length, others: [...new Set(ends)] }
  }, `${it.host.origin}/tiny.gguf`)
  assert.ok(found.codes <= 1, JSON.stringify(found))
  assert.deepEqual(
    found.others.filter((end) => end !== 'THREAD_LOST'),
    [expected],
  )
  assert.deepEqual(fetched(), [0, 2])
})

test('the service worker of the example isolates a page whose host sends no headers', async () => {
  const html = `<script src="/isolate.js"></script>${lifePage}`
  const mounts = { '/hybridge/': join(root, 'crate/npm'), '/': join(root, 'examples/isolated') }
  const site = await serve(mounts, { pages: { '/': { type: 'text/html', body: html } } })
  const page = await (await it.browser.newContext()).newPage()
  await page.goto(`${site.origin}/`)
  await page.waitForFunction('globalThis.isReady === true && crossOriginIsolated')
  assert.ok((await run(page, { threads: 2 })).length > 0)
  assert.deepEqual(fetched(site.requests), [0, 1])
  await page.context().close()
  await site.close()
})
