// The conversation. It belongs to the page, so it continues across branches.
import { HybridError } from 'hybridge'
import { badge } from './answer.js'
import { sentence } from './next-step.js'

export const samples = [
  'What is 47 + 38?',
  'Write "lemon" in capitals.',
  'Why is the sky blue?',
  'Write to ada@example.com that I am late.',
]

/** Wires the form to `current()`, the hybrid of the moment. */
export function chat({ find, current, cloud, onTrace }) {
  const [form, log, stop] = ['ask', 'log', 'stop'].map(find)
  let messages = []
  let stopper

  const follow = () => (find('scroll').scrollTop = find('scroll').scrollHeight)

  const add = (kind, ...content) => {
    const item = document.createElement('li')
    item.className = kind
    const who = Object.assign(document.createElement('span'), {
      className: 'unseen',
      textContent: { user: 'You: ', model: 'Answer: ' }[kind.split(' ')[0]] ?? '',
    })
    item.append(who, ...content)
    log.append(item)
    find('empty').hidden = true
    follow()
    return item
  }

  const settle = (item, response) => {
    if (response.finishReason === 'blocked')
      item.append('The service blocked this answer. Rephrase the question, or let this device answer.')
    else if (response.text === '') item.append('The answer is empty. Rephrase the question.')
    if (response.finishReason === 'length') item.append(' … (cut off at the token limit)')
    item.append(badge(response, cloud))
    follow()
  }

  async function ask(text) {
    const talk = messages
    stopper = new AbortController()
    stop.hidden = false
    find('send').disabled = true
    add('user', text)
    talk.push({ role: 'user', content: [{ text }] })
    const words = Object.assign(document.createElement('span'), { className: 'words' })
    const item = add('model waiting', words)
    item.ariaBusy = 'true'
    try {
      const answer = current().generateStream({ messages: talk }, { signal: stopper.signal })
      for await (const chunk of answer) {
        words.append(chunk.text)
        follow()
      }
      const response = await answer.response
      talk.push(response.message)
      settle(item, response)
      onTrace(response.routing)
    } catch (error) {
      talk.pop()
      if (words.textContent === '') item.remove()
      const isStopped = HybridError.isInstance(error) && error.status === 'CANCELLED'
      if (talk === messages) add(isStopped ? 'note' : 'error', isStopped ? 'Stopped.' : sentence(error))
      if (error.routing) onTrace(error.routing)
    } finally {
      item.classList.remove('waiting')
      item.ariaBusy = 'false'
      stopper = undefined
      if (document.activeElement === stop) form.prompt.focus()
      stop.hidden = true
      find('send').disabled = false
    }
  }

  const put = (text) => {
    form.prompt.value = text
    form.prompt.dispatchEvent(new Event('input', { bubbles: true }))
  }

  for (const text of samples) {
    const button = Object.assign(document.createElement('button'), {
      type: 'button',
      className: 'quiet small',
      textContent: text,
    })
    button.addEventListener('click', () => {
      put(text)
      form.prompt.focus()
    })
    find('samples').append(button)
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const text = form.prompt.value.trim()
    if (!text || stopper) return
    put('')
    void ask(text)
  })
  form.prompt.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') stopper?.abort()
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  stop.addEventListener('click', () => stopper?.abort())
  find('fresh').addEventListener('click', () => {
    stopper?.abort()
    messages = []
    log.replaceChildren()
    find('empty').hidden = false
    form.prompt.focus()
  })
}
