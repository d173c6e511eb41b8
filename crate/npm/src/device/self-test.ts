/** Does this machine's GPU compute right? */

import type { GpuReport } from './protocol.js'
import { WorkerClient, type WorkerPlaces } from './worker-client.js'

/**
 * Starts the engine's worker, multiplies two matrices on the GPU and on the CPU, and tells how far they are apart.
 * Fetches the engine's wasm; throws UNAVAILABLE with code GPU_UNAVAILABLE where there is no adapter.
 *
 * @example
 * const { adapter, software } = await gpuSelfTest()
 */
export async function gpuSelfTest(places: WorkerPlaces = {}): Promise<GpuReport> {
  const worker = new WorkerClient(places)
  const started = performance.now()
  try {
    const found = await worker.call('selfTest', {})
    return { ...found, milliseconds: performance.now() - started }
  } finally {
    worker.terminate()
  }
}
