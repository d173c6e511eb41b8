/** `examples/react-chat` from a visitor's point of view, with a model controlled by the test. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'vite'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const root = join(import.meta.dirname, '../..')
const modules = join(root, 'tests/node_modules')
const dist = (name) => join(root, 'crate/npm/dist', name)
let folder
let server
let browser

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hybridge-react-chat-'))
  await build({
    root: join(root, 'examples/react-chat'),
    configFile: false,
    logLevel: 'error',
    esbuild: { jsx: 'automatic' },
    build: { outDir: folder, emptyOutDir: true, target: 'es2022', minify: false },
    resolve: {
      alias: [
        { find: './model.js', replacement: join(import.meta.dirname, 'react-chat-model.mjs') },
        { find: /^hybridge$/, replacement: dist('index.js') },
        { find: /^hybridge\/(.*)$/, replacement: dist('$1.js') },
        ...['react', 'react-dom', 'ai', '@ai-sdk/react'].map((name) => ({
          find: new RegExp(`^${name}(?=/|$)`),
          replacement: join(modules, name),
        })),
      ],
    },
    // Only the full build contains the script of the device's worker, and nothing here starts it.
    plugins: [
      {
        name: 'no-worker',
        transform: (code, id) =>
          id === dist('index.js')
            ? code.replaceAll('new URL("./worker.js",import.meta.url)', '"worker.js"')
            : undefined,
        enforce: 'pre',
      },
    ],
  })
  server = await serve({ '/': folder })
  browser = await launch({ gpu: false })
})
after(async () => {
  await browser?.close()
  await server?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

test('a download by a click, a streamed answer, an abort', async () => {
  const { page, problems } = await openPage(browser, `${server.origin}/`)
  await page.click('text=Download the model')
  await page.evaluate(() =>
    globalThis.test.loads[0].onProgress({ phase: 'download', loadedBytes: 1, totalBytes: 2, fraction: 0.5 }),
  )
  await page.waitForFunction(() => document.querySelector('progress')?.value === 0.5)
  await page.click('text=Pause')
  await page.click('text=Download the model')
  await page.evaluate(() => globalThis.test.loads[1].resolve())
  await page.waitForSelector('text=The model is on this device.')

  await page.fill('input', 'hello')
  await page.click('text=Send')
  await page.waitForSelector('text=You said hello')
  await page.fill('input', 'wait')
  await page.click('text=Send')
  await page.click('text=Stop')
  await page.waitForFunction(() => globalThis.test.stopped === 1)
  await page.fill('input', 'again')
  await page.click('text=Send')
  await page.waitForSelector('text=You said again')
  assert.deepEqual(problems, [])
  await page.close()
})
