/** An error of the worker's own scripts, in the form sent to the page. */

import type { Failure } from '../protocol.js'

export class Refusal extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message)
  }
}

export function stopped(): Refusal {
  return new Refusal({ status: 'CANCELLED', message: 'stopped by the caller' })
}
