/**
 * Retrains the included "simple" or "hard" classifier: `node tests/learn/simple-or-hard/train.mjs`, after
 * `pkg-scripts/build`.
 */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { prompts } from './prompts.mjs'

const npm = join(import.meta.dirname, '../../../crate/npm')
const { Classifier } = await import(join(npm, 'dist/learn.js'))

// All templates: the held-out ones are excluded only for the reported figures. A quarter of the buckets, for a smaller
// download.
const samples = [...prompts(2000), ...prompts(1000, { seed: 2, heldOut: true })]
const { biases, scales, weights } = Classifier.train(samples, { buckets: 4096 }).toJSON()
const source = `/** Made by tests/learn/simple-or-hard/train.mjs from generated prompts; not edited by hand. */

export const weightsOfSimpleOrHard = {
  biases: ${JSON.stringify(biases)},
  scales: ${JSON.stringify(scales)},
  weights:
${weights
  .match(/.{1,110}/g)
  .map((line) => `    '${line}'`)
  .join(' +\n')},
}
`
await writeFile(join(npm, 'src/learn/simple-or-hard-weights.ts'), source)
