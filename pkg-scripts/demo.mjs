/**
 * Serves the demo with an emulator of Gemini; with `--check` also sends it one prompt in a headless browser. Started
 * by `pkg-scripts/demo`.
 */

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startDemo } from '../tests/support/demo.mjs'
import { launch, openPage } from '../tests/support/chromium.mjs'

const { values } = parseArgs({ options: { check: { type: 'string' }, port: { type: 'string', default: '0' } } })
const demo = await startDemo({ root: join(import.meta.dirname, '..'), port: Number(values.port) })

if (values.check === undefined) {
  console.log(`The demo is at ${demo.origin}/ (its cloud is an emulator on this machine). Ctrl-C stops it.`)
} else {
  const browser = await launch()
  try {
    const { page, problems } = await openPage(browser, `${demo.origin}/`)
    await page.waitForSelector('body[data-ready]')
    await page.fill('#prompt', values.check)
    await page.click('#send')
    const outcome = await page.waitForSelector('.badge, li.error', { timeout: 60_000 })
    const branch = await outcome.getAttribute('data-branch')
    if (branch === null) throw new Error(await outcome.textContent())
    console.log(`branch: ${branch}`)
    console.log(`answer: ${await page.$eval('#log li.model .words', (words) => words.textContent)}`)
    console.log(`detail: ${await page.$eval('.badge', (item) => item.textContent)}`)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  } finally {
    await browser.close()
    await demo.close()
  }
}
