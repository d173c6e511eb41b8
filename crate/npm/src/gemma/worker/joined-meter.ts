/** Progress of a model and its vision tower, fetched one after the other, as progress of one download. */

import type { FileSource, LoadParams, Step } from '../protocol.js'

export class JoinedMeter {
  readonly #report: (step: Step) => void
  readonly #hasTower: boolean
  /** Of the tower, as far as its address states it. */
  readonly #expected: number
  #modelBytes: number

  constructor(report: (step: Step) => void, { source, mmproj }: LoadParams) {
    this.#report = report
    this.#hasTower = mmproj !== undefined
    this.#expected = mmproj === undefined ? 0 : statedBytes(mmproj)
    this.#modelBytes = statedBytes(source)
  }

  /** A step of the model's own download. */
  readonly model = ({ phase, loadedBytes, totalBytes }: Step): void => {
    this.#modelBytes = totalBytes
    // A phase that has ended cannot come again, and the tower's download does.
    if (phase === 'verify' && this.#hasTower) return
    this.#report({ phase, loadedBytes, totalBytes: totalBytes + this.#expected })
  }

  /** A step of the tower's. */
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
