/**
 * Bundles one script for each entry of the package, from TypeScript and the generated glue. Started by
 * `pkg-scripts/build` with the entries' names. `node` is `index` with the page's wasm inside, and the retrieval entry
 * for Node contains the search's wasm, because Node and similar hosts fetch no files and bundlers for servers move
 * them. Faces are separate files beside both, and import the one copy of the core that their page or process has.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { faces } from './faces.mjs'

const root = join(import.meta.dirname, '..')
const npm = join(root, 'crate/npm')
const { build } = createRequire(join(root, 'tests/package.json'))('esbuild')

// The worker's script is named like the page's, but its source is in the folder of its thread.
const sources = { node: 'index.ts', redact: 'redact/engine.ts', worker: 'gemma/worker/worker.ts' }
const embedded = (wasm) => JSON.stringify(readFileSync(join(npm, `wasm/${wasm}/hybridge_${wasm}_bg.wasm`), 'base64'))
const shared = {
  outdir: join(npm, 'dist'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
}

/** The part of the core that is loaded when a model redacts. */
const onDemand = {
  name: 'on-demand',
  setup: ({ onResolve }) => onResolve({ filter: /\/engine\.js$/ }, () => ({ path: './redact.js', external: true })),
}

/** Faces import the core, and what they load later, by relative paths, which every loader resolves in the same way. */
const beside = (core) => ({
  name: 'beside',
  setup({ onResolve }) {
    const source = (path) => join(npm, 'src', path.replace(/ts$/, 'js'))
    const later = new Map(Object.entries(faces).map(([name, path]) => [source(path), `./${name}.js`]))
    onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
      const target = join(resolveDir, path)
      const place = target === source('index.ts') ? core : kind === 'dynamic-import' ? later.get(target) : undefined
      return place === undefined ? undefined : { path: place, external: true }
    })
  },
})

async function bundleFaces(folder, core) {
  const entryPoints = Object.entries(faces).map(([name, path]) => ({
    in: join(npm, 'src', path),
    out: join(folder, name),
  }))
  const define = { EMBEDDED_SEARCH_WASM: folder === 'node' ? embedded('search') : 'undefined' }
  await build({ ...shared, entryPoints, define, plugins: [beside(core)], external: ['react'] })
}

for (const name of process.argv.slice(2)) {
  await build({
    ...shared,
    entryPoints: { [name]: join(npm, 'src', sources[name] ?? `${name}.ts`) },
    plugins: name === 'redact' ? [] : [onDemand],
    define: { EMBEDDED_PAGE_WASM: name === 'node' ? embedded('page') : 'undefined' },
    // Stack traces refer to the sources, which the map contains. The map of `node` would contain the wasm.
    sourcemap: name !== 'node',
  })
  if (name === 'index') await bundleFaces('.', './index.js')
  if (name === 'node') await bundleFaces('node', '../node.js')
}
