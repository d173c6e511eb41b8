// Renders the messages of a conversation as list items. An item is rebuilt only if its entry changed.
import { badge } from './answer.js'
import { copyText, showMarkdown } from './markdown-view.js'
import { sentence } from './next-step.js'

export const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

const textOf = ({ content }) => content.map((part) => part.text ?? '').join('')
/** Returns the user's text without the retrieved passages. */
export const questionOf = ({ content }) => textOf({ content: content.filter(({ metadata }) => !metadata?.source) })
/** Returns the pictures of a message whose data it contains. */
const picturesIn = ({ content }) =>
  content
    .filter(({ media }) => media?.url?.startsWith('data:image/'))
    .map(({ media }) => element('img', { src: media.url, className: 'picture', alt: 'Your picture' }))
const passagesIn = ({ content }) => content.filter(({ metadata }) => metadata?.source)

export const button = (label, onClick, className = 'quiet small') => {
  const made = element('button', { type: 'button', className, textContent: label })
  made.addEventListener('click', () => onClick(made))
  return made
}

const unseen = (text) => element('span', { className: 'unseen', textContent: text })

/** Returns why an entry has no answer, if only its status is known after a reload. */
const errorOf = ({ error }, fresh) =>
  fresh ?? { status: error?.status, code: error?.code, message: 'this message was not answered' }

function userItems(entry, { index, isLast, isBusy, act, failure }) {
  const text = questionOf(entry.message)
  const tools = [
    button('Copy', (it) => void copyText(text, it)),
    ...(isBusy ? [] : [button('Edit', () => act.edit(index, text))]),
  ]
  const item = element(
    'li',
    { className: 'user' },
    unseen('You: '),
    ...picturesIn(entry.message),
    element('span', { className: 'words', textContent: text }),
  )
  for (const { text, metadata } of passagesIn(entry.message))
    item.append(
      element(
        'details',
        { className: 'passage' },
        element('summary', {}, `With a passage of ${metadata.source}`),
        text,
      ),
    )
  item.append(element('div', { className: 'tools' }, ...tools))
  const again = isLast && !isBusy ? [' ', button('Try again', act.regenerate)] : []
  if (entry.state === 'aborted') return [item, element('li', { className: 'note' }, 'Stopped.', ...again)]
  if (entry.state === 'failed')
    return [item, element('li', { className: 'error' }, sentence(errorOf(entry, failure)), ...again)]
  return [item]
}

/** Renders the answer, its state, and its figures if known. */
function modelItems(entry, { index, isLast, isBusy, act, note, cloud }) {
  const { message, state, paused } = entry
  const text = textOf(message)
  const words = element('div', { className: 'words' })
  if (text !== '') showMarkdown(words, text)
  const item = element(
    'li',
    { className: state === 'streaming' ? 'model waiting' : 'model' },
    unseen('Answer: '),
    words,
  )
  item.ariaBusy = String(state === 'streaming')
  if (state === 'streaming') return [item]
  for (const { toolRequest } of message.content)
    if (toolRequest) item.append(element('p', { className: 'call' }, `Asks to run “${toolRequest.name}”.`))
  if (state === 'aborted') item.append(element('p', { className: 'hint' }, 'Stopped here.'))
  if (state === 'failed') item.append(element('p', { className: 'hint' }, 'The answer broke off here.'))
  const calls = message.content.some(({ toolRequest }) => toolRequest)
  if (text === '' && !calls && note?.finishReason !== 'blocked')
    item.append(element('p', {}, 'The answer is empty. Rephrase the question.'))
  if (note?.finishReason === 'blocked')
    item.append(element('p', {}, 'The service blocked this answer. Rephrase the question, or let this device answer.'))
  if (note?.finishReason === 'length') item.append(element('p', { className: 'hint' }, 'Cut off at the token limit.'))
  if (note) item.append(badge(note, cloud))
  if (!calls) {
    const tools = [button('Copy', (it) => void copyText(text, it))]
    if (isLast && !isBusy) tools.push(button('Regenerate', act.regenerate))
    item.append(element('div', { className: 'tools' }, ...tools))
  }
  return paused ? [item, approval(paused, act)] : [item]
}

/** Renders a tool call that waits for approval. */
function approval(paused, act) {
  const items = paused.calls.flatMap(({ call, waits }) => {
    if (!waits) return []
    const made = element(
      'div',
      { className: 'approval' },
      element('p', {}, element('strong', {}, `May “${call.name}” run?`)),
      element('pre', { tabIndex: 0 }, JSON.stringify(call.input, null, 1)),
      button('Allow', () => act.approve(call, true), 'small'),
      ' ',
      button('Don’t allow', () => act.approve(call, false)),
    )
    made.setAttribute('role', 'group')
    made.setAttribute('aria-label', `Tool call: ${call.name}`)
    return [made]
  })
  return element('li', { className: 'note' }, ...items)
}

const toolItems = ({ message }) =>
  message.content.map(({ toolResponse }) =>
    element('li', { className: 'note' }, `“${toolResponse?.name ?? 'tool'}” ran: ${brief(toolResponse?.output)}`),
  )

function brief(output) {
  const text = typeof output === 'string' ? output : (JSON.stringify(output) ?? 'nothing')
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

const makers = { user: userItems, model: modelItems, tool: toolItems, system: () => [] }

/** Updates `list` to match the entries of a conversation. */
export function entryList(list) {
  let views = []
  const clear = () => {
    views = []
    list.replaceChildren()
  }
  return {
    clear,
    /** `context(index)` is shown beside the entry. */
    show(entries, context) {
      const next = entries.map((entry, index) => {
        const around = context(index)
        const old = views[index]
        const { isLast, isBusy, note, failure } = around
        const isSame =
          old?.entry === entry &&
          old.isLast === isLast &&
          old.isBusy === isBusy &&
          old.note === note &&
          old.failure === failure
        if (isSame && old.message === entry.message) return old
        // During streaming only the text changes, so that the reader's position stays.
        if (isSame && entry.state === 'streaming') {
          showMarkdown(old.items[0].querySelector('.words'), textOf(entry.message))
          return { ...old, message: entry.message }
        }
        return {
          entry,
          message: entry.message,
          isLast,
          isBusy,
          note,
          failure,
          items: makers[entry.message.role](entry, { index, ...around }),
        }
      })
      for (const { items } of views) if (!next.some((it) => it.items === items)) for (const item of items) item.remove()
      views = next
      let before = null
      for (const item of views.flatMap(({ items }) => items).toReversed()) {
        if (item.nextSibling !== before || item.parentNode !== list) list.insertBefore(item, before)
        before = item
      }
    },
  }
}
