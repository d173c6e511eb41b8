/**
 * One script for each entry of the package, from TypeScript and the generated glue. Started by `pkg-scripts/build` with their names.
 * `node` is `index` with the page's wasm inside: Node and its kin fetch no files, and bundlers for servers move them.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const npm = join(root, 'crate/npm')
const { build } = createRequire(join(root, 'tests/package.json'))('esbuild')

// The worker's script is named beside the page's, but its source lies in the room of its thread.
const sources = { node: 'index.ts', worker: 'gemma/worker/worker.ts' }
const embedded = () => JSON.stringify(readFileSync(join(npm, 'wasm/page/hybridge_page_bg.wasm'), 'base64'))

for (const name of process.argv.slice(2)) {
  await build({
    entryPoints: { [name]: join(npm, 'src', sources[name] ?? `${name}.ts`) },
    outdir: join(npm, 'dist'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    define: { EMBEDDED_PAGE_WASM: name === 'node' ? embedded() : 'undefined' },
    legalComments: 'none',
    logLevel: 'warning',
  })
}
