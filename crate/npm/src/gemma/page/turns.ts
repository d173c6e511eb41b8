/** A queue that runs one request at a time, in order. */

import { cancelled } from '../../border/thrown.js'

export class Turns {
  readonly #waiting: Array<() => void> = []
  readonly #onChange: () => void
  #isTaken = false

  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange
  }

  /** The number of waiting requests, excluding the running one. */
  get queued(): number {
    return this.#waiting.length
  }

  /**
   * Waits for the caller's turn and resolves to a function that ends it. Rejects with CANCELLED if the signal is
   * aborted first.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw cancelled(signal.reason)
    if (this.#isTaken) {
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          this.#waiting.splice(this.#waiting.indexOf(go), 1)
          this.#onChange()
          reject(cancelled(signal.reason))
        }
        const go = (): void => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        }
        signal.addEventListener('abort', onAbort, { once: true })
        this.#waiting.push(go)
        this.#onChange()
      })
    }
    this.#isTaken = true
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const next = this.#waiting.shift()
      // The next waiter takes over directly, so that no newcomer can overtake it.
      if (next === undefined) this.#isTaken = false
      else {
        next()
        this.#onChange()
      }
    }
  }
}
