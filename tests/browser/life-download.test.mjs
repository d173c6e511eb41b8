/** Downloads of a model to the store, from a host with scripted faults. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
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

const url = (path = '/tiny.gguf') => it.host.origin + path

/** Loads in a page and returns the outcome. */
const load = (page, model, options = {}) =>
  page.evaluate(
    async ({ model, options }) => {
      const gemma = hybridge.gemmaModel({ model, device: 'cpu', contextWindow: 64, ...options, ...impatient })
      const events = []
      const result = await outcome(gemma.load({ onProgress: (event) => events.push(event) }))
      const state = gemma.state
      await gemma.dispose()
      return { ...result, state, events }
    },
    { model, options },
  )

/** Downloads under some faults in a fresh profile; returns the outcome and the contents of the store. */
async function check(moods, { model = { url: url() }, options, code, requests } = {}) {
  it.host.moods = [...moods]
  const page = await it.open()
  const found = await load(page, model, options)
  if (code === undefined) {
    assert.deepEqual([found.code, found.message, found.state], [undefined, undefined, 'ready'])
    if (options?.cache !== 'none') assert.deepEqual(await keptDigest(page), [sha256(bytes)])
  } else assert.deepEqual([found.code, found.state], [code, 'failed'], found.message)
  if (requests !== undefined) assert.equal(it.host.requests.length, requests)
  await page.context().close()
  return found
}

test('a good host: ranges, progress from 0 to 1, never backwards', async () => {
  const { events } = await check([])
  assert.ok(
    it.host.requests.every(({ range }) => range !== undefined),
    'only ranges are requested',
  )
  assert.deepEqual([events[0].fraction, events.at(-1).fraction], [0, 1])
  assert.ok(
    events.every(({ totalBytes }) => totalBytes > 0),
    'the size is known before anything is reported',
  )
  for (const [at, event] of events.entries())
    assert.ok(at === 0 || event.fraction >= events[at - 1].fraction, JSON.stringify(events))
})

test('truncated, silent, overlong and shifted responses', async () => {
  await check([{}, { cut: 1000 }, { cut: 1 }, { cut: 0 }])
  await check([{}, { stall: 3000 }])
  await check([{}, { more: 500 }, { more: 5 }])
  await check([{ shift: 7 }, { shift: 1 }])
  await check([{ shift: 7 }, { shift: 7 }, { shift: 7 }, { shift: 7 }], { code: 'RANGE_MISMATCH' })
  await check([{ size: 1000 }])
})

test('hosts without ranges, without an entity tag, without visible headers', async () => {
  it.host.knowsRanges = false
  await check([])
  await check([{ cut: 100_000 }])
  it.host.etag = 'none'
  await check([{ cut: 100_000 }])
  calm(it.host, { '/tiny.gguf': bytes })
  it.host.exposes = false
  await check([])
})

test('a host that cannot resume is given up after a few whole files, and one that states no size at once', async () => {
  it.host.knowsRanges = false
  it.host.rule = () => ({ cut: Math.floor(bytes.length * 0.9) })
  const found = await check([], { code: 'RANGES_UNSUPPORTED', requests: 4 })
  assert.match(found.message, /range/)
  calm(it.host, { '/tiny.gguf': bytes })
  it.host.rule = () => ({ status: 206, body: bytes.subarray(0, 1000), headers: { 'content-range': 'bytes 0-999/*' } })
  await check([], { code: 'MODEL_SIZE_UNKNOWN', requests: 2 })
})

test('errors of refused downloads contain advice', async () => {
  await check([{ status: 401 }], { code: 'MODEL_GATED' })
  const { message } = await check([{ status: 403 }], { code: 'MODEL_GATED' })
  assert.match(message, /licence.*headers/)
  await check([{ status: 404 }], { code: 'MODEL_NOT_FOUND' })
  await check([{ status: 200, body: '<h1>Sign in</h1>', headers: { 'content-type': 'text/html' } }], {
    code: 'MODEL_NOT_FOUND',
  })
  await check([{ status: 500 }, { status: 503, headers: { 'retry-after': '0' } }, { status: 429 }])
  await check(Array(4).fill({ status: 502 }), { code: 'MODEL_HTTP' })
})

