// What happened to each request: one bar per attempt, on one time line.

const line = (tag, className, ...children) => {
  const element = document.createElement(tag)
  element.className = className
  element.append(...children)
  return element
}

/** A panel that `add(trace)` fills; the newest trace stands first. */
export function tracePanel(list, exportButton) {
  const traces = []

  exportButton.addEventListener('click', () => {
    const file = new Blob([JSON.stringify(traces, null, 2)], { type: 'application/json' })
    const link = document.createElement('a')
    link.href = URL.createObjectURL(file)
    link.download = 'hybridge-traces.json'
    link.click()
    URL.revokeObjectURL(link.href)
  })

  const bar = (attempt, began, total) => {
    const waiting = (attempt.firstTokenMs ?? attempt.durationMs) / total
    const speaking = Math.max(0, attempt.durationMs - (attempt.firstTokenMs ?? attempt.durationMs)) / total
    const track = line('span', 'track')
    track.style.setProperty('--start', (attempt.startedAtMs - began) / total)
    track.style.setProperty('--waiting', waiting)
    track.style.setProperty('--speaking', speaking)
    track.ariaHidden = 'true'
    const words = [attempt.branch, attempt.outcome, attempt.status, `${Math.round(attempt.durationMs)} ms`, attempt.usage?.outputTokens && `${attempt.usage.outputTokens} tokens`]
    return line('li', `attempt ${attempt.outcome}`, track, words.filter(Boolean).join(' · '))
  }

  return {
    add(trace) {
      traces.push(trace)
      exportButton.hidden = false
      const began = Math.min(...trace.attempts.map(({ startedAtMs }) => startedAtMs))
      const total = Math.max(1, ...trace.attempts.map(({ startedAtMs, durationMs }) => startedAtMs + durationMs - began))
      const head = line('p', 'decision', [`order: ${trace.order.join(', ')}`, trace.allow && `allowed: ${trace.allow.join(', ')}`, trace.reason].filter(Boolean).join(' · '))
      list.prepend(line('li', 'trace', head, line('ol', 'attempts', ...trace.attempts.map((attempt) => bar(attempt, began, total)))))
    },
  }
}
