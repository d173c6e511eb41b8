/** Combines the progress of a model and of its companion files, which are downloaded one after the other, into one. */

import type { FileSource, Step } from '../protocol.js'

export class JoinedMeter {
  readonly #report: (step: Step) => void
  /** The sizes of all files: first as stated, then exact. */
  readonly #sizes: number[]

  constructor(report: (step: Step) => void, sources: readonly FileSource[]) {
    this.#report = report
    this.#sizes = sources.map(statedBytes)
  }

  /** Returns the listener for the download of one of the sources. */
  of(index: number): (step: Step) => void {
    return ({ phase, loadedBytes, totalBytes }) => {
      this.#sizes[index] = totalBytes
      // A phase that has ended cannot be reported again, but the next file is still to be downloaded.
      if (phase === 'verify' && index < this.#sizes.length - 1) return
      this.#report({ phase, loadedBytes: sum(this.#sizes.slice(0, index)) + loadedBytes, totalBytes: sum(this.#sizes) })
    }
  }
}

const sum = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0)

function statedBytes(source: FileSource): number {
  return sum('blobs' in source ? source.blobs.map(({ size }) => size) : source.files.map(({ bytes = 0 }) => bytes))
}
