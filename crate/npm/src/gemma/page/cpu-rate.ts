/**
 * The speed at which this machine's CPU processes weights, measured once per browser version in about a tenth of a
 * second.
 */

import { recall, remember } from './remembered.js'
import { WorkerClient, type WorkerPlaces } from './worker-client.js'

/** The version of the kernels; faster ones require a new measurement. */
const version = 2

/** Returns bytes per second on the threads that a load would use. Rejects if the engine cannot be started. */
export async function cpuRate(
  precision: 'exact' | 'fast',
  { threads = 'auto', ...places }: WorkerPlaces & { threads?: 'auto' | number },
): Promise<number> {
  const used = globalThis.crossOriginIsolated === true ? threads : 1
  const name = `hybridge-cpu-${version}|${precision}|${used}|${globalThis.navigator?.userAgent}`
  const known = Number(recall(name) ?? Number.NaN)
  if (Number.isSafeInteger(known) && known > 0) return known
  const worker = new WorkerClient(places)
  try {
    const rate = await worker.call('cpuRate', { precision, threads })
    remember(name, String(rate))
    return rate
  } finally {
    worker.terminate()
  }
}
