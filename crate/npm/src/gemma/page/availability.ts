/** Decides whether the model could run here. Gathers the facts; core judges them. */

import { deviceFacts, gpuLimits } from '../../border/device-facts.js'
import { HybridError } from '../../border/errors.js'
import { fromThrown } from '../../border/thrown.js'
import { loadPage } from '../../border/wasm.js'
import type { Availability, DeviceFacts } from '../../types.js'
import { downloadLock, folder, hasStore, heldOf, readCard, storeFault } from '../layout.js'
import { cpuRate } from './cpu-rate.js'
import { isSuspect } from '../../model/life.js'
import { findMark } from './crash-marker.js'
import type { EngineHost } from './host.js'
import { probe } from './probe.js'
import type { ModelSource } from './source.js'
import { gpuVerdict } from './self-test.js'
import { hasSimd } from './simd.js'
import { noWorkers } from './worker-client.js'

/**
 * Inspects the machine, the store, and the first bytes of an unknown file, but never the weights. If a check is
 * impossible, as on a server, the verdict says so.
 */
export async function availabilityOf(host: EngineHost): Promise<Availability> {
  if (typeof Worker === 'undefined') return { status: 'unavailable', reason: noWorkers, code: 'WORKER_UNAVAILABLE' }
  try {
    return await judged(host)
  } catch (thrown) {
    const { message, code } = fromThrown(thrown)
    return { status: 'unavailable', reason: message, ...(code === undefined ? {} : { code }) }
  }
}

async function judged(host: EngineHost): Promise<Availability> {
  const page = await loadPage()
  const { device = 'auto', cache = 'opfs', precision = 'exact' } = host.options
  const lacksSimd = !hasSimd()
  const key = await host.key()
  const savesData = isMetered()
  const { source, companions, contextWindow } = host
  const keys = await host.companionKeys()
  const [webgpu, limits, heldModel, heldOthers, free, isDownloading, crash, model, others, fault] = await Promise.all([
    device === 'cpu' ? noGpu : deviceFacts().then((facts) => facts.webgpu),
    device === 'cpu' ? {} : gpuLimits(),
    heldBytes(source, host, key),
    Promise.all(companions.map((it, at) => heldBytes(it, host, keys[at]))),
    freeBytes(),
    Promise.all([key, ...keys].map(isFetching)).then((all) => all.includes(true)),
    key === undefined ? undefined : findMark(key),
    probe(source, host.options, key, !savesData),
    // If its size is known, nothing else about it matters.
    Promise.all(
      companions.map((it, at) =>
        sizeOf(it) === undefined ? probe(it, host.options, keys[at], !savesData) : undefined,
      ),
    ),
    notKept(host),
  ])
  const held = {
    bytes: heldOthers.reduce((sum, { bytes }) => sum + bytes, heldModel.bytes),
    isComplete: heldModel.isComplete && heldOthers.every(({ isComplete }) => isComplete),
  }
  const sizes = companions.map((it, at) => {
    const held = heldOthers[at]
    return held?.isComplete === true ? held.bytes : (sizeOf(it) ?? others[at]?.bytes)
  })
  const bytes = sum([heldModel.isComplete ? heldModel.bytes : (model.bytes ?? sizeOf(source)), ...sizes])
  // An obstacle to downloading a companion is an obstacle to running the model.
  const obstacle = others.find((it) => it !== undefined && !['none', 'read'].includes(it.look))
  const file = obstacle === undefined ? model : { ...obstacle, header: model.header }
  // If the host has no model, the engine need not be fetched.
  const mayMeasure = !lacksSimd && !['refused', 'page', 'unreachable'].includes(file.look)
  let engineFault: EngineFault | undefined
  const measured = async <T>(measure: () => Promise<T>): Promise<T | undefined> => {
    try {
      return mayMeasure ? await measure() : undefined
    } catch (thrown) {
      engineFault ??= faultOf(thrown)
      return undefined
    }
  }
  // A software adapter is tested only if it was requested.
  const isWanted = webgpu.available && (device === 'gpu' || !webgpu.software)
  const isRight = isWanted ? await measured(() => gpuVerdict(host.options)) : undefined
  // The CPU is measured only if the model might run on it.
  const maybeOnCpu = device === 'cpu' || (device === 'auto' && (!isWanted || isRight === false))
  const cpuBytesPerSecond = maybeOnCpu ? await measured(() => cpuRate(precision, host.options)) : undefined
  const isRemote = [source, ...companions].some(({ kind }) => kind === 'remote')
  const facts = {
    isSecure: globalThis.isSecureContext === true,
    hasWorkers: true,
    gpu: { available: webgpu.available, software: webgpu.software, reason: webgpu.reason, isRight },
    limits,
    wish: device,
    bytes,
    held: held.bytes,
    isComplete: held.isComplete,
    isDownloading,
    free,
    isKept: isRemote && fault === undefined,
    storeFault: isRemote ? fault : undefined,
    crashedAt: isSuspect(crash, contextWindow) ? crash.contextWindow : undefined,
    contextWindow,
    shape: source.kind === 'blob' ? undefined : source.shape,
    look: file.look,
    status: file.status,
    savesData,
    lacksTemplate: host.loaded?.hasTemplate === false,
    lacksSimd,
    cpuBytesPerSecond,
    engineFault,
  }
  return JSON.parse(page.judge_device(JSON.stringify(facts), file.header)) as Availability

  /** Returns why a download would be gone at the next visit. */
  async function notKept({ source, companions }: EngineHost): Promise<string | undefined> {
    if ([source, ...companions].every(({ kind }) => kind === 'blob')) return undefined
    return cache === 'none'
      ? "cache: 'none' was asked for, so the model is fetched again at each visit"
      : await storeFault()
  }
}

