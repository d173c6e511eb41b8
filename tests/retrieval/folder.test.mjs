/** A store in a folder in Node: its contents in a new process, whatever happened to the file. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { code, randomOf, randomVector, retrieval, wordEmbedder } from './setting.mjs'

const { vectorStore } = retrieval
let root
let folders = 0

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'hybridge-retrieval-'))
})
after(() => rm(root, { recursive: true, force: true }))

const fresh = () => join(root, String(++folders))
const open = (folder, options = {}) => vectorStore({ embedder: wordEmbedder({ dimensions: 8 }), folder, ...options })

async function fileOf(folder) {
  const names = await readdir(folder)
  assert.equal(names.length, 1, names.join())
  return join(folder, names[0])
}

async function contents(store) {
  const hits = await store.search('text', { topK: 1000, hybrid: { weight: 1 } })
  return Object.fromEntries(hits.map(({ id, text, metadata }) => [id, `${text} ${metadata.round}`]))
}

test('a reopened store contains every acknowledged document', async () => {
  const folder = fresh()
  const store = open(folder)
  await store.add([
    { id: 'a', text: 'first text', metadata: { round: 1 } },
    { id: 'b', text: 'second text', metadata: { round: 1 } },
  ])
  await store.delete('a')
  assert.equal(store.isPersistent, true)
  // Without close(), as after a crash.
  const again = open(folder)
  assert.equal(await again.count(), 1)
  assert.deepEqual(await contents(again), { b: 'second text 1' })
  await again.upsert({ id: 'b', text: 'third text', metadata: { round: 2 } })
  assert.deepEqual(await contents(store), { b: 'third text 2' }, 'the other object sees it')
  await store.clear()
  assert.equal(await again.count(), 0)
  await again.add({ id: 'c', text: 'text after clear', metadata: { round: 3 } })
  assert.deepEqual(await contents(store), { c: 'text after clear 3' })
  await store.close()
  await again.close()
})

test('a file cut at any byte opens with the acknowledged documents, and can be extended', async () => {
  const folder = fresh()
  const store = open(folder)
  const steps = []
  for (let round = 0; round < 4; round++) {
    await store.upsert([
      { id: 'a', text: `text ${round}`, metadata: { round } },
      { id: `d${round}`, text: 'more text', metadata: { round } },
    ])
    steps.push([(await readFile(await fileOf(folder))).length, await contents(store)])
  }
  await store.close()
  const path = await fileOf(folder)
  const whole = await readFile(path)
  for (let cut = 0; cut <= whole.length; cut += cut < 300 || whole.length - cut < 300 ? 1 : 7) {
    await writeFile(path, whole.subarray(0, cut))
    const expected = steps.findLast(([size]) => size <= cut)?.[1] ?? {}
    const opened = open(folder)
    assert.deepEqual(await contents(opened), expected, `cut ${cut}`)
    assert.equal(opened.caution, undefined)
    await opened.add({ id: 'z', text: 'text after the cut', metadata: { round: 9 } })
    await opened.close()
    const again = open(folder)
    assert.deepEqual(await contents(again), { ...expected, z: 'text after the cut 9' }, `cut ${cut}`)
    await again.close()
    // An empty file is replaced by a new one.
    if ((await fileOf(folder)) !== path) await rm(await fileOf(folder))
  }
})

test('damage in the middle causes a caution and loses at most one record', async () => {
  const folder = fresh()
  const store = open(folder)
  for (let round = 0; round < 3; round++) await store.add({ id: `d${round}`, text: 'text', metadata: { round } })
  await store.close()
  const path = await fileOf(folder)
  const bytes = await readFile(path)
  const at = bytes.indexOf('d1')
  bytes[at] ^= 0xff
  await writeFile(path, bytes)
  const opened = open(folder)
  assert.deepEqual(Object.keys(await contents(opened)), ['d0', 'd2'])
  await opened.count()
  assert.equal(opened.caution?.code, 'STORE_DAMAGED')
  await opened.close()
})

test('files of another version or another embedder are refused with their own codes', async () => {
  const folder = fresh()
  const store = open(folder)
  await store.add({ id: 'a', text: 'text', metadata: { round: 1 } })
  await store.close()
  const other = wordEmbedder({ dimensions: 8, info: { name: 'other', inferenceSource: 'on_device' } })
  for (const options of [{ embedder: other }, { dimensions: 16 }, { quantise: 'none' }]) {
    const opened = open(folder, options)
    await assert.rejects(opened.count(), code('STORE_MISMATCH'))
    await assert.rejects(opened.delete('a'), code('STORE_MISMATCH'))
    await opened.close()
  }
  const path = await fileOf(folder)
  const bytes = await readFile(path)
  const newer = Buffer.from(bytes)
  newer[8] = 2
  await writeFile(path, newer)
  const refused = open(folder)
  await assert.rejects(refused.count(), code('STORE_NEWER'))
  await refused.close()
  assert.deepEqual(await readFile(path), newer, 'the newer file is unchanged')
  const damaged = Buffer.from(bytes)
  damaged[30] ^= 1
  await writeFile(path, damaged)
  const broken = open(folder)
  await assert.rejects(broken.count(), code('STORE_DAMAGED'))
  await broken.close()
  await writeFile(path, bytes)
  const right = open(folder)
  assert.equal(await right.count(), 1)
  await right.close()
})

test('a store that is rewritten again and again stays small', async () => {
  const random = randomOf(4)
  const folder = fresh()
  const store = vectorStore({ folder })
  const text = 'text '.repeat(20)
  let largest = 0
  for (let round = 0; round < 12; round++) {
    await store.upsert(
      Array.from({ length: 600 }, (_, at) => ({
        id: `d${at}`,
        text,
        metadata: { round },
        vector: randomVector(random, 8),
      })),
    )
    largest = Math.max(largest, (await readFile(await fileOf(folder))).length)
  }
  const once = vectorStore({ folder: fresh() })
  await once.add(
    Array.from({ length: 600 }, (_, at) => ({
      id: `d${at}`,
      text,
      metadata: { round: 11 },
      vector: randomVector(random, 8),
    })),
  )
  assert.equal(await store.count(), 600)
  assert.ok(Object.values(await contents(store)).every((it) => it.endsWith(' 11')))
  const path = await fileOf(folder)
  assert.ok(largest < 6 * 600 * 250, `${largest} bytes`)
  await store.close()
  await once.close()
  // After an interrupted compaction the older file stays valid.
  const unfinished = path.replace(/(\d+)\.store$/, (_, number) => `${Number(number) + 1}.store`)
  const whole = await readFile(path)
  for (const length of [0, 10, 60, 100]) {
    await writeFile(unfinished, whole.subarray(0, length))
    const opened = vectorStore({ folder })
    assert.equal(await opened.count(), 600, `${length} bytes of a compaction`)
    await opened.close()
    assert.equal((await readdir(folder)).length, 1)
  }
})

test('a process that is killed while adding loses no acknowledged document', async () => {
  const folder = fresh()
  const script = join(root, 'adds.mjs')
  const entry = join(import.meta.dirname, '../../crate/npm/dist/node/retrieval.js')
  await writeFile(
    script,
    `import { vectorStore } from ${JSON.stringify(entry)}
    const store = vectorStore({ folder: ${JSON.stringify(folder)} })
    for (let at = 0; ; at++) {
      await store.add({ id: String(at), text: 'text', metadata: { round: at }, vector: [1, at] })
      process.stdout.write(at + '\\n')
      if (at === 40) process.kill(process.pid, 'SIGKILL')
    }`,
  )
  const { stdout, signal } = await promisify(execFile)(process.execPath, [script]).catch((error) => error)
  assert.equal(signal, 'SIGKILL')
  const acknowledged = stdout.trim().split('\n').length
  const store = vectorStore({ folder })
  const count = await store.count()
  assert.ok(count === acknowledged || count === acknowledged + 1, `${count} of ${acknowledged}`)
  for (let at = 0; at < acknowledged; at++) assert.equal((await store.get(String(at))).metadata.round, at)
  await store.close()
})

test('a folder that cannot be created is reported', async () => {
  const file = join(root, 'file')
  await writeFile(file, '')
  const store = vectorStore({ folder: join(file, 'store') })
  await assert.rejects(store.count(), code('STORE_UNAVAILABLE'))
  await store.close()
})
