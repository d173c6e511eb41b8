/** A store in memory, in Node: its results and its errors. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { code, hybridge, randomOf, randomVector, retrieval, wordEmbedder } from './setting.mjs'

const { vectorStore } = retrieval

const animals = [
  {
    id: 'fox',
    text: 'The quick brown fox jumps over the lazy dog.',
    metadata: { kind: 'wild', legs: 4, tags: ['red', 'fast'] },
  },
  { id: 'hen', text: 'A hen lays an egg each day.', metadata: { kind: 'farm', legs: 2, origin: { country: 'fr' } } },
  { id: 'dog', text: 'My dog sleeps near the oven.', metadata: { kind: 'home', legs: 4, tags: [] } },
  { id: 'eel', text: 'Eels swim to the sea. Model AX-9 counts them.', metadata: { kind: 'wild', legs: 0, note: null } },
]

async function filled(options = {}) {
  const store = vectorStore({ embedder: wordEmbedder(), ...options })
  await store.add(animals)
  return store
}

const ids = (hits) => hits.map(({ id }) => id)

test('finds by vectors, by keywords and by both', async () => {
  const store = await filled()
  const [best] = await store.search('a dog near the oven')
  assert.equal(best.id, 'dog')
  assert.deepEqual([best.text, best.metadata], [animals[2].text, animals[2].metadata])
  assert.ok(best.score > 0.5 && best.score <= 1.001, String(best.score))
  assert.equal(best.vectorScore, best.score)
  assert.equal(best.keywordScore, undefined)
  assert.deepEqual(ids(await store.search('AX-9', { hybrid: { weight: 1 } })), ['eel'])
  const [both] = await store.search('egg', { hybrid: true, topK: 1 })
  assert.equal(both.id, 'hen')
  assert.ok(both.keywordScore > 0 && both.vectorScore > 0 && both.score <= 1)
  assert.equal((await store.search('egg', { topK: 2 })).length, 2)
  await store.close()
})

test('keyword search does not call the embedder; tasks distinguish queries from documents', async () => {
  const embedder = wordEmbedder()
  const store = await filled({ embedder, dimensions: 64 })
  assert.deepEqual(embedder.seen[0].options, { task: 'document', dimensions: 64 })
  await store.search('dog', { hybrid: { weight: 1 } })
  assert.equal(embedder.seen.length, 1)
  await store.search('dog', { hybrid: true })
  assert.deepEqual(embedder.seen[1].options, { task: 'query', dimensions: 64 })
  await store.close()
})

test('filters', async () => {
  const store = await filled()
  const table = [
    [{}, ['fox', 'hen', 'dog', 'eel']],
    [{ kind: 'wild' }, ['fox', 'eel']],
    [{ legs: { gt: 0, lte: 2 } }, ['hen']],
    [{ legs: { in: [0, 2] } }, ['hen', 'eel']],
    [{ legs: { nin: [0, 2] } }, ['fox', 'dog']],
    [{ kind: { ne: 'wild' } }, ['hen', 'dog']],
    [{ tags: 'fast' }, ['fox']],
    [{ tags: { exists: true } }, ['fox', 'dog']],
    [{ note: null }, ['eel']],
    [{ 'origin.country': 'fr' }, ['hen']],
    [{ or: [{ kind: 'farm' }, { kind: 'wild', legs: 4 }] }, ['fox', 'hen']],
    [{ not: { or: [{ kind: 'farm' }, { kind: 'home' }] } }, ['fox', 'eel']],
    [{ and: [{ legs: 4 }, { kind: { lt: 'i' } }] }, ['dog']],
    [{ kind: undefined, legs: { eq: 4 } }, ['fox', 'dog']],
    [{ legs: '4' }, []],
    [{ constructor: 'x' }, []],
  ]
  for (const [filter, expected] of table) {
    const found = await store.search('the', { filter, topK: 10 })
    assert.deepEqual(ids(found).sort(), [...expected].sort(), JSON.stringify(filter))
    const words = await store.search('the a my eels', { filter, topK: 10, hybrid: { weight: 1 } })
    assert.deepEqual(ids(words).sort(), [...expected].sort(), JSON.stringify(filter))
  }
  const wrong = [
    null,
    [],
    'x',
    { a: { like: 'x' } },
    { and: {} },
    { or: [1] },
    { a: { in: 'x' } },
    { a: { exists: 1 } },
    { a: [1] },
  ]
  let deep = { a: 1 }
  for (let level = 0; level < 100; level++) deep = { not: deep }
  for (const filter of [...wrong, { a: { eq: {} } }, { a: NaN }, { toString: { valueOf: 1 } }, deep])
    await assert.rejects(store.search('x', { filter }), { status: 'INVALID_ARGUMENT' })
  await store.close()
})

test('adds, replaces, deletes and counts', async () => {
  const store = await filled()
  assert.equal(await store.count(), 4)
  await assert.rejects(store.add({ id: 'fox', text: 'again' }), code('DOCUMENT_EXISTS'))
  await assert.rejects(
    store.add([
      { id: 'x', text: '1' },
      { id: 'x', text: '2' },
    ]),
    { status: 'INVALID_ARGUMENT' },
  )
  assert.equal(await store.count(), 4)
  assert.deepEqual(await store.upsert({ id: 'fox', text: 'A vixen.' }), ['fox'])
  assert.deepEqual(await store.get('fox'), { id: 'fox', text: 'A vixen.', metadata: {} })
  assert.deepEqual(ids(await store.search('quick', { hybrid: { weight: 1 } })), [])
  const [made] = await store.add({ text: 'without an id' })
  assert.equal((await store.get(made)).text, 'without an id')
  assert.equal(await store.delete(['fox', 'fox', 'unknown']), 1)
  assert.equal(await store.delete({ legs: { gte: 2 } }), 2)
  assert.equal(await store.get('hen'), undefined)
  assert.equal(await store.count(), 2)
  await assert.rejects(store.delete({}), { status: 'INVALID_ARGUMENT' })
  await store.clear()
  assert.deepEqual([await store.count(), await store.search('eel')], [0, []])
  await store.add({ id: 'new', text: 'after the clearing' })
  assert.equal(await store.count(), 1)
  await store.close()
  await assert.rejects(store.count(), code('STORE_CLOSED'))
})

test('texts of every kind round-trip', async () => {
  const store = vectorStore({ embedder: wordEmbedder() })
  const texts = ['', ' ', '\u0000', 'naïve café', 'e\u0301', '東京都', '👩‍👩‍👧', 'x'.repeat(100_000), 'a\r\nb\tc']
  const found = await store.add(
    texts.map((text, at) => ({ id: `t${at}`, text, metadata: { at, deep: [{ a: [1] }], text } })),
  )
  for (const [at, id] of found.entries()) {
    const { text, metadata } = await store.get(id)
    assert.equal(text, texts[at])
    assert.deepEqual(metadata, { at, deep: [{ a: [1] }], text: texts[at] })
  }
  // Accented characters match in composed and decomposed form.
  assert.deepEqual(ids(await store.search('cafe\u0301', { hybrid: { weight: 1 } })), ['t3'])
  assert.deepEqual(ids(await store.search('京都', { hybrid: { weight: 1 } })), ['t5'])
  await store.close()
})

test('agrees with a slow search over the same numbers', async () => {
  const random = randomOf(5)
  for (const [quantise, dimensions, tolerance] of [
    ['int8', 256, 2e-6],
    ['int8', 7, 2e-6],
    ['none', 40, 2e-6],
  ]) {
    const store = vectorStore({ quantise })
    const vectors = Array.from({ length: 700 }, () => randomVector(random, dimensions))
    await store.add(vectors.map((vector, at) => ({ id: String(at), text: '', vector })))
    for (let round = 0; round < 5; round++) {
      const query = randomVector(random, dimensions)
      const expected = vectors
        .map((vector, at) => ({ id: String(at), score: slowScore(vector, query, quantise) }))
        .sort((one, other) => other.score - one.score)
      const hits = await store.search(query, { topK: 20 })
      assert.equal(hits.length, 20)
      for (const [at, hit] of hits.entries()) {
        assert.ok(Math.abs(hit.score - expected[at].score) < tolerance, `${hit.score} ${expected[at].score}`)
        assert.ok(Math.abs(hit.score - expected.find(({ id }) => id === hit.id).score) < tolerance)
      }
    }
    await store.close()
  }
})

/** The score from its definition, in JavaScript. */
function slowScore(vector, query, quantise) {
  const unit = (numbers) => {
    const length = Math.sqrt(numbers.reduce((sum, it) => sum + it * it, 0))
    return Array.from(numbers, (it) => Math.fround(it / length))
  }
  const steps = (numbers, most) => {
    const step = Math.fround(Math.max(...numbers.map(Math.abs)) / most)
    return numbers.map((it) => Math.sign(it) * Math.round(Math.abs(Math.fround(it / step))) * step)
  }
  const [one, other] = [unit(vector), unit(query)]
  const [left, right] = quantise === 'int8' ? [steps(one, 127), steps(other, 2047)] : [one, other]
  return left.reduce((sum, it, at) => sum + it * right[at], 0)
}

