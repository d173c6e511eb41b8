/**
 * Bundles one file of types for each entry of the package: the public names and what they need. Started by
 * `pkg-scripts/build` with the folder that `tsc` wrote to; writes to `dist`, with the names in package.json.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')
const npm = join(root, 'crate/npm')
const require = createRequire(join(root, 'tests/package.json'))
const load = async (name) => await import(pathToFileURL(require.resolve(name)))
const { rollup } = await load('rollup')
const { dts } = await load('rollup-plugin-dts').catch(() => {
  console.error('error: the tools in tests/node_modules are older than tests/package.json: run pkg-scripts/setup')
  process.exit(1)
})

const [declarations] = process.argv.slice(2)
const { exports } = JSON.parse(readFileSync(join(npm, 'package.json'), 'utf8'))
const names = Object.values(exports).flatMap(({ types }) =>
  types === undefined ? [] : [types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1')],
)

/**
 * Modules included in `index`: other entries import the declarations that they share with it from there, so that a
 * class is declared once. A declaration that no public name of the core needs belongs to the entry that exports it.
 */
const core = new Set()
const apart = /\/(diagnostics|gemma\/protocol|gemma\/page\/(known-shapes|worker-client))\.d\.ts$/

const bundle = await rollup({
  input: Object.fromEntries(names.map((name) => [name, join(declarations, `${name}.d.ts`)])),
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  preserveEntrySignatures: 'allow-extension',
  plugins: [dts()],
  onwarn: ({ code, message }) => {
    if (code !== 'EMPTY_BUNDLE') throw new Error(`types: ${message}`)
  },
})
/** Comments at the start of a source file, followed by another comment or by nothing that they describe. */
const headers = /^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n+(?=\/\*\*|\/\/ |export |import )/gm

const { output } = await bundle.write({
  dir: join(npm, 'dist'),
  format: 'es',
  plugins: [{ name: 'headers', renderChunk: (code) => code.replace(headers, '').replace(/^\/\/ ──.*\n+/gm, '') }],
  entryFileNames: '[name].d.ts',
  // Modules that two entries share and the core does not contain.
  chunkFileNames: ({ name }) => `${name.replace(/\.d$/, '')}.d.ts`,
  minifyInternalExports: false,
  manualChunks: (id, { getModuleInfo }) => {
    if (core.size === 0) {
      const visit = (it) =>
        core.has(it) || apart.test(it) || (core.add(it), getModuleInfo(it).importedIds.forEach(visit))
      visit(join(declarations, 'index.d.ts'))
    }
    return apart.test(id) ? 'diagnostics' : core.has(id) ? 'index' : undefined
  },
})
// People read this file, in editors and as the golden copy.
const { format, resolveConfig } = (await load('prettier')).default
for (const { fileName, exports: found } of output) {
  const path = join(npm, 'dist', fileName)
  const options = await resolveConfig(path, { editorconfig: false })
  writeFileSync(path, await format(readFileSync(path, 'utf8'), { ...options, parser: 'typescript' }))
  console.log(`types: ${relative(root, path)}, ${found.length} names`)
}
