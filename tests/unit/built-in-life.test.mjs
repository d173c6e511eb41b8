// The life cycle of the browser's built-in model, with a fake browser: loads are shared like those of other models.

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { promptApiModel } = await importSource('built-in/prompt-api.ts')

/** A browser whose downloads end when the test says so. */
class Browser {
  status = 'downloadable'
  creates = []

  async availability() {
    return this.status
  }

  create({ signal, monitor } = {}) {
    const target = new EventTarget()
    monitor?.(target)
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new DOMException('x', 'AbortError')))
      this.creates.push({
        signal,
        progress: (loaded) => target.dispatchEvent(Object.assign(new Event('downloadprogress'), { loaded })),
        done: () => {
          this.status = 'available'
          resolve({ destroy() {} })
        },
        fail: (name) => reject(new DOMException('x', name)),
      })
    })
  }
}

function pretend() {
  const browser = new Browser()
  globalThis.LanguageModel = browser
  return browser
}

afterEach(() => {
  delete globalThis.LanguageModel
})

const outcome = (promise) =>
  promise.then(
    () => 'ok',
    ({ status, code }) => code ?? status,
  )
const turn = () => new Promise((resolve) => setTimeout(resolve))

test('loads are shared, and one caller’s abort does not affect others', async () => {
  const browser = pretend()
  const model = promptApiModel()
  const stop = new AbortController()
  const seen = []
  const [one, two] = [model.load({ signal: stop.signal }), model.load({ onProgress: (it) => seen.push(it.fraction) })]
  assert.equal(model.state, 'loading', 'in this very turn')
  assert.equal(browser.creates.length, 1, 'one download')
  stop.abort()
  assert.equal(await outcome(one), 'CANCELLED')
  browser.creates[0].progress(0.5)
  browser.creates[0].done()
  assert.deepEqual([await outcome(two), model.state, seen], ['ok', 'ready', [0, 0.5, 1]])
})

test('progress that is reported synchronously is passed on in order', async () => {
  const browser = pretend()
  const { create } = browser
  browser.create = (options) => {
    const made = create.call(browser, options)
    browser.creates[0].progress(0.25)
    return made
  }
  const seen = []
  const load = promptApiModel().load({ onProgress: (it) => seen.push(it.fraction) })
  browser.creates[0].done()
  await load
  assert.deepEqual(seen, [0, 0.25, 1])
})

test('the last caller to abort stops the download, and the next call starts another', async () => {
  const browser = pretend()
  const model = promptApiModel()
  const stop = new AbortController()
  const load = model.load({ signal: stop.signal })
  stop.abort()
  assert.deepEqual([await outcome(load), model.state], ['CANCELLED', 'absent'])
  assert.ok(browser.creates[0].signal.aborted)
  const next = model.load()
  browser.creates[0].done()
  await turn()
  assert.equal(model.state, 'loading', 'a stopped load does not change the state')
  browser.creates[1].done()
  assert.deepEqual([await outcome(next), model.state], ['ok', 'ready'])
})

test('dispose() is not the caller’s own abort, and load() restores the model', async () => {
  const browser = pretend()
  const model = promptApiModel()
  const load = model.load()
  await model.dispose()
  assert.deepEqual([await outcome(load), model.state], ['DISPOSED', 'disposed'])
  assert.equal(await outcome(model.generate('x')), 'DISPOSED')
  const next = model.load()
  browser.creates.at(-1).done()
  assert.deepEqual([await outcome(next), model.state], ['ok', 'ready'])
})

test('after a failed download the model can be loaded again', async () => {
  const browser = pretend()
  const model = promptApiModel()
  const states = []
  model.onStateChange(({ state }) => states.push(state))
  const load = model.load()
  browser.creates[0].fail('NetworkError')
  assert.deepEqual([await outcome(load), model.state], ['DOWNLOAD_FAILED', 'failed'])
  // An abort that is not the caller's own is not CANCELLED.
  const second = model.load()
  browser.creates[1].fail('AbortError')
  assert.deepEqual([await outcome(second), model.state], ['UNAVAILABLE', 'failed'])
  const third = model.load()
  browser.creates[2].done()
  assert.equal(await outcome(third), 'ok')
  assert.deepEqual(states, ['loading', 'failed', 'loading', 'failed', 'loading', 'ready'])
})