test('bad arguments are reported, and nothing is stored', async () => {
  for (const options of [
    null,
    { embedder: {} },
    { name: '' },
    { name: 5 },
    { name: 'x', folder: 'y' },
    { quantise: 'int4' },
    { dimensions: 0 },
    { dimensions: 9000 },
    { dimensions: 1.5 },
  ])
    assert.throws(() => vectorStore(options), { status: 'INVALID_ARGUMENT' })
  const store = vectorStore({ embedder: wordEmbedder() })
  const cycle = {}
  cycle.self = cycle
  for (const documents of [
    null,
    'text',
    [null],
    { text: 5 },
    { id: 5, text: '' },
    { id: '', text: '' },
    { text: '', metadata: cycle },
    { text: '', metadata: { big: 1n } },
    { text: '', vector: 'x' },
    { text: '', vector: [] },
    { text: '', vector: [NaN] },
    [
      { text: '', vector: [1, 2] },
      { text: '', vector: [1] },
    ],
    { text: 'x'.repeat(17 << 20) },
  ])
    await assert.rejects(store.add(documents), { status: 'INVALID_ARGUMENT' })
  assert.equal(await store.count(), 0)
  await store.add({ text: 'one' })
  await assert.rejects(store.add({ text: '', vector: [1, 2] }), { status: 'INVALID_ARGUMENT' })
  await assert.rejects(store.search([1, 2]), { status: 'INVALID_ARGUMENT' })
  for (const options of [{ topK: 0 }, { topK: 1e9 }, { hybrid: { weight: 2 } }, { hybrid: 'yes' }, { signal: 5 }, null])
    await assert.rejects(store.search('x', options), { status: 'INVALID_ARGUMENT' })
  assert.equal(await store.count(), 1)
  await store.close()
  const short = vectorStore({ embedder: wordEmbedder({ dimensions: 9 }), dimensions: 8 })
  await assert.rejects(short.add({ text: 'one' }), { status: 'INVALID_ARGUMENT' })
  await short.close()
  const keywords = vectorStore()
  await assert.rejects(keywords.add({ text: 'no vector' }), { status: 'INVALID_ARGUMENT' })
  await assert.rejects(keywords.search('x'), { status: 'INVALID_ARGUMENT' })
  await keywords.close()
})

