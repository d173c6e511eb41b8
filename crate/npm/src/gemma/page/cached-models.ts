/** The models that this origin keeps, and how to delete them. */

import { readOptions } from '../../border/request.js'
import { unlessAborted } from '../../border/abort.js'
import { HybridError } from '../../border/errors.js'
import { cancelled } from '../../border/thrown.js'
import { downloadLock, folder, hasStore, heldOf, isNamed, loadLock, readCard } from '../layout.js'
import { forgetMark } from './crash-marker.js'
import type { EngineHost } from './host.js'

/** A model, or a part of one, that this origin keeps. */
export interface CachedModel {
  /** Names it to `removeCached`. */
  key: string
  /** Its name: a known model's, or its file's. */
  name: string
  /** How many of its bytes are here. */
  bytes: number
  /** Whether all of them are. */
  complete: boolean
  /** Milliseconds since 1970. */
  lastUsed: number
}

/**
 * The models this origin keeps, half-fetched ones included. Empty where nothing can be kept.
 *
 * @example
 * for (const { name, bytes, complete } of await listCachedModels()) console.log(name, bytes, complete)
 */
export async function listCachedModels(): Promise<CachedModel[]> {
  const models = hasStore() ? await folder(undefined, false).catch(() => undefined) : undefined
  if (models === undefined) return []
  const found: CachedModel[] = []
  for (const key of await foldersIn(models)) {
    // One model that is damaged, or deleted meanwhile, must not hide the others.
    const model = await describe(models, key).catch(() => undefined)
    if (model !== undefined) found.push(model)
  }
  return found.sort((a, b) => b.lastUsed - a.lastUsed)
}

async function describe(models: FileSystemDirectoryHandle, key: string): Promise<CachedModel> {
  const directory = await models.getDirectoryHandle(key)
  const card = await readCard(directory)
  const { bytes, isComplete } = await heldOf(directory, card?.files ?? 1)
  return { key, name: card?.name ?? key, bytes, complete: isComplete, lastUsed: card?.lastUsed ?? 0 }
}

async function foldersIn(models: FileSystemDirectoryHandle): Promise<string[]> {
  const keys: string[] = []
  try {
    for await (const [key, handle] of entries(models)) if (handle.kind === 'directory') keys.push(key)
  } catch {
    // Deleted while it was read.
  }
  return keys
}

/**
 * Deletes a model by its key, whole or half-fetched. Does nothing if it is not stored.
 * Rejects with MODEL_IN_USE, at once, while any tab fetches or loads it.
 *
 * @example
 * for (const { key, complete } of await listCachedModels()) if (!complete) await removeCached(key)
 */
export async function removeCached(key: string, options: { signal?: AbortSignal } = {}): Promise<void> {
  const { signal } = readOptions(options)
  if (typeof key !== 'string' || key === '')
    throw new HybridError('INVALID_ARGUMENT', '`key` must be a key that listCachedModels() returned')
  await removeFolder(key, { signal, tries: 1 })
}

/** Ends the model and deletes what is kept of it. */
export async function removeModel(host: EngineHost, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
  if (signal?.aborted === true) throw cancelled(signal.reason)
  const wasAtWork = host.isAtWork
  await unlessAborted(host.dispose(), signal)
  // The locks of this model's own worker become free a moment after its end.
  for (const key of [await host.key(), await host.towerKey()])
    if (key !== undefined) await removeFolder(key, { signal, tries: wasAtWork ? 20 : 1 })
}

async function removeFolder(
  key: string,
  { signal, tries }: { signal: AbortSignal | undefined; tries: number },
): Promise<void> {
  for (let left = tries - 1; ; left--) {
    if (signal?.aborted === true) throw cancelled(signal.reason)
    try {
      if (await unlessAborted(tryRemove(key), signal)) return
    } catch (thrown) {
      if (isNamed(thrown, 'NotFoundError')) return
      if (thrown instanceof HybridError) throw thrown
      // A key with a slash in it, or of another make.
      if (thrown instanceof TypeError)
        throw new HybridError('INVALID_ARGUMENT', '`key` must be a key that listCachedModels() returned', {
          cause: thrown,
        })
      const isHeld = isNamed(thrown, 'NoModificationAllowedError', 'InvalidStateError', 'InvalidModificationError')
      if (!isHeld)
        throw new HybridError('UNAVAILABLE', 'the browser’s file system failed; try again', {
          code: 'STORE_FAILED',
          cause: thrown,
        })
    }
    if (left <= 0)
      throw new HybridError(
        'ABORTED',
        'this model is being fetched or loaded, here or in another tab; remove it when that is done',
        { code: 'MODEL_IN_USE' },
      )
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** False where some tab fetches the model, or reads its files. */
async function tryRemove(key: string): Promise<boolean> {
  const models = hasStore() ? await folder(undefined, false) : undefined
  if (models === undefined) return true
  const remove = async (): Promise<boolean> => {
    await models.removeEntry(key, { recursive: true })
    forgetMark(key)
    return true
  }
  const locks = (navigator as { locks?: LockManager }).locks
  if (locks === undefined) return await remove()
  return await locks.request(downloadLock(key), { ifAvailable: true }, async (fetching) => {
    if (fetching === null) return false
    return await locks.request(loadLock(key), { ifAvailable: true }, async (loading) =>
      loading === null ? false : await remove(),
    )
  })
}

/** Not yet in the compiler's own view of the DOM. */
function entries(directory: FileSystemDirectoryHandle): AsyncIterable<[string, FileSystemHandle]> {
  return (directory as unknown as { entries(): AsyncIterable<[string, FileSystemHandle]> }).entries()
}
