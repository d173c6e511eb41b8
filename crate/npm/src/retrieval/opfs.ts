/**
 * A store's files in the origin private file system, shared by tabs.
 *
 * One tab at a time has the store's lock, and with it the file. It keeps both until another tab requests them, so that
 * a single tab opens its file once; a tab that needs the store sends a request on a channel, and gets the lock after
 * the current work. If a tab is killed, the browser releases its lock.
 */

import { openFile, type SyncHandle } from '../border/sync-handle.js'
import { fileName, generationsOf, Queue, type Files, type Place, type StoreFile } from './files.js'
import { folderName, lockName, rootFolder } from './layout.js'

/** A file that is unused for this long is closed, so that a frozen page keeps none open. */
const idleMs = 1000

/**
 * How often a waiting tab repeats its request: the lock may have gone to a third tab, which had not subscribed the
 * first time.
 */
const askAgainMs = 100

/** Throws if there is no such file system. */
export async function opfsPlace(name: string): Promise<Place> {
  const folder = await folderOf(name)
  if (!('createSyncAccessHandle' in FileSystemFileHandle.prototype)) throw new Error('no synchronous handles')
  return new Opfs(name, folder)
}

async function folderOf(name: string): Promise<FileSystemDirectoryHandle> {
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(rootFolder, { create: true })
  return await root.getDirectoryHandle(folderName(name), { create: true })
}

class Opfs implements Place {
  readonly isPersistent = true
  readonly #name: string
  #folder: FileSystemDirectoryHandle
  readonly #queue = new Queue()
  readonly #channel: BroadcastChannel
  readonly #open = new Map<number, SyncHandle>()
  /** Releases the lock; undefined while it is not held. */
  #release: (() => void) | undefined
  #isWanted = false
  #isWorking = false
  #idle: ReturnType<typeof setTimeout> | undefined

  constructor(name: string, folder: FileSystemDirectoryHandle) {
    this.#name = name
    this.#folder = folder
    this.#channel = new BroadcastChannel(lockName(name))
    this.#channel.addEventListener('message', () => {
      this.#isWanted = true
      if (!this.#isWorking) this.#letGo()
    })
  }

  exclusively<T>(work: (files: Files) => Promise<T>): Promise<T> {
    return this.#queue.run(async () => {
      this.#isWorking = true
      clearTimeout(this.#idle)
      try {
        if (this.#release === undefined) await this.#acquire()
        return await work(this.#files)
      } finally {
        this.#isWorking = false
        if (this.#isWanted) this.#letGo()
        else this.#idle = setTimeout(() => this.#letGo(), idleMs)
      }
    })
  }

  async close(): Promise<void> {
    this.#letGo()
    this.#channel.close()
  }

  async #acquire(): Promise<void> {
    const ask = (): void => this.#channel.postMessage('wanted')
    ask()
    const asking = setInterval(ask, askAgainMs)
    try {
      await new Promise<void>((resolve, reject) => {
        navigator.locks
          .request(
            lockName(this.#name),
            () =>
              new Promise<void>((release) => {
                this.#release = release
                resolve()
              }),
          )
          .catch(reject)
      })
      // Tabs that sent a request before have had the lock since.
      this.#isWanted = false
      // The store may have been deleted meanwhile, which leaves an invalid handle.
      this.#folder = await folderOf(this.#name).catch((thrown: unknown) => {
        this.#letGo()
        throw thrown
      })
    } finally {
      clearInterval(asking)
    }
  }

  #letGo(): void {
    clearTimeout(this.#idle)
    for (const handle of this.#open.values()) handle.close()
    this.#open.clear()
    this.#release?.()
    this.#release = undefined
    this.#isWanted = false
  }

  readonly #files: Files = {
    list: async () => {
      const names: string[] = []
      for await (const entry of this.#folder.keys()) names.push(entry)
      return generationsOf(names)
    },
    open: async (generation, create) => {
      const known = this.#open.get(generation)
      if (known !== undefined) return fileOf(known)
      let file: FileSystemFileHandle
      try {
        file = await this.#folder.getFileHandle(fileName(generation), { create })
      } catch (thrown) {
        if ((thrown as { name?: unknown } | null)?.name === 'NotFoundError' && !create) return undefined
        throw thrown
      }
      const handle = await openFile(file)
      this.#open.set(generation, handle)
      return fileOf(handle)
    },
    remove: async (generation) => {
      this.#open.get(generation)?.close()
      this.#open.delete(generation)
      try {
        await this.#folder.removeEntry(fileName(generation))
      } catch (thrown) {
        if ((thrown as { name?: unknown } | null)?.name !== 'NotFoundError') throw thrown
      }
    },
  }
}

function fileOf(handle: SyncHandle): StoreFile {
  return {
    size: () => handle.getSize(),
    read: (into, at) => handle.read(into, { at }),
    write: (bytes, at) => handle.write(bytes, { at }),
    truncate: (size) => handle.truncate(size),
    flush: () => handle.flush(),
  }
}
