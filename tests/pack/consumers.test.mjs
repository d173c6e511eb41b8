/** The tarball in small apps, each built by its own bundler and run in headless Chromium. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'
import { installed, replaceIn, withConsumer } from './consumer.mjs'

const run = promisify(execFile)
let withGpu
let withoutGpu

before(async () => {
  withGpu = await launch({ gpu: true })
  withoutGpu = await launch({ gpu: false })
})
after(() => Promise.all([withGpu?.close(), withoutGpu?.close()]))

/** Runs the served app and returns its results. */
async function visit(browser, folder, options) {
  const server = await serve({ '/': folder }, options)
  try {
    const { page, problems } = await openPage(browser, `${server.origin}/`)
    const result = await page.evaluate(() => globalThis.result)
    await page.close()
    return { result, problems, requests: server.requests }
  } finally {
    await server.close()
  }
}

/** Names the package's files in the app, like a page without a bundler or an import map. */
async function withoutBundler(folder) {
  for (const [name, file] of [
    ['hybridge', 'index.js'],
    ['hybridge/diagnostics', 'diagnostics.js'],
  ])
    await replaceIn(join(folder, 'app.js'), `'${name}'`, `'/node_modules/hybridge/dist/${file}'`)
}

/** The main path: two branches, a strategy, a stream, `break`, an abort, facts, and a GPU that computes correctly. */
function check({ result, problems }) {
  assert.equal(result.failed, undefined, result.failed)
  assert.deepEqual(result.pieces, ['one', ' two', ' three'])
  assert.equal(result.text, 'one two three')
  assert.equal(result.branch, 'cloud')
  assert.deepEqual(result.attempts, [
    { branch: 'onDevice', outcome: 'failed', status: 'UNAVAILABLE' },
    { branch: 'cloud', outcome: 'answered', status: undefined },
  ])
  assert.equal(result.broken, 3)
  assert.equal(result.aborted, 'CANCELLED')
  assert.equal(result.webgpu.available, true)
  assert.equal(result.webgpu.software, true)
  assert.ok(result.gpu.maxError < 1e-3, JSON.stringify(result.gpu))
  assert.equal(result.cpu, true, 'the file for CPUs')
  assert.deepEqual(problems, [])
}

test('vite', () =>
  withConsumer('vite', async (folder) => {
    const { build } = await import('vite')
    await build({ root: folder, logLevel: 'error', configFile: join(folder, 'vite.config.js') })
    check(await visit(withGpu, join(folder, 'dist')))
  }))

test('webpack', () =>
  withConsumer('webpack', async (folder) => {
    const { default: webpack } = await import('webpack')
    const compiler = webpack({
      mode: 'production',
      context: folder,
      entry: './app.js',
      output: { path: join(folder, 'dist'), filename: 'main.js' },
      performance: { hints: false },
    })
    const stats = await promisify(compiler.run.bind(compiler))()
    assert.equal(stats.hasErrors(), false, stats.toString('errors-only'))
    await cp(join(folder, 'index.html'), join(folder, 'dist/index.html'))
    check(await visit(withGpu, join(folder, 'dist')))
  }))

test('esbuild', () =>
  withConsumer('esbuild', async (folder) => {
    const dist = join(folder, 'dist')
    const { build } = await import('esbuild')
    // Code splitting keeps one copy of the package for both entries.
    await build({
      absWorkingDir: folder,
      entryPoints: ['places.js', 'app.js'],
      bundle: true,
      splitting: true,
      format: 'esm',
      outdir: 'dist',
      logLevel: 'silent',
    })
    await build({
      absWorkingDir: folder,
      entryPoints: { worker: join(installed(folder), 'dist/worker.js') },
      bundle: true,
      format: 'esm',
      outdir: 'dist',
      logLevel: 'silent',
    })
    await cp(join(installed(folder), 'wasm/page/hybridge_page_bg.wasm'), join(dist, 'page.wasm'))
    await cp(join(installed(folder), 'wasm/worker/hybridge_worker_bg.wasm'), join(dist, 'worker.wasm'))
    await cp(join(installed(folder), 'wasm/cpu/hybridge_cpu_bg.wasm'), join(dist, 'cpu.wasm'))
    await cp(join(folder, 'index.html'), join(dist, 'index.html'))
    check(await visit(withGpu, dist))
  }))

const strictPolicy = {
  'content-security-policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:",
}

test('plain modules under a strict policy', () =>
  withConsumer('plain', async (folder) => {
    await withoutBundler(folder)
    check(await visit(withGpu, folder, { headers: strictPolicy }))
  }))

test('without a GPU the same app reports it and continues', () =>
  withConsumer('plain', async (folder) => {
    await withoutBundler(folder)
    const { result, requests } = await visit(withoutGpu, folder, { headers: strictPolicy })
    assert.deepEqual(
      requests.filter((path) => /\/wasm\/(worker|cpu)/.test(path)),
      ['/node_modules/hybridge/wasm/cpu/hybridge_cpu_bg.wasm'],
    )
    assert.equal(result.cpu, true)
    assert.equal(result.text, 'one two three')
    assert.equal(result.webgpu.available, false)
    assert.equal(result.gpu.status, 'UNAVAILABLE')
    assert.equal(result.gpu.code, 'GPU_UNAVAILABLE')
  }))

test('the engine is fetched only when a device model is used', () =>
  withConsumer('plain', async (folder) => {
    await withoutBundler(folder)
    const engine = /worker|wasm\/cpu/
    const used = await visit(withGpu, folder)
    assert.ok(
      used.requests.some((path) => engine.test(path)),
      'the self-test fetches it',
    )
    await replaceIn(join(folder, 'app.js'), 'await gpuSelfTest(places)', 'await Promise.reject(new Error())')
    await replaceIn(join(folder, 'app.js'), 'await measuresCpu()', 'false')
    const unused = await visit(withGpu, folder)
    assert.equal(unused.result.text, 'one two three')
    const fetched = unused.requests.filter((path) => engine.test(path))
    assert.deepEqual(fetched, [])
    assert.ok(unused.requests.some((path) => path.endsWith('hybridge_page_bg.wasm')))
  }))

test('import in Node has no effect and works', () =>
  withConsumer('node', async (folder) => {
    const { stdout } = await run('node', ['import.mjs'], { cwd: folder })
    const found = JSON.parse(stdout)
    assert.equal(found.name, 'hybrid')
    assert.ok(found.exports.includes('hybridModelOnDeviceCloud'))
  }))
