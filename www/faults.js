// Makes a branch fail on purpose, to show what a hybrid does about it.
import { HybridError, defineModel } from 'hybridge'

/**
 * Every switch of the page: its label, its branch, and its failure. `applies` says whether it would happen to this
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

/** A base model would write for ever; and a quarter of a small window is what a chat keeps free for the answer. */
const longest = ({ info }) => Math.min(512, Math.floor((info.contextWindow ?? 4096) / 4))

/** From the person's last message on: a tool's result stays with the question. */
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
 * `model` behind the switched-on faults of its branch. With `isSingleTurn` it gets the last turn only, and its
 * likeliest answer counts.
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
