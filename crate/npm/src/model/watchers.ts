/** Listeners of a value that changes. */

import { invalid, reportQuietly } from '../border/errors.js'
import { kindOf } from '../border/json.js'

export class Watchers<T> {
  readonly #listeners = new Set<(value: T) => void>()

  /** Calls a listener at each change, until the returned function is called. */
  readonly add = (listener: (value: T) => void): (() => void) => {
    if (typeof listener !== 'function') throw invalid(`the listener must be a function, found ${kindOf(listener)}`)
    // A separate wrapper, so that a function that was added twice must be removed twice.
    const own = (value: T): void => listener(value)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Exceptions of a listener are reported, and affect neither the change nor the other listeners. */
  notify(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value)
      } catch (thrown) {
        reportQuietly(thrown)
      }
    }
  }
}
