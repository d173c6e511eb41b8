/** Pictures in the demo: chosen, pasted or dropped, shown with the size that the model receives, and sent. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { ask, openState } from '../support/demo-states.mjs'
import { startDemo } from '../support/demo.mjs'

const root = join(import.meta.dirname, '../..')
let demo, browser
before(async () => {
  demo = await startDemo({ root })
  browser = await launch({ gpu: false })
})
after(async () => {
  await browser?.close()
  await demo?.close()
})

/** Passes a picture of this size to the page in one of its ways. */
const give = (page, way, [width, height]) =>
  page.evaluate(
    async ({ way, width, height }) => {
      const canvas = new OffscreenCanvas(width, height)
      canvas.getContext('2d').fillRect(0, 0, width, height)
      const blob = await canvas.convertToBlob({ type: 'image/png' })
      const data = new DataTransfer()
      data.items.add(new File([blob], 'photo.png', { type: 'image/png' }))
      const init = { bubbles: true, cancelable: true }
      if (way === 'file') {
        document.querySelector('#picture').files = data.files
        document.querySelector('#picture').dispatchEvent(new Event('change', init))
      } else if (way === 'paste')
        document.querySelector('#prompt').dispatchEvent(new ClipboardEvent('paste', { ...init, clipboardData: data }))
      else document.body.dispatchEvent(new DragEvent('drop', { ...init, dataTransfer: data }))
    },
    { way, width, height },
  )

test('a picture is chosen by a field, pasted or dropped, and sent with one message', async () => {
  const { context, page, problems } = await openState(browser, demo, {})
  for (const [index, way] of ['file', 'paste', 'drop'].entries()) {
    const size = [30 + index, 20]
    await give(page, way, size)
    await page.waitForFunction(
      (text) => document.querySelector('#picture-state').textContent.startsWith(text),
      `${size[0]} × ${size[1]} pixels`,
    )
    assert.equal(await page.locator('#picture-frame img').count(), 1)
    // Neither the tiny model nor its absence reads pictures.
    assert.match(await page.textContent('#picture-state'), /so a cloud must answer/)
    if (index === 0) {
      await page.click('#picture-drop')
      assert.equal(await page.locator('#picture-frame img').count(), 0)
      await give(page, way, size)
      await page.waitForSelector('#picture-frame img')
    }
    await ask(page, `What is it, number ${index}?`)
    await page.waitForFunction((count) => document.querySelectorAll('#log .user img').length === count, index + 1)
    assert.equal(await page.textContent('#picture-state'), '')
    await page.waitForFunction((count) => document.querySelectorAll('.badge').length === count, index + 1)
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('the size that a model receives is that of its training', async () => {
  const { context, page } = await openState(browser, demo, {})
  const found = await page.evaluate(async () => {
    const { seenAs } = await import('./picture.js')
    const sizes = [
      [768, 768],
      [1, 1],
      [1600, 1200],
      [1200, 1600],
      [10_000, 10],
    ]
    return sizes.flatMap(([width, height]) => [3, 4].map((family) => seenAs({ width, height }, family)))
  })
  const square = { width: 896, height: 896, tokens: 256 }
  assert.deepEqual(
    found.filter((_, index) => index % 2 === 0),
    Array(5).fill(square),
  )
  assert.deepEqual(
    found.filter((_, index) => index % 2 === 1).map(({ width, height }) => [width, height]),
    [
      [768, 768],
      [768, 768],
      [912, 672],
      [672, 912],
      [280 * 48, 48],
    ],
  )
  await context.close()
})
