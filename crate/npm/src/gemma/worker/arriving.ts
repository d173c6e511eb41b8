/** A file that is read while it is being downloaded. */

/** The part of Blob that the engine uses: a range is available as soon as it and all bytes before it are stored. */
export class Arriving {
  readonly size: number
  #read: ((into: Uint8Array<ArrayBuffer>, at: number) => void) | undefined
  #reached = 0
  #whole: Blob | undefined
  #isLost = false
  #waiting: Array<() => void> = []

  constructor(size: number, read: (into: Uint8Array<ArrayBuffer>, at: number) => void) {
    this.size = size
    this.#read = read
  }

  /** Whether any bytes handed out so far turned out not to be the file's. */
  get isLost(): boolean {
    return this.#isLost
  }

  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> } {
    return { arrayBuffer: async () => await this.#bytes(start, end) }
  }

  /** Sets the number of bytes stored without a gap. A smaller number than before means a different file. */
  reach(prefix: number): void {
    if (prefix < this.#reached) return this.lose()
    this.#reached = prefix
    this.#wake()
  }

  /** Makes readers wait until the file is complete, because it cannot be read for now. */
  hold(): void {
    this.#read = undefined
  }

  /** Marks the file as complete. */
  complete(whole: Blob): void {
    this.#whole = whole
    this.#wake()
  }

  /** Rejects readers: the download ended early, or its bytes were wrong. */
  lose(): void {
    this.#isLost = true
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async #bytes(start: number, end: number): Promise<ArrayBuffer> {
    for (;;) {
      if (this.#isLost) throw new DOMException('the download ended before the file was complete', 'NotReadableError')
      if (this.#whole !== undefined) return await this.#whole.slice(start, end).arrayBuffer()
      if (this.#read !== undefined && this.#reached >= end) {
        const bytes = new Uint8Array(end - start)
        this.#read(bytes, start)
        return bytes.buffer
      }
      await new Promise<void>((wake) => this.#waiting.push(wake))
    }
  }
}
