/**
 * Measures how long a model takes from the store to its first token, compared with only reading and uploading the same
 * bytes: `node bench/store.mjs [gpu|cpu] [mini|270m]`, medians of three, each in its own worker.
 */

import { join } from 'node:path'
import { launch } from '../tests/support/chromium.mjs'
import { serve } from '../tests/support/server.mjs'
import { wholeFile } from './model.mjs'
import { root } from './native.mjs'

const [device = 'gpu', shape = 'mini'] = process.argv.slice(2)
const file = wholeFile({ shape, body: 'q4_0' })
const html = '<!doctype html><link rel="icon" href="data:,"><title>store</title>'
const site = await serve(
  {
    '/hybridge/': join(root, 'crate/npm'),
    '/bench/': join(import.meta.dirname, 'browser'),
    '/model/': join(file, '..'),
  },
  { pages: { '/': { type: 'text/html', body: html } } },
)
const browser = await launch({ gpu: true })
try {
  const page = await browser.newPage()
  await page.goto(`${site.origin}/`)
  const found = await page.evaluate(async (device) => {
    const { gemmaModel } = await import('/hybridge/dist/index.js')
    const gemma = gemmaModel({ model: '/model/model.gguf', device, contextWindow: 512 })
    // Downloads it into the store.
    await gemma.load()
    await gemma.dispose()
    const median = (times) => times.sort((a, b) => a - b)[times.length >> 1]
    const [loads, tokens, raws] = [[], [], []]
    let bytes = 0
    for (let turn = 0; turn < 3; turn++) {
      const start = performance.now()
      await gemma.load()
      loads.push(performance.now() - start)
      await gemma.generate({ prompt: 'hi', config: { temperature: 0, maxOutputTokens: 1 } })
      tokens.push(performance.now() - start)
      await gemma.dispose()
      const raw = await new Promise((resolve, reject) => {
        const worker = new Worker('/bench/store-worker.mjs', { type: 'module' })
        worker.onmessage = ({ data }) => (worker.terminate(), resolve(data))
        worker.onerror = (event) => reject(new Error(event.message))
        worker.postMessage(device)
      })
      raws.push(raw.milliseconds)
      bytes = raw.bytes
    }
    return { bytes, load: median(loads), firstToken: median(tokens), raw: median(raws) }
  }, device)
  const { bytes, load, firstToken, raw } = found
  console.log(
    `${shape} on the ${device}: ${(bytes / 1e6).toFixed(0)} MB; loaded in ${load.toFixed(0)} ms, first token after ${firstToken.toFixed(0)} ms; reading${device === 'gpu' ? ' and uploading' : ''} the same bytes ${raw.toFixed(0)} ms; ${(firstToken / raw).toFixed(1)} times that`,
  )
} finally {
  await browser.close()
  await site.close()
}
