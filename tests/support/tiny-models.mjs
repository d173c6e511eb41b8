/**
 * Tiny random models, written at test time by the engine's own maker of them, and what the engine says about them
 * natively.
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
 * All of them in a fresh folder. `read(name)` is a model's bytes, `readParts()` those of the one that is split;
 * `answer(name, args)` what the plain pass makes of it; `remove()` deletes the folder.
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