test('an embedder that fails, misbehaves or hangs ends the call and stores nothing', async () => {
  const info = { inferenceSource: 'on_device' }
  const failing = new hybridge.HybridError('UNAVAILABLE', 'no engine')
  for (const [embed, expected] of [
    [async () => Promise.reject(failing), { status: 'UNAVAILABLE' }],
    [async () => [], { code: 'EMBEDDING_INVALID' }],
    [async () => 'x', { code: 'EMBEDDING_INVALID' }],
    [async () => [[NaN]], { status: 'INVALID_ARGUMENT' }],
  ]) {
    const store = vectorStore({ embedder: { embed, info } })
    await assert.rejects(store.add({ text: 'x' }), expected)
    assert.equal(await store.count(), 0)
    await store.close()
  }
  const store = vectorStore({ embedder: { embed: () => new Promise(() => {}), info } })
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 5)
  await assert.rejects(store.add({ text: 'x' }, { signal: stop.signal }), { status: 'CANCELLED', name: 'AbortError' })
  const late = new AbortController()
  setTimeout(() => late.abort(new DOMException('late', 'TimeoutError')), 5)
  await assert.rejects(store.search('x', { signal: late.signal }), { status: 'DEADLINE_EXCEEDED' })
  await store.close()
})

test('texts leave the device only if that is allowed', async () => {
  for (const info of [undefined, { inferenceSource: 'in_cloud' }, { inferenceSource: 'unknown' }]) {
    const embedder = { ...wordEmbedder(), info }
    assert.throws(() => vectorStore({ embedder }), code('EMBEDDER_NOT_ON_DEVICE'))
    assert.equal(embedder.seen.length, 0)
    await vectorStore({ embedder, allowCloud: true }).close()
  }
})

test('parallel calls keep their order', async () => {
  const store = vectorStore({ embedder: wordEmbedder() })
  await Promise.all(Array.from({ length: 50 }, (_, at) => store.upsert({ id: `d${at % 10}`, text: `version ${at}` })))
  assert.equal(await store.count(), 10)
  for (let at = 0; at < 10; at++) assert.equal((await store.get(`d${at}`)).text, `version ${40 + at}`)
  await store.close()
})

test('a store that is rewritten many times contains only its latest documents', async () => {
  const random = randomOf(9)
  const store = vectorStore()
  const twin = new Map()
  for (let round = 0; round < 900; round++) {
    const id = `d${Math.floor(random() * 300)}`
    if (random() < 0.3) {
      await store.delete(id)
      twin.delete(id)
    } else {
      await store.upsert({ id, text: `text ${round}`, metadata: { round }, vector: randomVector(random, 8) })
      twin.set(id, round)
    }
  }
  assert.equal(await store.count(), twin.size)
  const all = await store.search('text', { topK: 1000, hybrid: { weight: 1 } })
  assert.deepEqual(Object.fromEntries(all.map(({ id, metadata }) => [id, metadata.round])), Object.fromEntries(twin))
  const late = [...twin].filter(([, round]) => round >= 450).map(([id]) => id)
  const filtered = await store.search('text', { topK: 1000, hybrid: { weight: 1 }, filter: { round: { gte: 450 } } })
  assert.deepEqual(ids(filtered).sort(), late.sort())
  await store.close()
})
