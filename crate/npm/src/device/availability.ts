/** Could the model run here, and what would it take? Gathers facts; core judges them. */

import { deviceFacts } from '../device-facts.js'
import { loadPage } from '../glue/page.js'
import type { Availability, DeviceFacts } from '../types.js'
import { findMark } from './crash-marker.js'
import type { EngineHost } from './host.js'
import { cardName, downloadLock, folder, hasStore, heldOf, readJson, type Card } from './layout.js'
import { gpuVerdict } from './self-test.js'

/** Looks at the machine and the store, never at the weights. */
export async function availabilityOf(host: EngineHost): Promise<Availability> {
  const page = await loadPage()
  const { device = 'auto', cache = 'opfs', workerUrl, wasmUrl } = host.options
  const key = await host.key()
  const [webgpu, held, free, isDownloading, crash] = await Promise.all([
    device === 'cpu' ? noGpu : deviceFacts().then((facts) => facts.webgpu),
    heldBytes(host, key),
    freeBytes(),
    isFetching(key),
    key === undefined ? undefined : findMark(key),
  ])
  // A software adapter is looked at only where it was asked for.
  const isWanted = webgpu.available && (device === 'gpu' || !webgpu.software)
  const isRight = isWanted ? await gpuVerdict(webgpu, { ...(workerUrl === undefined ? {} : { workerUrl }), ...(wasmUrl === undefined ? {} : { wasmUrl }) }) : undefined
  const facts = {
    isSecure: globalThis.isSecureContext === true,
    hasWorkers: typeof Worker !== 'undefined',
    gpu: { available: webgpu.available, software: webgpu.software, reason: webgpu.reason, isRight },
    wish: device,
    bytes: bytesOf(host, held.bytes, held.isComplete),
    held: held.bytes,
    isComplete: held.isComplete,
    isDownloading,
    free,
    isKept: cache === 'opfs' && hasStore(),
    crashedAt: crash?.contextWindow,
    contextWindow: host.contextWindow,
  }
  return JSON.parse(page.judge_device(JSON.stringify(facts))) as Availability
}

const noGpu: DeviceFacts['webgpu'] = { available: false, software: false }

function bytesOf({ source }: EngineHost, held: number, isComplete: boolean): number | undefined {
  if (source.kind === 'blob') return source.blob.size
  return isComplete ? held : source.approximateBytes
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
