/** Writes the tiny model's size and digest into the module that names it. */

import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const npm = join(import.meta.dirname, '../crate/npm')
const file = readFileSync(join(npm, 'tiny/tiny.gguf'))
const module = join(npm, 'src/tiny.ts')
const text = readFileSync(module, 'utf8')
  .replace(/sha256: '[^']*',/, `sha256: '${createHash('sha256').update(file).digest('hex')}',`)
  .replace(/bytes: [\d_]+,/, `bytes: ${file.length},`)
writeFileSync(module, text)
