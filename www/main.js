// The demo: one conversation over two branches. It imports the package by its public name only.
import { HybridError, defineModel, kOnDevice } from 'hybridge'
import { chat } from './chat.js'
import { cloudPanel } from './cloud-panel.js'
import { breakable, faults } from './faults.js'
import { tokenMeter } from './meter.js'
import { modelPanel } from './model-panel.js'
import { sentence } from './next-step.js'
import { keepEngine, keepPage, takeWaiting } from './offline-app.js'
import { pictureField } from './picture.js'
import { showPlace } from './place.js'
import { inWords, personalIn, redactedForm } from './private-data.js'
import { codeOf, offline, recipes } from './recipes.js'
import { showProof, showSamples } from './samples.js'
import { toolsOver } from './tools.js'
import { tracePanel } from './trace-panel.js'

const find = (id) => document.getElementById(id)
const isShared = location.hash.startsWith('#trace=')

void takeWaiting().catch(() => undefined)

const isOn = (fault) => find(`fault-${fault}`).checked
const isOnline = () => navigator.onLine && !find('airplane').checked

for (const [name, { label }] of Object.entries(recipes)) find('recipe').append(new Option(label, name))
for (const [name, { label }] of Object.entries(faults)) {
  const box = Object.assign(document.createElement('input'), { type: 'checkbox', id: `fault-${name}` })
  const field = document.createElement('label')
  field.append(box, label)
  find('faults').append(field)
}

/** A placeholder until a model is chosen, so that the hybrid moves on. */
const noModel = defineModel({
  name: 'no device model',
  info: { inferenceSource: 'on_device' },
  async generate() {
    throw new HybridError('UNAVAILABLE', 'no device model is loaded', { code: 'MODEL_ABSENT' })
  },
})

let device = noModel
/** Whether a device model is there and reads pictures. The placeholder refuses everything. */
const takesPictures = () => device !== noModel && device.info.supports?.media === true
let choice
let ai
/** The two branches separately, for answers side by side. */
let branches
let talk
/** The picture to send with the next message. */
const picture = pictureField({
  find,
  familyOf: () => (takesPictures() ? (/gemma-?4/i.test(device.info.name) ? 4 : 3) : undefined),
})

/**
 * Creates a hybrid of the current choices. The conversation continues. Without a network, one strategy replaces all
 * others.
 */
function choose() {
  const { build } = isOnline() ? recipes[find('recipe').value] : offline
  find('recipe-code').textContent = codeOf(build)
  branches = {
    onDevice: breakable('onDevice', device, isOn, choice),
    cloud: breakable('cloud', cloud.model(), isOn, { isOnline }),
  }
  ai = build(branches)
  talk?.refresh()
  void preview()
}

/** Returns the kinds of personal data that pin a message to this device, if the switch is on. */
const pinOf = async (text) => (find('private').checked ? await personalIn(text) : [])

let asked = 0
/** Previews the route of the text being typed, without running it. */
async function preview() {
  const turn = ++asked
  const text = find('prompt').value.trim()
  const words = text === '' ? '' : await whatWouldHappen(text).catch(sentence)
  if (turn === asked) find('preview').textContent = words
}

