/** Links between documents point to existing files and headings, and the map names existing folders. */

import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { documents, root, textOf } from './blocks.mjs'

const all = [
  ...documents,
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'crate/ARCHITECTURE.md',
  'crate/gemma/ENGINE.md',
  'crate/tiny/README.md',
  'bench/RESULTS.md',
  'examples/README.md',
]

/** Returns a heading's anchor, as on GitHub. */
const anchor = (heading) =>
  heading
    .toLowerCase()
    .replace(/[`*]/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
const anchorsOf = (path) => [...textOf(path).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading))

for (const path of all) {
  test(`links of ${path}`, () => {
    const text = textOf(path).replace(/```[\s\S]*?```/g, '')
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [file, fragment] = target.split('#')
      const linked = file === '' ? path : normalize(join(dirname(path), file))
      assert.ok(existsSync(join(root, linked)), `${path} links to ${target}, which does not exist`)
      if (fragment !== undefined)
        assert.ok(anchorsOf(linked).includes(fragment), `${path} links to ${target}, and ${linked} has no such heading`)
    }
  })
}

test('the map is short, and its paths exist', () => {
  const map = textOf('crate/ARCHITECTURE.md')
  assert.ok(map.split('\n').length <= 180, 'ARCHITECTURE.md is a map of at most 180 lines')
  const folders = { core: 'crate/core/src', gemma: 'crate/gemma/src', npm: 'crate/npm/src' }
  let section
  let checked = 0
  for (const line of map.split('\n')) {
    if (line.startsWith('## ')) section = undefined
    section = /^### `crate\/(\w+)`/.exec(line)?.[1] ?? (line.startsWith('### ') ? 'root' : section)
    const cells = line.startsWith('| `') ? line.split('|').slice(1, -1) : []
    if (section === undefined || cells.length === 0) continue
    const within = folders[section] ?? '.'
    for (const [, name] of cells[0].matchAll(/`([\w./-]+)`/g)) {
      assert.ok(
        statSync(join(root, within, name), { throwIfNoEntry: false }) !== undefined,
        `the map names ${within}/${name}`,
      )
      checked++
    }
    const named = [...cells[0].matchAll(/`([\w./-]+)`/g)].map(([, name]) => name)
    for (const [, name] of cells.at(-1).matchAll(/`([\w./-]+\.\w+)`/g)) {
      const places = [...named.map((folder) => join(within, folder, name)), join(within, name)]
      assert.ok(
        places.some((place) => existsSync(join(root, place))),
        `the map names ${name} in ${within}/${named}`,
      )
      checked++
    }
  }
  assert.ok(checked > 30, 'ARCHITECTURE.md was not read')
})
