/** Bundles a module of the package's TypeScript for Node, to test it without a browser. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '../../crate/npm/src')

/** Imports several modules of `crate/npm/src` as one, so that they share what they import. */
export async function importSource(...names) {
  const contents = names.map((name) => `export * from './${name}'`).join('\n')
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    external: ['../../wasm/*'], // Built in a later tier; only code that loads it would fail.
    logLevel: 'warning',
  })
  const folder = mkdtempSync(join(tmpdir(), 'hybridge-source-'))
  const file = join(folder, 'module.mjs')
  writeFileSync(file, outputFiles[0].contents)
  try {
    return await import(pathToFileURL(file).href)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
