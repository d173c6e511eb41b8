#!/usr/bin/env node
/**
 * Compares vector stores in Node: this package's, Orama, and PGlite with pgvector. Documents are random vectors around
 * random centres, so that distances vary like those of embedded texts; recall is measured against exact search in
 * doubles.
 *
 *   pkg-scripts/build && bench/retrieval.mjs [--documents 100000] [--dimensions 256] [--only hybridge,orama,pglite]
 *   bench/retrieval.mjs --browser     ours alone, in a worker of headless Chromium, over OPFS
 *
 * The others are installed outside the checkout, at the versions below.
 */

import { mkdtempSync, rmSync, statSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { installed } from './peers.mjs'

const versions = {
  '@orama/orama': '3.1.18',
  '@electric-sql/pglite': '0.5.17',
  '@electric-sql/pglite-pgvector': '0.0.15',
}
const queries = 50
const topK = 10

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: '100000' },
    dimensions: { type: 'string', default: '256' },
    only: { type: 'string', default: 'hybridge,orama,pglite' },
    browser: { type: 'boolean', default: false },
  },
})
const count = Number(values.documents)
const dimensions = Number(values.dimensions)

const ms = (value) => (value === undefined ? '' : value.toFixed(value < 100 ? 1 : 0))

if (values.browser) {
  await inBrowser()
  process.exit()
}

/** Returns numbers from 0 to 1, the same in every run. */
let state = 1
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
const normal = () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random())
const unit = (vector) => {
  const length = Math.sqrt(vector.reduce((sum, it) => sum + it * it, 0))
  return vector.map((it) => it / length)
}

const centres = Array.from({ length: 300 }, () => Float32Array.from({ length: dimensions }, normal))
const near = () => {
  const centre = centres[Math.floor(random() * centres.length)]
  return unit(centre.map((it) => it + 0.7 * normal()))
}
const vocabulary = Array.from({ length: 5000 }, (_, at) => `w${at.toString(36)}x`)
const word = () => vocabulary[Math.floor(random() ** 3 * vocabulary.length)]
const documents = Array.from({ length: count }, (_, at) => ({
  id: String(at),
  text: Array.from({ length: 40 }, word).join(' '),
  vector: near(),
}))
const asked = Array.from({ length: queries }, near)

/** Returns the true neighbours. */
const truth = asked.map((query) => {
  const scores = documents.map(({ vector }, at) => {
    let sum = 0
    for (let place = 0; place < dimensions; place++) sum += vector[place] * query[place]
    return [sum, at]
  })
  return new Set(
    scores
      .sort(([one], [other]) => other - one)
      .slice(0, topK)
      .map(([, at]) => String(at)),
  )
})

const now = () => performance.now()
const sizeOf = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
    : statSync(path).size

/** Each opens a store in a folder, adds everything, searches, and is reopened. */
const contestants = {
  async hybridge(folder) {
    const { vectorStore } = await import('../crate/npm/dist/node/retrieval.js')
    const open = () => vectorStore({ folder, dimensions })
    let store = open()
    return {
      add: async () => {
        for (let from = 0; from < count; from += 5000) await store.add(documents.slice(from, from + 5000))
      },
      search: async (query) => (await store.search(query, { topK })).map(({ id }) => id),
      words: async (text) => (await store.search(text, { topK, hybrid: { weight: 1 } })).map(({ id }) => id),
      close: () => store.close(),
      open: async () => {
        store = open()
        await store.open()
      },
    }
  },
  async orama() {
    const { create, insertMultiple, searchVector, search } = await imported('@orama/orama', 'dist/esm/index.js')
    const db = create({ schema: { text: 'string', vector: `vector[${dimensions}]` } })
    return {
      add: () =>
        insertMultiple(
          db,
          documents.map((it) => ({ ...it, vector: [...it.vector] })),
          5000,
        ),
      search: async (query) => {
        const { hits } = await searchVector(db, {
          mode: 'vector',
          vector: { value: [...query], property: 'vector' },
          similarity: -1,
          limit: topK,
        })
        return hits.map(({ id }) => id)
      },
      words: async (text) =>
        (await search(db, { term: text, properties: ['text'], limit: topK })).hits.map(({ id }) => id),
    }
  },
  async pglite(folder) {
    const { PGlite } = await imported('@electric-sql/pglite', 'dist/index.js')
    const { vector } = await imported('@electric-sql/pglite-pgvector', 'dist/index.js')
    const open = () => PGlite.create({ dataDir: folder, extensions: { vector } })
    let db = await open()
    const literal = (it) => `[${it.join(',')}]`
    return {
      add: async () => {
        await db.exec(
          `create extension vector; create table d (id text primary key, body text, v vector(${dimensions}))`,
        )
        for (let from = 0; from < count; from += 500) {
          const part = documents.slice(from, from + 500)
          const rows = part.map((_, at) => `($${3 * at + 1}, $${3 * at + 2}, $${3 * at + 3})`).join()
          await db.query(
            `insert into d values ${rows}`,
            part.flatMap(({ id, text, vector }) => [id, text, literal(vector)]),
          )
        }
      },
      search: async (query) => {
        const { rows } = await db.query(`select id from d order by v <=> $1 limit ${topK}`, [literal(query)])
        return rows.map(({ id }) => id)
      },
      close: () => db.close(),
      open: async () => {
        db = await open()
        await db.query('select 1')
      },
    }
  },
}

