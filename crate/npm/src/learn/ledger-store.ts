/** The storage of a ledger's rows: a database shared by tabs, or memory. */

import { addRow, isRow, type Row } from './ledger-rows.js'

/** Rows by day, feature and branch. Adding is atomic, and happens once per run. */
export interface LedgerStore {
  add(id: string, day: string, rows: readonly Row[]): Promise<void>
  /** Returns the stored rows without validating them. */
  read(): Promise<unknown[]>
  clear(): Promise<void>
  close(): void
}

const patienceMs = 5000
/** The number of runs remembered in memory, to count none twice. */
const knownRuns = 10_000

export function memoryStore(): LedgerStore {
  const rows = new Map<string, Row>()
  const runs = new Set<string>()
  return {
    add: async (id, _day, added) => {
      if (runs.has(id)) return
      runs.add(id)
      const [oldest] = runs
      if (runs.size > knownRuns && oldest !== undefined) runs.delete(oldest)
      for (const row of added) {
        const known = rows.get(keyOf(row))
        rows.set(keyOf(row), known === undefined ? row : addRow(known, row))
      }
    },
    read: async () => [...rows.values()],
    clear: async () => {
      rows.clear()
      runs.clear()
    },
    close: () => {},
  }
}

/** Opens the database of this name; undefined if the host has no IndexedDB. */
export async function openStore(name: string): Promise<LedgerStore | undefined> {
  const factory = (globalThis as { indexedDB?: IDBFactory }).indexedDB
  if (factory === undefined) return undefined
  const database = await opened(factory, `hybridge-ledger:${name}`)
  // Another tab may delete the database, or open a later version: it must not wait for this one.
  database.onversionchange = () => database.close()
  return {
    add: (id, day, rows) =>
      transact(database, (stores) => {
        const [kept, runs] = stores
        runs.get(id).onsuccess = ({ target }) => {
          if ((target as IDBRequest).result !== undefined) return
          runs.put(day, id)
          addRows(kept, rows)
          forgetRuns(runs, day)
        }
      }),
    read: async () => {
      let found: unknown[] = []
      await transact(
        database,
        ([kept]) => {
          kept.getAll().onsuccess = ({ target }) => (found = (target as IDBRequest<unknown[]>).result)
        },
        'readonly',
      )
      return found
    },
    clear: () =>
      transact(database, ([kept, runs]) => {
        kept.clear()
        runs.clear()
      }),
    close: () => database.close(),
  }
}

/** Adds rows one after the other, because two of one run may have the same key. */
function addRows(kept: IDBObjectStore, [row, ...others]: readonly Row[]): void {
  if (row === undefined) return
  const key = keyOf(row)
  kept.get(key).onsuccess = ({ target }) => {
    const known: unknown = (target as IDBRequest).result
    kept.put(isRow(known) ? addRow(known, row) : row, key)
    addRows(kept, others)
  }
}

/** Runs are remembered for about a day: long enough for every tab that may count one again. */
function forgetRuns(runs: IDBObjectStore, day: string): void {
  const before = new Date(Date.parse(`${day}T00:00:00Z`) - 2 * 86_400_000).toISOString().slice(0, 10)
  runs.index('day').openCursor(IDBKeyRange.upperBound(before)).onsuccess = ({ target }) => {
    const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result
    if (cursor === null) return
    cursor.delete()
    cursor.continue()
  }
}

function opened(factory: IDBFactory, name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      reject(new Error('the database did not open in time; the ledger counts for this visit alone'))
    }, patienceMs)
    const request = factory.open(name, 1)
    request.onupgradeneeded = () => {
      request.result.createObjectStore('rows')
      request.result.createObjectStore('runs').createIndex('day', '')
    }
    request.onsuccess = () => {
      clearTimeout(timer)
      if (isLate) request.result.close()
      else resolve(request.result)
    }
    request.onerror = () => {
      clearTimeout(timer)
      const isLater = request.error?.name === 'VersionError'
      reject(
        new Error(
          isLater
            ? 'a later version of hybridge keeps this ledger; this visit is counted in memory'
            : `the database could not be opened (${request.error?.name ?? 'unknown'}); the ledger counts for this visit alone`,
        ),
      )
    }
  })
}

/** Runs `work` in one transaction. Resolves once it is on disk, as far as the browser reports. */
function transact(
  database: IDBDatabase,
  work: (stores: [IDBObjectStore, IDBObjectStore]) => void,
  mode: 'readonly' | 'readwrite' = 'readwrite',
): Promise<void> {
  return new Promise((resolve, reject) => {
    // Throws if the database was closed, which is handled like any other failure.
    const transaction = database.transaction(['rows', 'runs'], mode, { durability: 'strict' })
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'))
    work([transaction.objectStore('rows'), transaction.objectStore('runs')])
  })
}

function keyOf({ day, feature, branch }: Row): string {
  return JSON.stringify([day, feature, branch])
}
