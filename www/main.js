// The demo: one conversation over two branches. It uses the package by its public name only.
import { HybridError, defineModel, deviceFacts, geminiModel, hybridModelOnDeviceCloud, openAICompatibleModel } from 'hybridge'
import { chat } from './chat.js'
import { breakable, faults } from './faults.js'
import { modelPanel } from './model-panel.js'
import { recipes } from './recipes.js'
import { tracePanel } from './trace-panel.js'

const find = (id) => document.getElementById(id)
const emulators = await (await fetch('demo.json')).json()

const labels = { cloud: emulators.gemini.label }
const dialects = { gemini: geminiModel, openai: openAICompatibleModel }
const isOn = (fault) => find(`fault-${fault}`).checked
const isOnline = () => navigator.onLine && !isOn('offline')

const strategies = recipes(isOnline)
for (const [name, { label }] of Object.entries(strategies)) find('recipe').append(new Option(label, name))
for (const [name, { label }] of Object.entries(faults)) {
  const box = Object.assign(document.createElement('input'), { type: 'checkbox', id: `fault-${name}` })
  const field = document.createElement('label')
  field.append(box, label)
  find('faults').append(field)
}

/** Stands in until a model is chosen, so that the hybrid moves on. */
const noModel = defineModel({
  name: 'no device model',
  info: { inferenceSource: 'on_device' },
  async generate() {
    throw new HybridError('UNAVAILABLE', 'no device model is chosen', { code: 'MODEL_ABSENT' })
  },
})

let device = noModel
const { model, baseUrl, apiKey } = emulators.gemini
let cloud = geminiModel({ model, baseUrl, apiKey })
let ai

/** A new hybrid for new choices. The conversation is the page's and goes on. */
function choose() {
  ai = hybridModelOnDeviceCloud({
    onDevice: breakable('onDevice', device, isOn),
    cloud: breakable('cloud', cloud, isOn),
    strategy: strategies[find('recipe').value].strategy,
  })
  void preview()
}

let asked = 0
/** What would happen to the text being typed, without running it. */
async function preview() {
  const turn = ++asked
  const text = find('prompt').value.trim()
  const told = text === '' ? '' : await ai.explain(text).then(
    ({ order, allow, reason }) => [`would try ${order.join(', then ')}`, allow && `nothing but ${allow.join(', ')} may see it`, reason].filter(Boolean).join(' · '),
    (error) => `${error.message}.`,
  )
  if (turn === asked) find('preview').textContent = told
}

modelPanel({
  find,
  onModel(model) {
    device = model
    choose()
  },
})
const traces = tracePanel(find('traces'), find('export'))
chat({ form: find('ask'), log: find('log'), stop: find('stop'), fresh: find('fresh'), current: () => ai, labels, onTrace: traces.add })
find('recipe').addEventListener('change', choose)
find('faults').addEventListener('change', preview)
find('prompt').addEventListener('input', preview)

/** The emulator that speaks the chosen dialect, until the visitor names a service. */
function suggest() {
  const { baseUrl, model, apiKey } = emulators[find('cloud-dialect').value]
  find('cloud-url').value = baseUrl
  find('cloud-model').value = model
  find('cloud-key').value = apiKey
}
suggest()
find('cloud-state').textContent = `Now: ${labels.cloud}.`
find('cloud-dialect').addEventListener('change', suggest)
find('cloud').addEventListener('submit', (event) => {
  event.preventDefault()
  const dialect = find('cloud-dialect').value
  const baseUrl = find('cloud-url').value
  const apiKey = find('cloud-key').value
  cloud = dialects[dialect]({ model: find('cloud-model').value, baseUrl, ...(apiKey && { apiKey }) })
  labels.cloud = baseUrl === emulators[dialect].baseUrl ? emulators[dialect].label : new URL(baseUrl).host
  find('cloud-state').textContent = `Now: ${labels.cloud}.`
  choose()
})

choose()
const { online, webgpu } = await deviceFacts()
find('place').textContent = [
  webgpu.available ? `WebGPU${webgpu.software ? ' in software' : ''}${webgpu.vendor ? ` (${webgpu.vendor})` : ''}` : 'no WebGPU here',
  online ? `cloud: ${labels.cloud}` : 'offline',
].join(' · ')
document.body.dataset.ready = 'true'
