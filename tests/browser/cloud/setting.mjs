/** A page with the built package, and both emulators. */

import { join } from 'node:path'
import { startGemini } from '../../emulator/gemini.mjs'
import { startOpenAI } from '../../emulator/openai.mjs'
import { launch, openPage } from '../../support/chromium.mjs'
import { serve } from '../../support/server.mjs'

const root = join(import.meta.dirname, '../../..')

export const key = 'AIzaSyTHE-KEY-0123456789'

export async function openSetting() {
  const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/test/page.mjs"></script>'
  const [gemini, openai, server, browser] = await Promise.all([
    startGemini({ keys: [key] }),
    startOpenAI({ keys: [key] }),
    serve(
      { '/hybridge/': join(root, 'crate/npm'), '/test/': import.meta.dirname },
      { pages: { '/': { type: 'text/html', body: html } } },
    ),
    launch({ gpu: false }),
  ])
  const { page, problems } = await openPage(browser, `${server.origin}/`)
  const logged = []
  page.on('console', (message) => logged.push(message.text()))
  await page.waitForFunction(() => globalThis.streamed)
  const places = {
    gemini: { model: 'gemini-x', baseUrl: gemini.origin, apiKey: key },
    openai: { model: 'm', baseUrl: `${openai.origin}/v1`, apiKey: key },
    origin: server.origin,
  }
  return {
    gemini,
    openai,
    page,
    logged,
    problems,
    /** Runs a function in the page; its argument contains the options of both models, and `more`. */
    run: (work, more = {}) => page.evaluate(work, { ...places, ...more }),
    close: async () => {
      await browser.close()
      await Promise.all([server.close(), gemini.close(), openai.close()])
    },
  }
}
