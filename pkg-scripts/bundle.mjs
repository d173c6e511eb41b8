/** One script for the page and one for the worker, from TypeScript and the generated glue. Started by `pkg-scripts/build` with their names. */

import { createRequire } from 'node:module'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const { build } = createRequire(join(root, 'tests/package.json'))('esbuild')

await build({
  entryPoints: process.argv.slice(2).map((name) => join(root, 'crate/npm/src', `${name}.ts`)),
  outdir: join(root, 'crate/npm/dist'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
})
