/**
 * How models lie in the origin's private file system.
 *
 * ```text
 * hybridge-models/<key>/model.json       name, number of files, last use
 *                       part-0.gguf      the bytes, as far as they have come
 *                       part-0.json      which of them those are, and whether the file is whole
 * ```
 *
 * Nothing here is trusted: a tab that was killed, a full disk or another script may have left anything in it.
 */

const root = 'hybridge-models'

export interface Card {
  readonly name: string
  readonly files: number
  readonly lastUsed: number
}

/** The fields of a download planner's journal that the page reads. */
export interface JournalView {
  readonly size: number | undefined
  readonly held: ReadonlyArray<readonly [number, number]>
  readonly complete: boolean
}

export const cardName = 'model.json'
export const weightsName = (part: number): string => `part-${part}.gguf`
export const journalName = (part: number): string => `part-${part}.json`

/** The lock under which a model is fetched or deleted, by one tab at a time. */
export const downloadLock = (key: string): string => `hybridge-download-${key}`

/** Held, shared, while a model is loaded: its files must stay. Deleting it takes this lock exclusively. */
export const loadLock = (key: string): string => `hybridge-load-${key}`

/** On this channel a tab that fetches a model reports its progress to tabs that wait for it. */
export const downloadChannel = (key: string): string => `hybridge-download-${key}`

/** The most files that a model is split into. A card that names more is damaged. */
const mostFiles = 1000

/** No model is larger: a record that claims more is damaged. */
const largest = 2 ** 40

/** Whether this browser, in this context, has such a file system. It may still refuse it. */
export function hasStore(): boolean {
  return typeof (globalThis.navigator as { storage?: StorageManager } | undefined)?.storage?.getDirectory === 'function'
}

/** Why nothing can be kept here; undefined where it can. */
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

/** The folder of all models, or of one. Undefined where it is not there and must not be made. */
export async function folder(key: string | undefined, create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const origin = await navigator.storage.getDirectory()
    const models = await folderIn(origin, root, create)
    return key === undefined ? models : await folderIn(models, key, create)
  } catch (thrown) {
    // A file where a folder should be holds no model.
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

/** A file, made where it is missing. A folder of its name is none of this package's, and makes way. */
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

/** Whether this is one of the platform's errors of these names. */
export function isNamed(thrown: unknown, ...names: readonly string[]): boolean {
  return thrown instanceof DOMException && names.includes(thrown.name)
}

/** How often a file is read that cannot be read: for 45 ms in all. */
const mostReads = 10

/** What `read` makes of a file that a worker may be writing to. Undefined where it is missing, or torn for good. */
export async function readKept<T>(
  directory: FileSystemDirectoryHandle,
  name: string,
  read: (file: File) => Promise<T>,
): Promise<T | undefined> {
  for (let reads = 1; ; reads++) {
    try {
      return await read(await (await directory.getFileHandle(name)).getFile())
    } catch (thrown) {
      // The browser refuses a file that was written to after it was opened, or a record is cut at its old length.
      const mayPass = !isNamed(thrown, 'NotFoundError', 'TypeMismatchError')
      if (!mayPass || reads === mostReads) return undefined
      await new Promise((resolve) => setTimeout(resolve, reads))
    }
  }
}

/** A small JSON file. Undefined where it is missing or torn. */
async function readJson(directory: FileSystemDirectoryHandle, name: string): Promise<unknown> {
  return await readKept(directory, name, async (file) => {
    // No record of this package is that long.
    if (file.size > 1 << 20) return undefined
    // A record may be in front of the rest of a longer one: its line ends it.
    return JSON.parse((await file.text()).split('\n', 1)[0] ?? '') as unknown
  })
}

export async function readCard(directory: FileSystemDirectoryHandle): Promise<Card | undefined> {
  return cardOf(await readJson(directory, cardName))
}

/** A part's record, as far as its file bears it out. */
export async function readJournal(
  directory: FileSystemDirectoryHandle,
  part: number,
): Promise<JournalView | undefined> {
  const journal = journalOf(await readJson(directory, journalName(part)))
  if (journal === undefined) return undefined
  const length = await readKept(directory, weightsName(part), async ({ size }) => size)
  return clipped(journal, length ?? 0)
}

/** Reads a card. What is not one counts as none. */
export function cardOf(json: unknown): Card | undefined {
  if (!isRecord(json)) return undefined
  const { name, files, lastUsed } = json
  if (typeof name !== 'string' || !isSize(files) || files < 1 || files > mostFiles) return undefined
  return { name, files, lastUsed: typeof lastUsed === 'number' && Number.isFinite(lastUsed) ? lastUsed : 0 }
}

/** Reads a journal. What is not one counts as none, as it does in `hybridge_core::download::Journal`. */
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

/** The same record beside a file of `length` bytes: what is not in the file is not held. */
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
  /** The size of all files together, once each is known. */
  readonly size: number | undefined
}

/** The bytes that are there, and whether they are all. */
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
