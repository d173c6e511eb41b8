// Makes a branch fail on purpose, so that one can watch what a hybrid does about it.
import { HybridError, defineModel } from 'hybridge'

/** Every switch of the page: what it says, which branch it hurts, and how. */
export const faults = {
  offline: { label: 'Offline', branch: 'cloud', fail: () => new HybridError('UNAVAILABLE', 'the demo plays a lost connection', { code: 'OFFLINE' }) },
  cloudDown: { label: 'Cloud down', branch: 'cloud', fail: () => new HybridError('UNAVAILABLE', 'the demo plays a cloud that answers 503') },
  quota: { label: 'Cloud out of quota', branch: 'cloud', fail: () => new HybridError('RESOURCE_EXHAUSTED', 'the demo plays a used-up quota', { retryAfterMs: 5000 }) },
  slowCloud: { label: 'Slow cloud', branch: 'cloud', delayMs: 3000 },
  noGpu: { label: 'No GPU', branch: 'onDevice', fail: () => new HybridError('UNAVAILABLE', 'the demo plays a device without a GPU', { code: 'GPU_UNAVAILABLE' }) },
  gpuLost: { label: 'GPU lost', branch: 'onDevice', fail: () => new HybridError('UNAVAILABLE', 'the demo plays a lost GPU', { code: 'DEVICE_LOST' }) },
}

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })

/** `model` with the switched-on faults of its branch in front of it. */
export function breakable(branch, model, isOn) {
  return defineModel({
    name: model.name,
    info: model.info,
    async generate(request, { sendChunk, signal, context }) {
      for (const [name, fault] of Object.entries(faults)) {
        if (fault.branch !== branch || !isOn(name)) continue
        if (fault.fail) throw fault.fail()
        await pause(fault.delayMs, signal)
      }
      const answer = model.generateStream(request, { signal, context })
      for await (const { content, logprobs } of answer) sendChunk(content, logprobs && { logprobs: [...logprobs] })
      return await answer.response
    },
  })
}
