/**
 * Conversations in IndexedDB. One record for each name; a revision number shows whether another tab wrote since.
 *
 * A store that cannot be opened (private windows, a blocked upgrade, no IndexedDB at all) is reported as a caution by
 * the chat, which then keeps the conversation in memory.
 */

import { HybridError } from '../border/errors.js'
import type { ChatEntry } from '../types.js'

/** The version of the record format. A record of a higher version is left untouched. */
export const recordVersion = 1

/** One stored conversation. */
export interface ChatRecord {
  version: number
  name: string
  revision: number
  updatedAt: number
  entries: ChatEntry[]
}

const databaseName = 'hybridge-chats'
const storeName = 'chats'
/** Timeout for opening: another tab can block an upgrade indefinitely. */
const openWithinMs = 5_000

let opening: Promise<IDBDatabase> | undefined

function open(): Promise<IDBDatabase> {
  opening ??= new Promise<IDBDatabase>((resolve, reject) => {
    if (typeof indexedDB === 'undefined') return reject(unavailable('this environment has no IndexedDB'))
    const timer = setTimeout(
      () => reject(unavailable('opening IndexedDB took too long; close other tabs of this page')),
      openWithinMs,
    )
    const request = indexedDB.open(databaseName, 1)
    request.onupgradeneeded = () => void request.result.createObjectStore(storeName, { keyPath: 'name' })
    request.onerror = () =>
      reject(unavailable('IndexedDB cannot be opened here (private windows may forbid it)', request.error))
    request.onblocked = () => reject(unavailable('another tab blocks IndexedDB; close other tabs of this page'))
    request.onsuccess = () => {
      clearTimeout(timer)
      const database = request.result
      database.onversionchange = () => database.close()
      database.onclose = () => (opening = undefined)
      resolve(database)
    }
  })
  opening.catch(() => (opening = undefined))
  return opening
}

async function transact<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open()
  return await new Promise((resolve, reject) => {
    let transaction: IDBTransaction
    try {
      transaction = database.transaction(storeName, mode, { durability: 'strict' })
    } catch (cause) {
      // The browser closed the connection; the next call opens a new one.
      opening = undefined
      return reject(unavailable('IndexedDB was closed', cause))
    }
    const request = act(transaction.objectStore(storeName))
    // The data is on disk only after the transaction has completed.
    transaction.oncomplete = () => resolve(request.result)
    transaction.onabort = () => reject(failed(transaction.error))
    transaction.onerror = () => reject(failed(transaction.error))
  })
}

/**
 * Returns the stored conversation; undefined if there is none. A newer format or a damaged record throws a specific
 * error.
 */
export async function loadChat(name: string): Promise<ChatRecord | undefined> {
  const found: unknown = await transact('readonly', (store) => store.get(name))
  if (found === undefined) return undefined
  const { version, revision, entries } = (found ?? {}) as Partial<ChatRecord>
  if (typeof version === 'number' && version > recordVersion) {
    throw new HybridError(
      'FAILED_PRECONDITION',
      `the stored conversation '${name}' was written by a newer version of hybridge; update this page`,
      { code: 'CHAT_NEWER' },
    )
  }
  if (version !== recordVersion || !Array.isArray(entries) || typeof revision !== 'number') {
    throw new HybridError('DATA_LOSS', `the stored conversation '${name}' is damaged; delete it with deleteChat()`, {
      code: 'CHAT_DAMAGED',
    })
  }
  return found as ChatRecord
}

export async function saveChat(record: ChatRecord): Promise<void> {
  await transact('readwrite', (store) => store.put(record))
}

/** Returns names and dates of the stored conversations, newest first. */
export async function storedChats(): Promise<Array<{ name: string; updatedAt: number; messages: number }>> {
  const found: unknown[] = await transact('readonly', (store) => store.getAll())
  return found
    .flatMap((it) => {
      const { name, updatedAt, entries } = (it ?? {}) as Partial<ChatRecord>
      return typeof name === 'string' && typeof updatedAt === 'number' && Array.isArray(entries)
        ? [{ name, updatedAt, messages: entries.length }]
        : []
    })
    .sort((one, other) => other.updatedAt - one.updatedAt)
}

export async function removeChat(name: string): Promise<void> {
  await transact('readwrite', (store) => store.delete(name) as IDBRequest<unknown>)
}

/** Runs `act` while no other tab writes this conversation. Without Web Locks, it runs at once. */
export async function withChatLock<T>(name: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const locks = typeof navigator === 'undefined' ? undefined : (navigator.locks as LockManager | undefined)
  if (locks === undefined) return await act()
  return await locks.request(`hybridge-chat:${name}`, { signal }, act)
}

function unavailable(message: string, cause?: unknown): HybridError {
  return new HybridError('FAILED_PRECONDITION', message, { code: 'STORE_UNAVAILABLE', cause })
}

function failed(cause: DOMException | null): HybridError {
  if (cause?.name === 'QuotaExceededError') {
    return new HybridError(
      'RESOURCE_EXHAUSTED',
      'this origin has no storage left for the conversation; delete old conversations or models',
      { code: 'STORAGE_FULL', cause },
    )
  }
  return new HybridError('UNAVAILABLE', 'the conversation could not be stored', { code: 'STORE_UNAVAILABLE', cause })
}
