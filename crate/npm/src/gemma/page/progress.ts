/** Progress for display: one fraction that never decreases, in few enough events to render each. */

import type { LoadProgress } from '../../types.js'
import type { Step } from '../protocol.js'

type Phase = LoadProgress['phase']

const phases: readonly Phase[] = ['download', 'verify', 'upload', 'warmup']

/**
 * The start and end of each phase, by the phase with which the load begins. A download takes most of the time, if
 * there is one.
 */
const shares: Readonly<Record<Phase, Readonly<Record<Phase, readonly [number, number]>>>> = {
  download: { download: [0, 0.85], verify: [0.85, 0.9], upload: [0.9, 0.97], warmup: [0.97, 1] },
  verify: { download: [0, 0], verify: [0, 0.4], upload: [0.4, 0.9], warmup: [0.9, 1] },
  upload: { download: [0, 0], verify: [0, 0], upload: [0, 0.9], warmup: [0.9, 1] },
  warmup: { download: [0, 0], verify: [0, 0], upload: [0, 0], warmup: [0, 1] },
}

/** At most about seventeen events per second, not counting the first and the last. */
const spacingMs = 60

export class ProgressMeter {
  readonly #emit: (progress: LoadProgress) => void
  readonly #now: () => number
  #first: Phase | undefined
  #last: LoadProgress = { phase: 'upload', loadedBytes: 0, totalBytes: 0, fraction: 0 }
  #bytes = 0
  #emittedAt = -Infinity

  constructor(emit: (progress: LoadProgress) => void, now: () => number = () => performance.now()) {
    this.#emit = emit
    this.#now = now
  }

  /** Reports a step of the work. The first step with a known size is preceded by a fraction of 0. */
  step({ phase, loadedBytes, totalBytes }: Step): void {
    // Late steps of an earlier phase are dropped.
    if (phases.indexOf(phase) < phases.indexOf(this.#first === undefined ? phase : this.#last.phase)) return
    if (this.#first === undefined) this.#begin(phase, loadedBytes, totalBytes)
    // A warm-up counts steps.
    if (phase !== 'warmup') this.#bytes = totalBytes
    const [from, to] = shares[this.#first ?? phase][phase]
    const within = totalBytes > 0 ? Math.min(loadedBytes / totalBytes, 1) : 0
    // 1 is reported once, by `end`.
    const fraction = Math.min(Math.max(this.#last.fraction, from + (to - from) * within), 0.999)
    const isNews = phase !== this.#last.phase
    this.#last = { phase, loadedBytes, totalBytes, fraction }
    // The start of a phase is reported at once: the next step may be far away.
    if (isNews || this.#now() - this.#emittedAt >= spacingMs) this.#send(this.#last)
  }

  /** Reports 1. */
  end(totalBytes = this.#bytes): void {
    if (this.#first === undefined) this.#begin('upload', totalBytes, totalBytes)
    this.#send({ phase: 'warmup', loadedBytes: totalBytes, totalBytes, fraction: 1 })
  }

  #begin(phase: Phase, loadedBytes: number, totalBytes: number): void {
    this.#first = phase
    this.#send({ phase, loadedBytes, totalBytes, fraction: 0 })
  }

  #send(progress: LoadProgress): void {
    this.#emittedAt = this.#now()
    this.#emit(progress)
  }
}
