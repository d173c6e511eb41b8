/**
 * The layout of models in the origin private file system.
 *
 * ```text
 * hybridge-models/<key>/model.json       name, number of files, last use
 *                       part-0.gguf      the bytes, as far as they have come
 *                       part-0.json      which of them those are, and whether the file is whole
 * ```
 *
 * Nothing in it is trusted: a tab that was killed, a full disk or another script may have left anything.
 */

const root = 'hybridge-models'

export interface Card {
  readonly name: string
  readonly files: number
  readonly lastUsed: number
}

/** The fields of a download journal that the page reads. */
export interface JournalView {
  readonly size: number | undefined
  readonly held: ReadonlyArray<readonly [number, number]>
  readonly complete: boolean
}

export const cardName = 'model.json'
export const weightsName = (part: number): string => `part-${part}.gguf`
export const journalName = (part: number): string => `part-${part}.json`

/** The lock under which one tab at a time downloads or deletes a model. */
export const downloadLock = (key: string): string => `hybridge-download-${key}`

/** The lock held, shared, while a model is loaded, so that its files stay. Deleting a model takes it exclusively. */
export const loadLock = (key: string): string => `hybridge-load-${key}`

/** The channel on which a tab that downloads a model reports its progress to waiting tabs. */
export const downloadChannel = (key: string): string => `hybridge-download-${key}`

/** The maximum number of files of a split model. A card with more is damaged. */
const mostFiles = 1000

/** An upper bound for the size of a model: a record that exceeds it is damaged. */
const largest = 2 ** 40

/** Whether this browser has such a file system in this context. It may still refuse access. */
export function hasStore(): boolean {
  return typeof (globalThis.navigator as { storage?: StorageManager } | undefined)?.storage?.getDirectory === 'function'
}

/** Returns why nothing can be stored here; undefined if it can. */
export async function storeFault(): Promise<string | undefined> {
  if (!hasStore())
    return 'this browser has no private file system (OPFS) here, so a model is fetched again at each visit'
  try {
    await navigator.storage.getDirectory()
    return undefined
  } catch {
    return 'this browser refuses its private file system here, as private windows do, so a model is fetched again at each visit'
  }
}

/** Opens the folder of all models, or of one. Returns undefined if it doesn't exist and must not be created. */
export async function folder(key: string | undefined, create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const origin = await navigator.storage.getDirectory()
    const models = await folderIn(origin, root, create)
    return key === undefined ? models : await folderIn(models, key, create)
  } catch (thrown) {
    // A file in place of a folder contains no model.
    if (!create && isNamed(thrown, 'NotFoundError', 'TypeMismatchError')) return undefined
    throw thrown
  }
}

async function folderIn(
  parent: FileSystemDirectoryHandle,
  name: string,
  create: boolean,
): Promise<FileSystemDirectoryHandle> {
  return await replacing(parent, name, create, () => parent.getDirectoryHandle(name, { create }))
}

/** Opens a file, creating it if missing. A folder of that name is not from this package and is replaced. */
export async function fileIn(directory: FileSystemDirectoryHandle, name: string): Promise<FileSystemFileHandle> {
  return await replacing(directory, name, true, () => directory.getFileHandle(name, { create: true }))
}

async function replacing<T>(
  parent: FileSystemDirectoryHandle,
  name: string,
  mayReplace: boolean,
  get: () => Promise<T>,
): Promise<T> {
  try {
    return await get()
  } catch (thrown) {
    if (!mayReplace || !isNamed(thrown, 'TypeMismatchError')) throw thrown
    await parent.removeEntry(name, { recursive: true })
    return await get()
  }
}

/** Whether this is a platform error with one of these names. */
export function isNamed(thrown: unknown, ...names: readonly string[]): boolean {
  return thrown instanceof DOMException && names.includes(thrown.name)
}

/** The number of attempts to read a file, over 45 ms in all. */
const mostReads = 10

/**
 * Returns the result of `read` for a file that a worker may be writing to. Undefined if it is missing, or stays
 * unreadable.
 */
