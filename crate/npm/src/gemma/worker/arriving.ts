/** A file that is read while it arrives. */

/** As much of a Blob as the engine asks for: a range is handed out as soon as it and all before it are there. */
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

  /** Whether something that was handed out, or would have been, is not what the file holds. */
  get isLost(): boolean {
    return this.#isLost
  }

  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> } {
    return { arrayBuffer: async () => await this.#bytes(start, end) }
  }

  /** How many bytes are stored without a gap. A smaller number than before means another file. */
  reach(prefix: number): void {
    if (prefix < this.#reached) return this.lose()
    this.#reached = prefix
    this.#wake()
  }

  /** It can't be read for a moment: what is requested waits until it is complete. */
  hold(): void {
    this.#read = undefined
  }

  /** All of it is there, and is here from now on. */
  complete(whole: Blob): void {
    this.#whole = whole
    this.#wake()
  }

  /** The download ended early, or its bytes were wrong. */
  lose(): void {
    this.#isLost = true
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async #bytes(start: number, end: number): Promise<ArrayBuffer> {
    for (;;) {
      if (this.#isLost) throw new DOMException('the file does not arrive', 'NotReadableError')
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
