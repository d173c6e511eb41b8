/** Where a file's bytes go while they arrive in any order: onto the disk, or into memory. */

/** The part of the standard's synchronous handle that is used; only workers have it. */
export interface SyncHandle {
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number
  truncate(size: number): void
  getSize(): number
  flush(): void
  close(): void
}

export interface Sink {
  write(bytes: Uint8Array<ArrayBuffer>, at: number): void
  read(into: Uint8Array<ArrayBuffer>, at: number): void
  /** Forgets all bytes. */
  empty(): void
  /** What is noted beside the bytes, for the next visit. */
  readonly journal: string
  note(journal: string): void
  close(): void
  /** The whole file, once it is whole and this is closed. */
  blob(): Promise<Blob>
}

/** A file with its journal in the origin's private file system. */
export class DiskSink implements Sink {
  readonly #file: FileSystemFileHandle
  readonly #weights: SyncHandle
  readonly #notes: SyncHandle
  readonly journal: string

  private constructor(file: FileSystemFileHandle, weights: SyncHandle, notes: SyncHandle) {
    this.#file = file
    this.#weights = weights
    this.#notes = notes
    const text = new Uint8Array(notes.getSize())
    notes.read(text, { at: 0 })
    this.journal = new TextDecoder().decode(text)
  }

  static async open(directory: FileSystemDirectoryHandle, weightsName: string, journalName: string): Promise<DiskSink> {
    const file = await directory.getFileHandle(weightsName, { create: true })
    const notesFile = await directory.getFileHandle(journalName, { create: true })
    const weights = await open(file)
    try {
      return new DiskSink(file, weights, await open(notesFile))
    } catch (thrown) {
      weights.close()
      throw thrown
    }
  }

  write(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    const written = this.#weights.write(bytes, { at })
    if (written !== bytes.byteLength) throw new DOMException('a write was cut short', 'QuotaExceededError')
  }

  read(into: Uint8Array<ArrayBuffer>, at: number): void {
    if (this.#weights.read(into, { at }) !== into.byteLength) throw new DOMException('a read was cut short', 'NotReadableError')
  }

  empty(): void {
    // The record first: bytes without a record are fetched again, a record without bytes would be believed.
    this.note('\n')
    this.#weights.truncate(0)
  }

  note(journal: string): void {
    // Written after the bytes it tells of. A tab or browser that dies loses neither; where the whole machine does, a digest tells.
    const text = new TextEncoder().encode(`${journal}\n`)
    this.#notes.write(text, { at: 0 })
    this.#notes.truncate(text.byteLength)
  }

  close(): void {
    this.#weights.flush()
    this.#weights.close()
    this.#notes.flush()
    this.#notes.close()
  }

  blob(): Promise<Blob> {
    return this.#file.getFile()
  }
}

async function open(file: FileSystemFileHandle): Promise<SyncHandle> {
  return await (file as unknown as { createSyncAccessHandle(): Promise<SyncHandle> }).createSyncAccessHandle()
}

/** Bytes in pieces of a bounded size, for where nothing can be kept. They stay outside of wasm, and the browser may move the finished blob to its disk. */
export class MemorySink implements Sink {
  static readonly #piece = 4 << 20
  #pieces: Uint8Array<ArrayBuffer>[] = []
  #size = 0
  readonly journal = ''

  write(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    this.#size = Math.max(this.#size, at + bytes.byteLength)
    this.#each(bytes.byteLength, at, (piece, inPiece, from, length) => piece.set(bytes.subarray(from, from + length), inPiece))
  }

  read(into: Uint8Array<ArrayBuffer>, at: number): void {
    this.#each(into.byteLength, at, (piece, inPiece, from, length) => into.set(piece.subarray(inPiece, inPiece + length), from))
  }

  empty(): void {
    this.#pieces = []
    this.#size = 0
  }

  note(): void {}

  close(): void {}

  async blob(): Promise<Blob> {
    const last = this.#size - MemorySink.#piece * (this.#pieces.length - 1)
    const blob = new Blob(this.#pieces.map((piece, index) => (index === this.#pieces.length - 1 ? piece.subarray(0, last) : piece)))
    this.#pieces = []
    return blob
  }

  #each(length: number, at: number, act: (piece: Uint8Array<ArrayBuffer>, inPiece: number, from: number, length: number) => void): void {
    for (let done = 0; done < length; ) {
      const index = Math.floor((at + done) / MemorySink.#piece)
      while (this.#pieces.length <= index) this.#pieces.push(new Uint8Array(MemorySink.#piece))
      const inPiece = (at + done) % MemorySink.#piece
      const part = Math.min(length - done, MemorySink.#piece - inPiece)
      act(this.#pieces[index] as Uint8Array<ArrayBuffer>, inPiece, done, part)
      done += part
    }
  }
}
