/** The storage of a store's file: memory, the origin private file system, or a folder in Node. */

import { StoreFailure } from './failure.js'

/** A file with synchronous access. */
export interface StoreFile {
  size(): number
  /** Reads bytes into `into`, up to the end of the file. */
  read(into: Uint8Array<ArrayBuffer>, at: number): number
  /** Returns the number of bytes written. */
  write(bytes: Uint8Array<ArrayBuffer>, at: number): number
  truncate(size: number): void
  flush(): void
}

/** The files of one store, by generation: a compacted store is a new file. */
export interface Files {
  list(): Promise<number[]>
  open(generation: number, create: boolean): Promise<StoreFile | undefined>
  remove(generation: number): Promise<void>
}

export interface Place {
  readonly isPersistent: boolean
  /** Runs `work` exclusively among tabs and stores, one after the other. */
  exclusively<T>(work: (files: Files) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Runs one task after the other. A failed task does not stop the next. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work)
    this.#last = next.catch(() => {})
    return next
  }
}

/** Bytes in chunks, so that growth copies nothing. */
class MemoryFile implements StoreFile {
  static readonly #piece = 1 << 20
  readonly #pieces: Uint8Array<ArrayBuffer>[] = []
  #size = 0

  size(): number {
    return this.#size
  }

  read(into: Uint8Array<ArrayBuffer>, at: number): number {
    const length = Math.max(0, Math.min(into.length, this.#size - at))
    this.#each(length, at, (piece, inPiece, from, part) => into.set(piece.subarray(inPiece, inPiece + part), from))
    return length
  }

  write(bytes: Uint8Array<ArrayBuffer>, at: number): number {
    this.#each(bytes.length, at, (piece, inPiece, from, part) => piece.set(bytes.subarray(from, from + part), inPiece))
    this.#size = Math.max(this.#size, at + bytes.length)
    return bytes.length
  }

  truncate(size: number): void {
    this.#size = size
    this.#pieces.length = Math.ceil(size / MemoryFile.#piece)
  }

  flush(): void {}

  #each(
    length: number,
    at: number,
    act: (piece: Uint8Array<ArrayBuffer>, inPiece: number, from: number, part: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const index = Math.floor((at + done) / MemoryFile.#piece)
      while (this.#pieces.length <= index) this.#pieces.push(new Uint8Array(MemoryFile.#piece))
      const inPiece = (at + done) % MemoryFile.#piece
      const part = Math.min(length - done, MemoryFile.#piece - inPiece)
      act(this.#pieces[index] as Uint8Array<ArrayBuffer>, inPiece, done, part)
      done += part
    }
  }
}

/** A store that exists as long as its object. */
export function memoryPlace(): Place {
  const queue = new Queue()
  const kept = new Map<number, MemoryFile>()
  const files: Files = {
    list: async () => [...kept.keys()],
    open: async (generation, create) => {
      const found = kept.get(generation)
      if (found !== undefined || !create) return found
      const made = new MemoryFile()
      kept.set(generation, made)
      return made
    },
    remove: async (generation) => void kept.delete(generation),
  }
  return {
    isPersistent: false,
    exclusively: (work) => queue.run(() => work(files)),
    close: async () => kept.clear(),
  }
}

export const fileName = (generation: number): string => `${generation}.store`

/** Returns the generations among the names in a folder, where other programs may have left anything. */
export function generationsOf(names: readonly string[]): number[] {
  return names.flatMap((name) => {
    const [, digits] = /^(\d{1,15})\.store$/.exec(name) ?? []
    return digits === undefined ? [] : [Number(digits)]
  })
}

/** Stores of one process in one folder take turns. Other processes must not use the folder at the same time. */
const folders = new Map<string, Queue>()

/** A folder in Node, Bun or Deno. */
export async function folderPlace(path: string): Promise<Place> {
  const fs = await nodeFiles()
  try {
    fs.mkdirSync(path, { recursive: true })
  } catch {
    throw new StoreFailure('FAILED_PRECONDITION', 'the folder of the store cannot be made; check `folder`', {
      code: 'STORE_UNAVAILABLE',
    })
  }
  const folder = fs.realpathSync(path)
  const queue = folders.get(folder) ?? new Queue()
  folders.set(folder, queue)
  return {
    isPersistent: true,
    exclusively: (work) =>
      queue.run(async () => {
        const open = new Map<number, number>()
        const close = (generation: number): void => {
          const file = open.get(generation)
          if (file !== undefined) fs.closeSync(file)
          open.delete(generation)
        }
        try {
          return await work({
            list: async () => generationsOf(fs.readdirSync(folder)),
            open: async (generation, create) => {
              const address = `${folder}/${fileName(generation)}`
              if (!fs.existsSync(address)) {
                if (!create) return undefined
                fs.closeSync(fs.openSync(address, 'a'))
              }
              const file = open.get(generation) ?? fs.openSync(address, 'r+')
              open.set(generation, file)
              return {
                size: () => fs.fstatSync(file).size,
                read: (into, at) => fs.readSync(file, into, 0, into.length, at),
                write: (bytes, at) => fs.writeSync(file, bytes, 0, bytes.length, at),
                truncate: (size) => fs.ftruncateSync(file, size),
                flush: () => fs.fsyncSync(file),
              }
            },
            remove: async (generation) => {
              close(generation)
              fs.rmSync(`${folder}/${fileName(generation)}`, { force: true })
            },
          })
        } finally {
          for (const generation of [...open.keys()]) close(generation)
        }
      }),
    close: async () => {},
  }
}

/** Set only by the build for Node, so that bundlers for browsers find no import of Node's modules. */
declare const EMBEDDED_SEARCH_WASM: string | undefined

async function nodeFiles(): Promise<NodeFiles> {
  if (typeof EMBEDDED_SEARCH_WASM === 'string') {
    const name: string = 'node:fs'
    return (await import(name)) as NodeFiles
  }
  throw new StoreFailure('FAILED_PRECONDITION', 'a store in a folder needs Node; in a browser give it a `name`', {
    code: 'STORE_UNAVAILABLE',
  })
}

/** The part of `node:fs` that is used here. */
interface NodeFiles {
  mkdirSync(path: string, options: { recursive: true }): void
  realpathSync(path: string): string
  readdirSync(path: string): string[]
  existsSync(path: string): boolean
  rmSync(path: string, options: { force: true }): void
  openSync(path: string, flags: string): number
  closeSync(file: number): void
  fstatSync(file: number): { size: number }
  readSync(file: number, into: Uint8Array, offset: number, length: number, at: number): number
  writeSync(file: number, from: Uint8Array, offset: number, length: number, at: number): number
  ftruncateSync(file: number, size: number): void
  fsyncSync(file: number): void
}
