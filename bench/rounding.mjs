/**
 * Measures the error of rounding vectors to halves and to 8 bits, as a GPU does with `precision: 'fast'`. Uses the
 * scalar twin, so no GPU is needed.
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
 * For tiny random models, the largest error in standard deviations of the logits; for the trained one, the right
 * answers with and without rounding.
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
