/**
 * How models lie in the origin's private file system.
 *
 * ```text
 * hybridge-models/<key>/model.json       name, number of files, last use
 *                       part-0.gguf      the bytes, as far as they have come
 *                       part-0.json      which of them those are, and whether the file is whole
 * ```
 */

const root = 'hybridge-models'

export interface Card {
  readonly name: string
  readonly files: number
  readonly lastUsed: number
}

/** What the page reads of a download planner's journal. */
export interface JournalView {
  readonly size?: number
  readonly held: ReadonlyArray<readonly [number, number]>
  readonly complete: boolean
}

export const cardName = 'model.json'
export const weightsName = (part: number): string => `part-${part}.gguf`
export const journalName = (part: number): string => `part-${part}.json`

/** The lock under which a model is fetched or deleted, by one tab at a time. */
export const downloadLock = (key: string): string => `hybridge-download-${key}`

/** Where a tab that fetches tells those that wait how far it is. */
export const downloadChannel = (key: string): string => `hybridge-download-${key}`

/** Whether this browser, in this context, has such a file system. */
export function hasStore(): boolean {
  return typeof navigator !== 'undefined' && typeof (navigator as { storage?: StorageManager }).storage?.getDirectory === 'function'
}

/** The folder of all models, or of one. Undefined where it is not there and must not be made. */
export async function folder(key: string | undefined, create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const origin = await navigator.storage.getDirectory()
    const models = await origin.getDirectoryHandle(root, { create })
    return key === undefined ? models : await models.getDirectoryHandle(key, { create })
  } catch (thrown) {
    if (!create && thrown instanceof DOMException && thrown.name === 'NotFoundError') return undefined
    throw thrown
  }
}

/** How often a file is looked at that cannot be read: for 45 ms in all. */
const mostLooks = 10

/** What `read` makes of a file that a worker may be writing to. Undefined where it is missing, or torn for good. */
export async function readKept<T>(directory: FileSystemDirectoryHandle, name: string, read: (file: File) => Promise<T>): Promise<T | undefined> {
  for (let looks = 1; ; looks++) {
    try {
      return await read(await (await directory.getFileHandle(name)).getFile())
    } catch (thrown) {
      // What was written to after the file was got is refused, or a record cut at its old length.
      const mayPass = !(thrown instanceof DOMException && thrown.name === 'NotFoundError')
      if (!mayPass || looks === mostLooks) return undefined
      await new Promise((resolve) => setTimeout(resolve, looks))
    }
  }
}

/** A small JSON file. Undefined where it is missing or torn. */
export async function readJson<T>(directory: FileSystemDirectoryHandle, name: string): Promise<T | undefined> {
  // A record may stand in front of the rest of a longer one: its line ends it.
  return await readKept(directory, name, async (file) => JSON.parse((await file.text()).split('\n', 1)[0] ?? '') as T)
}

/** The bytes that are there, and whether they are all. */
export async function heldOf(directory: FileSystemDirectoryHandle, files: number): Promise<{ bytes: number; isComplete: boolean }> {
  let bytes = 0
  let isComplete = files > 0
  for (let part = 0; part < files; part++) {
    const journal = await readJson<JournalView>(directory, journalName(part))
    bytes += journal?.held.reduce((sum, [start, end]) => sum + end - start, 0) ?? 0
    isComplete &&= journal?.complete === true
  }
  return { bytes, isComplete }
}

/** Held by a page while it loads a model. */
export const loadLock = (key: string): string => `hybridge-load-${key}`
