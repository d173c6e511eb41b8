/**
 * The demo as an app: built as static files, served from a sub-path, started and used without its server, and updated.
 */

import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { serviceWorkerFiles, writeSite } from '../../pkg-scripts/demo-site.mjs'
import { launch } from '../support/chromium.mjs'
import { ask } from '../support/demo-states.mjs'
import { serve } from '../support/server.mjs'

const root = join(import.meta.dirname, '../..')
let browser, folder, server
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hybridge-site-'))
  writeSite(root, folder)
  browser = await launch({ gpu: false })
  server = await serve({ '/some/where/': folder }, { compress: true })
})
after(async () => {
  await browser?.close()
  await server?.close().catch(() => undefined)
  rmSync(folder, { recursive: true, force: true })
})

test('the list of files is complete, and its version depends on their contents', () => {
  const read = (text) => {
    const self = {}
    new Function('self', text)(self)
    return self.demo
  }
  const { shell, engines, version } = read(serviceWorkerFiles(root))
  for (const path of [...shell, ...engines.cpu, ...engines.gpu])
    assert.ok(readFileSync(join(folder, path)).length > 0, path)
  for (const path of ['index.html', 'main.js', 'hybridge/dist/index.js', 'app.webmanifest', 'icon-512.png'])
    assert.ok(shell.includes(path), path)
  assert.equal(read(readFileSync(join(folder, 'sw-files.js'), 'utf8')).version, version)
})

test('under a sub-path: it answers, also after a reload offline; then a newer version replaces it', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(String(error)))
  const address = `${server.origin}/some/where/`
  const port = Number(new URL(server.origin).port)
  await page.goto(address)
  await page.waitForSelector('body[data-first-answer-ms]')
  assert.match(await page.textContent('#proof'), /This device just answered “What is 12 \+ 30\?”: .*42/)
  // The simulated cloud answers the other requests without any server.
  await ask(page, 'Why is the sky blue?')
  await page.waitForSelector('.badge')
  assert.match(await page.textContent('#log'), /short wavelengths[^]*simulated in this page/)
  await page.waitForSelector('body[data-engine-kept]')
  await server.close()
  await page.reload()
  await page.waitForSelector('body[data-first-answer-ms]')
  await page.click('#fresh')
  await ask(page, 'Write "garden" in capitals.')
  await page.waitForSelector('.badge')
  assert.equal(await page.locator('#log li.model .words').textContent(), 'GARDEN')
  for (const path of ['models.html', 'numbers.html']) {
    await page.goto(`${address}${path}`)
    await page.waitForSelector('body[data-ready]')
  }
  // The same host with a newer version.
  appendFileSync(join(folder, 'style.css'), 'body { --newer: yes; }\n')
  const files = readFileSync(join(folder, 'sw-files.js'), 'utf8')
  writeFileSync(join(folder, 'sw-files.js'), files.replace(/"version":"\w{4}/, '"version":"next'))
  server = await serve({ '/some/where/': folder }, { compress: true, port })
  await page.goto(address)
  await page.waitForSelector('#news:not([hidden])')
  assert.match(await page.textContent('#news'), /A new version of this page is ready/)
  const isNewer = () => getComputedStyle(document.body).getPropertyValue('--newer').trim() === 'yes'
  assert.equal(await page.evaluate(isNewer), false)
  await page.click('#news button')
  await page.waitForFunction(isNewer)
  const caches = await page.evaluate(() => window.caches.keys())
  assert.equal(caches.length, 1, `the old version's files are gone: ${caches}`)
  assert.deepEqual(problems, [])
  await context.close()
})
