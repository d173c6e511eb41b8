/**
 * Measures the time of a picture in Gemma 3's tower in WebAssembly, in the engine's file for CPUs: seconds a layer, and
 * the heap. `node bench/tower.mjs TOWER MODEL`: files by the examples `tower` and `tiny`.
 */

import { openAsBlob, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const engine = await import(join(root, 'crate/npm/wasm/cpu/hybridge_cpu.js'))
const { memory } = engine.initSync({ module: readFileSync(join(root, 'crate/npm/wasm/cpu/hybridge_cpu_bg.wasm')) })
const [tower, text] = process.argv.slice(2)
const side = 896
/** The multiply-adds of a layer: products of 4,096 patches with 15.2 million weights, and their attention. */
const operations = 2 * 4096 * 15.2e6 + 4 * 4096 * 4096 * 1152

const options = { contextWindow: 512, device: 'cpu', precision: 'exact', kind: 'generator' }
const mmproj = await openAsBlob(tower)
const model = await engine.Model.load([await openAsBlob(text)], [mmproj], [], JSON.stringify(options), () => {})
const picture = model.picture(side, side)
picture.rows(Uint8Array.from({ length: 4 * side * side }, (_, at) => (at * 2654435761) >>> 24))
const message = { role: 'user', content: [{ media: { url: 'data:,' } }, { text: 'Describe it' }] }

let first
let seconds = 0
const generation = model.start(JSON.stringify({ messages: [message] }), [picture], 1, (share) => {
  first ??= performance.now()
  if (share === 1) seconds = (performance.now() - first) / 1e3
})
await generation.next()
const layers = Number(process.env.LAYERS ?? 1)
const each = seconds / layers
console.log(
  JSON.stringify({
    secondsALayer: each,
    gflops: operations / each / 1e9,
    towerBytes: mmproj.size,
    heapBytes: memory.buffer.byteLength,
    heapAboveFile: memory.buffer.byteLength - mmproj.size,
  }),
)
process.exit()
