// Measures how fast this device reads memory, multiplies a matrix by a vector and starts kernels, with code of this
// page instead of the package's kernels.

const mega = 1 << 20
/** A matrix of 2048 × 2048 f32, 16 MiB, read again and again; the larger buffer is 64 MiB. */
const side = 2048
const bytesRead = 64 * mega

const best = (times) => Math.min(...times)

/** Yields between steps, so that the page can draw and handle Stop. */
const breathe = () => new Promise((resolve) => setTimeout(resolve))

async function timed(act, rounds, signal) {
  const times = []
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted()
    const began = performance.now()
    await act()
    times.push((performance.now() - began) / 1000)
    await breathe()
  }
  return best(times.slice(1))
}

function sum(values) {
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let at = 0; at < values.length; at += 4) {
    a += values[at]
    b += values[at + 1]
    c += values[at + 2]
    d += values[at + 3]
  }
  return a + b + c + d
}

function product(matrix, vector, out) {
  for (let row = 0; row < out.length; row++) {
    let [a, b] = [0, 0]
    const from = row * vector.length
    for (let at = 0; at < vector.length; at += 2) {
      a += matrix[from + at] * vector[at]
      b += matrix[from + at + 1] * vector[at + 1]
    }
    out[row] = a + b
  }
}

/** Measures one thread of JavaScript. */
export async function measureCpu(signal) {
  const values = new Float64Array(bytesRead / 8).fill(1)
  let total = 0
  const reading = await timed(
    () => {
      total = sum(values)
    },
    5,
    signal,
  )
  if (total !== values.length) throw new Error('the sum over memory is wrong')
  const matrix = new Float32Array(side * side).fill(0.5)
  const out = new Float32Array(side)
  const multiplying = await timed(() => product(matrix, new Float32Array(side).fill(2), out), 5, signal)
  if (out[side - 1] !== side) throw new Error('the product is wrong')
  return { readGBps: bytesRead / reading / 1e9, matvecGWps: (side * side) / multiplying / 1e9 }
}

const readShader = `
@group(0) @binding(0) var<storage, read> values: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
override piece: u32 = 64;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let threads = groups.x * 64;
  var sum = vec4f();
  for (var at = 0u; at < piece; at++) { sum += values[at * threads + id.x]; }
  sums[id.x] = sum.x + sum.y + sum.z + sum.w;
}`

const productShader = `
@group(0) @binding(0) var<storage, read> matrix: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
override piece: u32 = 512;
var<workgroup> parts: array<f32, 64>;
@compute @workgroup_size(64) fn main(@builtin(workgroup_id) row: vec3u, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var at = lane; at < piece; at += 64) { sum += dot(matrix[row.x * piece + at], vec4f(2)); }
  parts[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0; half >>= 1) {
    if (lane < half) { parts[lane] += parts[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0) { out[row.x] = parts[0]; }
}`

/**
 * Runs a kernel over a buffer filled with `fill`; returns seconds per run. The first number of the result must be
 * `expected`.
 */
async function kernel(device, { code, bytes, fill, outputs, groups, piece, expected, signal }) {
  const input = device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE, mappedAtCreation: true })
  new Float32Array(input.getMappedRange()).fill(fill)
  input.unmap()
  const output = device.createBuffer({ size: outputs * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC })
  const back = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }), constants: { piece } },
  })
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [input, output].map((buffer, binding) => ({ binding, resource: { buffer } })),
  })
  let runs = 1
  const run = async () => {
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    for (let time = 0; time < runs; time++) pass.dispatchWorkgroups(groups)
    pass.end()
    encoder.copyBufferToBuffer(output, 0, back, 0, 4)
    device.queue.submit([encoder.finish()])
    await back.mapAsync(GPUMapMode.READ)
    const [first] = new Float32Array(back.getMappedRange())
    back.unmap()
    if (first !== expected) throw new Error(`the GPU computed ${first} where ${expected} is right`)
  }
  const once = await timed(run, 3, signal)
  // As many runs at once as fill a fifth of a second, so that the round trip is negligible.
  runs = Math.max(1, Math.min(200, Math.round(0.2 / once)))
  const seconds = (await timed(run, 3, signal)) / runs
  for (const buffer of [input, output, back]) buffer.destroy()
  return seconds
}

/** Returns seconds per start of a trivial kernel, in a pass of many. */
async function dispatching(device, signal) {
  const count = 500
  const code = `@group(0) @binding(0) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(1) fn main() { out[0] += 1; }`
  const output = device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE })
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  })
  const entries = [{ binding: 0, resource: { buffer: output } }]
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
  const run = async () => {
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    for (let time = 0; time < count; time++) pass.dispatchWorkgroups(1)
    pass.end()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
  }
  const seconds = (await timed(run, 4, signal)) / count
  output.destroy()
  return seconds
}

/** Undefined without WebGPU. */
export async function measureGpu(signal) {
  const adapter = await navigator.gpu?.requestAdapter()
  if (!adapter) return undefined
  const device = await adapter.requestDevice()
  try {
    const threads = 65536
    const piece = bytesRead / 16 / threads
    const reading = await kernel(device, {
      code: readShader,
      bytes: bytesRead,
      fill: 1,
      outputs: threads,
      groups: threads / 64,
      piece,
      expected: piece * 4,
      signal,
    })
    const multiplying = await kernel(device, {
      code: productShader,
      bytes: side * side * 4,
      fill: 0.5,
      outputs: side,
      groups: side,
      piece: side / 4,
      expected: side,
      signal,
    })
    const dispatchMicros = (await dispatching(device, signal)) * 1e6
    return { readGBps: bytesRead / reading / 1e9, matvecGWps: (side * side) / multiplying / 1e9, dispatchMicros }
  } finally {
    device.destroy()
  }
}
