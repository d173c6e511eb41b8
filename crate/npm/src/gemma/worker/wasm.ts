/**
 * The only file that imports the engine's generated glue, of both builds. It is loaded inside the worker only.
 * Addresses are relative to dist/worker.js, into which all of this is bundled.
 */

import init, * as engine from '../../../wasm/worker/hybridge_worker.js'
import initCpu, * as cpuEngine from '../../../wasm/cpu/hybridge_cpu.js'
import { fetchWasm, foreign, startFault, WasmFault } from '../../border/wasm-file.js'
import type { WasmUrls } from '../protocol.js'
import type { EngineFile } from './engine-file.js'
import { Refusal } from './refusal.js'

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
} as const

const ready = new Map<EngineFile, Promise<Engine>>()

/** Loads the engine from one of its files, once per worker. A failed load is retried by the next call. */
export function loadEngine(wanted: EngineFile, urls: WasmUrls): Promise<Engine> {
  // The page serves only the file that contains everything.
  const file = wanted === 'cpu' && urls.cpu === undefined && urls.gpu !== undefined ? 'gpu' : wanted
  const known = ready.get(file)
  if (known !== undefined) return known
  const { engine, address } = builds[file]
  const loading = start(file, urls[file] ?? address()).then(() => engine)
  ready.set(file, loading)
  loading.catch(() => ready.delete(file))
  return loading
}

async function start(file: EngineFile, address: string): Promise<void> {
  const { init, option } = builds[file]
  try {
    const response = await fetchWasm(address, option)
    if (/^\s*text\/html/i.test(response.headers.get('content-type') ?? '')) throw foreign(address, response, option)
    await init({ module_or_path: response })
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
