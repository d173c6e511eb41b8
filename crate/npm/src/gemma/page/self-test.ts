/** Tests whether this machine's GPU computes correctly. */

import { deviceFacts } from '../../border/device-facts.js'
import { HybridError } from '../../border/errors.js'
import type { Calls, GpuReport, LoadParams } from '../protocol.js'
import { recall, remember } from './remembered.js'
import { WorkerClient, type WorkerPlaces } from './worker-client.js'

/** The public self-test, which includes a product by burn that no model needs. `diagnostics.ts` documents it. */
export async function gpuSelfTest(places: WorkerPlaces = {}): Promise<GpuReport> {
  return await look(places, { burn: true })
}

async function look(places: WorkerPlaces, params: Calls['selfTest']['params']): Promise<GpuReport> {
  const { available, reason = 'no GPU adapter is available' } = (await deviceFacts()).webgpu
  if (!available) throw new HybridError('UNAVAILABLE', reason, { code: 'GPU_UNAVAILABLE' })
  const worker = new WorkerClient(places)
  const started = performance.now()
  try {
    const found = await worker.call('selfTest', params)
    return { ...found, milliseconds: performance.now() - started }
  } finally {
    worker.terminate()
  }
}

/** The version of the tests; a new one may find other faults. */
const version = 2

/** The version of the kernels; the fastest may change with it. */
const planVersion = 1

/**
 * Whether this adapter computes correctly, tested once per adapter and browser version. Rejects if the test could not
 * run.
 */
export async function gpuVerdict(places: WorkerPlaces): Promise<boolean> {
  const remembered = await knownVerdict()
  if (remembered !== undefined) return remembered
  try {
    // No model runs on burn's queue.
    await look(places, { burn: false })
    await rememberVerdict(true)
    return true
  } catch (thrown) {
    if (!HybridError.isInstance(thrown) || thrown.code !== 'GPU_WRONG_RESULTS') throw thrown
    await rememberVerdict(false)
    return false
  }
}

/** Returns the stored result without running the test. */
export async function knownVerdict(): Promise<boolean | undefined> {
  const verdict = recall(await nameOf('gpu', version))
  return verdict === undefined ? undefined : verdict === 'right'
}

export async function rememberVerdict(isRight: boolean): Promise<void> {
  remember(await nameOf('gpu', version), isRight ? 'right' : 'wrong')
}

/** Returns the fastest kernels on this adapter, if they were stored. */
export async function knownPlan(precision: LoadParams['precision']): Promise<string> {
  return recall(`${await nameOf('plan', planVersion)}|${precision}`) ?? ''
}

export async function rememberPlan(precision: LoadParams['precision'], plan: string): Promise<void> {
  remember(`${await nameOf('plan', planVersion)}|${precision}`, plan)
}

/** Browsers report their own version but not the driver's; both change at restarts only. */
async function nameOf(what: string, version: number): Promise<string> {
  const { vendor = '', architecture = '', software } = (await deviceFacts()).webgpu
  return `hybridge-${what}-${version}|${vendor}|${architecture}|${software}|${globalThis.navigator?.userAgent}`
}
