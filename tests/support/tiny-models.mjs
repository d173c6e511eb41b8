/**
 * Tiny random models, generated at test time by the engine's own code, and the engine's native results for them.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

function example(name, args) {
  const cargo = [
    'run',
    '--quiet',
    '--package',
    'hybridge-gemma',
    '--no-default-features',
    '--features',
    'testing',
    '--example',
    name,
    '--',
    ...args,
  ]
  return execFileSync('cargo', cargo, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/**
 * Creates all of them in a new folder. `read(name)` returns a model's bytes, `readParts()` those of the split one,
 * `answer(name, args)` the reference pass's answer; `remove()` deletes the folder.
 */
export function tinyModels() {
  const folder = mkdtempSync(join(tmpdir(), 'hybridge-tiny-'))
  example('tiny', [folder])
  const path = (name) => join(folder, `${name}.gguf`)
  return {
    folder,
    read: (name) => readFileSync(path(name)),
    readParts: () => [1, 2, 3].map((number) => readFileSync(join(folder, `q8_0.${number}-of-3`))),
    answer: (name, args) => JSON.parse(example('gemma', [path(name), '--backend', 'scalar', '--json', ...args])),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
