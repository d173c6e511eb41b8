/** Lists and deletes the models stored by this origin. */

import { readOptions } from '../../border/request.js'
import { unlessAborted } from '../../border/abort.js'
import { HybridError } from '../../border/errors.js'
import { cancelled } from '../../border/thrown.js'
import { downloadLock, folder, hasStore, heldOf, isNamed, loadLock, readCard } from '../layout.js'
import { forgetMark } from './crash-marker.js'
import type { EngineHost } from './host.js'

/** A model, or a part of one, that is stored by this origin. */
export interface CachedModel {
  /** The key for `removeCached`. */
  key: string
  /** The model's name: that of a known model, or its file name. */
  name: string
  /** The number of stored bytes. */
  bytes: number
  /** Whether the model is complete. */
  complete: boolean
  /** The time of the last use, in milliseconds since 1970. */
  lastUsed: number
}

/**
 * Returns the models stored by this origin, including partial ones. Empty if there is no storage.
 *
 * @example
 * for (const { name, bytes, complete } of await listCachedModels()) console.log(name, bytes, complete)
 */
export async function listCachedModels(): Promise<CachedModel[]> {
  const models = hasStore() ? await folder(undefined, false).catch(() => undefined) : undefined
  if (models === undefined) return []
  const found: CachedModel[] = []
  for (const key of await foldersIn(models)) {
    // A model that is damaged, or deleted meanwhile, must not hide the others.
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
    // The model was deleted while it was read.
  }
  return keys
}

/**
 * Deletes a complete or partial model by its key. Does nothing if it is not stored. Rejects with MODEL_IN_USE at once
 * if any tab is downloading or loading it.
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

/** Disposes of the model and deletes its stored files. */
export async function removeModel(host: EngineHost, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
  if (signal?.aborted === true) throw cancelled(signal.reason)
  const wasAtWork = host.isAtWork
  await unlessAborted(host.dispose(), signal)
  // The locks of this model's own worker are released a moment after it ends.
  for (const key of [await host.key(), ...(await host.companionKeys())])
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
      // The key contains a slash, or has another form.
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

/** Deletes a folder. Returns false if a tab is downloading the model or reading its files. */
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

/** Not yet part of TypeScript's DOM types. */
function entries(directory: FileSystemDirectoryHandle): AsyncIterable<[string, FileSystemHandle]> {
  return (directory as unknown as { entries(): AsyncIterable<[string, FileSystemHandle]> }).entries()
}
