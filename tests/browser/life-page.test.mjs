/** A model and its page: leaving and returning, and how long the page's thread is blocked. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

let it
let bytes
before(async () => {
  it = await setUp({
    keepsPages: true,
    pages: { '/away': { type: 'text/html', body: '<!doctype html><title>away</title>' } },
  })
  bytes = it.models.read('q8_0')
})
after(() => it?.close())
beforeEach(() => calm(it.host, { '/tiny.gguf': bytes }))

const model = (url) => {
  globalThis.gemma = hybridge.gemmaModel({ model: url, device: 'cpu', contextWindow: 256, ...impatient })
  globalThis.ask = (maxOutputTokens = 8) =>
    outcome(gemma.generate({ prompt: 'hi', config: { temperature: 0, maxOutputTokens } }).then(({ text }) => text))
  // One answer after the other, so that one is always in progress.
  globalThis.askOn = async () => {
    for (;;) {
      const told = await ask(200)
      if (told.value === undefined) return told
    }
  }
}

const open = async () => {
  const page = await it.open()
  await page.evaluate(model, `${it.host.origin}/tiny.gguf`)
  return page
}

/** A page through the browser's own protocol, because Playwright loses a page that is restored from the cache. */
async function openRaw() {
  const page = await it.open()
  const devtools = await page.context().newCDPSession(page)
  const run = async (body) => {
    const { result, exceptionDetails } = await devtools.send('Runtime.evaluate', {
      expression: `(async () => { ${body} })()`,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }
  const until = async (condition) => {
    for (let looked = 0; looked < 1000; looked++) {
      if (await run(`return ${condition}`).catch(() => false)) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`it never came: ${condition}`)
  }
  await run(`(${model})(${JSON.stringify(`${it.host.origin}/tiny.gguf`)})
    globalThis.shown = []
    addEventListener('pageshow', ({ persisted }) => shown.push(persisted))`)
  /** Navigates to another page and back. */
  const leaveAndReturn = async () => {
    await run("setTimeout(() => location.assign('/away'))")
    await until("location.pathname === '/away' && document.readyState === 'complete'")
    await run('setTimeout(() => history.back())')
    await until("location.pathname === '/' && globalThis.isReady === true")
  }
  return { run, until, leaveAndReturn, close: () => page.context().close() }
}

test('a page that is left and restored has its model again, without a download', async () => {
  const { run, until, leaveAndReturn, close } = await openRaw()
  const before = await run(
    'await gemma.load(); const { value } = await ask(); globalThis.running = askOn(); return value',
  )
  it.host.requests.length = 0
  await leaveAndReturn()
  // This value survives only in the same page, not in a reload of it.
  assert.deepEqual(await run('return globalThis.shown'), [true], 'it came out of the back/forward cache')
  assert.equal(await run('return (await running).code'), 'PAGE_LEFT')
  await until("gemma.state === 'ready'")
  assert.equal(await run('return (await ask()).value'), before)
  assert.deepEqual(it.host.requests, [])
  await close()
})

test('an abandoned download continues where it stopped at the next load', async () => {
  const { run, leaveAndReturn, close } = await openRaw()
  it.host.rule = ({ range }) => (range === 'bytes=0-65535' ? {} : { stall: 100 })
  await run('globalThis.loading = outcome(gemma.load())')
  for (let waited = 0; it.host.requests.length < 3 && waited < 500; waited++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  await leaveAndReturn()
  it.host.rule = undefined
  it.host.requests.length = 0
  assert.deepEqual(await run('return [shown[0], (await loading).code, gemma.state]'), [true, 'PAGE_LEFT', 'absent'])
  assert.deepEqual(it.host.requests, [], 'nothing is fetched without a request')
  await run('await gemma.load()')
  assert.ok(
    it.host.requests.length > 0 && it.host.requests.every(({ range }) => range !== 'bytes=0-65535'),
    'received bytes are not fetched again',
  )
  await close()
})

test('loading and writing never block the page’s thread for 16 ms', async () => {
  const page = await open()
  // Twenty times the size, so that a copy of the weights through the page would show.
  const padded = Buffer.concat([bytes, Buffer.alloc(20 * bytes.length)])
  it.host.files['/tiny.gguf'] = padded
  it.host.etag = '"padded"'
  await it.browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', '__metadata'] })
  const found = await page.evaluate(async (url) => {
    const gemma = hybridge.gemmaModel({ model: url, device: 'cpu', contextWindow: 256 })
    const availability = (await gemma.availability()).status
    let events = 0
    await gemma.load({ onProgress: () => events++ })
    let chunks = 0
    for await (const _ of gemma.generateStream({ prompt: 'hi', config: { temperature: 0, maxOutputTokens: 120 } }))
      chunks++
    return { availability, events, chunks }
  }, `${it.host.origin}/tiny.gguf`)
  const { traceEvents } = JSON.parse(await it.browser.stopTracing())
  assert.equal(found.availability, 'downloadable')
  assert.ok(found.chunks > 10 && found.events > 1, JSON.stringify(found))
  const mains = traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
  const isMain = ({ pid, tid }) => mains.some((main) => main.pid === pid && main.tid === tid)
  // CPU time of the thread, which other processes of a busy machine do not affect.
  const tasks = traceEvents.filter(
    (event) => event.name === 'ThreadControllerImpl::RunTask' && isMain(event) && event.tdur !== undefined,
  )
  const longest = Math.max(...tasks.map(({ tdur }) => tdur)) / 1000
  console.log(`${tasks.length} tasks, the longest ${longest.toFixed(1)} ms`)
  assert.ok(tasks.length > 100, `${tasks.length} tasks were seen`)
  assert.ok(longest < 16, `a task took ${longest} ms`)
  await page.context().close()
})
