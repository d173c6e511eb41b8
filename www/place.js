// Describes this device: GPU, network, storage. Updated when the network changes.
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
  if (!available) return 'No WebGPU here: running small models on the CPU'
  return `WebGPU${software ? ' in software' : ''}${vendor ? ` (${vendor})` : ''}`
}

/** Fills `list` with one chip per fact, and updates it when the network changes. */
export async function showPlace(list) {
  const [{ webgpu }, keeps] = await Promise.all([deviceFacts(), keepsFiles()])
  const show = () => {
    const facts = [
      gpuInWords(webgpu),
      navigator.onLine ? 'Online' : 'Offline: only this device can answer',
      keeps ? 'Downloads are saved' : 'This window saves no files: a model is downloaded again each time',
    ]
    list.replaceChildren(
      ...facts.flatMap((fact) => [
        Object.assign(document.createElement('span'), { className: 'chip', textContent: fact }),
        ' ',
      ]),
    )
  }
  addEventListener('online', show)
  addEventListener('offline', show)
  show()
}
