/** Runs a store's engine in its own worker; imported instead if there are no workers, as in Node. */

import { Engine } from './engine.js'
import { failureOf, StoreFailure } from './failure.js'
import { folderPlace, memoryPlace, type Place } from './files.js'
import { opfsPlace } from './opfs.js'
import type { Failure, StoreAnswer, StoreCall, StoreCalls, StoreMethod, StoreSettings } from './protocol.js'
import { loadSearch } from './wasm.js'

/** The name of the worker, by which this script detects that it is one. */
export const workerName = 'hybridge-retrieval'

/** Answers calls of one store. The first must be `open`. */
export function serveStore(): (call: StoreCall) => Promise<StoreAnswer> {
  let engine: Promise<Engine> | undefined
  const opened = (): Promise<Engine> =>
    engine ?? Promise.reject(new StoreFailure('FAILED_PRECONDITION', 'the store is closed', { code: 'STORE_CLOSED' }))
  const handlers: { [M in StoreMethod]: (params: StoreCalls[M]['params']) => Promise<StoreCalls[M]['result']> } = {
    open: async ({ settings, wasmUrl }) => {
      engine ??= openEngine(settings, wasmUrl)
      engine.catch(() => (engine = undefined))
      return await (await engine).state()
    },
    put: async (params) => await (await opened()).put(params),
    delete: async (params) => await (await opened()).delete(params),
    search: async (params) => await (await opened()).search(params),
    get: async (params) => await (await opened()).get(params),
    state: async () => await (await opened()).state(),
    clear: async () => await (await opened()).clear(),
    close: async () => {
      const closing = engine
      engine = undefined
      return (await closing?.catch(() => undefined))?.close() ?? null
    },
  }
  return async ({ id, method, params }) => {
    try {
      return { id, result: await (handlers[method] as (params: unknown) => Promise<unknown>)(params) }
    } catch (thrown) {
      return { id, failure: failureOf(thrown) }
    }
  }
}

async function openEngine(settings: StoreSettings, wasmUrl: string | undefined): Promise<Engine> {
  const search = await loadSearch(wasmUrl).catch((): never => {
    throw new StoreFailure(
      'UNAVAILABLE',
      'the search (hybridge_search_bg.wasm) could not be loaded; serve it beside the worker, or name it with wasmUrl',
      { code: 'WASM_UNAVAILABLE' },
    )
  })
  const [place, caution] = await placeOf(settings)
  return new Engine(search, place, settings, caution)
}

async function placeOf({ place }: StoreSettings): Promise<[Place, caution?: Failure]> {
  if (place.kind === 'memory') return [memoryPlace()]
  if (place.kind === 'folder') return [await folderPlace(place.path)]
  try {
    return [await opfsPlace(place.name)]
  } catch {
    const message =
      'this browser has no private file system (OPFS) here, as in private windows: the store lasts as long as the page'
    return [memoryPlace(), { status: 'FAILED_PRECONDITION', code: 'STORE_UNAVAILABLE', message }]
  }
}

const scope = globalThis as { name?: unknown; document?: unknown; postMessage?(message: StoreAnswer): void }
if (scope.name === workerName && scope.document === undefined) {
  const answer = serveStore()
  globalThis.addEventListener('message', (event) => {
    void answer((event as MessageEvent<StoreCall>).data).then((message) => scope.postMessage?.(message))
  })
}
