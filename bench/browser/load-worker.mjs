/** Runs in a dedicated worker: loads a generated model with the built engine, and reports where its memory is. */

import { startEngine } from './engine.mjs'
import { GeneratedBlob } from './generated-blob.mjs'
import { seen, watchMemory } from './observed.mjs'

self.onmessage = async ({ data: { folder, device, contextWindow } }) => {
  try {
    watchMemory()
    const { engine, memory } = await startEngine(device)
    const { blob } = await GeneratedBlob.fetch(folder)
    const options = { contextWindow, device, precision: 'exact', kind: 'generator' }
    const model = await engine.Model.load([blob], [], [], JSON.stringify(options), () => {})
    // Wasm memory never shrinks, so its current size is its maximum.
    self.postMessage({
      report: { wasm: memory.buffer.byteLength, gpu: seen.gpuBytes, file: blob.size, facts: JSON.parse(model.facts()) },
    })
    model.free()
  } catch (error) {
    self.postMessage({ error: typeof error === 'string' ? error : `${error?.message}\n${error?.stack}` })
  }
}
