// The demo: one conversation over two branches. It uses the package by its public name only.
import { HybridError, defineModel } from 'hybridge'
import { chat } from './chat.js'
import { cloudPanel } from './cloud-panel.js'
import { breakable, faults } from './faults.js'
import { modelPanel } from './model-panel.js'
import { sentence } from './next-step.js'
import { showPlace } from './place.js'
import { codeOf, recipes } from './recipes.js'
import { tracePanel } from './trace-panel.js'

const find = (id) => document.getElementById(id)

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
    throw new HybridError('UNAVAILABLE', 'no device model is loaded', { code: 'MODEL_ABSENT' })
  },
})

let device = noModel
let ai

/** A new hybrid for new choices. The conversation is the page's and goes on. */
function choose() {
  const { build } = strategies[find('recipe').value]
  find('recipe-code').textContent = codeOf(build)
  ai = build({ onDevice: breakable('onDevice', device, isOn), cloud: breakable('cloud', cloud.model(), isOn) })
  void preview()
}

let asked = 0
/** What would happen to the text being typed, without running it. */
async function preview() {
  const turn = ++asked
  const text = find('prompt').value.trim()
  const told = text === '' ? '' : await ai.explain(text).then(
    ({ order, allow, reason }) => [`Would try ${order.join(', then ')}`, allow && `nothing but ${allow.join(', ')} may see it`, reason].filter(Boolean).join(' · '),
    sentence,
  )
  if (turn === asked) find('preview').textContent = told
}

const cloud = await cloudPanel({ find, onCloud: () => choose() })
modelPanel({
  root: find('model'),
  onModel(model) {
    device = model ?? noModel
    choose()
  },
})
const traces = tracePanel({ list: find('traces'), exportButton: find('export'), empty: find('no-traces'), legend: find('legend') })
chat({ find, current: () => ai, cloud, onTrace: traces.add })
find('recipe').addEventListener('change', choose)
find('faults').addEventListener('change', preview)
find('prompt').addEventListener('input', preview)

choose()
await showPlace(find('place'))
document.body.dataset.ready = 'true'
