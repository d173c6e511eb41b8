/** Every state of the demo worth testing, and how a user reaches it. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelHost } from './model-host.mjs'

export async function ask(page, text) {
  await page.fill('#prompt', text)
  await page.click('#send')
}

const until = (page, selector, pattern) =>
  page.waitForFunction(
    ([selector, source]) => new RegExp(source).test(document.querySelector(selector)?.textContent ?? ''),
    [selector, pattern.source],
  )

/** Waits until the panel shows a text that matches. */
export const modelSays = (page, pattern) => until(page, '#model-state', pattern)

export async function choose(page, model) {
  await page.check(`#model-${model}-choice`)
}

export async function loadTiny(page) {
  await choose(page, 'tiny')
  await page.click('#model-load')
  await modelSays(page, /^Ready/)
}

/** A page without file storage, like some browsers' private windows. */
export const withoutFiles = () => {
  navigator.storage.getDirectory = () => Promise.reject(new DOMException('private', 'SecurityError'))
}

/** A sample of every Markdown element; the emulator echoes it. */
const markdown = `**Markdown** with *style*, \`code\`, ~~errors~~ and [a link](https://example.com).

## A heading

1. First
2. Second
   - inside

> A quotation.

| branch | first token |
|---|--:|
| device | 24 ms |
| cloud | 310 ms |

\`\`\`js
const { text } = await ai.generate('Hello')
\`\`\``

