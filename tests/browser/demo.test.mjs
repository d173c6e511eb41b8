/** The demo from a user's point of view: ask, simulate a failure, preview the routing. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch, openPage } from '../support/chromium.mjs'
import { startDemo } from '../support/demo.mjs'

let demo, browser, page, problems

before(async () => {
  demo = await startDemo({ root: join(import.meta.dirname, '../..') })
  browser = await launch({ gpu: false })
  ;({ page, problems } = await openPage(browser, `${demo.origin}/?load=no`))
  await page.waitForSelector('body[data-ready]')
})
after(async () => {
  await browser?.close()
  await demo?.close()
})

async function ask(text) {
  await page.fill('#prompt', text)
  await page.click('#send')
}

test('the cloud answers if no device model is chosen, and the badge says so', async () => {
  await ask('Hello there')
  await page.waitForSelector('.badge')
  assert.match(await page.textContent('#log li.model .words'), /Hello there/)
  assert.equal(await page.getAttribute('.badge', 'data-branch'), 'cloud')
  assert.match(await page.textContent('.badge'), /emulator.*this device failed \(UNAVAILABLE\); the cloud took over/)
  assert.equal(await page.locator('.attempt').count(), 2)
})

test('a conversation continues', async () => {
  await ask('And more')
  await page.waitForFunction(() => document.querySelectorAll('.badge').length === 2)
  assert.equal(await page.locator('#log li').count(), 4)
})

test('another service continues the conversation', async () => {
  await page.click('summary:has-text("Cloud")')
  await page.selectOption('#cloud-dialect', 'openai')
  await page.click('#cloud button')
  await ask('In other words?')
  await page.waitForFunction(() => document.querySelectorAll('.badge').length === 3)
  assert.match(await page.locator('.badge').last().textContent(), /chat-completions emulator/)
})

test('a simulated failure is explained in a sentence', async () => {
  await page.check('#fault-cloudDown')
  await ask('Still there?')
  assert.match(await page.textContent('#log li.error'), /503/)
  assert.equal(await page.locator('#log .waiting').count(), 0)
  await page.uncheck('#fault-cloudDown')
})

test('the preview shows the route, and personal data is pinned', async () => {
  await page.fill('#prompt', 'write to ada@example.com')
  await page.waitForFunction(() =>
    /Stays on this device: it contains an e-mail address/.test(document.querySelector('#preview').textContent),
  )
  const asked = demo.asked()
  await page.click('#send')
  await page.waitForFunction(() => document.querySelectorAll('li.error').length === 2)
  assert.equal(demo.asked(), asked, 'the cloud was not asked')
})

test('on low confidence the device falls back to the cloud, and the code of each recipe is shown', async () => {
  await page.click('#fresh')
  await page.selectOption('#recipe', 'sure')
  assert.match(await page.textContent('#recipe-code'), /^confidenceCascade\(/)
  await ask('Who are you?')
  await page.waitForSelector('.badge')
  assert.equal(await page.getAttribute('.badge', 'data-branch'), 'cloud')
})

test('a price set by the visitor gives a cost, and another origin loses the emulator’s label', async () => {
  await page.selectOption('#cloud-dialect', 'gemini')
  await page.fill('#cloud-url', `${demo.gemini.origin}/`)
  await page.fill('#price-input', '1000')
  await page.fill('#price-output', '2000')
  await page.click('#cloud button')
  await page.click('#fresh')
  await ask('Hello')
  await page.waitForSelector('.badge')
  assert.match(await page.textContent('.badge'), /about \$0\.0/)
  assert.match(await page.textContent('.badge'), /127\.0\.0\.1/)
})

test('stop ends an answer that never arrives', async () => {
  await page.selectOption('#recipe', 'cloud')
  await page.check('#fault-slowCloud')
  await page.click('#fresh')
  await ask('Slowly')
  await page.click('#stop')
  await page.waitForSelector('li.note')
  assert.equal(await page.locator('#log .waiting').count(), 0)
  assert.equal(await page.isVisible('#stop'), false)
  await page.uncheck('#fault-slowCloud')
})

test('the trace can be downloaded as JSON', async () => {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#export')])
  const traces = JSON.parse(readFileSync(await download.path(), 'utf8'))
  assert.equal(traces.length, await page.locator('.trace').count())
  assert.ok(traces.every(({ attempts }) => attempts.every(({ outcome, durationMs }) => outcome && durationMs >= 0)))
  assert.deepEqual(problems, [])
})
