// The trace of each request: one bar per attempt, on one timeline.

const line = (tag, className, ...children) => {
  const element = document.createElement(tag)
  element.className = className
  element.append(...children)
  return element
}

const outcomes = {
  answered: 'answered',
  failed: 'failed',
  rejected: 'answered with low confidence; asked the cloud',
  skipped: 'was skipped',
  stopped: 'was stopped',
}

/** Creates a bar for an attempt on the timeline of its trace. */
function trackOf({ startedAtMs, firstTokenMs, durationMs }, { began, total }) {
  const track = line('span', 'track')
  track.style.setProperty('--start', (startedAtMs - began) / total)
  track.style.setProperty('--waiting', (firstTokenMs ?? durationMs) / total)
  track.style.setProperty('--speaking', firstTokenMs === undefined ? 0 : Math.max(0, durationMs - firstTokenMs) / total)
  track.ariaHidden = 'true'
  return track
}

const spanOf = ({ attempts }) => {
  const began = Math.min(...attempts.map(({ startedAtMs }) => startedAtMs))
  return {
    began,
    total: Math.max(1, ...attempts.map(({ startedAtMs, durationMs }) => startedAtMs + durationMs - began)),
  }
}

/** Draws the attempts of one answer as bars; the panel describes them in words. */
export function timeline(trace) {
  const bars = trace.attempts.map((attempt) =>
    line(
      'span',
      `bar-of ${attempt.outcome}`,
      line('span', 'bar-name', attempt.branch),
      trackOf(attempt, spanOf(trace)),
    ),
  )
  const figure = line('span', 'timeline', ...bars)
  figure.ariaHidden = 'true'
  return figure
}

/** A readable message for a paused branch. */
const inWords = (message) =>
  message.replace(
    /^paused for another (\d+) ms after a failure: /,
    (_, wait) => `paused for ${(wait / 1000).toFixed(1)} s after a failure: `,
  )

/** Creates a panel that `add(trace)` fills; the newest trace comes first. */
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

  const bar = (attempt, span) => {
    const { branch, outcome, status, message, startedAtMs, firstTokenMs, durationMs, usage } = attempt
    const { began } = span
    const words = [
      startedAtMs - began >= 1 && `started at ${Math.round(startedAtMs - began)} ms`,
      firstTokenMs !== undefined && `first token ${Math.round(firstTokenMs)} ms`,
      `total ${Math.round(durationMs)} ms`,
      usage?.outputTokens && `${usage.outputTokens} tokens`,
    ]
    const detail = line('span', 'detail', words.filter(Boolean).join(' · '))
    const head = line(
      'span',
      'outcome',
      line('strong', '', branch),
      ` ${[outcomes[outcome], status].filter(Boolean).join(': ')}`,
    )
    return line(
      'li',
      `attempt ${outcome}`,
      head,
      trackOf(attempt, span),
      detail,
      ...(message && outcome !== 'rejected' ? [line('span', 'detail', inWords(message))] : []),
    )
  }

  return {
    add(trace) {
      traces.push(trace)
      exportButton.hidden = legend.hidden = false
      empty.hidden = true
      const head = line(
        'p',
        'decision',
        [
          `${traces.length}. ${trace.strategy}: ${trace.order.join(', then ')}`,
          trace.allow && `allowed: ${trace.allow.join(', ')}`,
          trace.reason,
        ]
          .filter(Boolean)
          .join(' · '),
      )
      list.prepend(
        line(
          'li',
          'trace',
          head,
          line('ol', 'attempts', ...trace.attempts.map((attempt) => bar(attempt, spanOf(trace)))),
        ),
      )
    },
  }
}
