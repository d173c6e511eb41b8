/** `hybridge/react` in Chromium under StrictMode, with React 19 and 18, and rendered on a server. */

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
const modules = join(import.meta.dirname, '../node_modules')
const versions = { 19: modules, 18: join(modules, 'hybridge-react-18/node_modules') }
const alias = (folder) => ({
  react: join(folder, 'react'),
  'react-dom': join(folder, 'react-dom'),
  'hybridge/react': join(npm, 'dist/react.js'),
  hybridge: join(npm, 'dist/index.js'),
})
let browser
before(async () => (browser = await launch({ gpu: false })))
after(() => browser?.close())

for (const [version, folder] of Object.entries(versions)) {
  test(`React ${version} in a page`, async () => {
    const dist = await mkdtemp(join(tmpdir(), 'hybridge-react-'))
    await build({
      entryPoints: [join(import.meta.dirname, 'react-app.jsx')],
      bundle: true,
      format: 'esm',
      jsx: 'automatic',
      alias: alias(folder),
      define: { 'process.env.NODE_ENV': '"development"' },
      outfile: join(dist, 'app.js'),
      logLevel: 'error',
    })
    await writeFile(
      join(dist, 'index.html'),
      '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script type="module" src="app.js"></script>',
    )
    // The core's wasm checks arguments; the bundle expects it above its own folder.
    const server = await serve({ '/': dist, '/wasm': join(npm, 'wasm') })
    const { page, problems } = await openPage(browser, `${server.origin}/`)
    const shows = (id, text) =>
      page.waitForFunction(([id, text]) => document.getElementById(id)?.textContent === text, [id, text], {
        timeout: 20_000,
      })
    try {
      // The download: one state for all components, started by a click.
      await shows('download', 'downloadable 0 ')
      await page.click('#load')
      await page.click('#load')
      await page.evaluate(() =>
        loads[0].onProgress({ phase: 'download', loadedBytes: 1, totalBytes: 2, fraction: 0.5 }),
      )
      await shows('download', 'downloading 0.5 ')
      await shows('bar', '0.5')
      assert.equal(await page.evaluate(() => loads.length), 1)
      await page.click('#cancel')
      await shows('download', 'downloadable 0 ')
      await page.click('#load')
      await page.evaluate(() => loads[1].reject(Object.assign(new Error('x'))))
      await shows('download', 'failed 0 INTERNAL')
      await page.click('#load')
      await page.evaluate(() => loads[2].resolve())
      await shows('download', 'ready 1 ')
      await shows('bar', 'none')

      // The chat: streamed, with tools, an abort that keeps the content, a failure, a retry.
      await page.evaluate(() => send('hi'))
      await shows('messages', 'user: himodel: one two')
      await page.evaluate(() => void send('wait'))
      await shows('messages', 'user: himodel: one twouser: waitmodel: one ')
      await shows('status', 'streaming ')
      await page.evaluate(() => stop())
      await shows('status', 'ready ')
      await shows('messages', 'user: himodel: one twouser: waitmodel: one ')
      await page.evaluate(() => send('fail'))
      await shows('status', 'error UNAVAILABLE')
      await page.evaluate(() => send('tool'))
      await shows('status', 'ready ')
      const told = await page.evaluate(() => seen.at(-1))
      assert.deepEqual(
        [told[0], told.at(-2), told.at(-1)],
        ['system: brief', 'model: toolRequest', 'tool: toolResponse'],
      )
      const before = await page.evaluate(() => document.getElementById('messages').children.length)
      await page.evaluate(() => regenerate())
      assert.equal(await page.evaluate(() => document.getElementById('messages').children.length), before)

      // Invalid arguments reach no function: the model gets an error, in the order of the calls.
      await page.evaluate(() => send('wrong'))
      await shows('status', 'ready ')
      const results = await page.evaluate(() => messages.at(-2).content.map((it) => it.toolResponse))
      assert.match(results[0].output.error, /^the arguments are wrong at .*to/)
      assert.deepEqual(results[1], { name: 'look', ref: '1', output: { found: 2 } })
      assert.equal(await page.evaluate(() => globalThis.hasCounted), undefined)

      // A call that needs approval waits for it; a new message instead of a decision leaves it undone.
      const outputs = (at) => page.evaluate((at) => messages.at(at).content.map((it) => it.toolResponse.output), at)
      await page.evaluate(() => approve({ 0: true }))
      await shows('status', 'error FAILED_PRECONDITION')
      for (const [approvals, output, erased] of [
        [{ 0: true }, 'gone', 1],
        [{ 0: { approved: false, reason: 'mine' } }, { error: 'the person declined this call: mine' }, 1],
      ]) {
        await page.evaluate(() => send('erase'))
        await shows('status', 'ready waits')
        assert.deepEqual(
          await page.evaluate(() => paused.calls.map(({ call, waits }) => [call.name, waits === true])),
          [
            ['erase', true],
            ['look', false],
          ],
        )
        await page.evaluate((approvals) => Promise.all([approve(approvals), approve(approvals)]), approvals)
        await shows('status', 'ready ')
        assert.deepEqual(await outputs(-2), [output, { found: 1 }])
        assert.equal(await page.evaluate(() => globalThis.erased), erased)
      }
      await page.evaluate(() => send('erase'))
      await shows('status', 'ready waits')
      await page.evaluate(() => send('hi'))
      await shows('status', 'ready ')
      const unanswered = await page.evaluate(() => seen.at(-1))
      assert.deepEqual(unanswered.slice(-3), [
        'model: toolRequesttoolRequest',
        'tool: toolResponsetoolResponse',
        'user: hi',
      ])

      // An abort ends a turn whose tool ignores its signal.
      await page.evaluate(
        () => ((globalThis.isSettled = false), void send('deaf').then(() => (globalThis.isSettled = true))),
      )
      await page.waitForFunction(() => globalThis.isLooking === true)
      await page.evaluate(() => stop())
      await page.waitForFunction(() => globalThis.isSettled === true, undefined, { timeout: 5_000 })

      // Unmounting the component aborts the answer.
      await page.evaluate(() => ((globalThis.stopped = false), void send('wait')))
      await shows('status', 'streaming ')
      await page.evaluate(() => setShown(false))
      await page.waitForFunction(() => globalThis.stopped === true)
      assert.deepEqual(problems, [])
    } finally {
      await page.close()
      await server.close()
      await rm(dist, { recursive: true, force: true })
    }
  })

  test(`React ${version} on a server`, async () => {
    const source = `
      import { createElement } from 'react'
      import { renderToString } from 'react-dom/server'
      import { defineModel } from 'hybridge'
      import { useChat, useModel } from 'hybridge/react'
      const device = { availability: () => { throw new Error('asked') }, load: () => { throw new Error('loaded') } }
      const model = defineModel({ name: 'm', generate: () => 'x' })
      function App() {
        const { status } = useModel(device)
        const { messages } = useChat({ model, initialMessages: [{ role: 'user', content: [{ text: 'stored' }] }] })
        return createElement('p', null, status, ' ', messages[0].text)
      }
      export const html = renderToString(createElement(App))`
    const { outputFiles } = await build({
      stdin: { contents: source, resolveDir: modules },
      bundle: true,
      write: false,
      platform: 'node',
      format: 'cjs',
      alias: {
        ...alias(folder),
        'hybridge/react': join(npm, 'dist/node/react.js'),
        hybridge: join(npm, 'dist/node.js'),
      },
      logLevel: 'silent',
    })
    const module = { exports: {} }
    new Function('module', 'exports', 'require', outputFiles[0].text)(
      module,
      module.exports,
      createRequire(import.meta.url),
    )
    assert.equal(module.exports.html.replaceAll('<!-- -->', ''), '<p>downloadable stored</p>')
  })
}
