/** The tarball's files and types, as golden files: every change is a visible diff. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { tarball } from './consumer.mjs'

const unpacked = mkdtempSync(join(tmpdir(), 'hybridge-golden-'))
execFileSync('tar', ['-xzf', tarball, '-C', unpacked])
after(() => rmSync(unpacked, { recursive: true, force: true }))

/** Compares with the golden file; UPDATE_GOLDEN=1 writes it instead. */
function check(name, actual) {
  const path = join(import.meta.dirname, 'golden', name)
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, actual)
  assert.equal(
    actual,
    readFileSync(path, 'utf8'),
    `${name} changed; if that is meant, run UPDATE_GOLDEN=1 pkg-scripts/test pack and commit the diff`,
  )
}

test('the file list is as recorded', () => {
  const files = readdirSync(join(unpacked, 'package'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(unpacked.length + '/package/'.length))
    .sort()
  check('files.txt', `${files.join('\n')}\n`)
})

test('the public types are as recorded', () => {
  const { exports } = JSON.parse(readFileSync(join(unpacked, 'package/package.json'), 'utf8'))
  const entries = Object.entries(exports).flatMap(([name, { types }]) =>
    types === undefined ? [] : [[name.replace('.', 'hybridge'), types.replace('./dist/', '')]],
  )
  const known = new Set(entries.map(([, file]) => file))
  // Files that two entries share and the core does not contain.
  const shared = readdirSync(join(unpacked, 'package/dist'), { recursive: true })
    .filter((file) => file.endsWith('.d.ts') && !known.has(file))
    .sort()
  const files = [...entries, ...shared.map((file) => [`shared: ${file}`, file])]
  check(
    'api.d.ts',
    files
      .map(([name, file]) => `// ── ${name}\n${readFileSync(join(unpacked, 'package/dist', file), 'utf8')}`)
      .join('\n'),
  )
})

test('installing runs nothing and adds no other package', () => {
  const manifest = JSON.parse(readFileSync(join(unpacked, 'package/package.json'), 'utf8'))
  assert.equal(manifest.scripts, undefined)
  assert.equal(manifest.dependencies, undefined)
  assert.equal(manifest.sideEffects, false)
})