const noGpu: DeviceFacts['webgpu'] = { available: false, software: false }

/** `hybridge_core::device::Fault` */
interface EngineFault {
  readonly code: string
  readonly message: string
}

/** A missing or blocked engine file is a fault of the page. Other failures are found by the load. */
function faultOf(thrown: unknown): EngineFault | undefined {
  if (!HybridError.isInstance(thrown) || (thrown.code !== 'WASM_UNAVAILABLE' && thrown.code !== 'WORKER_UNAVAILABLE'))
    return undefined
  return { code: thrown.code, message: thrown.message }
}

/** Whether traffic costs money: the user asked to save data, or the connection is metered. */
function isMetered(): boolean {
  const { saveData, type } =
    (globalThis.navigator as { connection?: { saveData?: boolean; type?: string } } | undefined)?.connection ?? {}
  return saveData === true || type === 'cellular'
}

/** Returns the size of a source, as far as it is stated. */
const sizeOf = (source: ModelSource): number | undefined =>
  source.kind === 'blob' ? source.blob.size : source.approximateBytes

/** Returns the sum of all sizes if all are known. */
function sum(sizes: ReadonlyArray<number | undefined>): number | undefined {
  return sizes.includes(undefined) ? undefined : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
}

async function heldBytes(
  source: ModelSource,
  { options, loaded }: EngineHost,
  key: string | undefined,
): Promise<{ bytes: number; isComplete: boolean }> {
  if (source.kind === 'blob') return { bytes: source.blob.size, isComplete: true }
  if (loaded !== undefined) return { bytes: source.approximateBytes ?? 0, isComplete: true }
  if (key === undefined || options.cache === 'none' || !hasStore()) return { bytes: 0, isComplete: false }
  const directory = await folder(key, false).catch(() => undefined)
  if (directory === undefined) return { bytes: 0, isComplete: false }
  return await heldOf(directory, (await readCard(directory))?.files ?? source.files.length)
}

async function freeBytes(): Promise<number | undefined> {
  try {
    const { quota, usage = 0 } = await navigator.storage.estimate()
    return quota === undefined ? undefined : Math.max(quota - usage, 0)
  } catch {
    return undefined
  }
}

/** Whether any tab, including this one, holds the model's download lock. */
async function isFetching(key: string | undefined): Promise<boolean> {
  if (key === undefined) return false
  const { held = [] } =
    (await (globalThis.navigator as { locks?: LockManager } | undefined)?.locks?.query().catch(() => ({ held: [] }))) ??
    {}
  return held.some(({ name }) => name === downloadLock(key))
}
