/** Learned routing and evals in a page: the same numbers as in Node. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'
import { prompts } from '../learn/simple-or-hard/prompts.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
const { Classifier } = await import(join(npm, 'dist/learn.js'))
let server, browser
before(async () => {
  server = await serve(
    { '/npm/': npm },
    {
      pages: { '/': { type: 'text/html', body: '<!doctype html><title>evals</title><link rel="icon" href="data:,">' } },
    },
  )
  browser = await launch({ gpu: false })
})
after(async () => {
  await browser?.close()
  await server?.close()
})

test('a classifier trained in a page equals the one trained in Node', async () => {
  const { page, problems } = await openPage(browser, `${server.origin}/`)
  const samples = prompts(400)
  const found = await page.evaluate(async (samples) => {
    const { Classifier } = await import('/npm/dist/learn.js')
    return JSON.stringify(Classifier.train(samples))
  }, samples)
  assert.ok(found === JSON.stringify(Classifier.train(samples)))
  assert.deepEqual(problems, [])
  await page.close()
})

test('models are evaluated in a page, and the report opens as its own page', async () => {
  const { page, problems } = await openPage(browser, `${server.origin}/`)
  const html = await page.evaluate(async () => {
    const { confidenceCascade, defineModel } = await import('/npm/dist/index.js')
    const { evaluate, exactMatch, renderReport } = await import('/npm/dist/evals.js')
    const answers = (wrong, inferenceSource) =>
      defineModel({
        name: 'm',
        info: { inferenceSource },
        generate: ({ messages }, { sendChunk }) => {
          const number = Number(messages.at(-1).content[0].text)
          sendChunk([{ text: String(number + (wrong(number) ? 2 : 1)) }], {
            logprobs: [wrong(number) ? -2 - number / 50 : -0.2 - (number % 7) / 10],
          })
          return {}
        },
      })
    const [local, cloud] = [answers((it) => it % 3 === 0, 'on_device'), answers(() => false, 'in_cloud')]
    const cases = Array.from({ length: 40 }, (_, at) => ({ prompt: String(at), expected: String(at + 1) }))
    return renderReport(
      await evaluate({
        models: { local, cloud },
        hybrid: confidenceCascade({ onDevice: local, cloud, threshold: -1 }),
        cases,
        judges: [exactMatch()],
      }),
    )
  })
  await page.setContent(html)
  const [rows, svgs, wide] = await page.evaluate(() => [
    document.querySelectorAll('details').length,
    document.querySelectorAll('svg polyline').length,
    document.documentElement.scrollWidth > innerWidth,
  ])
  assert.deepEqual([rows, svgs, wide], [40, 3, false])
  await page.setViewportSize({ width: 360, height: 640 })
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false)
  assert.deepEqual(problems, [])
  await page.close()
})
