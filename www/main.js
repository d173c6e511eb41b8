// The demo: one conversation over two branches. It imports the package by its public name only.
import { HybridError, defineModel, kOnDevice } from 'hybridge'
import { chat } from './chat.js'
import { cloudPanel } from './cloud-panel.js'
import { breakable, faults } from './faults.js'
import { tokenMeter } from './meter.js'
import { modelPanel } from './model-panel.js'
import { sentence } from './next-step.js'
import { showPlace } from './place.js'
import { inWords, personalIn } from './private-data.js'
import { codeOf, offline, recipes } from './recipes.js'
import { showProof, showSamples } from './samples.js'
import { tracePanel } from './trace-panel.js'

const find = (id) => document.getElementById(id)

const isOn = (fault) => find(`fault-${fault}`).checked
const isOnline = () => navigator.onLine && !find('airplane').checked

for (const [name, { label }] of Object.entries(recipes)) find('recipe').append(new Option(label, name))
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
    throw new HybridError('UNAVAILABLE', 'no device model is loaded', { code: 'MODEL_ABSENT' })
  },
})

let device = noModel
let choice
let ai

/** Makes a hybrid of the current choices. The conversation continues. Without a network one strategy stands for all. */
function choose() {
  const { build } = isOnline() ? recipes[find('recipe').value] : offline
  find('recipe-code').textContent = codeOf(build)
  ai = build({
    onDevice: breakable('onDevice', device, isOn, choice),
    cloud: breakable('cloud', cloud.model(), isOn, { isOnline }),
  })
  void preview()
}

/** What keeps a message on this device: the kinds found in it, where the switch is on. */
const pinOf = async (text) => (find('private').checked ? await personalIn(text) : [])

let asked = 0
/** What would happen to the text being typed, without running it. */
async function preview() {
  const turn = ++asked
  const text = find('prompt').value.trim()
  const words = text === '' ? '' : await whatWouldHappen(text).catch(sentence)
  if (turn === asked) find('preview').textContent = words
}

async function whatWouldHappen(text) {
  const found = await pinOf(text)
  if (found.length > 0) return `Stays on this device: it contains ${inWords(found)}`
  const { order, reason } = await ai.explain(text)
  const names = { onDevice: 'this device', cloud: 'the cloud' }
  const tried = order.map((key) => names[key] ?? key).join(', then ')
  return isOnline() ? [`Would try ${tried}`, reason].filter(Boolean).join(' · ') : 'Offline: this device answers'
}

const cloud = await cloudPanel({ find, onCloud: () => choose() })
const panel = modelPanel({
  root: find('model'),
  onModel(model, chosen) {
    device = model ?? noModel
    choice = model && chosen
    choose()
  },
})
const traces = tracePanel({
  list: find('traces'),
  exportButton: find('export'),
  empty: find('no-traces'),
  legend: find('legend'),
})
const meter = tokenMeter(find('meters'), () => [
  {
    label: 'This device',
    model: device,
    contextWindow: device.info.contextWindow,
    isLastOnly: choice?.isSingleTurn,
  },
  { label: 'Cloud', model: cloud.model(), contextWindow: cloud.contextWindow() },
])
const talk = chat({
  find,
  current: () => ai,
  cloud,
  onTrace: traces.add,
  onShow: (messages) => messages && void meter(messages),
  async boundsOf(text) {
    const found = await pinOf(text)
    return found.length === 0 ? {} : { allow: [kOnDevice], pinned: found }
  },
})
showSamples(find('samples'), (text) => void talk.ask(text))
find('recipe').addEventListener('change', choose)
for (const name of ['faults', 'private']) find(name).addEventListener('change', () => void preview())
find('airplane').addEventListener('change', () => {
  document.body.classList.toggle('offline', !isOnline())
  choose()
})
for (const name of ['online', 'offline']) addEventListener(name, choose)
find('prompt').addEventListener('input', () => void preview())

choose()
await Promise.all([showPlace(find('place')), talk.restore()])
document.body.dataset.ready = 'true'

/** The tiny model is small enough to load unasked, except where the visitor saves data. `?load=no` leaves it out. */
async function wake() {
  if (new URLSearchParams(location.search).get('load') === 'no' || navigator.connection?.saveData === true) {
    find('proof').textContent = 'Load a model (2 MB) to answer on this device, or just ask.'
    return
  }
  await panel.load()
  if (device.state === 'ready') await showProof(find('proof'), device)
  else find('proof').textContent = 'The model could not be started here; the cloud answers meanwhile.'
}
void wake().catch((error) => (find('proof').textContent = sentence(error)))