test('digest and size', async () => {
  await check([], { model: { url: url(), sha256: sha256(bytes), bytes: bytes.length } })
  await check([{ corrupt: true }], { model: { url: url(), sha256: sha256(bytes) } })
  it.host.rule = () => ({ corrupt: true })
  await check([], { model: { url: url(), sha256: sha256(bytes) }, code: 'CHECKSUM_MISMATCH' })
  it.host.rule = undefined
  await check([], { model: { url: url(), bytes: 99 }, code: 'SIZE_MISMATCH' })
})

test('cache: none stores nothing', async () => {
  await check([{ cut: 1000 }], { options: { cache: 'none' } })
})

test('the second load sends no request', async () => {
  const page = await it.open()
  assert.equal((await load(page, { url: url() })).state, 'ready')
  it.host.requests.length = 0
  const second = await load(page, { url: url() })
  assert.equal(second.state, 'ready')
  assert.equal(it.host.requests.length, 0)
  assert.ok(
    second.events.every(({ phase, totalBytes }) => phase !== 'download' && totalBytes > 0),
    JSON.stringify(second.events),
  )
  const listed = await page.evaluate(() => hybridge.listCachedModels())
  assert.deepEqual(
    listed.map(({ key, bytes }) => [/^tiny-[0-9a-f]{16}$/.test(key), bytes]),
    [[true, bytes.length]],
  )
  await page.evaluate(async (model) => hybridge.gemmaModel({ model }).remove(), url())
  assert.deepEqual(await page.evaluate(() => hybridge.listCachedModels()), [])
  await page.context().close()
})

test('headers are sent to the named host, and not to a redirect’s target', async () => {
  const { modelHost } = await import('../support/model-host.mjs')
  const elsewhere = await modelHost({ '/signed': bytes })
  it.host.rule = () => ({ redirect: `${elsewhere.origin}/signed` })
  // A link that expires after two responses, each time it is issued.
  let left = 3
  elsewhere.rule = ({ headers }) => (left-- > 0 ? {} : ((left = 3), { status: 403 }))
  const page = await it.open()
  const found = await page.evaluate(async (model) => {
    const gemma = hybridge.gemmaModel({
      model,
      device: 'cpu',
      contextWindow: 64,
      headers: () => ({ authorization: 'Bearer secret' }),
      ...impatient,
    })
    return { ...(await outcome(gemma.load())), state: gemma.state }
  }, url())
  assert.deepEqual([found.code, found.state], [undefined, 'ready'])
  assert.deepEqual(await keptDigest(page), [sha256(bytes)])
  assert.ok(it.host.requests.every(({ headers }) => headers.authorization === 'Bearer secret'))
  assert.ok(
    elsewhere.requests.length > 0 && elsewhere.requests.every(({ headers }) => headers.authorization === undefined),
  )
  await page.context().close()
  await elsewhere.close()
})

test('a secret in a header stays at the named origin', async () => {
  const { modelHost } = await import('../support/model-host.mjs')
  const elsewhere = await modelHost({ '/signed': bytes })
  it.host.rule = () => ({ redirect: `${elsewhere.origin}/signed` })
  const loadWith = async (headers) => {
    elsewhere.requests.length = 0
    const page = await it.open()
    const found = await page.evaluate(
      async ({ model, headers }) => {
        const gemma = hybridge.gemmaModel({
          model,
          device: 'cpu',
          contextWindow: 64,
          headers: () => headers,
          ...impatient,
        })
        const { status } = await gemma.availability()
        return { availability: status, ...(await outcome(gemma.load())) }
      },
      { model: url(), headers },
    )
    await page.context().close()
    const leaked = elsewhere.requests.filter((request) =>
      Object.keys(headers).some((name) => request.headers[name] !== undefined),
    )
    assert.deepEqual(leaked, [], JSON.stringify(headers))
    return found
  }
  for (const headers of [{ 'x-secret': 'one' }, { authorization: 'Bearer two', 'x-secret': 'three' }]) {
    assert.equal((await loadWith(headers)).code, undefined)
    assert.ok(elsewhere.requests.length > 0)
  }
  // A host that requires the secret even before its redirect cannot be served.
  it.host.rule = ({ headers }) =>
    headers['x-secret'] === 'one' ? { redirect: `${elsewhere.origin}/signed` } : { status: 403 }
  const found = await loadWith({ 'x-secret': 'one' })
  assert.deepEqual([found.status, found.code], ['PERMISSION_DENIED', 'MODEL_REDIRECTED'], found.message)
  // Within the origin it is sent along.
  it.host.rule = ({ path, headers }) =>
    headers['x-secret'] !== 'one' && path === '/tiny.gguf'
      ? { status: 403 }
      : path === '/old.gguf'
        ? { redirect: `${it.host.origin}/tiny.gguf` }
        : undefined
  it.host.moods = []
  const page = await it.open()
  const within = await page.evaluate(
    async (model) =>
      outcome(
        hybridge
          .gemmaModel({ model, device: 'cpu', contextWindow: 64, headers: () => ({ 'x-secret': 'one' }), ...impatient })
          .load(),
      ),
    url('/old.gguf'),
  )
  assert.equal(within.code, undefined, within.message)
  await page.context().close()
  await elsewhere.close()
})