export async function readKept<T>(
  directory: FileSystemDirectoryHandle,
  name: string,
  read: (file: File) => Promise<T>,
): Promise<T | undefined> {
  for (let reads = 1; ; reads++) {
    try {
      return await read(await (await directory.getFileHandle(name)).getFile())
    } catch (thrown) {
      // The browser rejects a file that was written to after it was opened; a record may be truncated at its old
      // length.
      const mayPass = !isNamed(thrown, 'NotFoundError', 'TypeMismatchError')
      if (!mayPass || reads === mostReads) return undefined
      await new Promise((resolve) => setTimeout(resolve, reads))
    }
  }
}

/** Reads a small JSON file. Undefined if it is missing or truncated. */
async function readJson(directory: FileSystemDirectoryHandle, name: string): Promise<unknown> {
  return await readKept(directory, name, async (file) => {
    // No record of this package is that long.
    if (file.size > 1 << 20) return undefined
    // A record may have overwritten the start of a longer one: its newline ends it.
    return JSON.parse((await file.text()).split('\n', 1)[0] ?? '') as unknown
  })
}

export async function readCard(directory: FileSystemDirectoryHandle): Promise<Card | undefined> {
  return cardOf(await readJson(directory, cardName))
}

/** Returns a part's record, limited to what its file confirms. */
export async function readJournal(
  directory: FileSystemDirectoryHandle,
  part: number,
): Promise<JournalView | undefined> {
  const journal = journalOf(await readJson(directory, journalName(part)))
  if (journal === undefined) return undefined
  const length = await readKept(directory, weightsName(part), async ({ size }) => size)
  return clipped(journal, length ?? 0)
}

/** Reads a card. Anything else is ignored. */
export function cardOf(json: unknown): Card | undefined {
  if (!isRecord(json)) return undefined
  const { name, files, lastUsed } = json
  if (typeof name !== 'string' || !isSize(files) || files < 1 || files > mostFiles) return undefined
  return { name, files, lastUsed: typeof lastUsed === 'number' && Number.isFinite(lastUsed) ? lastUsed : 0 }
}

/** Reads a journal. Anything else is ignored, as in `hybridge_core::download::Journal`. */
export function journalOf(json: unknown): JournalView | undefined {
  if (!isRecord(json) || json['version'] !== 1) return undefined
  const { size, held = [], complete = false } = json
  if (!isSize(size) || size > largest || !Array.isArray(held) || typeof complete !== 'boolean') return undefined
  if (
    !held.every((range): range is [number, number] => Array.isArray(range) && range.length === 2 && range.every(isSize))
  )
    return undefined
  const sorted = held.filter(([start, end]) => start < end).sort(([a], [b]) => a - b)
  const joined: Array<[number, number]> = []
  for (const [start, end] of sorted) {
    const last = joined.at(-1)
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end)
    else joined.push([start, end])
  }
  if ((joined.at(-1)?.[1] ?? 0) > size) return undefined
  if (complete && !isWhole(joined, size)) return undefined
  return { size, held: joined, complete }
}

/** Limits the record to a file of `length` bytes: ranges beyond the end of the file are dropped. */
export function clipped({ size, held, complete }: JournalView, length: number): JournalView {
  const inFile = held
    .filter(([start]) => start < length)
    .map(([start, end]): [number, number] => [start, Math.min(end, length)])
  return { size, held: inFile, complete: complete && size !== undefined && isWhole(inFile, size) }
}

function isWhole(held: JournalView['held'], size: number): boolean {
  return size === 0 || (held.length === 1 && held[0]?.[0] === 0 && held[0][1] === size)
}

function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** The state of a model's folder. */
export interface Held {
  readonly bytes: number
  readonly isComplete: boolean
  /** The total size of all files, once each is known. */
  readonly size: number | undefined
}

/** The number of stored bytes, and whether the model is complete. */
export async function heldOf(directory: FileSystemDirectoryHandle, files: number): Promise<Held> {
  let bytes = 0
  let isComplete = files > 0
  let size: number | undefined = 0
  for (let part = 0; part < files; part++) {
    const journal = await readJournal(directory, part)
    bytes += journal?.held.reduce((sum, [start, end]) => sum + end - start, 0) ?? 0
    isComplete &&= journal?.complete === true
    size = size === undefined || journal?.size === undefined ? undefined : size + journal.size
  }
  return { bytes, isComplete, size }
}
