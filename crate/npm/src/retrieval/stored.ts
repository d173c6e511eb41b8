/** The stores that this origin keeps. */

import { HybridError } from '../index.js'
import { invalid } from './checks.js'
import { folderName, lockName, nameOf, rootFolder } from './layout.js'

/** Names of the stores in the origin's private file system. */
export async function vectorStores(): Promise<string[]> {
  const names: string[] = []
  const folder = await root()
  if (folder !== undefined) for await (const entry of folder.keys()) names.push(nameOf(entry))
  return names.sort()
}

/**
 * Deletes a store with all its documents, also one that cannot be opened. Rejects with STORE_IN_USE while another
 * object or tab uses it at this moment; one that is open but idle finds an empty store at its next call.
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

/** A worker that was just ended may hold its file for a moment. */
const mostTries = 10

async function root(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(rootFolder)
  } catch {
    // There is none yet, or this browser has no such file system here.
    return undefined
  }
}