test('no request of a good download is cancelled', async () => {
  const page = await it.open()
  const devtools = await page.context().newCDPSession(page)
  const finished = []
  const failed = []
  const note = ({ method, params }) => {
    if (method === 'Network.loadingFinished') finished.push(params.requestId)
    if (method === 'Network.loadingFailed') failed.push(params.errorText)
  }
  await devtools.send('Network.enable')
  devtools.on('Network.loadingFailed', (params) => note({ method: 'Network.loadingFailed', params }))
  // A worker has its own session, which is open before its first request.
  devtools.on('Target.receivedMessageFromTarget', ({ message }) => note(JSON.parse(message)))
  devtools.on('Target.attachedToTarget', async ({ sessionId }) => {
    for (const [id, method] of ['Network.enable', 'Runtime.runIfWaitingForDebugger'].entries())
      await devtools.send('Target.sendMessageToTarget', {
        sessionId,
        message: JSON.stringify({ id, method, params: {} }),
      })
  })
  await devtools.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: true, flatten: false })
  await page.evaluate((model) => hybridge.gemmaModel({ model, device: 'cpu' }).availability(), url())
  assert.equal((await load(page, { url: url() })).code, undefined)
  assert.ok(finished.length > 3, `${finished.length} requests of the worker were seen`)
  assert.deepEqual(failed, [])
  await page.context().close()
})

test('a browser as old as the oldest supported one downloads, resumes and answers', async () => {
  const page = await it.open()
  const young = readFileSync(join(import.meta.dirname, 'life/young-names.mjs'), 'utf8').replace('export ', '')
  await page.addInitScript(`${young}\nforgetYoungNames()`)
  await page.reload()
  await page.waitForFunction('globalThis.isReady === true')
  await page.evaluate(() => void (globalThis.hasAny = typeof AbortSignal.any))
  assert.equal(await page.evaluate(() => hasAny), 'undefined')
  it.faults.push('old', 'old')
  it.host.moods = [{}, { cut: 1000 }, { stall: 3000 }]
  const found = await page.evaluate(async (model) => {
    const gemma = hybridge.gemmaModel({
      model,
      device: 'cpu',
      contextWindow: 64,
      workerUrl: '/life/faulty-worker.mjs',
      ...impatient,
    })
    const { status } = await gemma.availability()
    const load = await outcome(gemma.load())
    const { text } = await gemma.generate({ prompt: 'hi', config: { temperature: 0, maxOutputTokens: 4 } })
    await gemma.remove()
    return { status, code: load.code, hasText: text.length > 0, left: await hybridge.listCachedModels() }
  }, url())
  assert.deepEqual(found, { status: 'downloadable', code: undefined, hasText: true, left: [] })
  await page.context().close()
})

/** HYBRIDGE_CUTS=100 and more look longer. */
const cuts = Number(process.env.HYBRIDGE_CUTS ?? 40)

