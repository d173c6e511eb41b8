/** The system's Chromium under Playwright: with software WebGPU, or like a machine without a GPU. */

import { execFileSync } from 'node:child_process'
import { chromium } from 'playwright-core'

const quiet = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

function browserPath() {
  for (const name of [process.env.CHROME, 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    if (!name) continue
    try {
      return execFileSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).trim()
    } catch {
      // The older name is tried next.
    }
  }
  throw new Error('no Chrome or Chromium was found: run pkg-scripts/setup, or name one in CHROME')
}

/**
 * Starts a browser. `gpu: false` makes `requestAdapter()` return null; `keepsPages` enables the back/forward cache.
 */
export function launch({ gpu = true, keepsPages = false } = {}) {
  return chromium.launch({
    executablePath: browserPath(),
    args: ['--headless=new', ...quiet, ...(gpu ? ['--enable-unsafe-webgpu'] : [])],
    ignoreDefaultArgs: [
      '--disable-component-extensions-with-background-pages',
      ...(keepsPages ? ['--disable-back-forward-cache'] : []),
    ],
  })
}

/** A page whose console errors and uncaught errors are collected in `problems`. */
export async function openPage(browser, url) {
  const page = await browser.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await page.goto(url)
  return { page, problems }
}
