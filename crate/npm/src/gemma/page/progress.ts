/** Progress as people see it: one number that never falls, seldom enough to draw. */

import type { LoadProgress } from '../../types.js'
import type { Step } from '../protocol.js'

/** Where each phase begins and ends. A download takes nearly all of the time where there is one. */
const shares: Readonly<Record<LoadProgress['phase'], readonly [number, number]>> = {
  download: [0, 0.85],
  verify: [0.85, 0.9],
  upload: [0.9, 0.97],
  warmup: [0.97, 1],
}

const phases: readonly LoadProgress['phase'][] = ['download', 'verify', 'upload', 'warmup']

/** Twenty a second at most, the first and the last included. */
const spacingMs = 60

export class ProgressMeter {
  readonly #emit: (progress: LoadProgress) => void
  readonly #now: () => number
  #last: LoadProgress = { phase: 'download', loadedBytes: 0, totalBytes: 0, fraction: 0 }
  #toldAt = -Infinity

  constructor(emit: (progress: LoadProgress) => void, now: () => number = () => performance.now()) {
    this.#emit = emit
    this.#now = now
  }

  /** Says 0. */
  begin(totalBytes: number): void {
    this.#tell({ ...this.#last, totalBytes })
  }

  step({ phase, loadedBytes, totalBytes }: Step): void {
    // What comes late from an earlier phase says nothing new.
    if (phases.indexOf(phase) < phases.indexOf(this.#last.phase)) return
    const [from, to] = shares[phase]
    const within = totalBytes > 0 ? Math.min(loadedBytes / totalBytes, 1) : 0
    // 1 is said once, by the end.
    const fraction = Math.min(Math.max(this.#last.fraction, from + (to - from) * within), 0.999)
    const progress = { phase, loadedBytes, totalBytes, fraction }
    this.#last = progress
    if (this.#now() - this.#toldAt >= spacingMs) this.#tell(progress)
  }

  /** Says 1. */
  end(): void {
    const { totalBytes } = this.#last
    this.#tell({ phase: 'warmup', loadedBytes: totalBytes, totalBytes, fraction: 1 })
  }

  #tell(progress: LoadProgress): void {
    this.#toldAt = this.#now()
    this.#emit(progress)
  }
}
