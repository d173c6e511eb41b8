/** Stores a file's bytes, which arrive in any order, on disk or in memory. */

import { openFile, type SyncHandle } from '../../border/sync-handle.js'
import { fileIn } from '../layout.js'

export interface Sink {
  write(bytes: Uint8Array<ArrayBuffer>, at: number): void
  read(into: Uint8Array<ArrayBuffer>, at: number): void
  /** Discards all bytes. */
  empty(): void
  /** The length of the file when it was opened, gaps included. */
  readonly length: number
  /** The journal as it was when the file was opened. */
  readonly journal: string
  /** Writes the journal for the next visit. If that fails, it lags behind the bytes, which is safe. */
  note(journal: string): void
  /** Cuts the complete file after its end. */
  finish(size: number): void
  close(): void
  /** Returns the whole file, once it is complete and this sink is closed. */
  blob(): Promise<Blob>
}

/** Journals are short; a longer one is damaged. */
const longestJournal = 1 << 20

/** A file and its journal in the origin private file system. */
export class DiskSink implements Sink {
  readonly #file: FileSystemFileHandle
  readonly #weights: SyncHandle
  readonly #notes: SyncHandle
  readonly journal: string
  readonly length: number

  private constructor(file: FileSystemFileHandle, weights: SyncHandle, notes: SyncHandle) {
    this.#file = file
    this.#weights = weights
    this.#notes = notes
    this.length = weights.getSize()
    const text = new Uint8Array(Math.min(notes.getSize(), longestJournal))
    notes.read(text, { at: 0 })
    this.journal = new TextDecoder().decode(text)
  }

  static async open(directory: FileSystemDirectoryHandle, weightsName: string, journalName: string): Promise<DiskSink> {
    const file = await fileIn(directory, weightsName)
    const notesFile = await fileIn(directory, journalName)
    const weights = await openFile(file)
    try {
      return new DiskSink(file, weights, await openFile(notesFile))
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
    if (this.#weights.read(into, { at }) !== into.byteLength)
      throw new DOMException('a read was cut short', 'NotReadableError')
  }

  empty(): void {
    // The journal is emptied first: bytes without a journal are fetched again, but a journal without bytes would be
    // trusted.
    this.note('')
    this.#notes.flush()
    this.#weights.truncate(0)
  }

  note(journal: string): void {
    try {
      // The bytes are flushed first, so that the journal never claims bytes that a power cut took away.
      this.#weights.flush()
      const text = new TextEncoder().encode(`${journal}\n`)
      this.#notes.write(text, { at: 0 })
      this.#notes.truncate(text.byteLength)
    } catch {
      // The disk is full. The older journal is still valid.
    }
  }

  finish(size: number): void {
    if (this.#weights.getSize() > size) this.#weights.truncate(size)
  }

  close(): void {
    for (const handle of [this.#weights, this.#notes]) {
      try {
        handle.flush()
      } catch {
        // Bytes that could not be flushed are fetched again.
      }
      handle.close()
    }
  }

  blob(): Promise<Blob> {
    return this.#file.getFile()
  }
}

/**
 * Stores bytes in chunks of a bounded size, without persistent storage. They stay outside of wasm, and the browser may
 * move the finished blob to disk.
 */
export class MemorySink implements Sink {
  static readonly #piece = 4 << 20
  #pieces: Uint8Array<ArrayBuffer>[] = []
  #size = 0
  readonly journal = ''
  readonly length = 0

  write(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    this.#size = Math.max(this.#size, at + bytes.byteLength)
    this.#each(bytes.byteLength, at, (piece, inPiece, from, length) =>
      piece.set(bytes.subarray(from, from + length), inPiece),
    )
  }

  read(into: Uint8Array<ArrayBuffer>, at: number): void {
    this.#each(into.byteLength, at, (piece, inPiece, from, length) =>
      into.set(piece.subarray(inPiece, inPiece + length), from),
    )
  }

  empty(): void {
    this.#pieces = []
    this.#size = 0
  }

  note(): void {}

  finish(): void {}

  close(): void {}

  async blob(): Promise<Blob> {
    const last = this.#size - MemorySink.#piece * (this.#pieces.length - 1)
    const blob = new Blob(
      this.#pieces.map((piece, index) => (index === this.#pieces.length - 1 ? piece.subarray(0, last) : piece)),
    )
    this.#pieces = []
    return blob
  }

  #each(
    length: number,
    at: number,
    act: (piece: Uint8Array<ArrayBuffer>, inPiece: number, from: number, length: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const index = Math.floor((at + done) / MemorySink.#piece)
      while (this.#pieces.length <= index) this.#pieces.push(new Uint8Array(MemorySink.#piece))
      const inPiece = (at + done) % MemorySink.#piece
      const part = Math.min(length - done, MemorySink.#piece - inPiece)
      act(this.#pieces[index] as Uint8Array<ArrayBuffer>, inPiece, done, part)
      done += part
    }
  }
}
