/** The implementation of `pkg-scripts/real`: `node bench/real.mjs FILE.gguf [--peers]`. */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { launch } from '../tests/support/chromium.mjs'
import { serve } from '../tests/support/server.mjs'
import { root } from './native.mjs'
import { installed } from './peers.mjs'

const [file, ...options] = process.argv.slice(2)
const path = resolve(file)
const recordPath = join(root, 'tests/oracle/goldens/real_270m.json')
const textPath = join(root, 'tests/oracle/real.txt')
const record = JSON.parse(readFileSync(recordPath, 'utf8'))
const text = readFileSync(textPath, 'utf8')
const TURNS = 3

const rows = []
let failures = 0
/** A row of the table; `isRight` is undefined for a measurement. */
function row(what, value, isRight) {
  if (isRight === false) failures++
  rows.push([what, value, isRight === undefined ? '' : isRight ? 'ok' : 'WRONG'])
  console.error(`${what}: ${value}`)
}

const digest = createHash('sha256')
await pipeline(createReadStream(path), digest)
const isSame = digest.digest('hex') === record.sha256
row('file', basename(path))
row('logits and perplexity', isSame ? 'held against the record' : 'not recorded for this file')

natively()
const folder = mkdtempSync(join(tmpdir(), 'hybridge-real-'))
symlinkSync(path, join(folder, 'model.gguf'))
try {
  await inChromium()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const widths = [0, 1].map((column) => Math.max(...rows.map((it) => String(it[column]).length)))
for (const cells of rows) console.log(cells.map((it, column) => String(it).padEnd(widths[column] ?? 0)).join('  '))
if (failures > 0) {
  console.log(`${failures} of these are wrong`)
  process.exitCode = 1
}

function natively() {
  const cargo = [
    'run',
    '--release',
    '--quiet',
    '-p',
    'hybridge-gemma',
    '--no-default-features',
    '--features',
    'testing',
  ]
  const words = [...cargo, '--example', 'real', '--', path, recordPath, textPath, ...(isSame ? ['same'] : [])]
  const output = execFileSync('cargo', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const report = JSON.parse(output.trim().split('\n').at(-1))
  row(
    'texts cut into the recorded tokens',
    `${report.texts_alike} of ${report.texts}`,
    report.texts_alike === report.texts,
  )
  for (const [name, pass] of Object.entries(report.passes)) {
    const perplexity = Math.exp(pass.surprise)
    if (isSame) {
      const isClose = name !== 'exact' || pass.worst < 0.001
      row(
        `${name}: logits, worst and median`,
        `${pass.worst.toPrecision(2)}, ${pass.median.toPrecision(2)} std`,
        isClose,
      )
      row(`${name}: greedy tokens`, `${pass.alike} of ${pass.clear}`, name !== 'exact' || pass.alike === pass.clear)
      const loss = (perplexity / Math.exp(pass.surprise_recorded) - 1) * 100
      row(
        `${name}: perplexity`,
        `${perplexity.toFixed(3)} (${loss.toFixed(2)} %)`,
        loss < (name === 'exact' ? 0.01 : 3),
      )
    } else row(`${name}: perplexity`, perplexity.toFixed(3))
    row(`${name}: natively, one thread`, speeds(pass))
  }
}

function speeds({ prefill_tps, decode_tps }) {
  return `${prefill_tps.toFixed(0)} tokens/s read, ${decode_tps.toFixed(1)} written`
}

function middle(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

function medians(turns) {
  return Object.fromEntries(Object.keys(turns[0]).map((key) => [key, middle(turns.map((it) => it[key]))]))
}

async function inChromium() {
  const isBeside = options.includes('--peers')
  const html = '<!doctype html><link rel="icon" href="data:,"><title>real</title><input type="file">'
  const mounts = {
    '/hybridge/': join(root, 'crate/npm'),
    '/bench/': join(import.meta.dirname, 'browser'),
    '/model/': folder,
    ...(isBeside && { '/wllama/': join(installed('@wllama/wllama'), '@wllama/wllama') }),
  }
  const headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
  const site = await serve(mounts, { headers, pages: { '/': { type: 'text/html', body: html } } })
  const browser = await launch({ gpu: false })
  const call = async (page, script, name, plan) =>
    await page.evaluate(async ({ script, name, plan }) => (await import(script))[name](plan), { script, name, plan })
  try {
    const page = await browser.newPage()
    const open = async () => {
      await page.goto(`${site.origin}/`)
      await page.locator('input').setInputFiles(path)
    }
    const prompts = record.prompts.map((it) => it.text)
    const tokens = record.prompts[0].greedy.length
    const source = `${site.origin}/model/model.gguf`
    for (const [from, plan] of [
      ['an address', { source }],
      ['the store', { source }],
      ['a file', { source: 'file' }],
    ]) {
      await open()
      const before = site.requests.length
      const { load_s, answers } = await call(page, '/bench/real.mjs', 'complete', {
        ...plan,
        precision: 'exact',
        prompts: from === 'an address' ? prompts : prompts.slice(0, 1),
        tokens,
      })
      const fetched = site.requests.slice(before).filter((it) => it === '/model/model.gguf').length
      const isRight = from === 'an address' ? fetched > 0 : fetched === 0
      row(`Chromium: loaded from ${from}`, `${load_s.toFixed(1)} s, ${fetched} requests`, isRight)
      const alike = answers.filter((answer, at) => answer === record.prompts[at].answer).length
      if (isSame) row('Chromium: answers as recorded', `${alike} of ${answers.length}`, alike === answers.length)
    }
    const speedOf = (precision, threads) => [
      '/bench/real.mjs',
      'speed',
      { source, precision, threads, prompt: text.slice(0, 1_200), tokens: 32 },
    ]
    const contestants = {
      'hybridge fast, one thread': speedOf('fast', 1),
      'hybridge fast, two threads': speedOf('fast', 2),
      'hybridge exact, one thread': speedOf('exact', 1),
      'hybridge exact, two threads': speedOf('exact', 2),
      ...(isBeside && {
        'wllama, one thread': ['/bench/wllama.mjs', 'wllama', { prompts: [256], tokens: 32, threads: false }],
      }),
    }
    const turns = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
    for (let turn = 0; turn < TURNS; turn++) {
      for (const [name, run] of Object.entries(contestants)) {
        await open()
        turns[name].push(await call(page, ...run))
      }
    }
    for (const [name, all] of Object.entries(turns)) row(`Chromium: ${name}`, speeds(medians(all)))
  } finally {
    await browser.close()
    await site.close()
  }
}
