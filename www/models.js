// The gallery: all known models, and how this device can run them.
import { gemmaModel } from 'hybridge'
import { element } from './entries.js'
import { choices, size } from './model-choices.js'
import { inWords } from './model-words.js'
import { keepsFiles, showPlace } from './place.js'
import { sentence } from './next-step.js'

const find = (id) => document.getElementById(id)
const whole = new Intl.NumberFormat('en')

/** Whether this is a base model, which continues texts and ignores instructions; recognised by its name. */
const isInstructed = (name) => /(?:^|[-_/])(?:it|instruct)(?:[-_.]|$)/i.test(name)

const kindOf = (name) =>
  name === 'tiny'
    ? 'Made for this demo'
    : isInstructed(name)
      ? 'Instruction-tuned: chats'
      : 'Base model: continues text, does not chat'

const nowhere = { unavailable: 'cannot', downloadable: 'can', downloading: 'can', available: 'can' }

async function check(options, state) {
  state.textContent = 'Checking…'
  try {
    const model = gemmaModel({ ...options, cache: (await keepsFiles()) ? 'opfs' : 'none' })
    const found = await model.availability()
    await model.dispose()
    state.textContent = inWords(found)
    state.dataset.status = nowhere[found.status]
  } catch (error) {
    state.textContent = sentence(error)
  }
}

const cards = Object.entries(choices)
  .filter(([, { bytes }]) => bytes !== undefined)
  .map(([name, { label, about, licence, bytes, contextWindow, options }]) => {
    const state = element('p', { className: 'verdict', textContent: 'Not checked yet.' })
    state.setAttribute('role', 'status')
    const use = element('a', { href: `./?model=${name}`, textContent: 'Use in the chat' })
    use.setAttribute('aria-label', `Use in the chat: ${label}`)
    const facts = [kindOf(name), size(bytes), `context ${whole.format(contextWindow)} tokens`]
    const chips = facts.flatMap((text) => [element('span', { className: 'chip', textContent: text }), ' '])
    find('gallery').append(
      element(
        'li',
        { className: 'card' },
        element('h3', {}, label),
        element('p', {}, ...chips),
        element(
          'p',
          { className: 'hint' },
          `${about} Licence: `,
          element('a', { href: licence.href, rel: 'external' }, licence.label),
        ),
        state,
        use,
      ),
    )
    return { name, look: () => check(options(), state) }
  })

find('check').addEventListener('click', async () => {
  find('check').disabled = true
  for (const { name, look } of cards) {
    find('check-state').textContent = `Checking ${name}…`
    await look()
  }
  find('check-state').textContent = 'Checked.'
  find('check').disabled = false
})

find('any').addEventListener('submit', async (event) => {
  event.preventDefault()
  const url = find('any-url').value
  await check({ model: url }, find('any-state'))
  if (!isInstructed(url) && find('any-state').dataset.status === 'can')
    find('any-state').append(
      ' Its name does not say that it takes instructions: a base model continues a text and does not chat.',
    )
})

await Promise.all([showPlace(find('place')), cards.find(({ name }) => name === 'tiny').look()])
document.body.dataset.ready = 'true'
