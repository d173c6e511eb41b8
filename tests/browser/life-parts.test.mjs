/** The parts of a model's life cycle that need no browser: options, names, progress, the queue. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { join } from 'node:path'
import { build } from 'esbuild'

// The package ships as one script; the tests import its sources.
const {
  outputFiles: [parts],
} = await build({
  stdin: {
    contents: ['known-models', 'known-shapes', 'progress', 'source', 'turns']
      .map((name) => `export * from './${name}.js'`)
      .join('\n'),
    resolveDir: join(import.meta.dirname, '../../crate/npm/src/gemma/page'),
  },
  bundle: true,
  format: 'esm',
  write: false,
})
const { ProgressMeter, Turns, keyOf, knownModels, knownShapes, sourceOf } = await import(
  `data:text/javascript;base64,${Buffer.from(parts.contents).toString('base64')}`
)

test('known models have an address over https, a size and a licence', () => {
  assert.deepEqual(Object.keys(knownModels).sort(), [
    'embeddinggemma-300m',
    'gemma-3-1b-it',
    'gemma-3-270m-it',
    'gemma-3-4b-it',
  ])
  for (const [name, { kind, url, approximateBytes, licence }] of Object.entries(knownModels)) {
    assert.match(url, /^https:\/\/[^/]+\/[^?#]+\.gguf$/, name)
    assert.ok(Number.isSafeInteger(approximateBytes) && approximateBytes > 1e8 && approximateBytes < 4e9, name)
    assert.match(licence, /^https:\/\//, name)
    const shape = knownShapes[name]
    assert.deepEqual(
      Object.keys(shape),
      ['layers', 'width', 'hidden', 'heads', 'kvHeads', 'headDim', 'window', 'context'],
      name,
    )
    for (const [size, value] of Object.entries(shape))
      assert.ok(Number.isSafeInteger(value) && value > 0, `${name} ${size}`)
    assert.equal(kind, name.startsWith('embedding') ? 'embedder' : 'generator')
    assert.equal(sourceOf(name, kind).name, name)
  }
  assert.deepEqual(Object.keys(knownShapes), Object.keys(knownModels))
  assert.throws(() => (knownModels.mine = knownModels['gemma-3-1b-it']), TypeError)
})

test('valid and invalid names of a model', () => {
  const digest = 'ab'.repeat(32)
  const urls = (model) => sourceOf(model, 'generator').files.map(({ url }) => url)
  assert.deepEqual(urls('https://host/path/a%20b.gguf?x=1'), ['https://host/path/a%20b.gguf?x=1'])
  assert.equal(sourceOf('https://host/path/a%20b.gguf?x=1', 'generator').name, 'a b')
  assert.deepEqual(sourceOf({ url: 'https://host/a.gguf', sha256: digest, bytes: 5 }, 'generator').files, [
    { url: 'https://host/a.gguf', sha256: digest, bytes: 5 },
  ])
  assert.deepEqual(urls({ url: ['https://host/1.gguf', 'https://host/2.gguf'], bytes: 5 }), [
    'https://host/1.gguf',
    'https://host/2.gguf',
  ])
  const blob = new Blob(['x'])
  assert.equal(sourceOf(blob, 'generator').blob, blob)
  for (const wrong of [
    'gemma-9',
    'embeddinggemma-300m',
    '',
    7,
    null,
    undefined,
    {},
    { url: [] },
    { url: 7 },
    { url: 'https://h/a', sha256: 'xyz' },
    { url: ['https://h/a', 'https://h/b'], sha256: digest },
    { url: 'https://h/a', bytes: -1 },
  ]) {
    assert.throws(() => sourceOf(wrong, 'generator'), { status: 'INVALID_ARGUMENT' }, JSON.stringify(wrong))
  }
})

test('a key is readable, and unique to its addresses', async () => {
  const key = (url) => keyOf(sourceOf({ url }, 'generator'))
  assert.match(await key('https://host/gemma 3.gguf'), /^gemma_3-[0-9a-f]{16}$/)
  assert.equal(await key('https://host/a.gguf'), await key('https://host/a.gguf'))
  assert.notEqual(await key('https://host/a.gguf'), await key('https://other/a.gguf'))
})

/** A meter with a clock that advances `stepMs` with each step. */
function told(steps, stepMs) {
  const events = []
  let now = 0
  const meter = new ProgressMeter(
    (event) => events.push({ ...event, at: now }),
    () => now,
  )
  for (const step of steps) {
    now += stepMs
    meter.step(step)
  }
  now += stepMs
  meter.end()
  return events
}

test('progress: always 0 and 1, never decreasing, at most twenty events per second', () => {
  const download = Array.from({ length: 2000 }, (_, at) => ({ phase: 'download', loadedBytes: at, totalBytes: 2000 }))
  const late = { phase: 'download', loadedBytes: 10, totalBytes: 2000 }
  const upload = Array.from({ length: 300 }, (_, at) => ({ phase: 'upload', loadedBytes: at, totalBytes: 300 }))
  for (const [steps, stepMs] of [
    [[], 0],
    [download, 1],
    [[...download, ...upload, late], 3],
    [[download[1999], late, ...upload], 100],
    [[{ phase: 'upload', loadedBytes: 0, totalBytes: 0 }], 5],
  ]) {
    const events = told(steps, stepMs)
    assert.deepEqual([events[0].fraction, events.at(-1).fraction], [0, 1])
    for (const [at, event] of events.entries()) {
      assert.ok(at === 0 || event.fraction >= events[at - 1].fraction)
      assert.ok(event.fraction < 1 || at === events.length - 1, '1 is said once')
      assert.ok(events.filter((other) => other.at >= event.at && other.at < event.at + 1000).length <= 20)
    }
  }
})

test('the queue runs requests in order, without a gap for cancelled ones', async () => {
  const turns = new Turns()
  const order = []
  const run = async (name, signal = new AbortController().signal) => {
    const leave = await turns.enter(signal)
    order.push(`${name} in`)
    await null
    order.push(`${name} out`)
    leave()
    leave()
  }
  const stop = new AbortController()
  const all = [run('a'), run('b', stop.signal), run('c')]
  await null
  assert.equal(turns.queued, 2)
  stop.abort()
  const outcomes = await Promise.allSettled(all)
  assert.deepEqual(
    outcomes.map(({ status, reason }) => reason?.status ?? status),
    ['fulfilled', 'CANCELLED', 'fulfilled'],
  )
  assert.deepEqual(order, ['a in', 'a out', 'c in', 'c out'])
  await run('d')
  assert.equal(turns.queued, 0)
  await assert.rejects(turns.enter(stop.signal), { status: 'CANCELLED' })
})
