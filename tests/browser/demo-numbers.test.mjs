/** The page of numbers: it measures with and without WebGPU, is accessible to screen readers, and can be stopped. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { loadTiny, openState } from '../support/demo-states.mjs'
import { startDemo } from '../support/demo.mjs'

let demo
before(async () => {
  demo = await startDemo({ root: join(import.meta.dirname, '../..') })
})
after(() => demo?.close())

const done = (page) =>
  page.waitForFunction(() => /^(Done|Stopped)/.test(document.querySelector('#progress-words').textContent), undefined, {
    timeout: 120_000,
  })

async function within(gpu, act) {
  const browser = await launch({ gpu })
  try {
    const { page, problems } = await openState(browser, demo, { path: 'numbers.html' })
    await act(page)
    assert.deepEqual(problems, [])
  } finally {
    await browser.close()
  }
}

test('a loaded model’s speeds are plotted, listed in a table and downloaded', () =>
  within(false, async (page) => {
    await loadTiny(page)
    await page.click('#measure')
    await done(page)
    assert.match(await page.textContent('#progress-words'), /There is no WebGPU here/)
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#export')])
    const { memory, speed } = JSON.parse(readFileSync(await download.path(), 'utf8'))
    assert.ok(memory.cpu.readGBps > 0 && memory.cpu.matvecGWps > 0)
    assert.equal(speed.rows.length, 5)
    assert.ok(speed.bytes > 1e6 && speed.limit > 0, 'the limit of the memory is known')
    for (const [index, { inputTokens, prefill, decode, firstMs }] of speed.rows.entries()) {
      assert.ok(inputTokens > (speed.rows[index - 1]?.inputTokens ?? 0), 'prompts grow')
      assert.ok(prefill > 0 && firstMs > 0)
      // An answer with a single chunk has no speed, so none is shown.
      assert.ok(decode === undefined || decode > 0)
    }
    assert.equal(await page.locator('#speeds svg[role=img]').count(), 2)
    assert.equal(await page.locator('#speeds tbody tr').count(), 5)
    const told = await page.textContent('#speeds svg desc')
    for (const { inputTokens } of speed.rows) assert.ok(told.includes(`${inputTokens} tokens in: `))
  }))

test('a GPU is measured, and its results are right', () =>
  within(true, async (page) => {
    await page.click('#measure')
    await done(page)
    assert.match(await page.textContent('#progress-words'), /^Done\. No model is loaded/)
    const cells = await page.locator('#memory tbody tr').last().locator('td').allTextContents()
    assert.equal(cells.length, 3)
    for (const cell of cells) assert.ok(Number(cell) >= 0, `a figure, found ${cell}`)
  }))

test('the stop button stops the measurement', () =>
  within(false, async (page) => {
    // Clicked at once, because a busy page draws no frame in which Playwright could locate the pointer.
    await page.evaluate(() => {
      document.querySelector('#measure').click()
      document.querySelector('#stop').click()
    })
    await done(page)
    assert.match(await page.textContent('#progress-words'), /^Stopped/)
    assert.equal(await page.isEnabled('#measure'), true)
  }))
