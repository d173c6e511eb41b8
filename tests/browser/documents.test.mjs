/**
 * The examples of the README and the guides, compiled under `strict` and run in a page with the built package and the
 * emulator.
 */

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { transform } from 'esbuild'
import { root, runnable } from '../documents/blocks.mjs'
import { startGemini } from '../emulator/gemini.mjs'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'
import { tinyModels } from '../support/tiny-models.mjs'

const blocks = runnable()
const isForNode = ({ code }) => code.includes("from 'node:")

/** The README's first example must run as pasted; the others use the names of `globals.d.ts`. */
const names = `
import { FallbackStrategy, geminiModel, gemmaModel, hybridModelOnDeviceCloud, kCloud, kOnDevice } from 'hybridge'
import { tinyModel } from 'hybridge/tiny'
const gemma = gemmaModel({ model: tinyModel, device: 'cpu', contextWindow: 1024 })
await gemma.load()
await gemma.generate('What is 2 + 2?')
const { baseUrl } = globalThis
const cloud = geminiModel({ model: 'gemini-emulator', baseUrl, apiKey: 'emulator' })
const ai = hybridModelOnDeviceCloud({ onDevice: gemma, cloud, strategy: new FallbackStrategy([kOnDevice, kCloud]) })
Object.assign(globalThis, { gemma, cloud, ai, shown: [], show: (value) => shown.push(value), askForKey: async () => 'emulator', button: document.createElement('button') })
`

/** An example as the test runs it: known models are replaced by local files. */
async function scriptOf(code) {
  const local = code
    .replace("'gemma-3-270m-it'", '{ url: new URL("/hybridge/tiny/tiny.gguf", location.href).href }')
    .replace("'embeddinggemma-300m'", '{ url: new URL("/models/embedding.gguf", location.href).href }')
  const { code: script } = await transform(local, { loader: 'ts', target: 'es2022', format: 'esm' })
  return `${script}\nexport {}`
}

let folder
let models
let gemini
let server
let browser
let page
let problems

/** The package's entries that the documents import, by their URL in the page. */
function importMap() {
  const entries = ['tiny', 'diagnostics', 'learn', 'evals', 'retrieval']
  const imports = entries.map((name) => [`hybridge/${name}`, `/hybridge/dist/${name}.js`])
  return JSON.stringify({ imports: { hybridge: '/hybridge/dist/index.js', ...Object.fromEntries(imports) } })
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hybridge-documents-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(join(root, 'crate/npm'), join(folder, 'node_modules/hybridge'))
  models = tinyModels()
  gemini = await startGemini({ cors: ['content-type', 'x-goog-api-key', 'authorization', 'x-firebase-appcheck'] })
  const pages = {
    '/': {
      type: 'text/html',
      body: `<!doctype html><link rel="icon" href="data:,"><script type="importmap">${importMap()}</script>`,
    },
  }
  pages['/names.js'] = { type: 'text/javascript', body: names }
  for (const [index, block] of blocks.entries())
    pages[`/block-${index}.js`] = { type: 'text/javascript', body: await scriptOf(block.code) }
  server = await serve({ '/hybridge/': join(root, 'crate/npm'), '/models/': models.folder }, { pages })
  browser = await launch({ gpu: false })
  ;({ page, problems } = await openPage(browser, `${server.origin}/`))
  // The proxy of the security guide, which adds the key.
  await page.route(`${gemini.origin}/**`, (route) =>
    route.continue({ headers: { 'x-goog-api-key': 'emulator', ...route.request().headers() } }),
  )
  await page.evaluate(async (baseUrl) => {
    Object.assign(globalThis, { baseUrl })
    await import('/names.js')
  }, gemini.origin)
})

after(async () => {
  await browser?.close()
  await server?.close()
  await gemini?.close()
  models?.remove()
  rmSync(folder, { recursive: true, force: true })
})

test('every example compiles under strict', () => {
  const options = {
    target: 'es2022',
    module: 'es2022',
    moduleResolution: 'bundler',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: ['node'],
    typeRoots: [join(root, 'tests/node_modules/@types')],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }))
  cpSync(join(root, 'tests/documents/globals.d.ts'), join(folder, 'globals.d.ts'))
  for (const [index, { code }] of blocks.entries())
    writeFileSync(join(folder, `block-${index}.ts`), `${code}\nexport {}\n`)
  const { status, stdout } = spawnSync(join(root, 'tests/node_modules/.bin/tsc'), ['--project', folder], {
    encoding: 'utf8',
  })
  const where = stdout.replace(
    /block-(\d+)\.ts\((\d+),/g,
    (_, index, line) => `${blocks[index].path}:${blocks[index].line + Number(line)} (`,
  )
  assert.equal(status, 0, where)
})

for (const [index, block] of blocks.entries()) {
  const { path, line } = block
  test(`${path}:${line} runs`, async () => {
    if (isForNode(block)) {
      writeFileSync(join(folder, 'block.mjs'), block.code)
      execFileSync('node', [join(folder, 'block.mjs')], { cwd: folder, stdio: 'pipe' })
      return
    }
    const failure = await page.evaluate(async (address) => {
      globalThis.shown.length = 0
      return await import(address).then(
        () => undefined,
        (error) => `${error.status ?? ''} ${error.code ?? ''} ${error.stack}`,
      )
    }, `/block-${index}.js`)
    assert.equal(failure, undefined)
    assert.deepEqual(problems.splice(0), [])
  })
}

test('the README begins with an example that declares all its names and states its output', async () => {
  const [first] = blocks
  assert.equal(first.path, 'README.md')
  for (const name of ['show(', 'askForKey', 'baseUrl', 'globalThis']) assert.ok(!first.code.includes(name), name)
  const lines = []
  const listen = (message) => lines.push(message.text())
  const fresh = await browser.newPage()
  fresh.on('console', listen)
  await fresh.goto(`${server.origin}/`)
  await fresh.evaluate(async () => void (await import('/block-0.js')))
  await fresh.close()
  const [, promised] = /console\.log\(`\$\{branch\}: \$\{text\}`\) \/\/ (.*)/.exec(first.code)
  assert.equal(lines.at(-1), promised)
})
