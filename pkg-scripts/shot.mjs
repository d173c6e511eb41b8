/**
 * Takes the README's screenshot: the demo after a fallback. `node pkg-scripts/shot.mjs` writes www/demo.png; requires
 * Chromium and the built package.
 */

import { join } from 'node:path'
import { launch } from '../tests/support/chromium.mjs'
import { ask, loadTiny, openState } from '../tests/support/demo-states.mjs'
import { startDemo } from '../tests/support/demo.mjs'

const root = join(import.meta.dirname, '..')
const demo = await startDemo({ root })
const browser = await launch({ gpu: false })
try {
  const { page } = await openState(browser, demo, {}, { viewport: { width: 1180, height: 940 }, colorScheme: 'light' })
  await loadTiny(page)
  await ask(page, 'What is 47 + 38?')
  await page.waitForSelector('.badge')
  await page.check('#fault-gpuLost')
  await ask(page, 'Write "lemon" in capitals.')
  await page.waitForFunction(() => document.querySelectorAll('.badge').length === 2)
  // The panels are side by side in the screenshot, so the model's is collapsed.
  await page.locator('summary', { hasText: 'Device model' }).click()
  await page.evaluate(() => {
    document.activeElement.blur()
    scrollTo(0, 0)
  })
  await page.mouse.move(0, 0)
  await page.screenshot({ path: join(root, 'www/demo.png') })
} finally {
  await browser.close()
  await demo.close()
}
