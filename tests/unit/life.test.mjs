/**
 * A device model's life cycle with a fake worker: the effects of aborts, the outcome of requests, and that every call
 * settles.
 */

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { gemmaModel, gemmaEmbedder } = await importSource('gemma/page/gemma.ts', 'gemma/page/embedder.ts')

/** Answers as `answers[method](params, worker)` returns; a method without an answer hangs until the worker ends. */
class FakeWorker extends EventTarget {
  static answers = {}
  static made = []
  aborted = []
  calls = []
  isEnded = false

  constructor() {
    super()
    FakeWorker.made.push(this)
  }

  postMessage(message) {
    queueMicrotask(() => {
      if (this.isEnded) return
      if ('abort' in message) return void this.aborted.push(message.abort)
      if ('farewell' in message) return void this.emit({ id: message.farewell, result: null })
      this.calls.push(message)
      const answer = FakeWorker.answers[message.method]?.(message.params, this, message.id)
      if (answer !== undefined) this.emit({ id: message.id, ...answer })
    })
  }

  emit(data) {
    if (!this.isEnded) this.dispatchEvent(new MessageEvent('message', { data }))
  }

  terminate() {
    this.isEnded = true
  }
}

globalThis.Worker = FakeWorker
afterEach(() => {
  FakeWorker.answers = {}
  FakeWorker.made = []
})

const loaded = { result: { device: 'cpu', contextWindow: 64, architecture: 'gemma3' } }
const model = (options = {}) => gemmaModel({ model: 'https://example.org/tiny.gguf', device: 'cpu', ...options })
const outcome = (promise) =>
  promise.then(
    (value) => ({ value }),
    ({ status, code, message }) => ({ status, code, message }),
  )
const soon = () => new Promise((resolve) => setTimeout(resolve, 5))

/** Waits until a condition holds, however busy the machine is. */
async function until(isSo) {
  for (let turn = 0; turn < 400 && !isSo(); turn++) await soon()
  assert.ok(isSo(), `it never came true: ${isSo}`)
}
const isAsked = (at) => FakeWorker.made[at]?.calls.some(({ method }) => method === 'load') ?? false

/** Returns a promise's outcome; fails the test if it takes too long. */
const settles = (promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(reject, 3000, new Error('it never settled')).unref())])

/** Answers a load when it is released. */
function heldLoad() {
  const gate = {}
  FakeWorker.answers.load = (_, worker, id) => {
    gate.open = (answer = loaded) => worker.emit({ id, ...answer })
    return undefined
  }
  return gate
}

test('one caller’s abort does not affect others', async () => {
  for (const other of ['load', 'generate', 'count']) {
    const gate = heldLoad()
    FakeWorker.answers.start = () => ({ result: 1 })
    FakeWorker.answers.next = () => ({
      result: { reply: { message: { role: 'model', content: [{ text: 'yes' }] }, finishReason: 'stop', usage: {} } },
    })
    FakeWorker.answers.drop = () => ({ result: null })
    FakeWorker.answers.count = () => ({ result: 3 })
    const gemma = model({ waitForLoad: true })
    const stop = new AbortController()
    const first = outcome(gemma.load({ signal: stop.signal }))
    const second =
      other === 'load'
        ? outcome(gemma.load())
        : other === 'generate'
          ? outcome(gemma.generate('x'))
          : outcome(gemma.countTokens('x'))
    await soon()
    stop.abort()
    assert.equal((await settles(first)).status, 'CANCELLED')
    await soon()
    assert.equal(gemma.state, 'loading', `the load goes on for ${other}`)
    gate.open()
    const found = await settles(second)
    assert.equal(found.status, undefined, JSON.stringify(found))
    assert.equal(gemma.state, 'ready')
    await gemma.dispose()
  }
})

test('the last caller to abort stops the load, and the next call starts another', async () => {
  let gate = heldLoad()
  const gemma = model()
  const stops = [new AbortController(), new AbortController()]
  const loads = stops.map(({ signal }) => outcome(gemma.load({ signal })))
  await until(() => isAsked(0))
  for (const stop of stops) stop.abort()
  for (const load of loads) assert.equal((await settles(load)).status, 'CANCELLED')
  assert.equal(gemma.state, 'absent')
  gate = heldLoad()
  const again = outcome(gemma.load())
  assert.equal(gemma.state, 'loading')
  await until(() => isAsked(1))
  gate.open()
  assert.deepEqual(await settles(again), { value: undefined })
  assert.deepEqual([gemma.state, FakeWorker.made.length, FakeWorker.made[0].isEnded], ['ready', 2, true])
})

test('a load that begins during another caller’s abort is not aborted', async () => {
  const gate = heldLoad()
  const gemma = model()
  const stop = new AbortController()
  const first = outcome(gemma.load({ signal: stop.signal }))
  await until(() => isAsked(0))
  stop.abort()
  const second = outcome(gemma.load())
  assert.equal((await settles(first)).status, 'CANCELLED')
  await until(() => isAsked(1))
  gate.open()
  assert.deepEqual(await settles(second), { value: undefined })
})

