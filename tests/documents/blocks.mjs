/** The README and the guides: their code blocks, links and tables. */

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** Paths of the documents whose code is checked, relative to the root. */
export const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

export const textOf = (path) => readFileSync(join(root, path), 'utf8')

/** Returns every fenced block of a document: its language, its code and the line of its fence. */
export function blocksOf(path) {
  const blocks = []
  let open
  for (const [index, line] of textOf(path).split('\n').entries()) {
    const fence = /^```(\S*)/.exec(line)
    if (fence === null) open?.lines.push(line)
    else if (open === undefined) open = { path, line: index + 1, language: fence[1], lines: [] }
    else {
      blocks.push({ path, line: open.line, language: open.language, code: open.lines.join('\n') })
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: this block is not closed`)
  return blocks
}

/** Returns the blocks that are compiled and run. `jsx`, `json`, `sh` and the like are shown only. */
export const runnable = () => documents.flatMap(blocksOf).filter(({ language }) => ['js', 'ts'].includes(language))
