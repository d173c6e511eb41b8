/** The faces compile with the clients' own types, and their types need none of the clients to be installed. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const npm = join(import.meta.dirname, '../../crate/npm')
const modules = join(import.meta.dirname, '../node_modules')
const { exports } = JSON.parse(await readFile(join(npm, 'package.json'), 'utf8'))
const paths = Object.fromEntries(
  Object.entries(exports)
    .filter(([, it]) => it.types)
    .map(([name, { types }]) => [`hybridge${name.slice(1)}`, [join(npm, types)]]),
)

const compile = async (options) => {
  const folder = await mkdtemp(join(modules, '.types-'))
  const shared = {
    target: 'es2022',
    module: 'es2022',
    moduleResolution: 'bundler',
    strict: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'],
    paths,
  }
  try {
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...shared, ...options.compilerOptions }, files: options.files }),
    )
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(modules, 'typescript/bin/tsc'), '--project', folder],
      { cwd: folder },
    ).catch((failed) => failed)
    return stdout
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('with the types of the clients', async () => {
  assert.equal(
    await compile({
      compilerOptions: { skipLibCheck: true, types: ['dom-chromium-ai', 'node'], typeRoots: [join(modules, '@types')] },
      files: [join(import.meta.dirname, 'types/faces.ts')],
    }),
    '',
  )
})

test('alone, with exact optional properties and without skipLibCheck', async () => {
  const files = Object.values(paths)
    .map(([path]) => path)
    .filter((path) => /faces|otel/.test(path))
  assert.ok(files.length >= 7)
  assert.equal(await compile({ compilerOptions: { exactOptionalPropertyTypes: true, types: [] }, files }), '')
})
