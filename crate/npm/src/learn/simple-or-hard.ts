/** The classifier that comes with the package. */

import { Classifier } from './classifier.js'
import { weightsOfSimpleOrHard } from './simple-or-hard-weights.js'

let made: Classifier | undefined

/**
 * Separates "simple" requests, which a small model answers in one step, from "hard" ones. Trained on prompts that
 * `tests/learn/simple-or-hard` generates from templates, and on nothing that people wrote: take it as a start, and
 * train your own on
 * what your users ask.
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
