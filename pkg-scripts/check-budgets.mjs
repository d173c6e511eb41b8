#!/usr/bin/env node
// Compares what a page downloads with the budgets. With --release an exceeded budget is a failure; before wasm-opt the
// figures include names, so they are only printed. --page leaves the engine out.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { faces } from './faces.mjs'

const npm = join(import.meta.dirname, '../crate/npm')
const gzip = (path) => gzipSync(readFileSync(join(npm, path)), { level: 9 }).length

const budgets = [
  // The goal is 150 KB; bench/RESULTS.md lists what was added.
  ['page: wasm and JavaScript', gzip('dist/index.js') + gzip('wasm/page/hybridge_page_bg.wasm'), 210 * 1024],
]
if (!process.argv.includes('--page'))
  budgets.push(
    ['worker: JavaScript', gzip('dist/worker.js'), 32 * 1024],
    // One of the three is fetched: the one that a visitor's device can run.
    ['engine for GPUs: wasm', gzip('wasm/worker/hybridge_worker_bg.wasm'), 2 * 1024 * 1024],
    // The goal is 400 KB; bench/RESULTS.md lists what was added.
    ['engine for CPUs: wasm', gzip('wasm/cpu/hybridge_cpu_bg.wasm'), 520 * 1024],
    ['the same with threads: wasm', gzip('wasm/threads/hybridge_threads_bg.wasm'), 524 * 1024],
  )
budgets.push(['redaction, where it is used', gzip('dist/redact.js'), 10 * 1024])
budgets.push(['retrieval: wasm', gzip('wasm/search/hybridge_search_bg.wasm'), 70 * 1024])
/** KB of the larger faces: a store's client with chunking and citations, and its engine with glue. */
const larger = { retrieval: 10, 'retrieval-worker': 10 }
for (const face of Object.keys(faces))
  budgets.push([`hybridge/${face}`, gzip(`dist/${face}.js`), (larger[face] ?? 8) * 1024])

const isRelease = process.argv.includes('--release')
for (const [what, bytes, limit] of budgets) {
  const isOver = bytes > limit
  const verdict = isRelease ? (isOver ? 'OVER BUDGET' : 'ok') : 'before wasm-opt'
  console.log(
    `${what.padEnd(28)} ${(bytes / 1024).toFixed(1).padStart(8)} KB gzip of ${(limit / 1024).toFixed(0).padStart(5)}  ${verdict}`,
  )
  if (isRelease && isOver) process.exitCode = 1
}
