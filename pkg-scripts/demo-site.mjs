/** Writes the demo as static files for any host and any path on it: `node pkg-scripts/demo-site.mjs DIR`. */

import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The files of the package that a page may request. */
const shell = ['dist/index.js', 'dist/tiny.js', 'dist/redact.js', 'wasm/page/hybridge_page_bg.wasm']
/** One of two engines is used, depending on the device. */
const engines = {
  cpu: ['dist/worker.js', 'wasm/cpu/hybridge_cpu_bg.wasm'],
  gpu: ['dist/worker.js', 'wasm/worker/hybridge_worker_bg.wasm'],
}
const engine = [...new Set(Object.values(engines).flat())]

/** The README's picture, and the service worker, which the browser caches itself. */
const isPage = (name) => name !== 'demo.png' && name !== 'sw.js'

function partsOf(root) {
  const pages = readdirSync(join(root, 'www')).filter(isPage)
  const own = (paths) => paths.filter((path) => existsSync(join(root, 'crate/npm', path)))
  return { pages, shell: own(shell), engine: own(engine) }
}

/** Returns the script that lists the files for the service worker; its version is a hash of all their contents. */
export function serviceWorkerFiles(root) {
  const { pages, shell, engine } = partsOf(root)
  const hash = createHash('sha256')
  for (const path of pages) hash.update(path).update(readFileSync(join(root, 'www', path)))
  for (const path of [...shell, ...engine]) hash.update(path).update(readFileSync(join(root, 'crate/npm', path)))
  const within = (path) => `hybridge/${path}`
  const demo = {
    version: hash.digest('hex').slice(0, 16),
    shell: [...pages, ...shell.map(within)],
    engines: { cpu: engines.cpu.map(within), gpu: engines.gpu.map(within) },
  }
  return `self.demo = ${JSON.stringify(demo)}\n`
}

/** Copies all files of the demo into `folder`. */
export function writeSite(root, folder) {
  const { pages, shell, engine } = partsOf(root)
  const copy = (from, to) => {
    mkdirSync(dirname(join(folder, to)), { recursive: true })
    cpSync(join(root, from), join(folder, to))
  }
  for (const path of [...pages, 'sw.js']) copy(`www/${path}`, path)
  for (const path of [...shell, ...engine, 'tiny/tiny.gguf']) copy(`crate/npm/${path}`, `hybridge/${path}`)
  writeFileSync(join(folder, 'sw-files.js'), serviceWorkerFiles(root))
  // There is no emulator beside it.
  writeFileSync(join(folder, 'demo.json'), '{}\n')
}

if (process.argv[1] === import.meta.filename) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined) throw new Error('name the folder to write: node pkg-scripts/demo-site.mjs DIR')
  writeSite(join(import.meta.dirname, '..'), folder)
}
