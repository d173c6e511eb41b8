/** A ledger's database in Chromium: two tabs, a closed tab, a later version, and invalid rows. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

let server, browser, context
before(async () => {
  const body =
    '<!doctype html><title>ledger</title><link rel="icon" href="data:,"><script type="module">import { createLedger } from "/npm/dist/learn.js"; globalThis.createLedger = createLedger; globalThis.isReady = true</script>'
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

async function open() {
  const page = await context.newPage()
  await page.goto(`${server.origin}/`)
  await page.waitForFunction(() => globalThis.isReady)
  await page.evaluate(() => {
    globalThis.ledgerOf = (name) =>
      createLedger({ name, prices: { cloud: { inputPerMillion: 0.1, outputPerMillion: 0 } } })
    globalThis.run = (id) => ({
      id: String(id),
      strategy: 's',
      order: ['cloud'],
      attempts: [
        {
          branch: 'cloud',
          outcome: 'answered',
          startedAtMs: 0,
          durationMs: 0,
          usage: { inputTokens: 1000, outputTokens: 1 },
        },
      ],
    })
  })
  return page
}

test('two tabs share a count, with each run counted once', async () => {
  const tabs = [await open(), await open()]
  await Promise.all(
    tabs.map((tab, at) =>
      tab.evaluate(async (at) => {
        const ledger = ledgerOf('tabs')
        // Half of the runs are recorded in both tabs.
        await Promise.all(
          Array.from({ length: 100 }, (_, index) => ledger.record(run(index < 50 ? index : `${at} ${index}`))),
        )
      }, at),
    ),
  )
  for (const tab of tabs) {
    const found = await tab.evaluate(async () => {
      const ledger = ledgerOf('tabs')
      return [await ledger.totals(), await ledger.spentToday(), ledger.persisted, ledger.problem ?? null]
    })
    assert.deepEqual(found, [
      { attempts: 150, answers: 150, inputTokens: 150_000, outputTokens: 150, spent: 0.015, saved: 0 },
      0.015,
      true,
      null,
    ])
  }
  await Promise.all(tabs.map((tab) => tab.close()))
})

test('recorded runs are stored after the tab is closed', async () => {
  const tab = await open()
  const counted = await tab.evaluate(async () => {
    const ledger = ledgerOf('crash')
    for (let at = 0; at < 20; at++) await ledger.record(run(at))
    // This one is in progress when the tab closes. Either outcome is right, as long as the others are intact.
    void ledger.record(run('last'))
    return 20
  })
  await tab.close()
  const next = await open()
  const { answers, spent } = await next.evaluate(() => ledgerOf('crash').totals())
  assert.ok(answers === counted || answers === counted + 1, String(answers))
  assert.equal(spent, answers / 10_000)
  await next.close()
})

test('invalid rows are not counted, and do not stop counting', async () => {
  const tab = await open()
  const found = await tab.evaluate(async () => {
    const ledger = ledgerOf('hostile')
    await ledger.record(run(1))
    const database = await new Promise((resolve, reject) =>
      Object.assign(indexedDB.open('hybridge-ledger:hostile'), {
        onsuccess: ({ target }) => resolve(target.result),
        onerror: reject,
      }),
    )
    const stores = database.transaction(['rows', 'runs'], 'readwrite')
    const [rows] = await new Promise(
      (resolve) => (stores.objectStore('rows').getAllKeys().onsuccess = ({ target }) => resolve(target.result)),
    )
    const good = {
      day: '2026-01-01',
      feature: '',
      branch: 'cloud',
      attempts: 1,
      answers: 1,
      inputTokens: 1,
      outputTokens: 1,
      cost: 5,
      baseline: 5,
    }
    for (const [key, value] of [
      ['a', null],
      ['b', 'text'],
      ['c', { ...good, cost: -1 }],
      ['d', { ...good, cost: NaN }],
      ['e', { ...good, cost: 1e300 }],
      ['f', { ...good, day: '<b>' }],
      ['g', { ...good, answers: '1' }],
      ['h', []],
      [rows, { ...good, cost: 'x' }],
    ])
      stores.objectStore('rows').put(value, key)
    await new Promise((resolve) => (stores.oncomplete = resolve))
    database.close()
    const before = await ledger.totals()
    await ledger.record(run(2))
    return [before.answers, await ledger.totals()]
  })
  assert.deepEqual(found, [0, { attempts: 1, answers: 1, inputTokens: 1000, outputTokens: 1, spent: 0.0001, saved: 0 }])
  await tab.close()
})

test('a later version’s data is kept, and this visit is counted in memory', async () => {
  const tab = await open()
  const found = await tab.evaluate(async () => {
    const database = await new Promise((resolve, reject) =>
      Object.assign(indexedDB.open('hybridge-ledger:later', 7), {
        onsuccess: ({ target }) => resolve(target.result),
        onerror: reject,
      }),
    )
    database.close()
    const ledger = ledgerOf('later')
    await ledger.record(run(1))
    return [
      (await ledger.totals()).answers,
      ledger.persisted,
      ledger.problem,
      (await indexedDB.databases()).find(({ name }) => name.endsWith(':later')).version,
    ]
  })
  assert.deepEqual([found[0], found[1], found[3]], [1, false, 7])
  assert.match(found[2], /later version/)
  await tab.close()
})

test('a foreign database of the same name does not affect answers', async () => {
  const tab = await open()
  const found = await tab.evaluate(async () => {
    await new Promise((resolve, reject) =>
      Object.assign(indexedDB.open('hybridge-ledger:other', 1), {
        onsuccess: ({ target }) => {
          target.result.close()
          resolve()
        },
        onerror: reject,
      }),
    )
    const ledger = ledgerOf('other')
    await ledger.record(run(1))
    return [(await ledger.totals()).answers, ledger.problem]
  })
  assert.equal(found[0], 1)
  assert.match(found[1], /could not be/)
  await tab.close()
})

test('a ledger that is closed, or whose database is deleted, continues in memory', async () => {
  const tab = await open()
  const found = await tab.evaluate(async () => {
    const ledger = ledgerOf('closed')
    await ledger.record(run(1))
    await ledger.close()
    await ledger.record(run(2))
    const deleted = ledgerOf('deleted')
    await deleted.record(run(1))
    await new Promise((resolve, reject) =>
      Object.assign(indexedDB.deleteDatabase('hybridge-ledger:deleted'), {
        onsuccess: resolve,
        onerror: reject,
        onblocked: reject,
      }),
    )
    await deleted.record(run(2))
    return [(await ledger.totals()).answers, ledger.problem, (await deleted.totals()).answers]
  })
  assert.deepEqual([found[0], found[2]], [1, 1])
  assert.match(found[1], /could not be/)
  await tab.close()
})
