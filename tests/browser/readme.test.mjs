/** The README's example, as it stands there, in a page with the built package and the emulator. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startGemini } from '../emulator/gemini.mjs'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const root = join(import.meta.dirname, '../..')

test('the ten lines', async () => {
  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8'))
  const gemini = await startGemini()
  const script = `
    globalThis.shown = []
    const show = (text) => globalThis.shown.push(text)
    const askForKey = () => 'a visitor’s key'.length.toString()
    const baseUrl = ${JSON.stringify(gemini.origin)}
    ${example.replace("'hybridge'", "'/hybridge/dist/index.js'")}
    globalThis.outcome = { branch, attempts: routing.attempts.length }`
  const server = await serve({ '/hybridge/': join(root, 'crate/npm') }, {
    pages: {
      '/': { type: 'text/html', body: '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/example.js"></script>' },
      '/example.js': { type: 'text/javascript', body: script },
    },
  })
  const browser = await launch({ gpu: false })
  try {
    const { page, problems } = await openPage(browser, `${server.origin}/`)
    await page.waitForFunction(() => globalThis.outcome)
    const { branch, attempts } = await page.evaluate(() => globalThis.outcome)
    assert.equal(branch, 'cloud')
    assert.equal(attempts, 2)
    assert.ok((await page.evaluate(() => globalThis.shown.join(''))).length > 0)
    assert.deepEqual(problems, [])
  } finally {
    await browser.close()
    await server.close()
    await gemini.close()
  }
})
