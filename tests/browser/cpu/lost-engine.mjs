/**
 * Replaces the engine's worker: the GPU is lost during the first answer, before or after its first chunk, and only the
 * CPU is left.
 */

const channel = new BroadcastChannel('engines')
let device = 'cpu'
let speaksFirst = false
let steps = 0

const lost = { status: 'INTERNAL', code: 'DEVICE_LOST', message: 'the GPU went away' }
const reply = () => ({
  message: { role: 'model', content: [{ text: `from the ${device}` }] },
  finishReason: 'stop',
  usage: {},
})

const answers = {
  load: () => ({ result: { device, contextWindow: 64, architecture: 'gemma3' } }),
  start: () => ({ result: ++steps }),
  next: () => {
    if (device === 'cpu') return { result: { reply: reply() } }
    if (speaksFirst) {
      speaksFirst = false
      return { result: { content: [{ text: 'half a ' }] } }
    }
    return { failure: lost }
  },
  drop: () => ({ result: null }),
}

// The page sends each worker its role before any request.
const told = new Promise((resolve) => {
  channel.onmessage = ({ data }) => {
    if (data.be === undefined) return
    device = data.be
    speaksFirst = data.speaksFirst === true
    resolve()
  }
})
channel.postMessage({ asks: true })

self.addEventListener('message', async ({ data: { id, method, farewell } }) => {
  if (farewell !== undefined) return void self.postMessage({ id: farewell, result: null })
  await told
  self.postMessage({ id, ...answers[method]() })
})
