/** Renders the demo's icons from www/icon.svg: `node pkg-scripts/demo-icons.mjs`. Requires Chromium. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from '../tests/support/chromium.mjs'

const www = join(import.meta.dirname, '../www')
const svg = readFileSync(join(www, 'icon.svg'), 'utf8')
/** A maskable icon may be cropped to a circle, so its drawing is smaller and its background reaches the edge. */
const icons = [
  { name: 'icon-192', size: 192, scale: 1 },
  { name: 'icon-512', size: 512, scale: 1 },
  { name: 'icon-maskable', size: 512, scale: 0.75, ground: '#0a58a6' },
]
const browser = await launch({ gpu: false })
try {
  for (const { name, size, scale, ground = 'transparent' } of icons) {
    const page = await browser.newPage({ viewport: { width: size, height: size } })
    const side = size * scale
    await page.setContent(
      `<body style="margin:0;display:grid;place-items:center;height:100vh;background:${ground}"><div style="width:${side}px;height:${side}px">${svg}</div></body>`,
    )
    await page.screenshot({ path: join(www, `${name}.png`), omitBackground: true })
    await page.close()
  }
} finally {
  await browser.close()
}