async function whatWouldHappen(text) {
  const found = await pinOf(text)
  if (found.length > 0) {
    const stays = `Stays on this device: it contains ${inWords(found)}.`
    // If redaction is not certain, nothing is sent, so there is nothing to show.
    const form = await redactedForm(text).catch(() => undefined)
    return form === undefined ? stays : `${stays} Redacted, a cloud would read: “${form}”`
  }
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
    picture.show()
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
const someTools = toolsOver(find('place'))
const noTools = {}
talk = chat({
  find,
  current: () => ai,
  cloud,
  onTrace: traces.add,
  tools: () => (find('tools').checked ? someTools : noTools),
  onShow(messages) {
    showEmpty()
    if (messages) void meter(messages)
  },
  async boundsOf(text) {
    const found = await pinOf(text)
    return found.length === 0 ? {} : { allow: [kOnDevice], pinned: found }
  },
})

/** Shows the welcome message if there is nothing else. */
function showEmpty() {
  const list = find(find('both').checked ? 'comparisons' : 'log')
  find('empty').hidden = isShared || list.childElementCount > 0
}

let comparing
/** Sends a prompt to both branches at once. The conversation is unchanged. */
async function askBoth(text) {
  const { compare } = await import('./compare.js')
  comparing = new AbortController()
  find('stop').hidden = false
  find('empty').hidden = true
  try {
    const { onDevice: device, cloud: there } = branches
    const { signal } = comparing
    await compare(find('comparisons'), text, { device, cloud: there, panel: cloud, found: await pinOf(text), signal })
  } finally {
    comparing = undefined
    find('stop').hidden = true
    find('scroll').scrollTop = find('scroll').scrollHeight
  }
}

function ask(text) {
  if (talk.isBusy() || comparing) return
  talk.put('')
  if (find('both').checked) void askBoth(text)
  else void talk.ask(text, file?.search.find(text, roomFor()), file?.name, picture.media, takesPictures())
  picture.drop()
}

/** The text file for questions. */
let file
/** The number of its characters sent with a question: few for a model with a small window. */
const roomFor = () => (device.info.contextWindow < 2048 ? 200 : 1500)

async function openFile(chosen) {
  if (chosen === undefined) return
  const { readText, searchIn } = await import('./document.js')
  try {
    const search = searchIn(await readText(chosen), roomFor())
    file = { name: chosen.name, search }
    find('file-state').textContent =
      `Questions are about ${chosen.name} (${search.count} ${search.count === 1 ? 'passage' : 'passages'}), which is read here.`
  } catch (error) {
    find('file-state').textContent = error.message
  }
  find('file-drop').hidden = file === undefined
}

find('file').addEventListener('change', ({ target }) => void openFile(target.files[0]))
find('file-drop').addEventListener('click', () => {
  file = undefined
  find('file').value = find('file-state').textContent = ''
  find('file-drop').hidden = true
  find('file').focus()
})
addEventListener('dragover', (event) => event.preventDefault())
addEventListener('drop', (event) => {
  event.preventDefault()
  const [dropped] = event.dataTransfer.files
  void picture.take(dropped).then((isPicture) => isPicture || openFile(dropped))
})

find('ask').addEventListener('submit', (event) => {
  event.preventDefault()
  const text = find('prompt').value.trim()
  if (text) ask(text)
})
find('stop').addEventListener('click', () => comparing?.abort())
find('both').addEventListener('change', ({ target }) => {
  find('log').hidden = target.checked
  find('comparisons').hidden = !target.checked
  showEmpty()
})
find('share-make').addEventListener('click', async () => {
  const { linkOf } = await import('./share.js')
  const withText = find('share-text').checked
  const link = await linkOf(talk.turns(), { withText })
  find('share-link').hidden = link === undefined
  find('share-link').value = link ?? ''
  if (link === undefined) {
    find('share-state').textContent = 'The conversation is too long for a link: share it without the words.'
    return
  }
  const kept = withText ? 'with its words' : 'without a word of it'
  const isCopied = await navigator.clipboard.writeText(link).then(
    () => true,
    () => false,
  )
  find('share-state').textContent = isCopied ? `Copied: the conversation ${kept}.` : 'Copy the link from the field.'
})
showSamples(find('samples'), ask)
find('recipe').addEventListener('change', choose)
for (const name of ['faults', 'private']) find(name).addEventListener('change', () => void preview())
find('airplane').addEventListener('change', () => {
  document.body.classList.toggle('offline', !isOnline())
  choose()
})
for (const name of ['online', 'offline']) addEventListener(name, choose)
find('prompt').addEventListener('input', () => void preview())

choose()
// On a phone the conversation comes first; the panels are a tap away.
if (matchMedia('(max-width: 55.99rem)').matches)
  for (const it of document.querySelectorAll('aside > details')) it.open = false
// The first answer has priority; then the page is cached for offline use.
const awake = isShared ? undefined : wake().catch((error) => (find('proof').textContent = sentence(error)))
await Promise.all([
  showPlace(find('place')),
  isShared
    ? import('./shared-view.js').then((it) => it.showShared(location.hash, find('log'), find('news')))
    : talk.restore(),
])
if (isShared) find('ask').hidden = true
showEmpty()
addEventListener('hashchange', () => location.reload())
document.body.dataset.ready = 'true'

/** The tiny model is small enough to load automatically, unless the visitor saves data. `?load=no` disables it. */
async function wake() {
  if (new URLSearchParams(location.search).get('load') === 'no' || navigator.connection?.saveData === true) {
    find('proof').textContent = 'Load a model (2 MB) to answer on this device, or just ask.'
    return
  }
  // A model of the gallery may be large, so it waits for the visitor.
  if (!panel.isTiny()) {
    find('proof').textContent = 'Press Load in the panel “Device model” to answer on this device, or just ask.'
    return panel.look()
  }
  await panel.load({ isUnasked: true })
  if (device.state === 'ready') device.runsOn = await showProof(find('proof'), device)
  else find('proof').textContent = 'The model could not be started here; the cloud answers meanwhile.'
}

await awake
await keepPage(find('news')).catch(() => undefined)
if (device.state === 'ready') await keepEngine(device.runsOn)
