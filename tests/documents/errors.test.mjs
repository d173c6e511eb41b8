/** docs/errors.md has a row for every status and every code that the sources contain. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, textOf } from './blocks.mjs'

/**
 * Capitalised strings that aren't codes: wire formats, kernels' constants, encodings, prefixes of keys, errors of
 * operating systems.
 */
const isWire = (path) => /cloud\/(gemini|openai)\/|core\/src\/(gemini|openai)\/|privacy\/|gpu\/|quant/.test(path)
const others = new Set([
  'AUTO',
  'EDQUOT',
  'ENOSPC',
  'GGUF',
  'INVALID',
  'FAILED',
  'JSON',
  'NONE',
  'POST',
  'SCREAMING_SNAKE_CASE',
  'SECOND',
])

/** Returns a file without its comments and its unit tests. */
const codeOf = (path) =>
  readFileSync(join(root, path), 'utf8')
    .replace(/#\[cfg\(test\)\]\s*mod \w+ \{[\s\S]*/, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')

function codesInSources() {
  const folders = ['core', 'gemma', 'page', 'search', 'worker', 'npm'].map((name) => `crate/${name}/src`)
  const paths = execFileSync('git', ['ls-files', ...folders], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => /\.(rs|ts)$/.test(path) && !/(^|\/)(tests?|testing|suite|checks|table)(\.rs|\/)/.test(path))
  const codes = new Map()
  for (const path of paths) {
    const code = codeOf(path)
    const declared = [...code.matchAll(/with_code\(\s*"([A-Z][A-Z0-9_]+)"|\bcode: ["']([A-Z][A-Z0-9_]+)["']/g)].map(
      ([, rust, script]) => rust ?? script,
    )
    const quoted = isWire(path)
      ? []
      : [...code.matchAll(/(?<!b)["']([A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z]{6,})["']/g)].map(([, word]) => word)
    for (const word of [...declared, ...quoted]) if (!others.has(word)) codes.set(word, path)
  }
  return codes
}

/** Returns the code names in the first column of the tables. */
const rows = new Set(
  [...textOf('docs/errors.md').matchAll(/^\| (`[A-Z][^|]*) \|/gm)].flatMap(([, cell]) =>
    [...cell.matchAll(/`([A-Z0-9_]+)`/g)].map(([, word]) => word),
  ),
)

test('every code in the sources is in the table', () => {
  const missing = [...codesInSources()].filter(([word]) => !rows.has(word)).map(([word, path]) => `${word} (${path})`)
  assert.deepEqual(missing, [], 'add a row to docs/errors.md, with what to do')
})

test('the table contains no unknown code', () => {
  const codes = codesInSources()
  assert.ok(codes.size > 60, 'the sources were not found')
  assert.deepEqual(
    [...rows].filter((word) => !codes.has(word)),
    [],
  )
})

test('every status of the public type is in the table', () => {
  const [, union] = /export type Status =([\s\S]*?)\n\n/.exec(textOf('crate/npm/src/types.ts'))
  const statuses = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, word]) => word)
  assert.equal(statuses.length, 16)
  assert.deepEqual(
    statuses.filter((word) => !rows.has(word)),
    [],
  )
})

test('every code of the table is in the public type, for the editor to complete', () => {
  const types = textOf('crate/npm/src/types.ts')
  const statuses = /export type Status =([\s\S]*?)\n\n/.exec(types)[0]
  const missing = [...rows].filter((word) => !statuses.includes(`'${word}'`) && !types.includes(`  | '${word}'\n`))
  assert.deepEqual(missing, [])
})
