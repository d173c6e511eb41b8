/**
 * Stored conversations in Chromium: a reload during an answer, two tabs, a newer record, and a window without
 * IndexedDB.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

let server, browser, context
before(async () => {
  const body =
    '<!doctype html><title>chat</title><link rel="icon" href="data:,"><script type="module">import * as hybridge from "/npm/dist/index.js"; globalThis.hybridge = hybridge</script>'
  server = await serve(
    { '/npm/': join(import.meta.dirname, '../../crate/npm') },
    { pages: { '/': { type: 'text/html', body } } },
  )
  browser = await launch({ gpu: false })
  context = await browser.newContext()
})
after(async () => {
  await browser?.close()
  await server?.close()
})

/** A page with `talk(name)`, on a model that repeats the message; "slow …" streams for ever. */
async function open(prepare) {
  const page = await context.newPage()
  if (prepare !== undefined) await page.addInitScript(prepare)
  await page.goto(`${server.origin}/`)
  await page.waitForFunction(() => globalThis.hybridge !== undefined)
  await page.evaluate(() => {
    const model = hybridge.defineModel({
      name: 'echo',
      generate: async ({ messages }, { sendChunk, signal }) => {
        const { text } = messages.at(-1).content[0]
        if (!text.startsWith('slow')) return `re ${text}`
        for (let word = 0; ; word++) {
          sendChunk(`word${word} `)
          await new Promise((resolve) => setTimeout(resolve, 20))
          if (signal.aborted) throw signal.reason
        }
      },
    })
    globalThis.talk = (name) => hybridge.chat(model, { persist: { name } })
    globalThis.texts = ({ messages }) => messages.map(({ content }) => content.map((part) => part.text ?? '').join(''))
  })
  return page
}

test('a reload during an answer keeps the stored part, and the conversation continues', async () => {
  const page = await open()
  await page.evaluate(async () => {
    globalThis.mine = talk('reload')
    await mine.send('one').response
    mine.send('slow two').response.catch(() => {})
    const seen = new Promise((resolve) =>
      mine.onChange(() => mine.messages.at(-1)?.content[0]?.text.includes('word60') && resolve()),
    )
    await seen
  })
  await page.close()
  const again = await open()
  const found = await again.evaluate(async () => {
    const mine = talk('reload')
    await mine.ready
    const before = texts(mine)
    await mine.send('three').response
    return {
      before,
      after: texts(mine),
      states: mine.entries.map(({ state }) => state ?? 'done'),
      caution: mine.caution?.code,
    }
  })
  assert.deepEqual(found.before.slice(0, 3), ['one', 're one', 'slow two'])
  assert.match(found.before[3], /^word0 word1 /)
  assert.deepEqual(found.states, ['done', 'done', 'done', 'aborted', 'done', 'done'])
  assert.deepEqual(found.after.slice(4), ['three', 're three'])
  assert.equal(found.caution, undefined)
  await again.close()
})

test('two tabs write one conversation, and no turn is lost', async () => {
  const [one, other] = [await open(), await open()]
  const send = (page, side) =>
    page.evaluate(async (side) => {
      const mine = talk('tabs')
      for (let turn = 0; turn < 5; turn++) await mine.send(`${side}${turn}`).response
    }, side)
  await Promise.all([send(one, 'a'), send(other, 'b')])
  const found = await one.evaluate(async () => {
    const mine = talk('tabs')
    await mine.ready
    return texts(mine)
  })
  assert.equal(found.length, 20)
  const asked = found.filter((_, index) => index % 2 === 0)
  assert.deepEqual(
    found.filter((_, index) => index % 2 === 1),
    asked.map((text) => `re ${text}`),
  )
  assert.deepEqual(
    asked.toSorted(),
    ['a', 'b'].flatMap((side) => [0, 1, 2, 3, 4].map((turn) => `${side}${turn}`)),
  )
  await one.close()
  await other.close()
})

test('a newer record is not overwritten, and a window without IndexedDB keeps the chat in memory', async () => {
  const page = await open()
  const newer = await page.evaluate(async () => {
    const mine = talk('newer')
    await mine.send('one').response
    const database = await new Promise(
      (resolve) => (indexedDB.open('hybridge-chats', 1).onsuccess = ({ target }) => resolve(target.result)),
    )
    const store = (mode) => database.transaction('chats', mode).objectStore('chats')
    await new Promise(
      (resolve) => (store('readwrite').put({ version: 9, name: 'newer', secret: 1 }).onsuccess = resolve),
    )
    const later = talk('newer')
    await later.ready
    await later.send('two').response
    const kept = await new Promise(
      (resolve) => (store('readonly').get('newer').onsuccess = ({ target }) => resolve(target.result)),
    )
    return { caution: later.caution?.code, kept, texts: texts(later) }
  })
  assert.deepEqual(newer, {
    caution: 'CHAT_NEWER',
    kept: { version: 9, name: 'newer', secret: 1 },
    texts: ['two', 're two'],
  })
  await page.close()
  const without = await open(() => Object.defineProperty(globalThis, 'indexedDB', { value: undefined }))
  const found = await without.evaluate(async () => {
    const mine = talk('memory')
    await mine.ready
    await mine.send('one').response
    return { caution: mine.caution?.code, texts: texts(mine) }
  })
  assert.deepEqual(found, { caution: 'STORE_UNAVAILABLE', texts: ['one', 're one'] })
  await without.close()
})
