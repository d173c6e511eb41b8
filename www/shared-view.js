// A conversation from a shared link: read only, beside the visitor's own.
import { badge } from './answer.js'
import { element } from './entries.js'
import { showMarkdown } from './markdown-view.js'
import { turnsIn } from './share.js'

const sender = { label: () => 'the sender’s cloud', price: () => undefined }

function itemsOf({ question, answer, note }, index) {
  const words = element('div', { className: 'words' })
  if (answer === undefined) words.append(element('p', { className: 'hint' }, 'The words were not shared.'))
  else showMarkdown(words, answer)
  return [
    element('li', { className: 'user' }, question ?? `Question ${index + 1}`),
    element('li', { className: 'model' }, words, badge(note, sender)),
  ]
}

/** Shows the shared conversation of the page's URL in `list`, and a description in `bar`. */
export async function showShared(hash, list, bar) {
  const close = element('a', { href: './' }, 'Start your own')
  let text = 'Somebody shared this conversation with you. It is in the link alone, on no server. '
  try {
    const turns = await turnsIn(hash)
    list.replaceChildren(...turns.flatMap(itemsOf))
  } catch {
    text = 'This link is damaged, or was cut off on its way: ask for it again. '
  }
  bar.replaceChildren(text, close)
  bar.hidden = false
}