test('dispose() is not the caller’s own abort', async () => {
  heldLoad()
  const gemma = model({ waitForLoad: true })
  const calls = [
    gemma.load(),
    gemma.load({ signal: new AbortController().signal }),
    gemma.generate('x'),
    gemma.countTokens('x'),
  ].map(outcome)
  await soon()
  await gemma.dispose()
  for (const call of calls) {
    const found = await settles(call)
    assert.deepEqual([found.status, found.code], ['UNAVAILABLE', 'DISPOSED'])
  }
  assert.equal(gemma.state, 'disposed')
})

test('dispose() during a request lets a hybrid move on', async () => {
  FakeWorker.answers.load = () => loaded
  FakeWorker.answers.start = () => ({ result: 1 })
  const gemma = model()
  await gemma.load()
  const answer = outcome(gemma.generate('x'))
  const queued = outcome(gemma.generate('y'))
  await soon()
  await gemma.dispose()
  assert.deepEqual([(await settles(answer)).status, (await settles(queued)).status], ['UNAVAILABLE', 'UNAVAILABLE'])
  const embedder = gemmaEmbedder({ model: 'https://example.org/e.gguf', device: 'cpu' })
  await embedder.load()
  const vectors = outcome(embedder.embed('x'))
  await soon()
  await embedder.dispose()
  assert.equal((await settles(vectors)).status, 'UNAVAILABLE')
})

test('a caller’s own abort is CANCELLED', async () => {
  FakeWorker.answers.load = () => loaded
  FakeWorker.answers.start = () => ({ result: 1 })
  const gemma = model()
  await gemma.load()
  const stop = new AbortController()
  const answer = outcome(gemma.generate('x', { signal: stop.signal }))
  await soon()
  stop.abort()
  assert.equal((await settles(answer)).status, 'CANCELLED')
  assert.equal((await settles(outcome(gemma.load({ signal: AbortSignal.abort() })))).status, 'CANCELLED')
})

test('headers that never arrive do not prevent an abort', async () => {
  const gemma = model({ headers: () => new Promise(() => {}) })
  const stop = new AbortController()
  const load = outcome(gemma.load({ signal: stop.signal }))
  await soon()
  stop.abort()
  assert.equal((await settles(load)).status, 'CANCELLED')
  assert.equal(gemma.state, 'absent')
  const other = model({ headers: () => new Promise(() => {}) })
  const waiting = outcome(other.load())
  await soon()
  await other.dispose()
  assert.equal((await settles(waiting)).code, 'DISPOSED')
})

test('an unreadable message ends the calls instead of leaving them pending', async () => {
  heldLoad()
  const gemma = model()
  const load = outcome(gemma.load())
  await soon()
  FakeWorker.made[0].dispatchEvent(new MessageEvent('messageerror'))
  const found = await settles(load)
  assert.deepEqual([found.status, found.code], ['INTERNAL', 'WORKER_CRASHED'])
})

test('an exception of a progress callback does not fail the load', async () => {
  const reported = []
  globalThis.reportError = (thrown) => reported.push(thrown.message)
  FakeWorker.answers.load = (_, worker, id) => {
    worker.emit({ report: id, progress: { phase: 'upload', loadedBytes: 1, totalBytes: 2 } })
    return loaded
  }
  const gemma = model()
  const found = await settles(
    outcome(
      gemma.load({
        onProgress: () => {
          throw new Error('oops')
        },
      }),
    ),
  )
  assert.deepEqual(found, { value: undefined })
  assert.ok(reported.length > 0 && reported.every((message) => message === 'oops'))
  delete globalThis.reportError
})

test('loading a local file reports an upload, and never a download', async () => {
  FakeWorker.answers.load = (_, worker, id) => {
    for (const loadedBytes of [0, 50, 100])
      worker.emit({ report: id, progress: { phase: 'upload', loadedBytes, totalBytes: 100 } })
    return loaded
  }
  const events = []
  const gemma = model({ model: new Blob([new Uint8Array(100)]) })
  await gemma.load({ onProgress: (event) => events.push(event) })
  assert.ok(
    events.every(({ phase, totalBytes }) => phase !== 'download' && totalBytes === 100),
    JSON.stringify(events),
  )
  assert.deepEqual([events[0].fraction, events.at(-1).fraction], [0, 1])
})

test('without workers, as on a server, every call settles', async () => {
  delete globalThis.Worker
  try {
    const gemma = model({ device: 'auto' })
    const found = await gemma.availability()
    assert.deepEqual([found.status, found.code], ['unavailable', 'WORKER_UNAVAILABLE'])
    const load = await settles(outcome(gemma.load()))
    assert.deepEqual([load.status, load.code], ['UNAVAILABLE', 'WORKER_UNAVAILABLE'])
    assert.match(load.message, /no web workers/)
    assert.deepEqual(await settles(outcome(gemma.remove())), { value: undefined })
    assert.deepEqual(await settles(outcome(gemma.dispose())), { value: undefined })
  } finally {
    globalThis.Worker = FakeWorker
  }
})
