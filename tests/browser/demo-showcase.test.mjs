/** The demo's features: the first answer, airplane mode, privacy, side by side, a tool, a link, the gallery. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { ask, loadTiny, openState } from '../support/demo-states.mjs'
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

const open = (state = {}) => openState(browser, demo, state)
const badges = (page, count) =>
  page.waitForFunction((count) => document.querySelectorAll('.badge').length === count, count)

test('the tiny model answers without a question', async (t) => {
  const { context, page, problems } = await open({ path: '?load=yes' })
  await page.waitForSelector('body[data-first-answer-ms]')
  const milliseconds = Number(await page.getAttribute('body', 'data-first-answer-ms'))
  t.diagnostic(`first answer after ${milliseconds} ms`)
  assert.match(await page.textContent('#proof'), /“What is 12 \+ 30\?”: .*42.*nothing sent anywhere/)
  // The goal is two seconds on a dedicated machine; this one may be shared.
  assert.ok(milliseconds < 10_000, `${milliseconds} ms`)
  assert.deepEqual(problems, [])
  await context.close()
})

test('in airplane mode the device keeps answering, and no cloud is tried', async () => {
  const { context, page, problems } = await open()
  await loadTiny(page)
  const asked = demo.asked()
  await page.check('#airplane')
  assert.match(await page.textContent('#recipe-code'), /ConnectivityStrategy/)
  for (const [index, text] of ['What is 47 + 38?', 'Why is the sky blue?'].entries()) {
    await ask(page, text)
    await badges(page, index + 1)
    assert.equal(await page.locator('.badge').last().getAttribute('data-branch'), 'onDevice')
  }
  assert.match(await page.textContent('#score'), /2 of 2 answered on this device/)
  assert.equal(demo.asked(), asked)
  await page.uncheck('#airplane')
  await ask(page, 'Why is the sky blue?')
  await badges(page, 3)
  assert.equal(await page.locator('.badge').last().getAttribute('data-branch'), 'cloud')
  assert.deepEqual(problems, [])
  await context.close()
})

test('personal data is reported during typing, and stays on the device unless the visitor agrees', async () => {
  const { context, page, problems } = await open()
  await loadTiny(page)
  await page.fill('#prompt', 'Call +1 415 555 0132 or write to ada@example.com')
  await page.getByText(/Stays on this device: it contains .*an e-mail address/).waitFor()
  await page.getByText(/Redacted, a cloud would read: “Call \[PHONE_1\] or write to \[EMAIL_1\]”/).waitFor()
  const asked = demo.asked()
  await page.click('#send')
  await badges(page, 1)
  assert.equal(demo.asked(), asked)
  assert.match(await page.textContent('.badge .reason'), /Stayed on this device: it contains/)
  await page.uncheck('#private')
  await page.fill('#prompt', 'Write to ada@example.com')
  await page.getByText(/Would try/).waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})

test('side by side both branches answer one prompt, and the cloud gets no personal data', async () => {
  const { context, page, problems } = await open()
  await loadTiny(page)
  await page.check('#both')
  await ask(page, 'What is 47 + 38?')
  await page.waitForFunction(() => document.querySelectorAll('.side .badge').length === 2)
  const [device, cloud] = await page.locator('.side').allTextContents()
  assert.match(device, /This device.*85.*on this device.*tokens\/s.*confidence \d+ %.*free/)
  assert.match(cloud, /emulator.*85.*in the cloud/)
  await page.getByText(/answered first: /).waitFor()
  const asked = demo.asked()
  await ask(page, 'My e-mail is ada@example.com. What is 2 + 2?')
  await page.getByText('Not asked: the message contains an e-mail address.').waitFor()
  await page.waitForFunction(() => document.querySelectorAll('.side .badge').length === 3)
  assert.equal(demo.asked(), asked)
  await page.uncheck('#both')
  assert.equal(await page.isVisible('#comparisons'), false)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a tool asks for approval before it runs, also after a reload, and again for another call', async () => {
  const { context, page, problems } = await open()
  await page.check('#tools')
  await ask(page, 'Set a timer, please.')
  await page.waitForSelector('.approval')
  await page.reload()
  await page.waitForSelector('.approval')
  await page.check('#tools')
  await page.getByText('Don’t allow').click()
  await page.waitForFunction(() => /declined/.test(document.querySelector('#log').textContent))
  assert.equal(await page.locator('.timer').count(), 0)
  await page.click('#fresh')
  await ask(page, 'Set a timer, please.')
  await page.waitForSelector('.approval')
  await page.getByText('Allow', { exact: true }).click()
  await page.getByText('The timer is set.').waitFor()
  assert.equal(await page.locator('.timer').count(), 1)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a link shows a conversation to others, without its text unless that is included', async () => {
  const { context, page, problems } = await open()
  await ask(page, 'A secret question')
  await badges(page, 1)
  for (const withText of [false, true]) {
    await page.locator('#share').evaluate((it) => (it.open = true))
    await page.setChecked('#share-text', withText)
    await page.fill('#prompt', '')
    await page.click('#share-make')
    await page.waitForFunction(() => document.querySelector('#share-state').textContent !== '')
    const link = await page.inputValue('#share-link')
    const other = await open({ path: `?shared=1${link.slice(link.indexOf('#'))}` })
    assert.match(await other.page.textContent('#news'), /shared this conversation/)
    assert.equal(/secret/.test(await other.page.textContent('#log')), withText)
    assert.match(await other.page.textContent('.badge'), /first token/)
    assert.deepEqual(other.problems, [])
    await other.context.close()
    await page.evaluate(() => (document.querySelector('#share-state').textContent = ''))
  }
  const broken = await open({ path: '?shared=1#trace=damaged' })
  assert.match(await broken.page.textContent('#news'), /This link is damaged/)
  await broken.context.close()
  assert.deepEqual(problems, [])
  await context.close()
})

test('the gallery shows how the tiny model runs on this device, and accepts any address', async () => {
  const { context, page, problems } = await open({ path: 'models.html' })
  const tiny = page.locator('.card').first()
  assert.match(await tiny.textContent(), /Tiny.*2\.2 MB.*context 512 tokens.*can run here after a download/)
  for (const text of await page.locator('.card').allTextContents()) assert.match(text, /MB|GB/)
  await page.fill('#any-url', `${demo.origin}/hybridge/tiny/tiny.gguf`)
  await page.click('#any button')
  await page.getByText(/can run here.*a base model continues a text/).waitFor()
  await tiny.getByText('Use in the chat').click()
  await page.waitForSelector('body[data-ready]')
  assert.equal(await page.isChecked('#model-tiny-choice'), true)
  assert.deepEqual(problems, [])
  await context.close()
})

test('a question about a text file is answered on this device, with the nearest passage', async () => {
  const { context, page, problems } = await open()
  await loadTiny(page)
  const text = 'Nothing else is of interest here.\n\nThe baker is Torvik. The mill is red.\n\nBoats leave at noon.'
  await page.setInputFiles('#file', { name: 'village.txt', mimeType: 'text/plain', buffer: Buffer.from(text) })
  await page.getByText('Questions are about village.txt (3 passages), which is read here.').waitFor()
  await ask(page, 'Who is the baker?')
  await badges(page, 1)
  assert.match(await page.textContent('#log li.model .words'), /Torvik/)
  assert.equal(await page.textContent('#log li.user .words'), 'Who is the baker?')
  assert.match(
    await page.textContent('.passage'),
    /With a passage of village\.txtThe baker is Torvik\. The mill is red\./,
  )
  await page.click('#file-drop')
  assert.equal(await page.textContent('#file-state'), '')
  await page.setInputFiles('#file', {
    name: 'photo.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from([0xff, 0xd8, 0xff]),
  })
  await page.getByText('This file is no plain text.').waitFor()
  assert.deepEqual(problems, [])
  await context.close()
})