/** `path`, `gpu`, `init` (a script that runs before the page loads) and `reach(page, demo)`. */
export const states = [
  { name: 'empty', gpu: true },
  { name: 'empty-no-webgpu' },
  {
    name: 'loaded-unasked',
    path: '?load=yes',
    async reach(page) {
      await modelSays(page, /^Ready/)
    },
  },
  {
    name: 'samples',
    async reach(page) {
      await loadTiny(page)
      for (const [index, text] of ['What is 47 + 38?', 'Why is the sky blue?'].entries()) {
        await ask(page, text)
        await page.waitForFunction((count) => document.querySelectorAll('.badge').length === count, index + 1)
      }
    },
  },
  {
    name: 'cloud-answers',
    async reach(page) {
      await ask(page, 'Hello there')
      await page.waitForSelector('.badge')
    },
  },
  {
    name: 'device-answers',
    async reach(page) {
      await loadTiny(page)
      await ask(page, 'What is 47 + 38?')
      await page.waitForSelector('.badge')
    },
  },
  {
    name: 'fallback-happened',
    async reach(page) {
      await loadTiny(page)
      await page.check('#fault-gpuLost')
      await ask(page, 'Write "lemon" in capitals.')
      await page.waitForSelector('.badge')
    },
  },
  {
    name: 'error',
    async reach(page) {
      await page.check('#fault-cloudDown')
      await ask(page, 'Is anybody there?')
      await page.waitForSelector('li.error')
    },
  },
  {
    name: 'waiting',
    async reach(page) {
      await page.selectOption('#recipe', 'cloud')
      await page.check('#fault-slowCloud')
      await ask(page, 'Take your time.')
      await page.waitForSelector('#log .waiting')
    },
  },
  {
    name: 'private-pinned',
    async reach(page) {
      await page.fill('#prompt', 'Write to ada@example.com that I am late.')
      await until(page, '#preview', /Stays on this device/)
    },
  },
  {
    name: 'airplane',
    async reach(page) {
      await loadTiny(page)
      await page.check('#airplane')
      await ask(page, 'Why is the sky blue?')
      await page.waitForSelector('.badge')
    },
  },
  {
    name: 'markdown',
    async reach(page) {
      await ask(page, markdown)
      await page.waitForSelector('.badge')
    },
  },
  {
    name: 'history',
    async reach(page) {
      for (const text of ['A first conversation', 'A second one']) {
        if (await page.isVisible('#fresh')) await page.click('#fresh')
        await ask(page, text)
        await page.waitForSelector('.badge')
      }
      await page.click('#talks summary')
      await page.waitForFunction(() => document.querySelectorAll('#talk-list li').length === 2)
    },
  },
  {
    name: 'editing',
    async reach(page) {
      await ask(page, 'Not quite what was meant')
      await page.waitForSelector('.badge')
      await page.locator('#log li.user').getByText('Edit').click()
    },
  },
  {
    name: 'first-answer',
    path: '?load=yes',
    async reach(page) {
      await page.waitForSelector('body[data-first-answer-ms]')
    },
  },
  {
    name: 'side-by-side',
    async reach(page) {
      await loadTiny(page)
      await page.check('#both')
      await ask(page, 'What is 47 + 38?')
      await page.waitForFunction(() => document.querySelectorAll('.side .badge').length === 2)
    },
  },
  {
    name: 'approval',
    async reach(page) {
      await page.check('#tools')
      await ask(page, 'Set a timer, please.')
      await page.waitForSelector('.approval')
    },
  },
  {
    name: 'share',
    async reach(page) {
      await ask(page, 'Hello there')
      await page.waitForSelector('.badge')
      await page.click('#share summary')
      await page.click('#share-make')
      await page.waitForFunction(() => document.querySelector('#share-state').textContent !== '')
    },
  },
  {
    name: 'shared-damaged',
    path: '?shared=1#trace=damaged',
    async reach(page) {
      await page.waitForSelector('#news:not([hidden])')
    },
  },
  {
    name: 'text-file',
    async reach(page) {
      const buffer = Buffer.from('The baker is Torvik. The mill is red.')
      await page.setInputFiles('#file', { name: 'village.txt', mimeType: 'text/plain', buffer })
      await ask(page, 'Who is the baker?')
      await page.waitForSelector('.badge')
      await page.click('.passage summary')
    },
  },
  { name: 'models', path: 'models.html' },
  {
    name: 'offline',
    async reach(page) {
      await page.context().setOffline(true)
      await until(page, '#place', /Offline/)
    },
  },
  { name: 'no-files', init: withoutFiles },
  {
    name: 'model-paused',
    async reach(page, { slow }) {
      await choose(page, 'url')
      await page.fill('#model-url', `${slow.origin}/tiny.gguf`)
      await page.press('#model-url', 'Tab')
      await modelSays(page, /can run here/)
      await page.click('#model-load')
      await page.waitForFunction(() => document.querySelector('#model-progress').value > 0.02)
      await page.click('#model-pause')
      await modelSays(page, /^Paused/)
    },
  },
  {
    name: 'model-file',
    async reach(page) {
      await choose(page, 'file')
      await modelSays(page, /Choose a \.gguf file/)
    },
  },
  {
    name: 'cloud-panel',
    async reach(page) {
      await page.click('summary:has-text("Cloud")')
    },
  },
  { name: 'numbers', path: 'numbers.html' },
  {
    name: 'numbers-measured',
    path: 'numbers.html',
    async reach(page) {
      await loadTiny(page)
      await page.click('#measure')
      await until(page, '#progress-words', /^Done/)
    },
  },
]

/** A host that sends the first half of the tiny model and then stalls. */
export async function slowHost(root) {
  const host = await modelHost({ '/tiny.gguf': readFileSync(join(root, 'crate/npm/tiny/tiny.gguf')) })
  host.rule = ({ range }) => {
    const [, start = 0, end = Infinity] = /(\d+)-(\d+)/.exec(range ?? '') ?? []
    return end - start > 1 << 16 ? { stall: 1 << 20 } : {}
  }
  return host
}

/** Opens `state` in its own profile. The tiny model is not loaded automatically, so that each state decides. */
export async function openState(browser, demo, { path = '', init, reach }, options = {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  if (init) await page.addInitScript(init)
  await page.goto(`${demo.origin}/${path}${path.includes('?') ? '' : '?load=no'}`)
  await page.waitForSelector('body[data-ready]')
  await reach?.(page, demo)
  return { context, page, problems }
}
