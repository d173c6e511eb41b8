/** The device model's panel from a user's point of view, in capable and in limited browsers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { ask, choose, loadTiny, modelSays, openState, slowHost, withoutFiles } from '../support/demo-states.mjs'
import { startDemo } from '../support/demo.mjs'

const root = join(import.meta.dirname, '../..')
let demo, browser
before(async () => {
  demo = { ...(await startDemo({ root })), slow: await slowHost(root) }
  browser = await launch({ gpu: false })
})
after(async () => {
  await browser?.close()
  await Promise.all([demo?.close(), demo?.slow.close()])
})

const open = (state = {}) => openState(browser, demo, state)

test('before a device model is chosen, the demo adds less than 48 KB to the package', async () => {
  for (const path of ['', 'models.html', 'numbers.html']) {
    const { context, page, problems } = await open()
    const bytes = new Map()
    const own = new Set()
    const session = await context.newCDPSession(page)
    await session.send('Network.enable')
    await session.send('Network.setCacheDisabled', { cacheDisabled: true })
    session.on('Network.requestWillBeSent', ({ requestId, request }) => {
      if (request.url.startsWith(demo.origin) && !request.url.includes('/hybridge/')) own.add(requestId)
    })
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => bytes.set(requestId, encodedDataLength))
    await page.goto(`${demo.origin}/${path}?load=no`)
    await page.waitForSelector('body[data-ready]')
    if (path === '') {
      await ask(page, 'Hello')
      await page.waitForSelector('.badge')
    }
    // The package's own size has its budget in pkg-scripts/check-budgets.mjs.
    const sum = [...own].reduce((total, id) => total + (bytes.get(id) ?? 0), 0)
    assert.ok(sum > 10_000, `${sum} bytes were counted: too few to be the page`)
    assert.ok(sum < 48 * 1024, `${path || 'index.html'} loads ${sum} bytes of its own`)
    assert.deepEqual(problems, [])
    await context.close()
  }
})

test('the tiny model answers on the device, and the conversation continues in the cloud', async () => {
  const { context, page, problems } = await open()
  await loadTiny(page)
  await ask(page, 'Write "garden" in capitals.')
  await page.waitForSelector('.badge')
  assert.equal(await page.textContent('#log li.model .words'), 'GARDEN')
  assert.equal(await page.getAttribute('.badge', 'data-branch'), 'onDevice')
  for (const said of [/on this device/, /first token \d/, /confidence \d+ %/, /tokens, free/, /onDevice/])
    assert.match(await page.textContent('.badge'), said)
  await page.check('#fault-gpuLost')
  await ask(page, 'And now?')
  await page.waitForFunction(() => document.querySelectorAll('.badge').length === 2)
  assert.equal(await page.locator('.badge').last().getAttribute('data-branch'), 'cloud')
  assert.deepEqual(
    demo.gemini.requests.at(-1).body.contents.map(({ role }) => role),
    ['user', 'model', 'user'],
  )
  assert.deepEqual(problems, [])
  await context.close()
})

test('without a network the stored model answers', async () => {
  const { context, page, problems } = await open()
  await loadTiny(page)
  await context.setOffline(true)
  await page.selectOption('#recipe', 'connectivity')
  await ask(page, 'What is 12 + 30?')
  await page.waitForSelector('.badge')
  assert.match(await page.textContent('#log li.model .words'), /42/)
  assert.match(await page.textContent('#place'), /Offline: only this device/)
  assert.deepEqual(problems, [])
  await context.close()
})

test('pause keeps the bytes, resume continues, remove deletes', async () => {
  const { context, page, problems } = await openState(browser, demo, { init: undefined })
  await choose(page, 'url')
  await modelSays(page, /Enter the URL/)
  await page.fill('#model-url', `${demo.slow.origin}/tiny.gguf`)
  await page.press('#model-url', 'Tab')
  await modelSays(page, /can run here after a download of 2\.2 MB/)
  await page.click('#model-load')
  await page.waitForFunction(() => document.querySelector('#model-progress').value > 0.02)
  await page.click('#model-pause')
  await modelSays(page, /^Paused/)
  assert.equal(await page.evaluate(() => document.activeElement.id), 'model-load')
  assert.match(await page.textContent('#model-load'), /Resume/)
  const asked = demo.slow.requests.length
  const { rule } = demo.slow
  demo.slow.rule = undefined
  await page.click('#model-load')
  await modelSays(page, /^Ready/)
  demo.slow.rule = rule
  const ranges = demo.slow.requests.slice(asked).map(({ range }) => Number(/\d+/.exec(range ?? '0')[0]))
  assert.ok(ranges.length > 0 && ranges.every((start) => start > 0), `it went on from ${ranges}`)
  await page.click('#model-remove')
  await modelSays(page, /^Removed/)
  assert.equal(await page.textContent('#model-kept'), '')
  assert.deepEqual(problems, [])
  await context.close()
})

test('without file storage the model still runs, and the page says so', async () => {
  const { context, page, problems } = await open({ init: withoutFiles })
  assert.match(await page.textContent('#place'), /saves no files/)
  await loadTiny(page)
  assert.equal(await page.isVisible('#model-remove'), false)
  await ask(page, 'Write "garden" in capitals.')
  await page.waitForSelector('.badge')
  assert.equal(await page.textContent('#log li.model .words'), 'GARDEN')
  assert.deepEqual(problems, [])
  await context.close()
})

test('an invalid file and an unreachable host are explained, with a next step', async () => {
  const { context, page } = await open()
  await choose(page, 'file')
  await page.setInputFiles('#model-file', {
    name: 'holiday.gguf',
    mimeType: 'application/octet-stream',
    buffer: Buffer.alloc(4096, 7),
  })
  await page.waitForFunction(
    () => !/Choose a \.gguf file\.$|Checking/.test(document.querySelector('#model-state').textContent),
  )
  if (await page.isEnabled('#model-load')) await page.click('#model-load')
  await modelSays(page, /This file is not a usable GGUF model\. Choose a \.gguf file of a Gemma 3 model\./)
  await choose(page, 'url')
  await page.fill('#model-url', 'http://127.0.0.1:9/none.gguf')
  await page.press('#model-url', 'Tab')
  await page.waitForFunction(() => !/Enter the URL|Checking/.test(document.querySelector('#model-state').textContent))
  if (await page.isEnabled('#model-load')) await page.click('#model-load')
  await modelSays(page, /\. [A-Z][^.]+\.$/)
  await page.waitForFunction(() => document.querySelector('#model-progress').hidden, undefined, { timeout: 60_000 })
  await context.close()
})

test('the tiny model loads automatically, and its samples are answered in any order', async () => {
  const { context, page, problems } = await open({ path: '?load=yes' })
  await modelSays(page, /^Ready/)
  const expected = {
    'What is 47 + 38?': ['onDevice', '47 + 38 = 70 + 15 = 85.'],
    'Write "lemon" in capitals.': ['onDevice', 'LEMON'],
    'Why is the sky blue?': ['cloud', /blue light/],
  }
  const names = Object.keys(expected)
  const order = [...names, ...names.toReversed(), ...names]
  for (const [index, text] of order.entries()) {
    await ask(page, text)
    await page.waitForFunction((count) => document.querySelectorAll('.badge').length === count, index + 1)
    const [branch, words] = expected[text]
    assert.equal(await page.locator('.badge').last().getAttribute('data-branch'), branch, `${index}: ${text}`)
    assert.match(
      await page.locator('#log li.model .words').last().textContent(),
      words instanceof RegExp ? words : new RegExp(`^${words.replace(/[+.]/g, '\\$&')}$`),
      `${index}: ${text}`,
    )
  }
  assert.deepEqual(problems, [])
  await context.close()
})

test('without a GPU a model on the CPU still answers', async () => {
  const { context, page, problems } = await open()
  await loadTiny(page)
  await page.check('#fault-noGpu')
  await ask(page, 'What is 12 + 30?')
  await page.waitForSelector('.badge')
  assert.equal(await page.getAttribute('.badge', 'data-branch'), 'onDevice')
  assert.deepEqual(problems, [])
  await context.close()
})

test('by keyboard only: a model is loaded, a question asked, a panel opened', async () => {
  const { context, page, problems } = await open()
  const press = (key) => page.keyboard.press(key)
  const reached = []
  /** Presses Tab until the element has the focus; every focused element on the way must be visibly focused. */
  async function tabTo(id) {
    for (let turn = 0; turn < 40; turn++) {
      await press('Tab')
      const { name, outline } = await page.evaluate(() => ({
        name: document.activeElement === document.body ? undefined : document.activeElement.id,
        outline: getComputedStyle(document.activeElement).outlineStyle,
      }))
      // After the last element, the browser itself gets the focus.
      if (name === undefined) continue
      assert.notEqual(outline, 'none', `the focus on ${name} is seen`)
      reached.push(name)
      if (name === id) return
    }
    assert.fail(`${id} is not reached: ${reached}`)
  }
  await tabTo('prompt')
  await tabTo('model-tiny-choice')
  await tabTo('model-load')
  await press('Enter')
  await modelSays(page, /^Ready/)
  await page.waitForFunction(() => document.activeElement.id === 'model-remove')
  await tabTo('recipe')
  await page.focus('#prompt')
  await page.keyboard.type('What is 12 + 30?')
  await press('Enter')
  await page.waitForSelector('.badge')
  assert.match(await page.textContent('#log li.model .words'), /42/)
  await tabTo('export')
  await press('Tab')
  await press('Enter')
  assert.equal(await page.isVisible('#cloud-url'), true)
  assert.deepEqual(problems, [])
  await context.close()
})

test('reduced motion stops the animation', async () => {
  const { context, page } = await open()
  await page.selectOption('#recipe', 'cloud')
  await page.check('#fault-slowCloud')
  await ask(page, 'Wait')
  await page.waitForSelector('#log .waiting')
  assert.equal(
    await page.evaluate(() => getComputedStyle(document.querySelector('#log .waiting'), '::after').animationName),
    'none',
  )
  await context.close()
})

test('a page without emulators has a simulated cloud, and says so', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.route('**/demo.json', (route) => route.fulfill({ status: 200, body: 'no JSON' }))
  await page.goto(`${demo.origin}/?load=no`)
  await page.waitForSelector('body[data-ready]')
  await ask(page, 'Hello')
  await page.waitForSelector('.badge')
  assert.match(await page.textContent('#log'), /This cloud is simulated[^]*in the cloud: simulated in this page/)
  await context.close()
})
