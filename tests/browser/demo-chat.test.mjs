/**
 * Conversations in the demo: stored across reloads, edited, regenerated; and answers in Markdown, which never become
 * HTML.
 */

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

const open = (state = {}, options = {}) => openState(browser, demo, state, options)
const badges = (page, count) =>
  page.waitForFunction((count) => document.querySelectorAll('.badge').length === count, count)
const words = (page) => page.locator('#log > li > .words').allTextContents()

test('a conversation survives a reload, with the figures of its answers', async () => {
  const { context, page, problems } = await open()
  await ask(page, 'One')
  await badges(page, 1)
  await ask(page, 'Two')
  await badges(page, 2)
  const before = await page.textContent('#log')
  await page.reload()
  await badges(page, 2)
  assert.equal(await page.textContent('#log'), before)
  await ask(page, 'Three')
  await badges(page, 3)
  assert.deepEqual(
    demo.gemini.requests.at(-1).body.contents.map(({ parts }) => parts[0].text),
    ['One', 'You said: One', 'Two', 'You said: Two', 'Three'],
  )
  assert.deepEqual(problems, [])
  await context.close()
})

test('the list of conversations opens and deletes them', async () => {
  const { context, page, problems } = await open()
  for (const text of ['Apples', 'Pears']) {
    if (await page.isVisible('#fresh')) await page.click('#fresh')
    await ask(page, text)
    await badges(page, 1)
  }
  await page.click('#talks summary')
  await page.click('#talk-list >> text=Apples')
  await page.waitForFunction(() => document.querySelector('#log .words')?.textContent === 'Apples')
  assert.equal(await page.textContent('#talk-title'), 'Apples')
  await page.click('#talks summary')
  await page.click('[aria-label="Delete “Apples”"]')
  await page.waitForFunction(() => document.querySelectorAll('#talk-list li').length === 1)
  assert.equal(await page.locator('#log > li').count(), 0)
  assert.equal(await page.isVisible('#empty'), true)
  await page.reload()
  await page.waitForSelector('body[data-ready]')
  assert.deepEqual(await page.locator('.talk').allTextContents(), ['Pears'])
  assert.deepEqual(problems, [])
  await context.close()
})

test('an edited message replaces everything after it, and the last answer can be regenerated', async () => {
  const { context, page, problems } = await open()
  for (const [index, text] of ['One', 'Two'].entries()) {
    await ask(page, text)
    await badges(page, index + 1)
  }
  await page.locator('#log > li.user').first().getByText('Edit').click()
  assert.equal(await page.inputValue('#prompt'), 'One')
  await page.click('#edit-cancel')
  assert.equal(await page.inputValue('#prompt'), '')
  await page.locator('#log > li.user').first().getByText('Edit').click()
  await ask(page, 'Eleven')
  await page.waitForFunction(() => document.querySelectorAll('#log > li').length === 2)
  await badges(page, 1)
  assert.deepEqual(await words(page), ['Eleven', 'You said: Eleven'])
  const asked = demo.asked()
  await page.getByText('Regenerate').click()
  await page.waitForFunction(() => document.querySelectorAll('.trace').length === 4)
  await badges(page, 1)
  assert.equal(demo.asked(), asked + 1)
  assert.deepEqual(await words(page), ['Eleven', 'You said: Eleven'])
  assert.deepEqual(problems, [])
  await context.close()
})

test('the copy button copies the original Markdown of an answer', async () => {
  const { context, page } = await open({}, { permissions: ['clipboard-read', 'clipboard-write'] })
  await ask(page, 'Some **bold** words')
  await badges(page, 1)
  await page.locator('#log > li.model').getByText('Copy', { exact: true }).click()
  await page.getByText('Copied').waitFor()
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'You said: Some **bold** words')
  await context.close()
})

test('the part shown before a stop stays, and a message without an answer can be retried', async () => {
  const { context, page, problems } = await open()
  await page.check('#fault-cloudDown')
  await ask(page, 'Anyone?')
  await page.waitForSelector('#log > li.error')
  await page.uncheck('#fault-cloudDown')
  await page.getByText('Try again', { exact: true }).click()
  await badges(page, 1)
  assert.deepEqual(await words(page), ['Anyone?', 'You said: Anyone?'])
  assert.equal(await page.locator('#log > li.error').count(), 0)
  assert.deepEqual(problems, [])
  await context.close()
})

