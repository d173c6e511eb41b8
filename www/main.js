// The demo: one conversation over two branches. It uses the package by its public name only.
import { FallbackStrategy, HybridError, defineModel, deviceFacts, geminiModel, hybridModelOnDeviceCloud, kCloud, kOnDevice } from 'hybridge'

const place = document.querySelector('#place')
const log = document.querySelector('#log')
const form = document.querySelector('#ask')
const stop = document.querySelector('#stop')

/** Until a device model is loaded the branch says so, and the hybrid moves on. */
const onDevice = defineModel({
  name: 'device',
  info: { inferenceSource: 'on_device' },
  async generate() {
    throw new HybridError('UNAVAILABLE', 'no device model is loaded')
  },
})

const { gemini } = await (await fetch('demo.json')).json()
const cloud = geminiModel({ model: gemini.model, baseUrl: gemini.baseUrl, apiKey: gemini.apiKey })
const ai = hybridModelOnDeviceCloud({ onDevice, cloud, strategy: new FallbackStrategy([kOnDevice, kCloud]) })

const messages = []
let stopper

function add(kind, text = '') {
  const item = document.createElement('li')
  item.className = kind
  item.append(text)
  log.append(item)
  item.scrollIntoView({ block: 'nearest' })
  return item
}

/** Where an answer came from, in words. */
function badge({ branch, inferenceSource, latencyMs, usage, routing }) {
  const where = { on_device: 'on this device', in_cloud: gemini.label, unknown: branch }[inferenceSource]
  const tried = routing.attempts.filter(({ outcome }) => outcome !== 'answered').map(({ branch: key, status }) => `${key} ${status}`)
  return [where, `${Math.round(latencyMs)} ms`, usage.outputTokens && `${usage.outputTokens} tokens`, tried.length > 0 && `after ${tried.join(', ')}`].filter(Boolean).join(' · ')
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const text = form.prompt.value.trim()
  if (!text || stopper) return
  form.reset()
  stopper = new AbortController()
  stop.hidden = false
  add('user', text)
  messages.push({ role: 'user', content: [{ text }] })
  const item = add('model')
  try {
    const answer = ai.generateStream({ messages }, { signal: stopper.signal })
    for await (const chunk of answer) item.append(chunk.text)
    const response = await answer.response
    messages.push(response.message)
    const note = document.createElement('small')
    note.className = 'badge'
    note.dataset.branch = response.branch
    note.append(badge(response))
    item.append(note)
  } catch (error) {
    messages.pop()
    const stopped = HybridError.isInstance(error) && error.status === 'CANCELLED'
    add(stopped ? 'note' : 'error', stopped ? 'Stopped.' : `${error.message}.`)
  } finally {
    stopper = undefined
    stop.hidden = true
    form.prompt.focus()
  }
})

stop.addEventListener('click', () => stopper?.abort())

const { online, webgpu } = await deviceFacts()
place.textContent = [
  webgpu.available ? `WebGPU${webgpu.software ? ' in software' : ''}${webgpu.vendor ? ` (${webgpu.vendor})` : ''}` : 'no WebGPU here',
  online ? `cloud: ${gemini.label}` : 'offline',
].join(' · ')
document.body.dataset.ready = 'true'
