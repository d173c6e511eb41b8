/**
 * The guarantees of models and of the router, with the real wasm: in Node, and the same scenarios again in Chromium.
 */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
const files = ['model', 'hybrid', 'strategies', 'policy', 'hostile']
/** Far longer than any scenario takes; one that hangs is reported by name. */
const PATIENCE_MS = 20_000

function inTime(promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, PATIENCE_MS, new Error('it hangs'))
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const hybridge = await import(join(npm, 'dist/index.js'))
hybridge.configure({ wasmUrl: await readFile(join(npm, 'wasm/page/hybridge_page_bg.wasm')) })

for (const file of files) {
  const { scenarios } = await import(`./router/${file}.scenarios.mjs`)
  describe(`${file}, in Node`, () => {
    for (const [name, run] of Object.entries(scenarios(hybridge))) test(name, () => inTime(run()))
  })
}

test('importing the package reads no global and loads nothing', async () => {
  const names = ['fetch', 'navigator', 'document', 'WebAssembly', 'performance', 'crypto']
  const kept = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)])
  const touched = []
  for (const [name] of kept)
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get() {
        touched.push(name)
      },
    })
  try {
    await import(`${join(npm, 'dist/index.js')}?again`)
  } finally {
    for (const [name, descriptor] of kept)
      descriptor === undefined ? delete globalThis[name] : Object.defineProperty(globalThis, name, descriptor)
  }
  assert.deepEqual(touched, [])
})

test('a host that reports nothing causes no error', async () => {
  const { online, saveData, webgpu, visible, battery } = await hybridge.deviceFacts()
  assert.deepEqual(
    { online, saveData, visible, battery, available: webgpu.available },
    { online: true, saveData: false, visible: true, battery: undefined, available: false },
  )
})

describe('in Chromium', () => {
  let server, browser
  before(async () => {
    server = await serve(
      { '/npm/': npm, '/router/': join(import.meta.dirname, 'router') },
      {
        pages: {
          '/': { type: 'text/html', body: '<!doctype html><title>router</title><link rel="icon" href="data:,">' },
        },
      },
    )
    browser = await launch({ gpu: false })
  })
  after(async () => {
    await browser?.close()
    await server?.close()
  })

  for (const file of files) {
    test(`every scenario of ${file}`, async () => {
      const { page, problems } = await openPage(browser, `${server.origin}/`)
      const failures = await page.evaluate(
        async ([file, patience]) => {
          const hybridge = await import('/npm/dist/index.js')
          const { scenarios } = await import(`/router/${file}.scenarios.mjs`)
          const failures = []
          addEventListener('unhandledrejection', ({ reason }) => failures.push(`unhandled rejection: ${reason}`))
          let played = 0
          for (const [name, run] of Object.entries(scenarios(hybridge))) {
            played++
            const late = new Promise((_, reject) => setTimeout(reject, patience, new Error('it hangs')))
            await Promise.race([run(), late]).catch((error) => failures.push(`${name}: ${error?.stack ?? error}`))
          }
          if (played === 0) failures.push('no scenario ran')
          return failures
        },
        [file, PATIENCE_MS],
      )
      assert.deepEqual([...failures, ...problems], [])
      await page.close()
    })
  }

  test('the wasm is fetched once, at the first request', async () => {
    const { page } = await openPage(browser, `${server.origin}/`)
    server.requests.length = 0
    const wasm = () => server.requests.filter((path) => path.endsWith('.wasm')).length
    await page.evaluate(async () => {
      const { defineModel, FallbackStrategy, hybridModel } = await import('/npm/dist/index.js')
      const a = defineModel({ name: 'a', generate: async () => 'a' })
      globalThis.ai = hybridModel({ branches: { a }, strategy: new FallbackStrategy(['a']) })
      ai.health()
      await a.generate('x')
    })
    assert.equal(wasm(), 0)
    await page.evaluate(() => Promise.all([ai.generate('x'), ai.generate('y'), ai.explain('z')]))
    assert.equal(wasm(), 1)
    await page.close()
  })

  test('facts about this machine', async () => {
    const facts = async (options) => {
      const other = await launch(options)
      const { page } = await openPage(other, `${server.origin}/`)
      const found = await page.evaluate(async () => (await import('/npm/dist/index.js')).deviceFacts())
      await other.close()
      return found
    }
    const without = await facts({ gpu: false })
    assert.deepEqual(without.webgpu, { available: false, software: false, reason: 'no GPU adapter is available' })
    assert.ok(without.online && without.visible && without.cores > 0 && without.memoryGB > 0, JSON.stringify(without))
    const software = await facts({ gpu: true })
    assert.ok(
      software.webgpu.available && software.webgpu.software && software.webgpu.maxBufferSize > 0,
      JSON.stringify(software),
    )
  })

  test('overhead of the router', async (context) => {
    const { page } = await openPage(browser, `${server.origin}/`)
    const { firstMs, eachUs, directFirstMs, directEachUs } = await page.evaluate(async () =>
      (await import('/router/overhead.mjs')).overhead(await import('/npm/dist/index.js')),
    )
    context.diagnostic(
      `router, added: ${firstMs.toFixed(3)} ms to the first chunk (budget 0.3), ${eachUs.toFixed(1)} µs per chunk (budget 20); direct: ${directFirstMs.toFixed(3)} ms, ${directEachUs.toFixed(1)} µs`,
    )
    // The figures apply to a quiet machine; the limits leave room for a busy one, but not for another order of
    // magnitude.
    assert.ok(firstMs < 3 && eachUs < 200, `${firstMs} ms, ${eachUs} µs`)
    await page.close()
  })
})
