/**
 * The only file that imports the engine's generated glue, of the builds for one thread. It is loaded inside the worker
 * only. Addresses are relative to dist/worker.js, into which all of this is bundled.
 */

import init, * as engine from '../../../wasm/worker/hybridge_worker.js'
import initCpu, * as cpuEngine from '../../../wasm/cpu/hybridge_cpu.js'
import { fetchWasm, foreign, startFault, WasmFault } from '../../border/wasm-file.js'
import type { WasmUrls } from '../protocol.js'
import type { EngineFile } from './engine-file.js'
import { Refusal } from './refusal.js'
import { sharedAddress, sharedEngine, startThreads } from './threads.js'

/** The type that `glue.d.ts` gives the CPU build, whose exports are the same. */
export type Glue = typeof engine
export type Engine = Pick<Glue, 'Model' | 'Download' | 'Digest' | 'self_test' | 'cpu_rate'>
export type { Digest, Download, Generation, Model, Picture } from '../../../wasm/worker/hybridge_worker.js'

const builds = {
  gpu: {
    engine,
    init,
    option: 'wasmUrl',
    address: () => new URL('../wasm/worker/hybridge_worker_bg.wasm', import.meta.url).href,
  },
  cpu: {
    engine: cpuEngine,
    init: initCpu,
    option: 'cpuWasmUrl',
    address: () => new URL('../wasm/cpu/hybridge_cpu_bg.wasm', import.meta.url).href,
  },
  threads: {
    engine: sharedEngine,
    option: 'threadsWasmUrl',
    address: sharedAddress,
  },
} as const

const ready = new Map<keyof typeof builds, Promise<Engine>>()

/** The maximum number of threads of the CPU's engine, and the function to call if one of them is lost. */
export interface Threading {
  readonly threads: number
  readonly onLost: () => void
}

/** Loads the engine from one of its files, once per worker. A failed load is retried by the next call. */
export async function loadEngine(wanted: EngineFile, urls: WasmUrls, threading: Threading): Promise<Engine> {
  // The page serves only the file that contains everything.
  const file = wanted === 'cpu' && urls.cpu === undefined && urls.gpu !== undefined ? 'gpu' : wanted
  // A page that configures its files configures this one too, or does not serve it.
  const isServed = urls.threads !== undefined || urls.cpu === undefined
  if (file === 'cpu' && threading.threads > 1 && isServed) {
    try {
      return await once('threads', () => startShared(urls.threads ?? builds.threads.address(), threading))
    } catch {
      // It is not served, or memory cannot be shared: use the same engine with one thread.
    }
  }
  return await once(file, () => start(file, urls[file] ?? builds[file].address()))
}

/** Whether this is the build with shared memory. */
export const isShared = (engine: Engine): boolean => engine === sharedEngine

function once(file: keyof typeof builds, start: () => Promise<void>): Promise<Engine> {
  const known = ready.get(file)
  if (known !== undefined) return known
  const loading = start().then(() => builds[file].engine)
  ready.set(file, loading)
  // The file with threads is not requested again, because the other one is loaded.
  if (file !== 'threads') loading.catch(() => ready.delete(file))
  return loading
}

async function startShared(address: string, { threads, onLost }: Threading): Promise<void> {
  const response = await fetched(address, 'threadsWasmUrl')
  const isWasm = response.headers.get('content-type')?.startsWith('application/wasm') === true
  const module = await (isWasm
    ? WebAssembly.compileStreaming(response)
    : response.arrayBuffer().then((bytes) => WebAssembly.compile(bytes)))
  await startThreads(module, threads, onLost)
}

async function fetched(address: string, option: (typeof builds)[keyof typeof builds]['option']): Promise<Response> {
  const response = await fetchWasm(address, option)
  if (/^\s*text\/html/i.test(response.headers.get('content-type') ?? '')) throw foreign(address, response, option)
  return response
}

async function start(file: EngineFile, address: string): Promise<void> {
  const { init, option } = builds[file]
  try {
    await init({ module_or_path: await fetched(address, option) })
  } catch (thrown) {
    if (!(thrown instanceof WasmFault)) console.error(thrown)
    const why = thrown instanceof WasmFault ? thrown.message : `${address}: ${startFault(thrown)}`
    throw new Refusal({
      status: 'UNAVAILABLE',
      code: 'WASM_UNAVAILABLE',
      message: `the engine could not be loaded: ${why}`,
    })
  }
}
