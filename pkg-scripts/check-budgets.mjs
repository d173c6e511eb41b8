#!/usr/bin/env node
// What a page downloads, against what was promised. Prints both; fails on the first broken promise.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const npm = join(import.meta.dirname, '../crate/npm')
const gzip = (path) => gzipSync(readFileSync(path), { level: 9 }).length
const scripts = (dir) => readdirSync(join(npm, dir), { recursive: true }).filter((name) => name.endsWith('.js')).map((name) => join(npm, dir, name))
const sum = (paths) => paths.reduce((total, path) => total + gzip(path), 0)
// What only the worker loads.
const isWorkers = (path) => /dist\/(worker|engine\/|glue\/worker)/.test(path)

const page = sum(scripts('dist').filter((path) => !isWorkers(path))) + sum(scripts('wasm/page')) + gzip(join(npm, 'wasm/page/hybridge_page_bg.wasm'))
const budgets = [['page: wasm and JavaScript', page, 150 * 1024]]
if (!process.argv.includes('--page')) budgets.push(['worker: wasm', gzip(join(npm, 'wasm/worker/hybridge_worker_bg.wasm')), 2 * 1024 * 1024])

for (const [what, bytes, limit] of budgets) {
  const verdict = bytes <= limit ? 'ok' : 'OVER BUDGET'
  console.log(`${what.padEnd(28)} ${(bytes / 1024).toFixed(1).padStart(8)} KB gzip of ${(limit / 1024).toFixed(0).padStart(5)}  ${verdict}`)
  if (bytes > limit) process.exitCode = 1
}
