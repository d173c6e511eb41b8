/** Drives a `Life`: passes events in, settles the callers' promises, and has the branch perform the other actions. */

import type { HybridError } from '../border/errors.js'
import { cancelled } from '../border/thrown.js'
import { Life, type LifeEvent, type LifeState, type LifeTask } from './life.js'

interface Caller {
  resolve(): void
  reject(error: HybridError): void
}

export class Lifecycle {
  readonly #life: Life
  readonly #perform: (action: LifeTask) => void
  readonly #onChange: () => void
  readonly #callers = new Map<number, Caller>()
  #lastCaller = 0

  constructor(options: { isKept: boolean; perform: (action: LifeTask) => void; onChange: () => void }) {
    this.#life = new Life(options.isKept)
    this.#perform = options.perform
    this.#onChange = options.onChange
  }

  get state(): LifeState {
    return this.#life.state
  }

  feed(event: LifeEvent): void {
    const before = this.state
    for (const action of this.#life.feed(event)) {
      if (action.kind === 'settle') this.#settle(action.caller, action.error)
      else this.#perform(action)
    }
    if (this.state !== before) this.#onChange()
  }

  /** Waits for the load in progress, or synchronously begins one. The caller's signal ends its own wait. */
  async join(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw cancelled(signal.reason)
    const caller = ++this.#lastCaller
    const onAbort = (): void => this.feed({ kind: 'callerLeft', caller, reason: signal?.reason })
    try {
      await new Promise<void>((resolve, reject) => {
        this.#callers.set(caller, { resolve, reject })
        signal?.addEventListener('abort', onAbort, { once: true })
        this.feed({ kind: 'load', caller })
      })
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #settle(number: number, error: HybridError | undefined): void {
    const caller = this.#callers.get(number)
    this.#callers.delete(number)
    if (error === undefined) caller?.resolve()
    else caller?.reject(error)
  }
}
