/** Measures the adapter's limits with kernels that do one thing only, the same as natively. */

import { median, replayed, seen } from './observed.mjs'

const [rows, columns] = [16384, 640]

/**
 * Invocations that read, and 16-byte words for them: on real GPUs enough to occupy all of one, and 256 MB, which
 * exceeds every cache.
 */
async function reading({ limits }) {
  const { info } = await navigator.gpu.requestAdapter()
  if (info.isFallbackAdapter || info.architecture === 'swiftshader') return [1 << 12, 1 << 21]
  return [1 << 17, Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) >= 2 ** 28 ? 1 << 24 : 1 << 23]
}

/** Returns bytes per second of reading, and weights per second of the reference product. */
export async function ceilings() {
  const { device } = seen
  const [threads, words] = await reading(device)
  const text = async (name) => await (await fetch(`/wgsl/${name}.wgsl`)).text()
  const buffer = (size) => device.createBuffer({ size, usage: GPUBufferUsage.STORAGE })
  const [input, vector, output] = [buffer(words * 16), buffer(columns * 4), buffer(Math.max(threads, rows) * 4)]
  const dispatch = (code, buffers, groups) => {
    const pipeline = device.createComputePipeline({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
    })
    const entries = buffers.map((it, binding) => ({ binding, resource: { buffer: it } }))
    return {
      pipeline,
      group: device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }),
      grid: [groups],
    }
  }
  let read = 0
  for (const chunk of [0, words / threads]) {
    const code = `const WORDS: u32 = ${words}u; const THREADS: u32 = ${threads}u; const CHUNK: u32 = ${chunk}u;\n${await text('bench_read')}`
    read = Math.max(read, (words * 16 * 1000) / (await replayed([dispatch(code, [input, output], threads / 64)])))
  }
  const code = `const COLUMNS: u32 = ${columns}u;\n${await text('bench_reference')}`
  const reference = (rows * columns * 1000) / (await replayed([dispatch(code, [input, vector, output], rows / 64)]))
  for (const it of [input, vector, output]) it.destroy()
  return { read, reference }
}

/**
 * Returns bytes per second that one wasm thread reads from memory larger than any cache, the median of several passes.
 */
export async function threadReading() {
  const { instance } = await WebAssembly.instantiateStreaming(fetch('/cache/read.wasm'))
  const { memory, read } = instance.exports
  const bytes = new Uint8Array(memory.buffer).fill(1).length
  const times = []
  // The first passes run before the browser has optimised the loop.
  for (let pass = 0; pass < 12; pass++) {
    const start = performance.now()
    read(bytes)
    times.push(performance.now() - start)
  }
  return (bytes * 1000) / median(times.slice(3))
}

/** Returns milliseconds from a submission until four bytes are read back. */
export async function readbackMilliseconds() {
  const { device } = seen
  const source = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_SRC })
  const staging = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  const times = []
  for (let i = 0; i < 20; i++) {
    const start = performance.now()
    const encoder = device.createCommandEncoder()
    encoder.copyBufferToBuffer(source, 0, staging, 0, 4)
    device.queue.submit([encoder.finish()])
    await staging.mapAsync(GPUMapMode.READ)
    times.push(performance.now() - start)
    staging.unmap()
  }
  return median(times)
}
