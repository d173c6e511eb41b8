/** The classifier included in the package. */

import { Classifier } from './classifier.js'
import { weightsOfSimpleOrHard } from './simple-or-hard-weights.js'

let made: Classifier | undefined

/**
 * Returns the included classifier of "simple" requests, which a small model answers in one step, and "hard" ones. It
 * was trained only on prompts generated from templates by `tests/learn/simple-or-hard`: use it as a start, and train
 * your own on your users' prompts.
 *
 * @example
 * simpleOrHard().classify('What is 2 + 2?').label // 'simple'
 */
export function simpleOrHard(): Classifier {
  return (made ??= Classifier.fromJSON({
    kind: 'hybridge.classifier',
    version: 1,
    input: 'text',
    size: 4096,
    labels: ['hard', 'simple'],
    ...weightsOfSimpleOrHard,
  }))
}
