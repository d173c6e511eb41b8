/** Does this machine's GPU compute right? */

import { HybridError } from '../errors.js'
import type { DeviceFacts } from '../types.js'
import type { GpuReport } from './protocol.js'
import { WorkerClient, type WorkerPlaces } from './worker-client.js'

/**
 * Starts the engine's worker, computes the same on the GPU and on the CPU, and tells how far they are apart.
 * Fetches the engine's wasm; throws with code GPU_UNAVAILABLE where there is no adapter.
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

/** Another version of these checks may find what this one did not. */
const version = 1

/** Whether this adapter computes right, looked at once for each adapter and browser version. Undefined where that could not be found out. */
export async function gpuVerdict({ vendor = '', architecture = '', software }: DeviceFacts['webgpu'], places: WorkerPlaces): Promise<boolean | undefined> {
  // A driver's version is not told, but a browser's is, and both come with restarts.
  const name = `hybridge-gpu-${version}|${vendor}|${architecture}|${software}|${navigator.userAgent}`
  const remembered = recall(name)
  if (remembered !== undefined) return remembered === 'right'
  try {
    await gpuSelfTest(places)
    remember(name, 'right')
    return true
  } catch (thrown) {
    if (!HybridError.isInstance(thrown) || thrown.code !== 'GPU_WRONG_RESULTS') return undefined
    remember(name, 'wrong')
    return false
  }
}

function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined
  } catch {
    return undefined
  }
}

function remember(name: string, verdict: 'right' | 'wrong'): void {
  try {
    localStorage.setItem(name, verdict)
  } catch {
    // Then it is looked at again.
  }
}
