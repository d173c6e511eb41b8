/**
 * Observes a worker's WebGPU from outside: what the engine allocates, encodes, submits and reads, without changes to
 * the engine.
 */

const originals = new Map()

function patch(prototype, name, wrap) {
  const original = prototype[name]
  if (!originals.has(prototype)) originals.set(prototype, {})
  originals.get(prototype)[name] ??= original
  prototype[name] = wrap(originals.get(prototype)[name])
}

function restore(prototype, name) {
  const original = originals.get(prototype)?.[name]
  if (original !== undefined) prototype[name] = original
}

export const seen = { device: undefined, gpuBytes: 0, mappedBytes: 0 }

/** Counts allocations; must be called before the engine opens a device. */
export function watchMemory() {
  if (globalThis.GPUDevice === undefined) return
  patch(
    GPUDevice.prototype,
    'createBuffer',
    (original) =>
      function (descriptor) {
        seen.device = this
        if (descriptor.usage & GPUBufferUsage.MAP_READ) seen.mappedBytes += descriptor.size
        else seen.gpuBytes += descriptor.size
        return original.call(this, descriptor)
      },
  )
}

/** Returns what happens while `act` runs: counts, and every dispatch with its pipeline and buffers. */
export async function recorded(act) {
  const found = { dispatches: [], submits: 0, writes: 0, readBytes: 0 }
  const states = new WeakMap()
  const state = (pass) => states.get(pass) ?? states.set(pass, {}).get(pass)
  patch(
    GPUComputePassEncoder.prototype,
    'setPipeline',
    (original) =>
      function (pipeline) {
        state(this).pipeline = pipeline
        return original.call(this, pipeline)
      },
  )
  patch(
    GPUComputePassEncoder.prototype,
    'setBindGroup',
    (original) =>
      function (index, group, ...rest) {
        state(this).group = group
        return original.call(this, index, group, ...rest)
      },
  )
  patch(
    GPUComputePassEncoder.prototype,
    'dispatchWorkgroups',
    (original) =>
      function (...grid) {
        found.dispatches.push({ ...state(this), grid, label: state(this).pipeline.label })
        return original.apply(this, grid)
      },
  )
  patch(
    GPUQueue.prototype,
    'submit',
    (original) =>
      function (buffers) {
        found.submits++
        return original.call(this, buffers)
      },
  )
  patch(
    GPUQueue.prototype,
    'writeBuffer',
    (original) =>
      function (...args) {
        found.writes++
        return original.apply(this, args)
      },
  )
  patch(
    GPUBuffer.prototype,
    'mapAsync',
    (original) =>
      function (...args) {
        found.readBytes += this.size
        return original.apply(this, args)
      },
  )
  try {
    await act()
  } finally {
    for (const name of ['setPipeline', 'setBindGroup', 'dispatchWorkgroups'])
      restore(GPUComputePassEncoder.prototype, name)
    for (const name of ['submit', 'writeBuffer']) restore(GPUQueue.prototype, name)
    restore(GPUBuffer.prototype, 'mapAsync')
  }
  return found
}

/**
 * Returns this thread's milliseconds from creating an encoder to submitting it, for submissions with this many
 * dispatches while `act` runs: the minimum and the median.
 */
export async function encodeMilliseconds(dispatches, act) {
  const times = []
  let begun
  patch(
    GPUDevice.prototype,
    'createCommandEncoder',
    (original) =>
      function (...args) {
        begun = { at: performance.now(), dispatches: 0 }
        return original.apply(this, args)
      },
  )
  patch(
    GPUComputePassEncoder.prototype,
    'dispatchWorkgroups',
    (original) =>
      function (...grid) {
        if (begun !== undefined) begun.dispatches++
        return original.apply(this, grid)
      },
  )
  patch(
    GPUQueue.prototype,
    'submit',
    (original) =>
      function (buffers) {
        const result = original.call(this, buffers)
        if (begun?.dispatches === dispatches) times.push(performance.now() - begun.at)
        begun = undefined
        return result
      },
  )
  try {
    await act()
  } finally {
    restore(GPUDevice.prototype, 'createCommandEncoder')
    restore(GPUComputePassEncoder.prototype, 'dispatchWorkgroups')
    restore(GPUQueue.prototype, 'submit')
  }
  return { best: Math.min(...times), median: median(times) }
}

/** Returns the GPU's milliseconds for a list of recorded dispatches, the best of three batches. */
export async function replayed(list) {
  const { device } = seen
  let [times, best] = [1, Infinity]
  for (let batches = 0; batches < 3;) {
    const start = performance.now()
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    for (let i = 0; i < times; i++) {
      for (const { pipeline, group, grid } of list) {
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, group)
        pass.dispatchWorkgroups(...grid)
      }
    }
    pass.end()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    const took = performance.now() - start
    if (took < 60 && times < 4096) {
      times *= 2
      continue
    }
    batches++
    best = Math.min(best, took / times)
  }
  return best
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}
