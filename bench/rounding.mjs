/**
 * What rounding vectors to halves and to 8 bits costs, as a GPU does it with `precision: 'fast'`: by its scalar twin,
 * so that it needs no GPU.
 */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './native.mjs'

const run = (words) =>
  execFileSync('cargo', ['run', '--quiet', '--release', ...words], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })

/**
 * Of tiny random models the largest loss in standard deviations of the logits; of the trained one right answers, exact
 * and rounded.
 */
export function roundingLoss() {
  const logits = JSON.parse(
    run(['--package', 'hybridge-gemma', '--no-default-features', '--features', 'testing', '--example', 'rounding']),
  )
  const judge = (...options) => {
    const words = [
      '--manifest-path',
      'crate/tiny/Cargo.toml',
      '--',
      'judge',
      '--count',
      '10',
      `q8_0=${join(root, 'crate/npm/tiny/tiny.gguf')}`,
      ...options,
    ]
    return /^\| all .*?\| ([\d.]+ %)/m.exec(run(words))?.[1]
  }
  const tasks = { exact: judge(), halves: judge('--rounding', 'halves'), bytes: judge('--rounding', 'bytes') }
  return { rounding_loss: logits, rounding_tasks: tasks }
}