test('the meters count the tokens that each branch would receive', async () => {
  const { context, page } = await open()
  await ask(page, 'x'.repeat(4000))
  await badges(page, 1)
  const meter = page.locator('.window', { hasText: 'Cloud' })
  await meter.getByText(/about 2,0\d\d of 1,048,576 tokens, 1,046,\d+ free/).waitFor()
  await context.close()
})

test('without storage the conversation continues, and the page says so', async () => {
  const init = () => Object.defineProperty(window, 'indexedDB', { value: undefined })
  const { context, page } = await open({ init })
  await ask(page, 'One')
  await badges(page, 1)
  await page.getByText(/kept in this window only/).waitFor()
  await ask(page, 'Two')
  await badges(page, 2)
  await context.close()
})

/** Known ways to smuggle something through Markdown. */
const hostile = [
  '<script>window.hit = 1</script>',
  '<img src=x onerror="window.hit = 1">',
  '[a](javascript:window.hit=1)',
  '![a](javascript:window.hit=1)',
  '[a](data:text/html;base64,PHNjcmlwdD4=)',
  '<javascript:window.hit=1>',
  '[a](https://b.c" onclick="window.hit=1)',
  '```"><img src=x onerror=window.hit=1>\ncode',
  '| a |\n|---|\n| <svg onload=window.hit=1> |',
  '# <b onmouseover=window.hit=1>x</b>',
  '> '.repeat(300) + '<iframe src=javascript:window.hit=1>',
  '*'.repeat(3000) + 'a' + '*'.repeat(3000),
]

test('hostile Markdown in an answer stays text', async () => {
  const { context, page, problems } = await open()
  const made = await page.evaluate(async (hostile) => {
    const { showMarkdown } = await import('./markdown-view.js')
    const root = document.createElement('div')
    document.body.append(root)
    const found = []
    for (const text of hostile) {
      showMarkdown(root, text)
      for (const it of root.querySelectorAll('*')) {
        const allowed = [
          'href',
          'target',
          'rel',
          'class',
          'type',
          'tabindex',
          'role',
          'aria-label',
          'start',
          'data-label',
        ]
        const names = it.getAttributeNames().filter((name) => !allowed.includes(name))
        if (/^(script|img|iframe|svg|style|object|embed|form)$/i.test(it.tagName) || names.length > 0)
          found.push(`${it.tagName} ${names}`)
        if (it.href && !/^(https?|mailto):/.test(it.href)) found.push(it.href)
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
    root.remove()
    return { found, hit: window.hit }
  }, hostile)
  assert.deepEqual(made, { found: [], hit: undefined })
  assert.deepEqual(problems, [])
  await context.close()
})

test('every cut of a stream ends in the same page', async () => {
  const { context, page } = await open()
  const different = await page.evaluate(async () => {
    const { showMarkdown } = await import('./markdown-view.js')
    const texts = [
      'a **b** `c`\n\n- d\n  - e\n- f\n\n1. g\n\n```js\nh\n```\n\n> i\n> j\n\n| k | l |\n|---|--:|\n| m | *n* |\n\n[o](https://p.q) end',
      'x\n\n```\nnever closed\n\n# not a heading',
      '# a\n\na | b\n|-|-|\n| c | d |\n\n***\n**e\n\nf**',
      '- a\n\n  b\n\n- c\nd\n\ne',
    ]
    const html = (...steps) => {
      const root = document.createElement('div')
      for (const step of steps) showMarkdown(root, step)
      return root.innerHTML
    }
    const found = []
    for (const text of texts) {
      const whole = html(text)
      for (let cut = 0; cut <= text.length; cut++)
        if (html(text.slice(0, cut), text) !== whole) found.push(JSON.stringify(text.slice(0, cut)))
      // Letter by letter, like the slowest stream.
      if (html(...Array.from({ length: text.length + 1 }, (_, end) => text.slice(0, end))) !== whole) found.push(text)
    }
    return found
  })
  assert.deepEqual(different, [])
  await context.close()
})