async function imported(name, file) {
  return await import(pathToFileURL(join(installed(name, versions[name]), name, file)).href)
}

const median = (times) => times.toSorted((one, other) => one - other)[times.length >> 1]

console.log(`${count} documents of ${dimensions} dimensions, ${queries} queries, Node ${process.version}`)
console.log(
  '| store | add (s) | open (ms) | first search (ms) | search, median (ms) | keywords, median (ms) | recall@10 | MB on disk |',
)
console.log('|---|---|---|---|---|---|---|---|')
for (const name of values.only.split(',')) {
  const folder = mkdtempSync(join(tmpdir(), `hybridge-bench-${name}-`))
  try {
    const it = await contestants[name](folder)
    let started = now()
    await it.add()
    const add = now() - started
    let open
    if (it.open !== undefined) {
      await it.close()
      started = now()
      await it.open()
      open = now() - started
    }
    const times = []
    let found = 0
    for (const [at, query] of asked.entries()) {
      started = now()
      const ids = await it.search(query)
      times.push(now() - started)
      found += ids.filter((id) => truth[at].has(id)).length
    }
    const words = []
    for (let at = 0; it.words !== undefined && at < queries; at++) {
      const text = `${word()} ${word()} ${word()}`
      started = now()
      await it.words(text)
      words.push(now() - started)
    }
    const recall = (found / (queries * topK)).toFixed(3)
    const size = it.open === undefined ? '' : (sizeOf(folder) / 1e6).toFixed(0)
    const label = {
      hybridge: 'hybridge',
      orama: `Orama ${versions['@orama/orama']}`,
      pglite: `PGlite ${versions['@electric-sql/pglite']}`,
    }
    console.log(
      `| ${label[name]} | ${(add / 1000).toFixed(1)} | ${ms(open)} | ${ms(times[0])} | ${ms(median(times))} | ${ms(words.length > 0 ? median(words) : undefined)} | ${recall} | ${size} |`,
    )
    await it.close?.()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
process.exit()

/** Fills a store of the origin, reloads the page, and measures what a visitor waits for. */
async function inBrowser() {
  const { launch, openPage } = await import('../tests/support/chromium.mjs')
  const { serve } = await import('../tests/support/server.mjs')
  const body = `<!doctype html><link rel="icon" href="data:,"><script type="module">
    globalThis.retrieval = await import('/npm/dist/retrieval.js')</script>`
  const npm = join(import.meta.dirname, '../crate/npm')
  const server = await serve({ '/npm/': npm }, { pages: { '/': { type: 'text/html', body } } })
  const browser = await launch({ gpu: false })
  const { page } = await openPage(browser, server.origin)
  await page.waitForFunction(() => globalThis.retrieval !== undefined)
  const plan = { count, dimensions, queries, topK }
  const add = await page.evaluate(async ({ count, dimensions }) => {
    const store = retrieval.vectorStore({ name: 'bench', dimensions })
    const started = performance.now()
    for (let from = 0; from < count; from += 5000) {
      const part = Array.from({ length: 5000 }, (_, at) => ({
        id: String(from + at),
        text: Array.from({ length: 40 }, () => `w${Math.floor(Math.random() ** 3 * 5000).toString(36)}x`).join(' '),
        metadata: { kind: at % 10 },
        vector: Float32Array.from({ length: dimensions }, () => Math.random() - 0.5),
      }))
      await store.add(part)
    }
    await store.close()
    return performance.now() - started
  }, plan)
  await page.reload()
  await page.waitForFunction(() => globalThis.retrieval !== undefined)
  const found = await page.evaluate(async ({ dimensions, queries, topK }) => {
    const timed = async (work) => {
      const started = performance.now()
      await work()
      return performance.now() - started
    }
    const small = retrieval.vectorStore({ name: 'small' })
    // The worker and its wasm, without documents.
    const start = await timed(() => small.open())
    let store = retrieval.vectorStore({ name: 'bench', dimensions })
    const opens = []
    for (let round = 0; round < 5; round++) {
      await store.close()
      store = retrieval.vectorStore({ name: 'bench', dimensions })
      opens.push(await timed(() => store.open()))
    }
    const vector = () => Float32Array.from({ length: dimensions }, () => Math.random() - 0.5)
    const text = () =>
      `w${Math.floor(Math.random() * 500).toString(36)}x w${Math.floor(Math.random() * 50).toString(36)}x`
    const times = async (search) => {
      const all = []
      for (let round = 0; round < queries; round++) all.push(await timed(search))
      return [all[0], all.toSorted((one, other) => one - other)[queries >> 1]]
    }
    const byVector = await times(() => store.search(vector(), { topK }))
    const filtered = await times(() => store.search(vector(), { topK, filter: { kind: 3 } }))
    const byWords = await times(() => store.search(text(), { topK, hybrid: { weight: 1 } }))
    return { start, opens: opens.toSorted((one, other) => one - other), byVector, filtered, byWords }
  }, plan)
  console.log(`${count} documents of ${dimensions} dimensions in ${browser.version()}`)
  console.log(`add ${(add / 1000).toFixed(1)} s; worker and wasm ${ms(found.start)} ms`)
  console.log(`open with worker and wasm: ${found.opens.map(ms).join(', ')} ms`)
  for (const name of ['byVector', 'filtered', 'byWords'])
    console.log(`${name}: first ${ms(found[name][0])} ms, median ${ms(found[name][1])} ms`)
  await browser.close()
  await server.close()
}
