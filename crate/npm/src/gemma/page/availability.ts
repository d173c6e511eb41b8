/** Could the model run here, and what would it take? Gathers facts; core judges them. */

import { deviceFacts, gpuLimits } from '../../border/device-facts.js'
import { loadPage } from '../../border/wasm.js'
import type { Availability, DeviceFacts } from '../../types.js'
import { cpuRate } from './cpu-rate.js'
import { findMark } from './crash-marker.js'
import type { EngineHost } from './host.js'
import { cardName, downloadLock, folder, hasStore, heldOf, readJson, type Card } from '../layout.js'
import { probe } from './probe.js'
import { gpuVerdict } from './self-test.js'
import { hasSimd } from './simd.js'

/** Looks at the machine, at the store, and at the first bytes of a file that nobody knows; never at the weights. */
export async function availabilityOf(host: EngineHost): Promise<Availability> {
  const page = await loadPage()
  const { device = 'auto', cache = 'opfs', precision = 'exact', workerUrl, wasmUrl } = host.options
  const places = { ...(workerUrl === undefined ? {} : { workerUrl }), ...(wasmUrl === undefined ? {} : { wasmUrl }) }
  const lacksSimd = !hasSimd()
  const key = await host.key()
  const savesData = isMetered()
  const [webgpu, limits, held, free, isDownloading, crash, file] = await Promise.all([
    device === 'cpu' ? noGpu : deviceFacts().then((facts) => facts.webgpu),
    device === 'cpu' ? {} : gpuLimits(),
    heldBytes(host, key),
    freeBytes(),
    isFetching(key),
    key === undefined ? undefined : findMark(key),
    probe(host, key, !savesData),
  ])
  // A software adapter is looked at only where it was asked for.
  const isWanted = webgpu.available && (device === 'gpu' || !webgpu.software)
  const isRight = isWanted && !lacksSimd ? await gpuVerdict(places) : undefined
  // The CPU is measured only where it may be what the model runs on.
  const maybeOnCpu = device === 'cpu' || (device === 'auto' && (!isWanted || isRight === false))
  const cpuBytesPerSecond = maybeOnCpu && !lacksSimd && typeof Worker !== 'undefined' ? await cpuRate(precision, places) : undefined
  const { source, contextWindow } = host
  const facts = {
    isSecure: globalThis.isSecureContext === true,
    hasWorkers: typeof Worker !== 'undefined',
    gpu: { available: webgpu.available, software: webgpu.software, reason: webgpu.reason, isRight },
    limits,
    wish: device,
    bytes: source.kind === 'blob' ? source.blob.size : held.isComplete ? held.bytes : (file.bytes ?? source.approximateBytes),
    held: held.bytes,
    isComplete: held.isComplete,
    isDownloading,
    free,
    isKept: cache === 'opfs' && hasStore(),
    crashedAt: crash?.contextWindow,
    contextWindow,
    shape: source.kind === 'blob' ? undefined : source.shape,
    refused: file.refused,
    savesData,
    lacksSimd,
    cpuBytesPerSecond,
  }
  return JSON.parse(page.judge_device(JSON.stringify(facts), file.header)) as Availability
}

const noGpu: DeviceFacts['webgpu'] = { available: false, software: false }

/** Whether bytes cost: the person said so, or the network is one that is paid for by the byte. */
function isMetered(): boolean {
  const { saveData, type } = (navigator as { connection?: { saveData?: boolean; type?: string } }).connection ?? {}
  return saveData === true || type === 'cellular'
}

async function heldBytes({ source, options, loaded }: EngineHost, key: string | undefined): Promise<{ bytes: number; isComplete: boolean }> {
  if (source.kind === 'blob') return { bytes: source.blob.size, isComplete: true }
  if (loaded !== undefined) return { bytes: source.approximateBytes ?? 0, isComplete: true }
  if (key === undefined || options.cache === 'none' || !hasStore()) return { bytes: 0, isComplete: false }
  const directory = await folder(key, false).catch(() => undefined)
  if (directory === undefined) return { bytes: 0, isComplete: false }
  const card = await readJson<Card>(directory, cardName)
  return await heldOf(directory, card?.files ?? source.files.length)
}

async function freeBytes(): Promise<number | undefined> {
  try {
    const { quota, usage = 0 } = await navigator.storage.estimate()
    return quota === undefined ? undefined : Math.max(quota - usage, 0)
  } catch {
    return undefined
  }
}

/** Whether some tab, this one included, holds the model's download lock. */
async function isFetching(key: string | undefined): Promise<boolean> {
  if (key === undefined) return false
  const { held = [] } = (await (navigator as { locks?: LockManager }).locks?.query()) ?? {}
  return held.some(({ name }) => name === downloadLock(key))
}
