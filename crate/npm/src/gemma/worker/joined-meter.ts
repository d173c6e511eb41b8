/** Combines the progress of a model and of its vision tower, which are downloaded one after the other, into one. */

import type { FileSource, LoadParams, Step } from '../protocol.js'

export class JoinedMeter {
  readonly #report: (step: Step) => void
  readonly #hasTower: boolean
  /** The size of the tower, as far as its address states it. */
  readonly #expected: number
  #modelBytes: number

  constructor(report: (step: Step) => void, { source, mmproj }: LoadParams) {
    this.#report = report
    this.#hasTower = mmproj !== undefined
    this.#expected = mmproj === undefined ? 0 : statedBytes(mmproj)
    this.#modelBytes = statedBytes(source)
  }

  /** Reports a step of the model's own download. */
  readonly model = ({ phase, loadedBytes, totalBytes }: Step): void => {
    this.#modelBytes = totalBytes
    // A phase that has ended cannot come again, but the tower's download does.
    if (phase === 'verify' && this.#hasTower) return
    this.#report({ phase, loadedBytes, totalBytes: totalBytes + this.#expected })
  }

  /** Reports a step of the tower's download. */
  readonly tower = ({ phase, loadedBytes, totalBytes }: Step): void =>
    this.#report({
      phase,
      loadedBytes: this.#modelBytes + loadedBytes,
      totalBytes: this.#modelBytes + totalBytes,
    })
}

function statedBytes(source: FileSource): number {
  return 'blobs' in source
    ? source.blobs.reduce((sum, { size }) => sum + size, 0)
    : source.files.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
}
