/** The apps of `examples/` with the packed tarball: built as described in their README, and used like a visitor. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { startGemini } from '../emulator/gemini.mjs'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'
import { withExample } from './consumer.mjs'

const run = promisify(execFile)
const sum = '12 + 30 = 40 + 2 = 42.'
let browser

before(async () => (browser = await launch({ gpu: false })))
after(() => browser?.close())

/** Serves a folder as a site and passes its page to `use`; fails on console errors. */
async function visit(folder, path, use, options) {
  const server = await serve({ '/': folder }, options)
  try {
    const { page, problems } = await openPage(browser, `${server.origin}${path}`)
    await use(page)
    await page.close()
    assert.deepEqual(problems, [])
  } finally {
    await server.close()
  }
}

const waitForText = (page, selector, text) =>
  page.waitForFunction(
    ([selector, text]) => document.querySelector(selector)?.textContent.includes(text),
    [selector, text],
    { timeout: 60_000 },
  )

test('plain: the stand-in answers, then the loaded model', () =>
  withExample('plain', [], (folder) =>
    visit(folder, '/', async (page) => {
      await page.click('#form button')
      await waitForText(page, '#status', 'Answered by cloud')
      await page.click('#load')
      await waitForText(page, '#status', 'The model is loaded')
      await page.click('#form button')
      await waitForText(page, '#status', 'Answered by onDevice')
      assert.equal(await page.textContent('#answer'), sum)
    }),
  ))

test('vite-react: built by Vite, under StrictMode', () =>
  withExample('vite-react', ['react', 'react-dom', 'scheduler', '@vitejs/plugin-react', 'vite'], async (folder) => {
    const { build } = await import('vite')
    const { default: react } = await import('@vitejs/plugin-react')
    // The tests' copy of React is linked, and must stay within the app's folder.
    await build({
      root: folder,
      configFile: false,
      plugins: [react()],
      resolve: { preserveSymlinks: true },
      logLevel: 'error',
    })
    await visit(join(folder, 'dist'), '/', async (page) => {
      await page.click('text=Send')
      await waitForText(page, 'ol', 'A cloud model would answer here.')
      await page.click('text=Load the model')
      await waitForText(page, '[role=status]', 'ready')
      await page.click('text=Send')
      await waitForText(page, 'ol', sum)
    })
  }))

test('extension: the side panel under the policy of its manifest', () =>
  withExample('extension', [], async (folder) => {
    await run('node', ['copy.mjs'], { cwd: folder })
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
    for (const path of [manifest.side_panel.default_path, manifest.background.service_worker])
      await readFile(join(folder, path))
    const headers = { 'content-security-policy': manifest.content_security_policy.extension_pages }
    await visit(
      folder,
      `/${manifest.side_panel.default_path}`,
      async (page) => {
        await page.click('text=Extract')
        await waitForText(page, '#status', 'Nothing left this device')
        assert.deepEqual(JSON.parse(await page.textContent('#answer')), { name: 'Mira Torvik', amount: 45 })
      },
      { headers },
    )
  }))

test('node: Gemini with a key, the stand-in without one', () =>
  withExample('node', [], async (folder) => {
    const gemini = await startGemini()
    try {
      const env = { ...process.env, LOCAL_URL: 'http://127.0.0.1:9/v1' }
      const alone = await run('node', ['index.mjs'], { cwd: folder, env })
      assert.match(alone.stdout, /this is a stand-in/)
      assert.match(alone.stderr, /local: failed \(UNAVAILABLE\), standIn: answered/)
      const { stdout, stderr } = await run('node', ['index.mjs', 'Hello'], {
        cwd: folder,
        env: { ...env, GEMINI_API_KEY: 'emulator', GEMINI_BASE_URL: gemini.origin },
      })
      assert.match(stdout, /Hello/)
      assert.match(stderr, /gemini: answered/)
    } finally {
      await gemini.close()
    }
  }))

test('next: every file compiles; Next itself is not installed here', async () => {
  const { build } = await import('esbuild')
  const folder = join(import.meta.dirname, '../../examples/next/app')
  const files = (await readdir(folder, { recursive: true })).filter((name) => /\.jsx?$/.test(name))
  assert.ok(files.length >= 3)
  await build({
    entryPoints: files.map((name) => join(folder, name)),
    bundle: true,
    write: false,
    outdir: 'out',
    format: 'esm',
    jsx: 'automatic',
    external: ['react', 'react/jsx-runtime', 'hybridge', 'hybridge/tiny'],
    logLevel: 'silent',
  })
})
