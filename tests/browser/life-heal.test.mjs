/**
 * A store in any state: damage is repaired, useless data is removed, and files in use are not deleted.
 */

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
  calm(it.host, {
    '/tiny.gguf': bytes,
    '/other.gguf': bytes,
    '/empty.gguf': Buffer.alloc(0),
    '/words.gguf': Buffer.from('# not a model\n'.repeat(9000)),
  })
  it.faults.length = 0
})

const url = (path = '/tiny.gguf') => it.host.origin + path

/** Gives a page `model(path)`, `load(path)` and `damage(how)`. */
async function open(beside) {
  const page = await it.open(beside)
  await page.evaluate((origin) => {
    globalThis.model = (path = '/tiny.gguf', options = {}) =>
      hybridge.gemmaModel({
        model: origin + path,
        device: 'cpu',
        contextWindow: 64,
        workerUrl: '/life/faulty-worker.mjs',
        ...options,
        ...impatient,
      })
    globalThis.load = async (path, options) => {
      const gemma = model(path)
      const found = await outcome(gemma.load(options))
      await gemma.dispose()
      return found
    }
    const folderOf = async () => {
      const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('hybridge-models')
      for await (const handle of models.values()) if (handle.name.startsWith('tiny-')) return { models, folder: handle }
    }
    const write = async (folder, name, content) => {
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable()
      await writable.write(content)
      await writable.close()
    }
    const journalOf = async (folder) =>
      JSON.parse((await (await (await folder.getFileHandle('part-0.json')).getFile()).text()).split('\n')[0])
    globalThis.damages = {
      'truncated weights': async ({ folder }) => {
        const file = await (await folder.getFileHandle('part-0.gguf')).getFile()
        await write(folder, 'part-0.gguf', await file.slice(0, file.size / 2).arrayBuffer())
      },
      'empty weights': ({ folder }) => write(folder, 'part-0.gguf', ''),
      'missing weights': ({ folder }) => folder.removeEntry('part-0.gguf'),
      'weights that are too long': async ({ folder }) => {
        const file = await (await folder.getFileHandle('part-0.gguf')).getFile()
        await write(folder, 'part-0.gguf', new Blob([file, new Uint8Array(5000)]))
      },
      'a folder for weights': async ({ folder }) => {
        await folder.removeEntry('part-0.gguf')
        await (await folder.getDirectoryHandle('part-0.gguf', { create: true })).getFileHandle('x', { create: true })
      },
      'a folder for a journal': async ({ folder }) => {
        await folder.removeEntry('part-0.json')
        await folder.getDirectoryHandle('part-0.json', { create: true })
      },
      'a folder for a card': async ({ folder }) => {
        await folder.removeEntry('model.json')
        await folder.getDirectoryHandle('model.json', { create: true })
      },
      'a file for the model': async ({ models, folder }) => {
        const { name } = folder
        await models.removeEntry(name, { recursive: true })
        await write(models, name, 'x')
      },
      'a file for all models': async () => {
        const root = await navigator.storage.getDirectory()
        await root.removeEntry('hybridge-models', { recursive: true })
        await write(root, 'hybridge-models', 'x')
      },
      'a journal that is a list': ({ folder }) => write(folder, 'part-0.json', '[]\n'),
      'a truncated journal': async ({ folder }) =>
        write(folder, 'part-0.json', JSON.stringify(await journalOf(folder)).slice(0, 30)),
      'a journal of zeros': ({ folder }) => write(folder, 'part-0.json', new Uint8Array(200)),
      'a journal of megabytes': ({ folder }) => write(folder, 'part-0.json', '['.repeat(3 << 20)),
      '`held` that is not a list': async ({ folder }) =>
        write(folder, 'part-0.json', JSON.stringify({ ...(await journalOf(folder)), held: 'all' })),
      'a reversed `held` range': async ({ folder }) =>
        write(folder, 'part-0.json', JSON.stringify({ ...(await journalOf(folder)), held: [[9, 2]] })),
      'an absurd size': async ({ folder }) =>
        write(
          folder,
          'part-0.json',
          JSON.stringify({ ...(await journalOf(folder)), complete: false }).replace(
            /"size":\d+/,
            '"size":9223372036854775808',
          ),
        ),
      'a large size': async ({ folder }) =>
        write(
          folder,
          'part-0.json',
          JSON.stringify({ ...(await journalOf(folder)), complete: false }).replace(
            /"size":\d+/,
            '"size":4503599627370496',
          ),
        ),
      'a card of a billion files': ({ folder }) =>
        write(folder, 'model.json', '{"name":"tiny","files":1000000000,"lastUsed":1}\n'),
      'a card that is not an object': ({ folder }) => write(folder, 'model.json', '"tiny"'),
      'a missing card': ({ folder }) => folder.removeEntry('model.json'),
    }
    globalThis.damage = async (how) => damages[how](await folderOf())
  }, it.host.origin)
  return page
}

