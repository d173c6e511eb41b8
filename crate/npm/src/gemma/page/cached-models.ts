/** What is kept of models on this device, and how to be rid of it. */

import { HybridError } from '../../border/errors.js'
import { forgetMark } from './crash-marker.js'
import type { EngineHost } from './host.js'
import { cardName, downloadLock, folder, hasStore, heldOf, readJson, type Card } from '../layout.js'

/** A model, or a part of one, that this origin keeps. */
export interface CachedModel {
  key: string
  bytes: number
  /** Milliseconds since 1970. */
  lastUsed: number
}

/**
 * The models this origin keeps, half-fetched ones included. Empty where nothing can be kept.
 *
 * @example
 * for (const { key, bytes } of await listCachedModels()) console.log(key, bytes)
 */
export async function listCachedModels(): Promise<CachedModel[]> {
  if (!hasStore()) return []
  const models = await folder(undefined, false)
  if (models === undefined) return []
  const found: CachedModel[] = []
  for await (const [key, handle] of entries(models)) {
    if (handle.kind !== 'directory') continue
    const directory = await models.getDirectoryHandle(key)
    const card = await readJson<Card>(directory, cardName)
    const { bytes } = await heldOf(directory, card?.files ?? 1)
    found.push({ key, bytes, lastUsed: card?.lastUsed ?? 0 })
  }
  return found.sort((a, b) => b.lastUsed - a.lastUsed)
}

/** Ends the model and deletes what is kept of it. Another tab's download of it is not torn away under that tab. */
export async function removeModel(host: EngineHost): Promise<void> {
  await host.dispose()
  const key = await host.key()
  if (key === undefined || !hasStore()) return
  forgetMark(key)
  const models = await folder(undefined, false)
  if (models === undefined) return
  const isDone = await navigator.locks.request(downloadLock(key), async (lock) => {
    if (lock === null) return false
    await models.removeEntry(key, { recursive: true }).catch((thrown: unknown) => {
      if (!(thrown instanceof DOMException && thrown.name === 'NotFoundError')) throw thrown
    })
    return true
  })
  if (!isDone) throw new HybridError('ABORTED', 'another tab is fetching this model; remove it when that is done', { code: 'MODEL_IN_USE' })
}

/** Not yet in the compiler's own view of the DOM. */
function entries(directory: FileSystemDirectoryHandle): AsyncIterable<[string, FileSystemHandle]> {
  return (directory as unknown as { entries(): AsyncIterable<[string, FileSystemHandle]> }).entries()
}
