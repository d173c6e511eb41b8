/** Tabs that crash: their renderer is killed, as systems do when memory is short. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { sha256 } from '../support/model-host.mjs'
import { calm, keptDigest, setUp } from './life/page.mjs'

let it
let bytes
before(async () => {
  it = await setUp()
  bytes = it.models.read('q8_0')
})
after(() => it?.close())
beforeEach(() => {
  calm(it.host, { '/tiny.gguf': bytes })
  it.faults.length = 0
})

async function open(beside) {
  const page = await it.open(beside)
  await page.evaluate((url) => {
    globalThis.model = (options = {}) =>
      hybridge.gemmaModel({
        model: url,
        device: 'cpu',
        contextWindow: 64,
        workerUrl: '/life/faulty-worker.mjs',
        ...options,
        ...impatient,
      })
    globalThis.phases = []
    globalThis.begin = (options) => {
      const gemma = (globalThis.gemma = model())
      globalThis.loading = outcome(gemma.load({ onProgress: ({ phase }) => phases.push(phase), ...options }))
    }
  }, `${it.host.origin}/tiny.gguf`)
  return page
}

const until = async (page, condition) => {
  for (let looked = 0; looked < 500; looked++) {
    if (await page.evaluate(condition)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`it never came: ${condition}`)
}

/** Kills a page's renderer without a warning. */
async function kill(page) {
  const devtools = await page.context().newCDPSession(page)
  const crashed = page.waitForEvent('crash')
  // A dead renderer answers neither this command nor the one that closes its page.
  devtools.send('Page.crash').catch(() => {})
  await crashed
}

/** Crashes a tab while weights are uploaded to the device. */
async function dieWhileUploading(context, times) {
  it.faults.push('hang-on-read')
  const page = await open(context)
  await page.evaluate(() => begin({ force: true }))
  const marked = `Object.entries(localStorage).some(([name, text]) => name.startsWith('hybridge-loading-') && JSON.parse(text).loads === ${times})`
  await until(page, marked)
  // The browser persists a page's storage a moment later.
  await new Promise((resolve) => setTimeout(resolve, 300))
  await kill(page)
}

test('a tab that crashes during a download resumes, however often', async () => {
  const witness = await open()
  for (let round = 0; round < 3; round++) {
    const from = (65536 * (round + 1)).toString()
    it.host.rule = ({ range }) =>
      Number(/=(\d+)/.exec(range ?? '')?.[1] ?? 0) >= Number(from) ? { stall: 10 } : undefined
    const page = await open(witness)
    await page.evaluate(() => begin())
    await until(page, () => hybridge.listCachedModels().then(([kept]) => kept?.bytes > 0))
    await kill(page)
  }
  const before = await witness.evaluate(async () => (await hybridge.listCachedModels())[0])
  assert.ok(before.bytes > 0 && !before.complete, JSON.stringify(before))
  it.host.rule = undefined
  it.host.requests.length = 0
  const found = await witness.evaluate(async () => {
    const availability = await model().availability()
    begin()
    return [availability.code, (await loading).code]
  })
  assert.deepEqual(found, [undefined, undefined])
  assert.ok(!it.host.requests.some(({ range }) => /=0-/.test(range ?? '')), 'it begins where it was')
  assert.deepEqual(await keptDigest(witness), [sha256(bytes)])
  await witness.context().close()
})

test('a tab that crashes after its load is not a suspicion', async () => {
  const witness = await open()
  for (let round = 0; round < 3; round++) {
    const page = await open(witness)
    await page.evaluate(() => begin())
    assert.equal((await page.evaluate(() => loading)).code, undefined)
    await kill(page)
  }
  assert.equal((await witness.evaluate(() => model().availability())).status, 'available')
  await witness.context().close()
})

test('two consecutive crashes during a load are a suspicion, one is not', async () => {
  const witness = await open()
  const found = () =>
    witness.evaluate(async () => {
      const { code } = await model().availability()
      const small = await model({ contextWindow: 32 }).availability()
      return [code, small.code]
    })
  await dieWhileUploading(witness, 1)
  assert.deepEqual(await found(), [undefined, undefined])
  await dieWhileUploading(witness, 2)
  assert.deepEqual(await found(), ['CRASHED_BEFORE', undefined])
  const refused = await witness.evaluate(() => (begin(), loading))
  assert.deepEqual([refused.status, refused.code], ['FAILED_PRECONDITION', 'CRASHED_BEFORE'], refused.message)
  // A day later it has expired, as it does after a successful load.
  const later = await witness.evaluate(async () => {
    const { now } = Date
    Date.now = () => now() + 25 * 3_600_000
    const { code } = await model().availability()
    Date.now = now
    return code
  })
  assert.equal(later, undefined)
  assert.equal((await witness.evaluate(() => (begin({ force: true }), loading))).code, undefined)
  assert.deepEqual(await found(), [undefined, undefined])
  await witness.context().close()
})

test('a hidden page has no mark, which is set again when the page is shown', async () => {
  it.faults.push('hang-on-read')
  const page = await open()
  await page.evaluate(() => begin())
  await until(page, () => phases.includes('upload'))
  const marks = await page.evaluate(() => {
    const count = () => Object.keys(localStorage).filter((name) => name.startsWith('hybridge-loading-')).length
    const show = (state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
      return count()
    }
    return [count(), show('hidden'), show('visible'), show('hidden'), show('visible')]
  })
  assert.deepEqual(marks, [1, 0, 1, 0, 1])
  await page.evaluate(() => gemma.dispose())
  assert.equal(
    await page.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith('hybridge-loading-')).length),
    0,
  )
  await page.context().close()
})
