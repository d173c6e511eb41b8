/**
 * A face and the page share one copy of the core, however they are loaded; and a service worker serves the OpenAI
 * face.
 */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
let folder
let browser

/** A face's error is an instance of the page's class; a model of the page answers through a face. */
const app = `
import { defineModel, HybridError } from 'hybridge'
import { aiSdkModel } from 'hybridge/ai-sdk'
import { openAIClient } from 'hybridge/openai'
const model = defineModel({ name: 'm', generate: () => 'hello' })
const errors = []
try { aiSdkModel({}) } catch (error) { errors.push(error) }
try { openAIClient({}) } catch (error) { errors.push(error) }
const { choices } = await openAIClient(model).chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
const { output_text: later } = await openAIClient(model).responses.create({ model: 'm', input: 'x' })
const areOne = errors.length === 2 && errors.every((error) => error instanceof HybridError)
globalThis.result = { areOne, text: choices[0].message.content, later }
`
const expected = { areOne: true, text: 'hello', later: 'hello' }

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hybridge-one-core-'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(npm, join(folder, 'node_modules/hybridge'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  browser = await launch({ gpu: false })
})
after(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

async function visit(mounts) {
  const server = await serve(mounts)
  const { page, problems } = await openPage(browser, `${server.origin}/`)
  try {
    await page.waitForFunction(() => globalThis.result !== undefined, undefined, { timeout: 20_000 })
    assert.deepEqual(problems, [])
    return await page.evaluate(() => globalThis.result)
  } finally {
    await page.close()
    await server.close()
  }
}
const shell = (head) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${head}`

test('in Node', async () => {
  await writeFile(join(folder, 'node.js'), `${app}console.log(JSON.stringify(globalThis.result))`)
  const { stdout } = await promisify(execFile)(process.execPath, ['node.js'], { cwd: folder })
  assert.deepEqual(JSON.parse(stdout), expected)
})

test('in a page with an import map', async () => {
  const imports = {
    hybridge: '/dist/index.js',
    'hybridge/ai-sdk': '/dist/ai-sdk.js',
    'hybridge/openai': '/dist/openai.js',
  }
  const site = join(folder, 'plain')
  await mkdir(site)
  await writeFile(
    join(site, 'index.html'),
    shell(
      `<script type="importmap">${JSON.stringify({ imports })}</script><script type="module" src="app.js"></script>`,
    ),
  )
  await writeFile(join(site, 'app.js'), app)
  assert.deepEqual(await visit({ '/': site, '/dist/': join(npm, 'dist'), '/wasm/': join(npm, 'wasm') }), expected)
})

// Bundlers resolve every file that the package names, but `build --page` omits the worker.
const isWhole = existsSync(join(npm, 'dist/worker.js'))
test('through Vite', { skip: !isWhole && 'SKIP the worker is not built' }, async () => {
  const site = join(folder, 'vite')
  await mkdir(site)
  await writeFile(join(site, 'index.html'), shell('<script type="module" src="/app.js"></script>'))
  await writeFile(join(site, 'app.js'), app)
  const { build } = await import('vite')
  await build({
    root: site,
    logLevel: 'error',
    configFile: false,
    build: { target: 'es2022' },
    resolve: { preserveSymlinks: true },
  })
  assert.deepEqual(await visit({ '/': join(site, 'dist') }), expected)
})

test('a service worker serves every client of its page, including streams', async () => {
  const site = join(folder, 'worker')
  await mkdir(site)
  await writeFile(
    join(site, 'sw.js'),
    `
    import { defineModel } from '/dist/index.js'
    import { openAIFetch } from '/dist/openai.js'
    import { responses } from '/dist/openai-responses.js'
    const model = defineModel({ name: 'm', generate: (_, { sendChunk }) => { for (const text of ['a', 'b']) sendChunk(text); return {} } })
    const answer = openAIFetch({ models: { m: model }, responses })
    addEventListener('install', () => skipWaiting())
    addEventListener('activate', (event) => event.waitUntil(clients.claim()))
    addEventListener('fetch', (event) => { if (new URL(event.request.url).pathname.startsWith('/v1/')) event.respondWith(answer(event.request)) })`,
  )
  await writeFile(
    join(site, 'index.html'),
    shell(`<script type="module">
    await navigator.serviceWorker.register('/sw.js', { type: 'module' })
    if (navigator.serviceWorker.controller === null) await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve))
    const post = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify({ model: 'm', ...body }) })
    const messages = [{ role: 'user', content: 'x' }]
    const whole = await (await post('/v1/chat/completions', { messages })).json()
    const stream = await (await post('/v1/chat/completions', { messages, stream: true })).text()
    const response = await (await post('/v1/responses', { input: 'x' })).json()
    const refused = await post('/v1/chat/completions', { messages, n: 2 })
    const models = await (await fetch('/v1/models')).json()
    globalThis.result = { text: whole.choices[0].message.content, ends: stream.endsWith('data: [DONE]\\n\\n'), later: response.output_text, refused: [refused.status, (await refused.json()).error.param], models: models.data.map(({ id }) => id) }
  </script>`),
  )
  const server = await serve({ '/': site, '/dist/': join(npm, 'dist'), '/wasm/': join(npm, 'wasm') })
  const { page } = await openPage(browser, `${server.origin}/`)
  try {
    await page.waitForFunction(() => globalThis.result !== undefined, undefined, { timeout: 20_000 })
    assert.deepEqual(await page.evaluate(() => globalThis.result), {
      text: 'ab',
      ends: true,
      later: 'ab',
      refused: [400, 'n'],
      models: ['m'],
    })
  } finally {
    await page.close()
    await server.close()
  }
})
