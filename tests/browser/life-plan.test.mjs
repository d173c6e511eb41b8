/** Which kernels decode on a GPU: measured once per adapter and precision, and remembered. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

let it
before(async () => {
  it = await setUp({ gpu: true })
  calm(it.host, { '/tiny.gguf': it.models.read('q4_0') })
})
after(() => it?.close())

/**
 * Loads a model and runs it; returns the kernels that were compiled for measuring, the stored result, and the answer's
 * length.
 */
async function load(page, precision) {
  return await page.evaluate(
    async ({ url, precision }) => {
      let tried = 0
      const problems = []
      const told = new BroadcastChannel('tried')
      told.onmessage = ({ data }) => (data === 'tried product' ? tried++ : problems.push(data))
      const gemma = hybridge.gemmaModel({
        model: { url },
        device: 'gpu',
        precision,
        contextWindow: 128,
        workerUrl: '/life/counting-worker.mjs',
        ...impatient,
      })
      await gemma.load()
      const { usage } = await gemma.generate({ prompt: 'hi', config: { temperature: 0, maxOutputTokens: 5 } })
      await gemma.dispose()
      told.close()
      const names = Object.keys(localStorage).filter(
        (name) => name.startsWith('hybridge-plan-') && name.endsWith(`|${precision}`),
      )
      if (problems.length > 0) throw new Error(problems.join())
      return { tried, tokens: usage.outputTokens, remembered: names.map((name) => localStorage.getItem(name)) }
    },
    { url: `${it.host.origin}/tiny.gguf`, precision },
  )
}

test('kernels are measured at the first load, and again only if the stored result is invalid', async () => {
  const page = await it.open()
  const plans = await page.evaluate(async () => {
    const { features } = await navigator.gpu.requestAdapter()
    return ['alone', 'alone-packed', ...(features.has('shader-f16') ? ['alone-half'] : [])]
  })
  const first = await load(page, 'fast')
  assert.deepEqual([first.tried, first.tokens], [plans.length, 5])
  assert.ok(plans.includes(first.remembered[0]), first.remembered[0])
  assert.deepEqual(await load(page, 'fast'), { ...first, tried: 0 })

  await page.evaluate(() => {
    for (const name of Object.keys(localStorage))
      if (name.startsWith('hybridge-plan-')) localStorage.setItem(name, 'no plan')
  })
  const again = await load(page, 'fast')
  assert.deepEqual([again.tried, again.tokens], [plans.length, 5])
  assert.ok(plans.includes(again.remembered[0]), again.remembered[0])
  await page.context().close()
})

test('without rounding a software adapter has one choice, which is not measured', async () => {
  const page = await it.open()
  assert.deepEqual(await load(page, 'exact'), { tried: 0, tokens: 5, remembered: ['alone'] })
  await page.context().close()
})
