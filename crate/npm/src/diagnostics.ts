/**
 * `hybridge/diagnostics`: the contents of a report about a device. It shares the core's state, so `configure` applies
 * here too.
 */

import * as core from './index.js'
import type { ModelShape } from './gemma/page/known-shapes.js'
import type { WorkerPlaces } from './gemma/page/worker-client.js'
import type { GpuReport } from './gemma/protocol.js'

export type { GpuReport, ModelShape, WorkerPlaces }

/**
 * Computes a quantised product, a norm, a tile of attention and one of burn's products on the GPU and on the CPU, and
 * reports the largest difference.
 *
 * Starts the engine's worker and fetches its GPU file. Without an adapter it fetches nothing and throws with code
 * GPU_UNAVAILABLE; with wrong results it throws with code GPU_WRONG_RESULTS.
 *
 * @example
 * const { adapter, software, maxError } = await gpuSelfTest()
 */
export const gpuSelfTest: (places?: WorkerPlaces) => Promise<GpuReport> = core.gpuSelfTest

/**
 * Returns the limits of the GPU adapter that a model would run on, by their WebGPU names; empty without an adapter.
 *
 * @example
 * const { maxStorageBufferBindingSize } = await gpuLimits()
 */
export const gpuLimits: () => Promise<Readonly<Record<string, number>>> = core.gpuLimits

/** The network sizes of each model in `knownModels`, by name, from which `availability()` computes a model's memory. */
export const knownShapes: Readonly<Record<string, ModelShape>> = core.knownShapes
