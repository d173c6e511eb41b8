/**
 * A load that begins while the file is still on its way, so that packing, uploading and compiling take no time of their
 * own.
 */

import type { Model } from './wasm.js'
import type { Arriving } from './arriving.js'

export class EarlyLoad {
  readonly #open: (files: readonly Arriving[]) => Promise<Model>
  #file: Arriving | undefined
  #loading: Promise<Model> | undefined

  constructor(open: (files: readonly Arriving[]) => Promise<Model>) {
    this.#open = open
  }

  begin(file: Arriving): void {
    this.#file = file
    this.#loading = this.#open([file])
    // Reported to the pending load after the download, so that a second try finds the file.
    this.#loading.catch(() => {})
  }

  /** What it comes to, if it began and nothing that it was given has turned out to be wrong. */
  get model(): Promise<Model> | undefined {
    return this.#file?.isLost === false ? this.#loading : undefined
  }

  /** Ends it, and frees what it made. */
  async giveUp(): Promise<void> {
    this.#file?.lose()
    const made = await this.#loading?.catch(() => undefined)
    made?.free()
  }
}
