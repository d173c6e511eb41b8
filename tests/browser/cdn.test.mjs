/** The package's files on another origin, as on a CDN: scripts, wasm and the worker. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
// Answers every call with its own address: enough to see that it started, and from where.
const worker = {
  type: 'text/javascript',
  body: 'self.onmessage = ({ data: { id } }) => postMessage({ id, result: { adapter: import.meta.url } })',
}
const cdn = await serve(
  { '/npm/': npm },
  { headers: { 'access-control-allow-origin': '*' }, pages: { '/npm/dist/worker.js': worker } },
)
const site = await serve(
  { '/own/': npm },
  { pages: { '/': { type: 'text/html', body: '<!doctype html><title>cdn</title><link rel="icon" href="data:,">' } } },
)
const browser = await launch({ gpu: false })
after(async () => {
  await browser.close()
  await cdn.close()
  await site.close()
})

const found = async (script, base) => {
  const { page, problems } = await openPage(browser, `${site.origin}/`)
  const result = await page.evaluate(
    async ([script, baseUrl]) => {
      // A machine without a GPU starts no worker for its self-test.
      Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => ({}) } })
      const { configure, defineModel, FallbackStrategy, hybridModel } = await import(script)
      // Another entry of the package, to which `configure` must apply as well.
      const { gpuSelfTest } = await import(script.replace('index.js', 'diagnostics.js'))
      if (baseUrl) configure({ baseUrl })
      const ai = hybridModel({
        branches: { a: defineModel({ name: 'a', generate: () => 'hi' }) },
        strategy: new FallbackStrategy(['a']),
      })
      return { text: (await ai.generate('x')).text, worker: (await gpuSelfTest()).adapter }
    },
    [script, base],
  )
  assert.deepEqual(problems, [])
  await page.close()
  return result
}

test('scripts from another origin start their own worker', async () => {
  assert.deepEqual(await found(`${cdn.origin}/npm/dist/index.js`), {
    text: 'hi',
    worker: `${cdn.origin}/npm/dist/worker.js`,
  })
})

test('same-origin scripts load wasm and worker from the configured copy', async () => {
  cdn.requests.length = 0
  assert.deepEqual(await found('/own/dist/index.js', `${cdn.origin}/npm`), {
    text: 'hi',
    worker: `${cdn.origin}/npm/dist/worker.js`,
  })
  assert.ok(cdn.requests.includes('/npm/wasm/page/hybridge_page_bg.wasm'))
})