test('a damaged store never breaks the list, and the next load repairs it', async () => {
  const page = await open()
  const names = await page.evaluate(() => Object.keys(damages))
  for (const half of [false, true]) {
    for (const how of names) {
      const about = `${how}, ${half ? 'half-fetched' : 'whole'}`
      await page.evaluate(async () => {
        for await (const name of (await navigator.storage.getDirectory()).keys())
          await (await navigator.storage.getDirectory()).removeEntry(name, { recursive: true })
      })
      if (half)
        it.host.rule = ({ range }) =>
          Number(/=(\d+)/.exec(range ?? '')?.[1] ?? 0) >= bytes.length / 2 ? { status: 404 } : undefined
      const first = await page.evaluate(() => load())
      assert.equal(first.code, half ? 'MODEL_NOT_FOUND' : undefined, about)
      it.host.rule = undefined
      await page.evaluate((how) => damage(how), how)
      const listed = await page.evaluate(() => outcome(hybridge.listCachedModels()))
      assert.ok(Array.isArray(listed.value), `${about}: ${JSON.stringify(listed)}`)
      const availability = await page.evaluate(() => model().availability())
      assert.ok(
        ['downloadable', 'available'].includes(availability.status),
        `${about}: ${JSON.stringify(availability)}`,
      )
      const healed = await page.evaluate(() => load())
      assert.equal(healed.code, undefined, `${about}: ${healed.message}`)
      assert.deepEqual(await keptDigest(page), [sha256(bytes)], about)
      const [kept] = await page.evaluate(() => hybridge.listCachedModels())
      assert.deepEqual([kept.name, kept.bytes, kept.complete], ['tiny', bytes.length, true], about)
    }
  }
  await page.context().close()
})

test('only the missing bytes of a file are fetched', async () => {
  const page = await open()
  await page.evaluate(() => load())
  it.host.requests.length = 0
  await page.evaluate(() => damage('truncated weights'))
  await page.evaluate(() => load())
  const firsts = it.host.requests.map(({ range }) => Number(/=(\d+)/.exec(range)[1]))
  assert.ok(firsts.length > 0 && Math.min(...firsts) >= Math.floor(bytes.length / 2), `${firsts}`)
  await page.context().close()
})

test('a load that received nothing leaves nothing behind', async () => {
  const page = await open()
  for (const path of ['/missing.gguf', '/empty.gguf']) {
    const found = await page.evaluate((path) => load(path), path)
    assert.ok(found.code !== undefined, path)
  }
  it.host.moods = [{ status: 200, body: '<h1>Sign in</h1>', headers: { 'content-type': 'text/html' } }]
  assert.equal((await page.evaluate(() => load('/page.gguf'))).code, 'MODEL_NOT_FOUND')
  assert.deepEqual(await page.evaluate(() => hybridge.listCachedModels()), [])
  await page.context().close()
})

