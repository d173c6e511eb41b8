/** Lists and deletes the stores of this origin. */

import { HybridError } from '../index.js'
import { invalid } from './checks.js'
import { folderName, lockName, nameOf, rootFolder } from './layout.js'

/** Returns the names of the stores in the origin private file system. */
export async function vectorStores(): Promise<string[]> {
  const names: string[] = []
  const folder = await root()
  if (folder !== undefined) for await (const entry of folder.keys()) names.push(nameOf(entry))
  return names.sort()
}

/**
 * Deletes a store with all its documents, even if it cannot be opened. Rejects with STORE_IN_USE if another object or
 * tab is using it at this moment; one that is open but idle finds an empty store at its next call.
 *
 * @example
 * await deleteVectorStore('handbook')
 */
export async function deleteVectorStore(name: string): Promise<void> {
  if (typeof name !== 'string' || name === '') throw invalid('`name` must be the name of a store')
  const folder = await root()
  if (folder === undefined) return
  const remove = async (): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        await folder.removeEntry(folderName(name), { recursive: true })
        return
      } catch (thrown) {
        const { name: reason } = (thrown ?? {}) as { name?: unknown }
        if (reason === 'NotFoundError') return
        if (reason !== 'NoModificationAllowedError' || tries === mostTries)
          throw new HybridError('FAILED_PRECONDITION', 'the store is in use; close it, in other tabs too', {
            code: 'STORE_IN_USE',
            cause: thrown,
          })
        await new Promise((resolve) => setTimeout(resolve, 20 * tries))
      }
    }
  }
  const channel = new BroadcastChannel(lockName(name))
  channel.postMessage('wanted')
  channel.close()
  await navigator.locks.request(lockName(name), remove)
}

/** A worker that has just ended may still hold its file for a moment. */
const mostTries = 10

async function root(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(rootFolder)
  } catch {
    // The folder does not exist, or this browser has no such file system here.
    return undefined
  }
}
