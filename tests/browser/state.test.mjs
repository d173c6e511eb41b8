/** Listeners of a model's state, progress and queue, with a scripted worker. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const worker = {
  type: 'text/javascript',
  body: `self.onmessage = async ({ data: { id, method, params, farewell } }) => {
    if (farewell) return postMessage({ id: farewell, result: null })
    const report = (phase, loadedBytes) => postMessage({ report: id, progress: { phase, loadedBytes, totalBytes: 10 } })
    if (method === 'load') {
      report('upload', 0)
      await new Promise((resolve) => setTimeout(resolve, 100))
      report('upload', 5)
      return postMessage({ id, result: { device: 'cpu', contextWindow: 64, architecture: 'gemma3' } })
    }
    if (method === 'start') return postMessage({ id, result: 1 })
    if (method === 'next') {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return postMessage({ id, result: { reply: { message: { role: 'model', content: [{ text: 'hi' }] }, finishReason: 'stop', usage: {} } } })
    }
    postMessage({ id, result: null })
  }`,
}
const server = await serve(
  { '/npm/': join(import.meta.dirname, '../../crate/npm') },
  {
    pages: {
      '/worker.js': worker,
      '/': { type: 'text/html', body: '<!doctype html><title>state</title><link rel="icon" href="data:,">' },
    },
  },
)
const browser = await launch({ gpu: false })
after(async () => {
  await browser.close()
  await server.close()
})

test('two listeners follow one load, a queue and the end', async () => {
  const { page, problems } = await openPage(browser, `${server.origin}/`)
  const found = await page.evaluate(async () => {
    const { gemmaModel, promptApiModel } = await import('/npm/dist/index.js')
    const gemma = gemmaModel({ model: new Blob(['x']), workerUrl: '/worker.js', device: 'cpu' })
    const seen = []
    let reported = 0
    window.reportError = () => reported++
    gemma.onStateChange(() => {
      throw new Error('mine')
    })
    gemma.onStateChange((now) => seen.push(now))
    const gone = gemma.onStateChange(() => seen.push('gone'))
    gone()
    await gemma.load()
    const texts = await Promise.all(['a', 'b', 'c'].map(async (prompt) => (await gemma.generate(prompt)).text))
    await gemma.dispose()
    const bad = []
    for (const model of [gemma, promptApiModel()])
      try {
        model.onStateChange(5)
      } catch (error) {
        bad.push(error.status)
      }
    return { seen, texts, reported, bad }
  })
  assert.deepEqual(
    [found.texts, found.bad],
    [
      ['hi', 'hi', 'hi'],
      ['INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
    ],
  )
  const states = found.seen.map(({ state }) => state).filter((state, at, all) => state !== all[at - 1])
  assert.deepEqual(states, ['loading', 'ready', 'disposed'])
  const fractions = found.seen.flatMap(({ progress }) => (progress === undefined ? [] : [progress.fraction]))
  assert.ok(
    fractions[0] === 0 && fractions.at(-1) === 1 && fractions.every((it, at) => at === 0 || it >= fractions[at - 1]),
    JSON.stringify(fractions),
  )
  assert.ok(found.seen.every(({ state, progress }) => progress === undefined || state === 'loading'))
  assert.equal(Math.max(...found.seen.map(({ queued }) => queued)), 2)
  assert.equal(found.reported, found.seen.length)
  assert.deepEqual(problems, [])
})
