// What this page found around it, in words: GPU, network, storage. It keeps up with the network.
import { deviceFacts } from 'hybridge'

/** Whether this window keeps files between visits; private windows of some browsers do not. */
export async function keepsFiles() {
  try {
    await navigator.storage.getDirectory()
    return true
  } catch {
    return false
  }
}

function gpuInWords({ available, software, vendor }) {
  if (!available) return 'no WebGPU: small models run on the CPU'
  return `WebGPU${software ? ' in software' : ''}${vendor ? ` (${vendor})` : ''}`
}

/** Fills `list` with one chip for each fact, and again when the network comes or goes. */
export async function showPlace(list) {
  const [{ webgpu }, keeps] = await Promise.all([deviceFacts(), keepsFiles()])
  const show = () => {
    const facts = [
      gpuInWords(webgpu),
      navigator.onLine ? 'online' : 'offline: only this device can answer',
      keeps ? 'models are kept between visits' : 'this window keeps no files: a model is fetched again each time',
    ]
    list.replaceChildren(...facts.flatMap((fact) => [Object.assign(document.createElement('span'), { className: 'chip', textContent: fact }), ' ']))
  }
  addEventListener('online', show)
  addEventListener('offline', show)
  show()
}
