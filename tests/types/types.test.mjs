// The public types under the strictest settings of a project.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const tests = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'hybridge-types-'))
after(() => rmSync(folder, { recursive: true, force: true }))

for (const [module, moduleResolution, exactOptionalPropertyTypes] of [
  ['es2022', 'bundler', true],
  ['es2022', 'bundler', false],
  ['nodenext', 'nodenext', true],
]) {
  const exact = exactOptionalPropertyTypes ? 'exact' : 'optional'
  test(`schemas, tools, media, parts and streams are typed, ${moduleResolution}, ${exact}`, () => {
    const config = join(folder, `${moduleResolution}-${exact}.json`)
    const compilerOptions = {
      module,
      moduleResolution,
      target: 'es2022',
      lib: ['ES2022', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
      types: [],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      paths: { hybridge: [join(tests, '../crate/npm/dist/index.d.ts')] },
    }
    writeFileSync(config, JSON.stringify({ compilerOptions, files: [join(import.meta.dirname, 'schemas.ts')] }))
    const { status, stdout } = spawnSync(join(tests, 'node_modules/.bin/tsc'), ['--project', config], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stdout)
  })
}