test('models are listed by name, and removed by key', async () => {
  const page = await open()
  await page.evaluate(() => load())
  it.host.rule = ({ range, path }) => (path === '/other.gguf' && !/=0-/.test(range ?? '') ? { status: 404 } : undefined)
  await page.evaluate(() => load('/other.gguf'))
  const listed = await page.evaluate(() => hybridge.listCachedModels())
  assert.deepEqual(
    listed.map(({ name, complete }) => [name, complete]),
    [
      ['other', false],
      ['tiny', true],
    ],
  )
  const found = await page.evaluate(async (key) => {
    const wrong = []
    for (const key of ['', 5, undefined, '../x', 'a/b']) wrong.push((await outcome(hybridge.removeCached(key))).status)
    const missing = await outcome(hybridge.removeCached('not-there'))
    await hybridge.removeCached(key)
    return { wrong, missing, left: (await hybridge.listCachedModels()).map(({ name }) => name) }
  }, listed[0].key)
  assert.deepEqual(found, { wrong: Array(5).fill('INVALID_ARGUMENT'), missing: { value: undefined }, left: ['tiny'] })
  await page.context().close()
})

test('a model that another tab downloads is in use, and can be removed afterwards', async () => {
  const one = await open()
  const two = await open(one)
  it.host.rule = ({ range }) => (/=0-/.test(range ?? '') ? undefined : { stall: 100 })
  await one.evaluate(() => {
    globalThis.stop = new AbortController()
    globalThis.loading = load(undefined, { signal: stop.signal })
  })
  for (let waited = 0; it.host.requests.length < 3 && waited < 500; waited++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  const found = await two.evaluate(async () => {
    const [{ key }] = await hybridge.listCachedModels()
    const begun = performance.now()
    const outcomes = [
      await outcome(model().remove()),
      await outcome(hybridge.removeCached(key)),
      await outcome(model().remove({ signal: AbortSignal.abort() })),
    ]
    return { outcomes: outcomes.map(({ status, code }) => [status, code]), took: performance.now() - begun }
  })
  assert.deepEqual(found.outcomes, [
    ['ABORTED', 'MODEL_IN_USE'],
    ['ABORTED', 'MODEL_IN_USE'],
    ['CANCELLED', undefined],
  ])
  assert.ok(found.took < 5000, `${found.took} ms`)
  await one.evaluate(async () => {
    stop.abort()
    await loading
  })
  await two.evaluate(async () => {
    // The other tab's worker ends a moment after its load.
    for (let left = 100; (await outcome(model().remove())).code === 'MODEL_IN_USE' && left > 0; left--)
      await new Promise((resolve) => setTimeout(resolve, 20))
  })
  assert.deepEqual(await two.evaluate(() => hybridge.listCachedModels()), [])
  await one.context().close()
})

test('two tabs that load and remove the same model get no worse error than MODEL_IN_USE', async () => {
  const one = await open()
  const two = await open(one)
  const busy = () =>
    (async () => {
      const seen = []
      for (let round = 0; round < 10; round++) {
        const gemma = model()
        seen.push(await outcome(gemma.load()))
        await gemma.dispose()
        seen.push(await outcome(model().remove()))
      }
      return seen.map(({ code, message }) => code && `${code}: ${message}`)
    })()
  const seen = (await Promise.all([one.evaluate(busy), two.evaluate(busy)])).flat()
  assert.deepEqual(
    seen.filter((code) => code && !code.startsWith('MODEL_IN_USE')),
    [],
  )
  assert.ok(seen.includes(undefined) || seen.includes(null))
  await one.context().close()
})

test('remove() works directly after a load of the same model object', async () => {
  const page = await open()
  it.host.rule = ({ range }) => (/=0-/.test(range ?? '') ? undefined : { stall: 100 })
  const found = await page.evaluate(async () => {
    const gemma = model()
    const loading = outcome(gemma.load())
    while ((await hybridge.listCachedModels()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    const removed = await outcome(gemma.remove())
    return { removed, loading: (await loading).code, left: await hybridge.listCachedModels() }
  })
  assert.deepEqual(found, { removed: { value: undefined }, loading: 'DISPOSED', left: [] })
  await page.context().close()
})
