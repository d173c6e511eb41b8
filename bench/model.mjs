/** Synthetic models on disk: their patterns and, for other packages, the whole file. */

import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { root } from './native.mjs'

/** Outside the checkout, and safe to delete. */
export const cache = join(
  process.env.HYBRIDGE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hybridge'),
  'bench',
)

/** Returns a folder with `header`, `patterns` and `layout.json`. */
export function recipe({ shape, body, layers }) {
  const folder = join(cache, `${shape}-${body}${layers === undefined ? '' : `-${layers}`}`)
  const cargo = [
    'run',
    '--quiet',
    '--package',
    'hybridge-gemma',
    '--no-default-features',
    '--features',
    'testing',
    '--example',
    'synthetic',
    '--',
    shape,
    folder,
    body,
    ...(layers === undefined ? [] : [String(layers)]),
  ]
  execFileSync('cargo', cargo, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  return folder
}

/** Returns the same model as a GGUF file, written once. */
export function wholeFile(plan) {
  const folder = recipe(plan)
  const file = join(folder, 'model.gguf')
  if (existsSync(file)) return file
  mkdirSync(folder, { recursive: true })
  const { size, patterns, regions } = JSON.parse(readFileSync(join(folder, 'layout.json'), 'utf8'))
  const all = readFileSync(join(folder, 'patterns'))
  let at = 0
  const parts = patterns.map((length) => all.subarray(at, (at += length)))
  const out = openSync(`${file}.part`, 'w')
  writeSync(out, readFileSync(join(folder, 'header')), 0, undefined, 0)
  for (const [start, length, pattern] of regions) {
    const repeats = Math.max(1, Math.ceil((1 << 20) / parts[pattern].length))
    const block = Buffer.concat(Array(repeats).fill(parts[pattern]))
    for (let done = 0; done < length; done += block.length)
      writeSync(out, block, 0, Math.min(block.length, length - done), start + done)
  }
  writeSync(out, Buffer.alloc(1), 0, 1, size - 1)
  closeSync(out)
  renameSync(`${file}.part`, file)
  return file
}
