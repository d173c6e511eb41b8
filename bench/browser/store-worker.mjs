/**
 * Reads the only stored model in chunks of the engine's size, and optionally uploads them to the GPU.
 */

const piece = 4 << 20

self.onmessage = async ({ data: device }) => {
  const start = performance.now()
  const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('hybridge-models')
  const [folder] = await Array.fromAsync(models.values())
  const file = await (await folder.getFileHandle('part-0.gguf')).getFile()
  const gpu = device === 'gpu' ? await (await navigator.gpu.requestAdapter()).requestDevice() : undefined
  for (let at = 0; at < file.size; at += piece) {
    const bytes = new Uint8Array(await file.slice(at, at + piece).arrayBuffer())
    if (gpu === undefined) continue
    const size = Math.ceil(bytes.length / 4) * 4
    const buffer = gpu.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST })
    gpu.queue.writeBuffer(buffer, 0, bytes, 0, Math.floor(bytes.length / 4) * 4)
  }
  await gpu?.queue.onSubmittedWorkDone()
  self.postMessage({ bytes: file.size, milliseconds: performance.now() - start })
  gpu?.destroy()
}
