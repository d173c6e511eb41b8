/**
 * Each state of the demo: axe-core finds no serious problem, in light and dark mode, on a phone and a wide screen;
 * screenshots are saved in tests/shots.
 */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../support/chromium.mjs'
import { openState, slowHost, states } from '../support/demo-states.mjs'
import { startDemo } from '../support/demo.mjs'

const root = join(import.meta.dirname, '../..')
const shots = join(root, 'tests/shots')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const sizes = { phone: { width: 390, height: 844 }, wide: { width: 1280, height: 900 } }

let demo
const browsers = {}
before(async () => {
  mkdirSync(shots, { recursive: true })
  demo = { ...(await startDemo({ root })), slow: await slowHost(root) }
})
after(async () => {
  await Promise.all(Object.values(browsers).map((it) => it.close()))
  await Promise.all([demo?.close(), demo?.slow.close()])
})

/** Returns the problems that axe-core considers serious or critical, as lines. */
async function serious(page) {
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }))
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`))
}

for (const state of states) {
  test(state.name, async () => {
    const gpu = state.gpu === true
    browsers[gpu] ??= await launch({ gpu })
    const { context, page, problems } = await openState(browsers[gpu], demo, state, { viewport: sizes.wide })
    await page.evaluate(axe)
    for (const [name, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport)
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme })
        assert.deepEqual(await serious(page), [], `${name}, ${colorScheme}`)
        await page.screenshot({ path: join(shots, `${state.name}-${name}-${colorScheme}.png`), fullPage: true })
      }
      assert.ok(
        await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
        `${name}: nothing stands out to the side`,
      )
    }
    assert.deepEqual(problems, [])
    await context.close()
  })
}
