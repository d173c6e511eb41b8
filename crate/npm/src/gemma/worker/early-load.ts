/**
 * Starts a load while the file is still being downloaded, so that packing, uploading and compiling overlap with the
 * download.
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
    // Reported to the pending load after the download, so that a second attempt finds the file.
    this.#loading.catch(() => {})
  }

  /** Returns the loaded model, if the load began and all bytes that it read were right. */
  get model(): Promise<Model> | undefined {
    return this.#file?.isLost === false ? this.#loading : undefined
  }

  /** Aborts the load and frees the model. */
  async giveUp(): Promise<void> {
    this.#file?.lose()
    const made = await this.#loading?.catch(() => undefined)
    made?.free()
  }
}
