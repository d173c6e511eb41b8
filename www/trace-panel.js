// What happened to each request: one bar per attempt, on one time line.

const line = (tag, className, ...children) => {
  const element = document.createElement(tag)
  element.className = className
  element.append(...children)
  return element
}

const outcomes = { answered: 'answered', failed: 'failed', rejected: 'answered, and was not good enough', skipped: 'was skipped', stopped: 'was stopped' }

/** A panel that `add(trace)` fills; the newest trace stands first. */
export function tracePanel({ list, exportButton, empty, legend }) {
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
    const { branch, outcome, status, message, startedAtMs, firstTokenMs, durationMs, usage } = attempt
    const track = line('span', 'track')
    track.style.setProperty('--start', (startedAtMs - began) / total)
    track.style.setProperty('--waiting', (firstTokenMs ?? durationMs) / total)
    track.style.setProperty('--speaking', firstTokenMs === undefined ? 0 : Math.max(0, durationMs - firstTokenMs) / total)
    track.ariaHidden = 'true'
    const words = [
      startedAtMs - began >= 1 && `began after ${Math.round(startedAtMs - began)} ms`,
      firstTokenMs !== undefined && `first word after ${Math.round(firstTokenMs)} ms`,
      `${Math.round(durationMs)} ms in all`,
      usage?.outputTokens && `${usage.outputTokens} tokens`,
    ]
    const detail = line('span', 'detail', words.filter(Boolean).join(' · '))
    const head = line('span', 'outcome', line('strong', '', branch), ` ${[outcomes[outcome], status].filter(Boolean).join(': ')}`)
    return line('li', `attempt ${outcome}`, head, track, detail, ...(message ? [line('span', 'detail', message)] : []))
  }

  return {
    add(trace) {
      traces.push(trace)
      exportButton.hidden = legend.hidden = false
      empty.hidden = true
      const began = Math.min(...trace.attempts.map(({ startedAtMs }) => startedAtMs))
      const total = Math.max(1, ...trace.attempts.map(({ startedAtMs, durationMs }) => startedAtMs + durationMs - began))
      const head = line('p', 'decision', [`${traces.length}. ${trace.strategy}: ${trace.order.join(', then ')}`, trace.allow && `allowed: ${trace.allow.join(', ')}`, trace.reason].filter(Boolean).join(' · '))
      list.prepend(line('li', 'trace', head, line('ol', 'attempts', ...trace.attempts.map((attempt) => bar(attempt, began, total)))))
    },
  }
}
