/** One at a time, in the order of asking. */

import { cancelled } from '../../border/thrown.js'

export class Turns {
  readonly #waiting: Array<() => void> = []
  readonly #onChange: () => void
  #isTaken = false

  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange
  }

  /** How many wait, the running one not counted. */
  get queued(): number {
    return this.#waiting.length
  }

  /**
   * Resolves when it is one's turn, to the function that ends it. Rejects with CANCELLED where the signal comes first.
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
      // The turn passes on without a gap into which a newcomer could slip.
      if (next === undefined) this.#isTaken = false
      else {
        next()
        this.#onChange()
      }
    }
  }
}
