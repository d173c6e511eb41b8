/**
 * The first example of each face's guide, run unchanged: with the built package for `hybridge`, and a cloud on
 * 127.0.0.1.
 */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { startGemini } from '../emulator/gemini.mjs'

const root = join(import.meta.dirname, '../..')
const guides = join(root, 'docs/faces')
let cloud
let folder

before(async () => {
  cloud = await startGemini()
  // Inside the tests' folder, so that the clients are found.
  folder = await mkdtemp(join(import.meta.dirname, '../node_modules/.guides-'))
})
after(() => Promise.all([cloud?.close(), folder && rm(folder, { recursive: true, force: true })]))

const { exports } = JSON.parse(await readFile(join(root, 'crate/npm/package.json'), 'utf8'))
const place = (name) => join(root, 'crate/npm', exports[name === 'hybridge' ? '.' : name.replace('hybridge', '.')].node)

for (const guide of (await readdir(guides)).filter((name) => name.endsWith('.md'))) {
  const text = await readFile(join(guides, guide), 'utf8')
  for (const [index, [, jsx]] of [...text.matchAll(/```jsx\n([\s\S]*?)```/g)].entries()) {
    test(`${guide}, component ${index + 1} is well-formed`, () => transform(jsx, { loader: 'jsx', jsx: 'automatic' }))
  }
  const example = /```js\n([\s\S]*?)```/.exec(text)?.[1]
  // Fragments render nothing by themselves.
  if (example === undefined || !example.includes('console.log')) continue
  test(guide, async () => {
    const script = example
      .replaceAll(/from '(hybridge(?:\/[\w-]+)*)'/g, (_, name) => `from '${place(name)}'`)
      .replaceAll("baseUrl: 'https://example.com/gemini'", `baseUrl: '${cloud.origin}', apiKey: 'none'`)
    const path = join(folder, guide.replace('.md', '.mjs'))
    await writeFile(path, script)
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', path], { timeout: 60_000 })
    assert.match(stdout, /You said|sky/i, stdout)
  })
}
