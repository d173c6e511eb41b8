/**
 * `hybridge/prompt-api` in Chromium: the behaviours covered by the platform's public tests, tested independently with
 * a model that echoes, like the one in theirs. Pictures are canvases, bitmaps, frames and images of a page.
 */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
let browser
let site
let results

before(async () => {
  const script = await readFile(join(import.meta.dirname, 'prompt-api-page.mjs'), 'utf8')
  const html = '<!doctype html><link rel="icon" href="data:,"><title>Prompt API</title>'
  site = await serve(
    { '/hybridge/': npm },
    {
      pages: {
        '/': { type: 'text/html', body: html },
        '/page.mjs': { type: 'text/javascript', body: script },
      },
    },
  )
  browser = await launch({ gpu: false })
  const page = await browser.newPage()
  await page.goto(`${site.origin}/`)
  results = await page.evaluate(async () => (await import('/page.mjs')).run())
})
after(async () => {
  await browser?.close()
  await site?.close()
})

test('every behaviour that a page can observe', () => {
  assert.equal(results.length, 49)
  assert.deepEqual(
    results.filter(({ problem }) => problem !== undefined),
    [],
  )
})
