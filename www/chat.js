// The conversation: what was said, what streams in, and for each answer where it came from.
import { HybridError } from 'hybridge'

/** Where an answer came from, in words. */
function badge({ branch, inferenceSource, latencyMs, usage, confidence, routing }, labels) {
  const failed = routing.attempts.filter(({ outcome }) => outcome !== 'answered').map(({ branch: key, status, outcome }) => `${key}: ${status ?? outcome}`)
  const answered = routing.attempts.find(({ outcome }) => outcome === 'answered')
  const speaking = answered?.firstTokenMs === undefined ? undefined : answered.durationMs - answered.firstTokenMs
  const rate = usage.outputTokens > 1 && speaking > 0 ? `${((usage.outputTokens - 1) / (speaking / 1000)).toFixed(1)} tokens/s` : undefined
  return [
    { on_device: 'on this device, free', in_cloud: labels.cloud, unknown: branch }[inferenceSource],
    `${Math.round(latencyMs)} ms`,
    rate,
    usage.totalTokens !== undefined && `${usage.totalTokens} tokens`,
    confidence && `sureness ${Math.exp(confidence.meanLogprob).toFixed(2)}`,
    failed.length > 0 && `after ${failed.join(', ')}`,
    routing.reason,
  ].filter(Boolean).join(' · ')
}

/** Wires the form to `current()`, the hybrid of the moment. The conversation goes on across branches. */
export function chat({ form, log, stop, fresh, current, labels, onTrace }) {
  let messages = []
  let stopper

  const add = (kind, text = '') => {
    const item = document.createElement('li')
    item.className = kind
    item.append(text)
    log.append(item)
    item.scrollIntoView({ block: 'nearest' })
    return item
  }

  const settle = (item, response) => {
    const note = document.createElement('small')
    note.className = 'badge'
    note.dataset.branch = response.branch
    note.append(badge(response, labels))
    if (response.finishReason === 'blocked') item.append('The service refused to answer this.')
    item.append(note)
  }

  async function ask(text) {
    stopper = new AbortController()
    stop.hidden = false
    add('user', text)
    messages.push({ role: 'user', content: [{ text }] })
    const item = add('model waiting')
    const words = document.createElement('span')
    words.className = 'words'
    item.append(words)
    try {
      const answer = current().generateStream({ messages }, { signal: stopper.signal })
      for await (const chunk of answer) words.append(chunk.text)
      const response = await answer.response
      messages.push(response.message)
      settle(item, response)
      onTrace(response.routing)
    } catch (error) {
      messages.pop()
      if (words.textContent === '') item.remove()
      const stopped = HybridError.isInstance(error) && error.status === 'CANCELLED'
      add(stopped ? 'note' : 'error', stopped ? 'Stopped.' : `${error.message}.`)
      if (error.routing) onTrace(error.routing)
    } finally {
      item.classList.remove('waiting')
      stopper = undefined
      stop.hidden = true
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const text = form.prompt.value.trim()
    if (!text || stopper) return
    form.prompt.value = ''
    form.prompt.dispatchEvent(new Event('input', { bubbles: true }))
    void ask(text)
  })
  form.prompt.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  stop.addEventListener('click', () => stopper?.abort())
  fresh.addEventListener('click', () => {
    stopper?.abort()
    messages = []
    log.replaceChildren()
    form.prompt.focus()
  })

  return { history: () => messages }
}
