/**
 * Chooses the engine's file for a load: the large one, which runs models on GPU and CPU, or the small one for the CPU
 * alone. Decided before either is fetched, so that no visitor downloads a GPU engine without use for it.
 */

import { gpuFacts } from '../../border/device-facts.js'
import type { LoadParams } from '../protocol.js'

export type EngineFile = 'gpu' | 'cpu'

/** The facts about the GPU that are known without the engine. */
export interface SeenGpu {
  readonly available: boolean
  readonly software: boolean
  readonly reason?: string
  readonly isRight?: boolean
}

/** Longer than the page's timeout: a wrong answer here would keep a model off the GPU for as long as it is loaded. */
const patienceMs = 10_000

export async function seenGpu({ device, gpuIsRight }: Pick<LoadParams, 'device' | 'gpuIsRight'>): Promise<SeenGpu> {
  if (device === 'cpu') return { available: false, software: false }
  // The adapter that the engine will request.
  const { available, software, reason } = await gpuFacts({ powerPreference: 'high-performance' }, patienceMs)
  return {
    available,
    software,
    ...(reason === undefined ? {} : { reason }),
    ...(gpuIsRight === undefined ? {} : { isRight: gpuIsRight }),
  }
}

/** Decides like `takes_gpu` of `hybridge_core::device`, as far as possible before the GPU's self-test. */
export function fileFor(
  { device, hasGpuFile }: Pick<LoadParams, 'device' | 'hasGpuFile'>,
  { available, software, isRight }: SeenGpu,
): EngineFile {
  // The large file contains the CPU's kernels too, and is in the browser's cache.
  if (hasGpuFile) return 'gpu'
  if (device === 'cpu' || !available) return 'cpu'
  return device === 'gpu' || (!software && isRight !== false) ? 'gpu' : 'cpu'
}
