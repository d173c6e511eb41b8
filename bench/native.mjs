/** Runs the kernels natively, through the engine's own example. */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** Returns the JSON object that the example prints. */
export function natively({ shape, body, precision, prompts, contexts, tokens }) {
  const options = [
    '--shape',
    shape,
    '--body',
    body,
    '--precision',
    precision,
    '--prompts',
    String(prompts),
    '--contexts',
    String(contexts),
    '--tokens',
    String(tokens),
  ]
  const cargo = ['run', '--quiet', '--release', '--package', 'hybridge-gemma', '--example', 'bench', '--', ...options]
  const text = execFileSync('cargo', cargo, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  return { where: 'native', device: 'gpu', wasm_peak_mb: null, ...JSON.parse(text) }
}