test(`${cuts} random cuts, aborts and reloads lead to the same bytes and keep those received`, async () => {
  const page = await it.open()
  // Many pages come and go, on a machine that may be busy.
  page.setDefaultTimeout(120_000)
  const random = (limit) => Math.floor(Math.random() * limit)
  let rounds = 0
  let arrived = 0
  let whole = 0
  const seen = new Set()
  it.host.rule = () => ({ cut: 1 + random(9000) })
  while (rounds < cuts) {
    rounds++
    // How each visit ends: the page is closed, or the user aborts.
    const how = rounds % 2 === 0 ? 'reload' : 'abort'
    const stopAt = random(6) + 1
    const asked = it.host.requests.length
    await page.evaluate(
      ({ model }) => {
        const stop = (globalThis.stop = new AbortController())
        const gemma = (globalThis.gemma = hybridge.gemmaModel({
          model,
          device: 'cpu',
          contextWindow: 64,
          [Symbol.for('hybridge.downloadPolicy')]: {
            piece: 65536,
            parallel: 4,
            failures: 1000,
            pauseMs: 1,
            stallMs: 400,
          },
        }))
        globalThis.result = outcome(gemma.load({ signal: stop.signal }))
      },
      { model: { url: url(), sha256: sha256(bytes) } },
    )
    for (let waited = 0; it.host.requests.length < asked + stopAt && waited < 200; waited++)
      await new Promise((resolve) => setTimeout(resolve, 5))
    if (how === 'reload') {
      await page.reload()
      await page.waitForFunction('globalThis.isReady === true')
    } else {
      const { status } = await page.evaluate(() => {
        globalThis.stop.abort()
        return globalThis.result
      })
      if (status === undefined) whole++
      else assert.equal(status, 'CANCELLED')
      await page.evaluate(() => globalThis.gemma.dispose())
    }
    const [listed] = await page.evaluate(() => hybridge.listCachedModels())
    const bytesNow = listed?.bytes ?? 0
    assert.ok(bytesNow >= arrived, `what has arrived stays: ${arrived}, then ${bytesNow}`)
    arrived = bytesNow
    seen.add(bytesNow)
    if (bytesNow === bytes.length) {
      await page.evaluate(async (model) => hybridge.gemmaModel({ model }).remove(), { url: url() })
      arrived = 0
    }
  }
  it.host.rule = undefined
  assert.equal((await load(page, { url: url(), sha256: sha256(bytes) })).state, 'ready')
  assert.deepEqual(await keptDigest(page), [sha256(bytes)])
  console.log(`${rounds} visits, ${whole} of them to the end, stood at ${seen.size} different places`)
  assert.ok(seen.size >= cuts / 5)
  await page.context().close()
})

test('a record that is written during a read is read again', async () => {
  const page = await it.open()
  assert.equal((await load(page, { url: url() })).state, 'ready')
  const listed = await page.evaluate(async () => {
    const whole = File.prototype.text
    // A file opened before a write is refused afterwards, or truncated at its old length.
    const refuse = () => Promise.reject(new DOMException('changed', 'NotReadableError'))
    const cut = async function () {
      return (await whole.call(this)).slice(0, 40)
    }
    const listedWith = async (answers, rest) => {
      File.prototype.text = function () {
        return (answers.shift() ?? rest).call(this)
      }
      const [{ bytes }] = await hybridge.listCachedModels()
      return bytes
    }
    try {
      return [
        await listedWith([whole, refuse, cut, refuse], whole),
        await listedWith([refuse, refuse, refuse, cut, cut, cut], whole),
        await listedWith([], refuse),
      ]
    } finally {
      File.prototype.text = whole
    }
  })
  assert.deepEqual(listed, [bytes.length, bytes.length, 0])
  await page.context().close()
})

test('two tabs share one download', async () => {
  const one = await it.open()
  const two = await it.open(one)
  it.host.requests.length = 0
  const results = await Promise.all([load(one, { url: url() }), load(two, { url: url() })])
  assert.deepEqual(
    results.map(({ state }) => state),
    ['ready', 'ready'],
  )
  const starts = it.host.requests.map(({ range }) => range)
  assert.equal(new Set(starts).size, starts.length, `no range is fetched twice: ${starts}`)
  await one.context().close()
})
