/** A page that is hidden, frozen and thawed again: work in progress continues, and nothing of it is lost. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { calm, keptDigest, setUp } from './life/page.mjs'
import { sha256 } from '../support/model-host.mjs'

let it
let bytes
before(async () => {
  it = await setUp()
  bytes = it.models.read('q8_0')
})
after(() => it?.close())
beforeEach(() => calm(it.host, { '/tiny.gguf': bytes }))

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Waits for a limited time, and fails if the condition never becomes true. */
async function until(holds) {
  for (let looked = 0; looked < 1000; looked++) {
    if (await holds()) return
    await wait(10)
  }
  throw new Error(`it never came: ${holds}`)
}

/** A page opened without Playwright, which keeps its own pages visible and awake. */
async function open() {
  const browser = await it.browser.newBrowserCDPSession()
  const { browserContextId } = await browser.send('Target.createBrowserContext')
  const { targetId } = await browser.send('Target.createTarget', { url: `${it.site.origin}/`, browserContextId })
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: false })
  const pending = new Map()
  browser.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result, error } = JSON.parse(message)
    pending.get(id)?.({ result, error })
  })
  let lastId = 0
  const send = async (method, params) => {
    const id = ++lastId
    const answer = new Promise((resolve) => pending.set(id, resolve))
    await browser.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params }) })
    const { result, error } = await answer
    if (error !== undefined) throw new Error(error.message)
    return result
  }
  const evaluate = async (work, given) => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      expression: `(${work})(${JSON.stringify(given) ?? ''})`,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }
  await until(() => evaluate(() => globalThis.isReady === true))
  await evaluate((url) => {
    globalThis.gemma = hybridge.gemmaModel({ model: url, device: 'cpu', contextWindow: 256, ...impatient })
    globalThis.seen = []
    for (const name of ['freeze', 'resume', 'visibilitychange'])
      document.addEventListener(name, () => seen.push(name === 'visibilitychange' ? document.visibilityState : name))
  }, `${it.host.origin}/tiny.gguf`)
  return {
    evaluate,
    /** Hides the page behind another one, freezes it for a while, and restores it. */
    freezeAndThaw: async () => {
      await browser.send('Target.createTarget', { url: 'about:blank', browserContextId })
      await until(() => evaluate(() => document.visibilityState === 'hidden'))
      await send('Page.setWebLifecycleState', { state: 'frozen' })
      await wait(700)
      await send('Page.setWebLifecycleState', { state: 'active' })
      await browser.send('Target.activateTarget', { targetId })
      await until(() => evaluate(() => seen.at(-1) === 'visible'))
      assert.deepEqual(await evaluate(() => seen), ['hidden', 'freeze', 'resume', 'visible'])
    },
    close: () => browser.send('Target.disposeBrowserContext', { browserContextId }),
  }
}

test('frozen during a download', async () => {
  const { evaluate, freezeAndThaw, close } = await open()
  // All responses except the first deliver a little and then stall, until the host recovers.
  it.host.rule = ({ range }) => (range === 'bytes=0-65535' ? {} : { stall: 9000 })
  await evaluate(() => {
    globalThis.loading = outcome(gemma.load())
  })
  await until(() => it.host.requests.length >= 4)
  const thawing = freezeAndThaw()
  await wait(300)
  it.host.rule = undefined
  await thawing
  const found = await evaluate(() => loading)
  assert.equal(found.code, undefined, found.message)
  assert.deepEqual(await keptDigest({ evaluate }), [sha256(bytes)])
  assert.equal(
    it.host.requests.filter(({ range }) => range === 'bytes=0-65535').length,
    1,
    'received bytes are not fetched again',
  )
  await close()
})

test('frozen during an answer', async () => {
  const { evaluate, freezeAndThaw, close } = await open()
  const whole = await evaluate(async () => {
    globalThis.config = { temperature: 0, maxOutputTokens: 230 }
    await gemma.load()
    return (await gemma.generate({ prompt: 'hi', config })).text
  })
  await evaluate(() => {
    globalThis.chunks = 0
    globalThis.answer = outcome(
      (async () => {
        let text = ''
        for await (const chunk of gemma.generateStream({ prompt: 'hi', config })) {
          text += chunk.text
          // A slow reader.
          if (++chunks % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
        }
        return text
      })(),
    )
  })
  await until(() => evaluate(() => chunks >= 2))
  await freezeAndThaw()
  assert.deepEqual(await evaluate(() => answer), { value: whole })
  await close()
})
