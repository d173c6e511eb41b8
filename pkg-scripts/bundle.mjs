/** One script for the page and one for the worker, from TypeScript and the generated glue. Started by `pkg-scripts/build` with their names. */

import { createRequire } from 'node:module'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const { build } = createRequire(join(root, 'tests/package.json'))('esbuild')

// The worker's script is named beside the page's, but its source lies in the room of its thread.
const sourceOf = (name) => join(root, 'crate/npm/src', name === 'worker' ? 'gemma/worker/worker.ts' : `${name}.ts`)

await build({
  entryPoints: Object.fromEntries(process.argv.slice(2).map((name) => [name, sourceOf(name)])),
  outdir: join(root, 'crate/npm/dist'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
})
