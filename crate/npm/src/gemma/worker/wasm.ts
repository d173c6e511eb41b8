/**
 * The one file that knows the engine's generated glue, of both of its builds. Loaded inside the worker only.
 * Addresses are seen from dist/worker.js, which all of this becomes.
 */

import init, * as engine from '../../../wasm/worker/hybridge_worker.js'
import initCpu, * as cpuEngine from '../../../wasm/cpu/hybridge_cpu.js'
import { fetchWasm, foreign, startFault, WasmFault } from '../../border/wasm-file.js'
import type { WasmUrls } from '../protocol.js'
import type { EngineFile } from './engine-file.js'
import { Refusal } from './refusal.js'

/** What `glue.d.ts` gives the build for the CPU, whose exports are the same. */
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

/** The engine out of one of its files, loaded once in this worker. A failed load is tried again at the next call. */
export function loadEngine(wanted: EngineFile, urls: WasmUrls): Promise<Engine> {
  // A page that serves one file only, with everything in it.
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
