// One prompt, two answers: device and cloud side by side, each with its speed, confidence and cost.
import { HybridError } from 'hybridge'
import { badge, seconds } from './answer.js'
import { element } from './entries.js'
import { showMarkdown } from './markdown-view.js'
import { sentence } from './next-step.js'
import { inWords } from './private-data.js'

function column(title) {
  const words = element('div', { className: 'words' })
  const item = element('section', { className: 'side waiting' }, element('h3', {}, title), words)
  item.ariaBusy = 'true'
  return { item, words }
}

/** Streams one branch's answer into its column; returns undefined if it failed. */
async function run({ item, words }, model, request, { signal, cloud }) {
  try {
    const answer = model.generateStream(request, { signal })
    let text = ''
    for await (const chunk of answer) showMarkdown(words, (text += chunk.text))
    const response = await answer.response
    item.append(badge(response, cloud))
    return response
  } catch (error) {
    const isStopped = HybridError.isInstance(error) && error.status === 'CANCELLED'
    item.append(element('p', { className: isStopped ? 'hint' : 'failed' }, isStopped ? 'Stopped.' : sentence(error)))
    return undefined
  } finally {
    item.classList.remove('waiting')
    item.ariaBusy = 'false'
  }
}

const firstOf = (response) => response?.routing.attempts.find(({ outcome }) => outcome === 'answered')?.firstTokenMs

/** Describes which branch was faster, if both answered. */
function verdict(device, cloud) {
  const [here, there] = [firstOf(device), firstOf(cloud)]
  if (here === undefined || there === undefined) return ''
  const [quick, slow] = here <= there ? ['This device', 'the cloud'] : ['The cloud', 'this device']
  const [less, more] = [Math.min(here, there), Math.max(here, there)]
  return `${quick} answered first: ${seconds(less)} to the first token, ${seconds(more)} for ${slow}.`
}

/** Adds a comparison to `list`. `found` is the personal data in the prompt, which then stays on the device. */
export async function compare(list, text, { device, cloud, panel, found, signal }) {
  const [here, there] = [column('This device'), column(`Cloud: ${panel.label()}`)]
  const sum = element('p', { className: 'hint' })
  sum.setAttribute('role', 'status')
  const sides = element('div', { className: 'sides' }, here.item, there.item)
  list.append(element('li', { className: 'comparison' }, element('p', { className: 'asked' }, text), sides, sum))
  const request = { prompt: text }
  const around = { signal, cloud: panel }
  const asked = [run(here, device, request, around)]
  if (found.length === 0) asked.push(run(there, cloud, request, around))
  else {
    there.item.classList.remove('waiting')
    there.item.ariaBusy = 'false'
    there.item.append(element('p', {}, `Not asked: the message contains ${inWords(found)}.`))
  }
  sum.textContent = verdict(...(await Promise.all(asked)))
}
