// Makes a branch fail on purpose, to show how a hybrid reacts.
import { HybridError, defineModel } from 'hybridge'

/**
 * Every fault that can be switched on: its label, its branch, and its error. `applies` returns whether it affects this
 * model.
 */
export const faults = {
  cloudDown: {
    label: 'Cloud down',
    branch: 'cloud',
    fail: () => new HybridError('UNAVAILABLE', 'simulated: the cloud answered 503'),
  },
  quota: {
    label: 'Cloud out of quota',
    branch: 'cloud',
    fail: () => new HybridError('RESOURCE_EXHAUSTED', 'simulated: quota exceeded', { retryAfterMs: 5000 }),
  },
  slowCloud: { label: 'Slow cloud', branch: 'cloud', delayMs: 3000 },
  noGpu: {
    label: 'No GPU',
    branch: 'onDevice',
    applies: ({ runsOn }) => runsOn !== 'cpu',
    fail: () => new HybridError('UNAVAILABLE', 'simulated: no GPU', { code: 'GPU_UNAVAILABLE' }),
  },
  gpuLost: {
    label: 'GPU lost',
    branch: 'onDevice',
    fail: () => new HybridError('UNAVAILABLE', 'simulated: GPU lost', { code: 'DEVICE_LOST' }),
  },
}

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })

/** A base model would continue for ever, and a chat reserves a quarter of a small window for the answer. */
const longest = ({ info }) => Math.min(512, Math.floor((info.contextWindow ?? 4096) / 4))

/** From the last user message on: a tool's result stays with its question. */
const lastTurn = ({ messages, config, ...request }) => ({
  ...request,
  messages: messages.slice(
    Math.max(
      0,
      messages.findLastIndex(({ role }) => role === 'user'),
    ),
  ),
  config: { ...config, temperature: 0 },
})

/**
 * Returns `model` with the active faults of its branch. With `isSingleTurn` it gets only the last turn, and answers
 * greedily.
 */
export function breakable(branch, model, isOn, { isSingleTurn = false, isOnline = () => true } = {}) {
  const limit = branch === 'onDevice' ? { maxOutputTokens: longest(model) } : {}
  return defineModel({
    name: model.name,
    info: model.info,
    async generate(asked, { sendChunk, signal, context }) {
      if (!isOnline()) throw new HybridError('UNAVAILABLE', 'there is no network', { code: 'OFFLINE' })
      for (const [name, fault] of Object.entries(faults)) {
        if (fault.branch !== branch || !isOn(name) || fault.applies?.(model) === false) continue
        if (fault.fail) throw fault.fail()
        await pause(fault.delayMs, signal)
      }
      const request = { ...asked, config: { ...limit, ...asked.config } }
      const answer = model.generateStream(isSingleTurn ? lastTurn(request) : request, { signal, context })
      for await (const { content, logprobs } of answer) sendChunk(content, logprobs && { logprobs: [...logprobs] })
      return await answer.response
    },
  })
}
