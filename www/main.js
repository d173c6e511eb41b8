// The demo: one conversation over two branches. It imports the package by its public name only.
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
let choice
let ai

/** Makes a hybrid of the current choices. The conversation continues. */
function choose() {
  const { build } = strategies[find('recipe').value]
  find('recipe-code').textContent = codeOf(build)
  ai = build({ onDevice: breakable('onDevice', device, isOn, choice), cloud: breakable('cloud', cloud.model(), isOn) })
  void preview()
}

const kinds = {
  email: 'an e-mail address',
  phone: 'a phone number',
  'credit-card': 'a card number',
  iban: 'an IBAN',
  ssn: 'a social security number',
  'ip-address': 'an IP address',
  'api-key': 'an API key',
  'date-of-birth': 'a date of birth',
}

/** Where a request with personal data stays, and why. */
function pinned(allow, reason = '') {
  const place = allow.join() === 'onDevice' ? 'Stays on this device' : `Goes to ${allow.join(', ')} only`
  const [, found] = /^personal data: (.*)$/.exec(reason) ?? []
  return found === undefined
    ? `${place}${reason && `: ${reason}`}`
    : `${place}: it contains ${found
        .split(', ')
        .map((kind) => kinds[kind] ?? kind)
        .join(' and ')}`
}

let asked = 0
/** What would happen to the text being typed, without running it. */
async function preview() {
  const turn = ++asked
  const text = find('prompt').value.trim()
  const words =
    text === ''
      ? ''
      : await ai
          .explain(text)
          .then(
            ({ order, allow, reason }) =>
              allow === undefined
                ? [`Would try ${order.join(', then ')}`, reason].filter(Boolean).join(' · ')
                : pinned(allow, reason),
            sentence,
          )
  if (turn === asked) find('preview').textContent = words
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
chat({ find, current: () => ai, cloud, onTrace: traces.add })
find('recipe').addEventListener('change', choose)
find('faults').addEventListener('change', preview)
find('prompt').addEventListener('input', preview)

choose()
await showPlace(find('place'))
document.body.dataset.ready = 'true'
// The tiny model is small enough to load unasked, except where the visitor saves data. `?load=no` leaves it out.
if (new URLSearchParams(location.search).get('load') !== 'no' && navigator.connection?.saveData !== true)
  void panel.load()
