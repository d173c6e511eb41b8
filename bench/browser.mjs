/** The built package's engine in headless Chromium, with a model whose bytes are computed when read. */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from '../tests/support/chromium.mjs'
import { serve } from '../tests/support/server.mjs'
import { cache, recipe } from './model.mjs'
import { root } from './native.mjs'

const html = '<!doctype html><link rel="icon" href="data:,"><title>bench</title>'

/** Opens a page that may start a worker of the folder `browser`; returns it with a function to close it. */
export async function openBench(plan, mounts = {}) {
  // Isolated pages have finer clocks, and can use threads.
  const headers =
    plan.threads || plan.isIsolated
      ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
      : {}
  const site = await serve(
    {
      '/hybridge/': join(root, 'crate/npm'),
      '/bench/': join(import.meta.dirname, 'browser'),
      '/wgsl/': join(root, 'crate/gemma/src/gpu/kernels/wgsl'),
      ...mounts,
    },
    { headers, pages: { '/': { type: 'text/html', body: html } } },
  )
  const browser = await launch({ gpu: plan.gpu ?? true })
  const page = await browser.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(message.text())
  })
  await page.goto(`${site.origin}/`)
  return { page, close: async () => (await browser.close(), await site.close()) }
}

/** Runs a worker script of the folder `browser` once. */
export async function runWorker(page, script, plan) {
  return await page.evaluate(
    async ({ script, plan }) =>
      await new Promise((resolve, reject) => {
        const worker = new Worker(script, { type: 'module' })
        worker.onmessage = ({ data }) => {
          worker.terminate()
          if (data.report === undefined) reject(new Error(data.error))
          else resolve(data.report)
        }
        worker.onerror = (event) =>
          reject(new Error(event.message || 'the worker did not load: build the package first (pkg-scripts/build)'))
        worker.postMessage(plan)
      }),
    { script, plan },
  )
}

export async function inBrowser(plan) {
  if (!existsSync(join(root, 'crate/npm/dist/worker.js'))) throw new Error('build the package first: pkg-scripts/build')
  const model = recipe(plan)
  execFileSync('wasm-as', [
    '--enable-simd',
    join(import.meta.dirname, 'browser/read.wat'),
    '-o',
    join(cache, 'read.wasm'),
  ])
  const bench = await openBench({ ...plan, isIsolated: true }, { '/model/': model, '/cache/': cache })
  try {
    return await runWorker(bench.page, '/bench/worker.mjs', { ...plan, turns: 3 })
  } finally {
    await bench.close()
  }
}
