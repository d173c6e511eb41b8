/** Facts about this machine, as far as its browser reports them. A missing API is a missing fact, never an error. */

import { now } from './clock.js'
import type { DeviceFacts } from '../types.js'

// The members of recent APIs that are used here, each optional.
interface Adapter {
  info?: { vendor?: string; architecture?: string; device?: string; description?: string; isFallbackAdapter?: boolean }
  isFallbackAdapter?: boolean
  limits?: Readonly<Record<string, number | undefined>>
  features?: { has(name: string): boolean }
}
interface AdapterWish {
  readonly powerPreference?: 'low-power' | 'high-performance'
}
interface Battery {
  level: number
  charging: boolean
}
interface Host {
  onLine?: boolean
  connection?: { saveData?: boolean; effectiveType?: string }
  deviceMemory?: number
  hardwareConcurrency?: number
  gpu?: { requestAdapter(wish?: AdapterWish): Promise<Adapter | null> }
  getBattery?(): Promise<Battery>
}

/**
 * The engine's own options: with two GPUs, facts, verdict and kernel plan must describe the one that the model runs
 * on.
 */
const WISH: AdapterWish = { powerPreference: 'high-performance' }
/** Timeout for a driver that hangs. */
const PATIENCE_MS = 2000
/** How long a missing adapter is remembered, so that a driver that hangs does not delay every request. */
const FORGET_MS = 60_000

interface Gpu {
  readonly facts: DeviceFacts['webgpu']
  readonly limits: Readonly<Record<string, number>>
}

/** The limits with which the engine's kernels and a model's buffers are compared. */
const limitNames = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupsPerDimension',
] as const

let gpu: Promise<Gpu> | undefined
let missingSince: number | undefined
let battery: Promise<Battery | undefined> | undefined

/**
 * Returns facts about this machine. Works in pages, workers and on servers; facts that the host does not report are
 * absent.
 *
 * @example
 * const { webgpu } = await deviceFacts()
 * if (webgpu.available && !webgpu.software) offerDownload()
 */
export async function deviceFacts(): Promise<DeviceFacts> {
  const host = (globalThis.navigator ?? {}) as Host
  // The adapter and the battery's object are requested once; the battery's level is read each time.
  battery ??= inTime(async () => host.getBattery?.(), undefined)
  const [{ facts: webgpu }, power] = await Promise.all([lookAtGpu(host), battery])
  const { effectiveType, saveData } = host.connection ?? {}
  return {
    online: host.onLine !== false,
    saveData: saveData === true,
    ...(effectiveType === undefined ? {} : { effectiveType }),
    webgpu,
    ...(host.deviceMemory === undefined ? {} : { memoryGB: host.deviceMemory }),
    ...(host.hardwareConcurrency === undefined ? {} : { cores: host.hardwareConcurrency }),
    ...(power === undefined ? {} : { battery: { level: power.level, charging: power.charging } }),
    visible: globalThis.document?.visibilityState !== 'hidden',
  }
}

/** Returns the adapter's limits, as far as it reports them. Empty without an adapter. */
export async function gpuLimits(): Promise<Readonly<Record<string, number>>> {
  return (await lookAtGpu((globalThis.navigator ?? {}) as Host)).limits
}

/** Requests an adapter now, ignoring earlier results. */
export async function gpuFacts(wish: AdapterWish, patienceMs: number): Promise<DeviceFacts['webgpu']> {
  return (await requestGpu((globalThis.navigator ?? {}) as Host, wish, patienceMs)).facts
}

function lookAtGpu(host: Host): Promise<Gpu> {
  // A missing adapter may be available later.
  if (missingSince !== undefined && now() - missingSince > FORGET_MS) gpu = missingSince = undefined
  return (gpu ??= requestGpu(host).then((found) => {
    if (!found.facts.available) missingSince = now()
    return found
  }))
}

async function requestGpu(host: Host, wish = WISH, patienceMs = PATIENCE_MS): Promise<Gpu> {
  const none = (reason: string): Gpu => ({ facts: { available: false, software: false, reason }, limits: {} })
  if (host.gpu === undefined) return none('this browser has no WebGPU')
  const adapter = await inTime(async () => host.gpu?.requestAdapter(wish) ?? null, null, patienceMs)
  if (adapter === null) return none('no GPU adapter is available')
  const limits: Record<string, number> = {}
  for (const name of limitNames) {
    const limit = adapter.limits?.[name]
    if (limit !== undefined) limits[name] = limit
  }
  return { facts: factsOf(adapter), limits }
}

function factsOf(adapter: Adapter): DeviceFacts['webgpu'] {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info ?? {}
  const named = [architecture, device, description].join(' ')
  return {
    available: true,
    software:
      (isFallbackAdapter ?? adapter.isFallbackAdapter ?? false) ||
      /swiftshader|llvmpipe|lavapipe|basic render|softpipe/i.test(named),
    ...(vendor === undefined || vendor === '' ? {} : { vendor }),
    ...(architecture === undefined || architecture === '' ? {} : { architecture }),
    ...(adapter.limits?.maxBufferSize === undefined ? {} : { maxBufferSize: adapter.limits.maxBufferSize }),
    ...(adapter.limits?.maxStorageBufferBindingSize === undefined
      ? {}
      : { maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize }),
    shaderF16: adapter.features?.has('shader-f16') ?? false,
    subgroups: adapter.features?.has('subgroups') ?? false,
  }
}

/** Returns a fact, or `otherwise` if it is rejected or takes too long. */
function inTime<T>(fact: () => Promise<T>, otherwise: T, patienceMs = PATIENCE_MS): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patienceMs, otherwise)
    fact()
      .then(resolve, () => resolve(otherwise))
      .finally(() => clearTimeout(timer))
  })
}
