/** Common setup of the life-cycle tests: a browser, the package, a model's host, and a page. */

import { join } from 'node:path'
import { launch } from '../../support/chromium.mjs'
import { modelHost } from '../../support/model-host.mjs'
import { serve } from '../../support/server.mjs'
import { tinyModels } from '../../support/tiny-models.mjs'

const root = join(import.meta.dirname, '../../..')

/** The page of these tests: the package, with short timeouts. */
export const lifePage = `<!doctype html><title>life</title><script type="module">
  import * as core from '/hybridge/dist/index.js'
  import * as diagnostics from '/hybridge/dist/diagnostics.js'
  const hybridge = { ...core, ...diagnostics }
  // Short pauses for a local network.
  const impatient = { [Symbol.for('hybridge.downloadPolicy')]: { piece: 65536, parallel: 4, failures: 4, pauseMs: 5, stallMs: 400 } }
  const outcome = async (promise) =>
    promise.then((value) => ({ value }), ({ status, code, message }) => ({ status, code, message }))
  Object.assign(globalThis, { hybridge, impatient, outcome })
  globalThis.isReady = true
</script>`

export async function setUp({ gpu = false, pages = {}, mounts = {}, headers = {}, keepsPages = false } = {}) {
  const models = tinyModels()
  const host = await modelHost({})
  // The faults of the next workers, in order; workers request them as they start.
  const faults = []
  const nextFault = {
    type: 'text/plain',
    get body() {
      return faults.shift() ?? ''
    },
  }
  const site = await serve(
    { '/hybridge/': join(root, 'crate/npm'), '/life/': import.meta.dirname, ...mounts },
    { headers, pages: { '/': { type: 'text/html', body: lifePage }, '/fault': nextFault, ...pages } },
  )
  const browser = await launch({ gpu, keepsPages })
  const contexts = []
  return {
    models,
    host,
    site,
    browser,
    faults,
    /** A page in its own profile, or in that of another page. */
    open: async (beside) => {
      const context = beside?.context() ?? (await browser.newContext())
      contexts.push(context)
      const page = await context.newPage()
      await page.goto(`${site.origin}/`)
      await page.waitForFunction('globalThis.isReady === true')
      return page
    },
    close: async () => {
      await browser.close()
      await Promise.all([host.close(), site.close()])
      models.remove()
    },
  }
}

/** Clears a host's recorded requests. */
export function calm(host, files) {
  Object.assign(host, { files, moods: [], rule: undefined, knowsRanges: true, exposes: true, etag: undefined })
  host.requests.length = 0
}

/** Returns the stored bytes of the only model in a page's store. */
export const keptDigest = (page) =>
  page.evaluate(async () => {
    const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('hybridge-models')
    const digests = []
    for await (const directory of models.values()) {
      const parts = []
      for await (const [name, file] of directory.entries()) if (name.endsWith('.gguf')) parts.push([name, file])
      for (const [, file] of parts.sort(([a], [b]) => a.localeCompare(b))) {
        const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await (await file.getFile()).arrayBuffer()))
        digests.push([...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''))
      }
    }
    return digests
  })
