// A link that shows the routing of a conversation: branches, times, tokens. It contains messages only if the user
// includes them. The data is in the link's fragment, which browsers send to no server.

const mark = '#trace='
/** Programs truncate longer links when passing them on. */
const longest = 30_000
const mostBytes = 1 << 20
const mostTurns = 200
const outcomes = ['answered', 'failed', 'rejected', 'skipped', 'stopped']

async function through(stream, bytes) {
  const parts = []
  let size = 0
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader()
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    size += step.value.length
    if (size > mostBytes) throw new Error('the link holds too much')
    parts.push(step.value)
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

const toText = (bytes) => btoa(Array.from(bytes, (it) => String.fromCharCode(it)).join(''))
const encode = (bytes) => toText(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
const decode = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (it) => it.charCodeAt(0))

/** Returns what a link may contain of an attempt: no error message, because a service's could quote the prompt. */
const attemptOf = ({ branch, outcome, status, startedAtMs, firstTokenMs, durationMs, usage, device }) => ({
  branch,
  outcome,
  status,
  startedAtMs,
  firstTokenMs,
  durationMs,
  usage,
  device,
})

/** `turns` are `{ question, answer, note }`. Returns the link to them; undefined if it would be too long. */
export async function linkOf(turns, { withText, page = location.href }) {
  const shared = turns.map(({ question, answer, note }) => {
    const { branch, inferenceSource, latencyMs, usage, confidence, routing } = note
    const { strategy, order, attempts } = routing
    const figures = { branch, inferenceSource, latencyMs, usage, confidence }
    return {
      ...figures,
      routing: { strategy, order, attempts: attempts.map(attemptOf) },
      ...(withText && { question, answer }),
    }
  })
  const json = new TextEncoder().encode(JSON.stringify({ version: 1, turns: shared }))
  const link = `${page.split('#')[0]}${mark}${encode(await through(new CompressionStream('deflate-raw'), json))}`
  return link.length > longest ? undefined : link
}

// ── Reading a link, which anybody may have written ──

const isText = (it) => typeof it === 'string' && it.length < 100_000
const isShort = (it) => typeof it === 'string' && it.length < 100
const numberOr = (it, other) => (Number.isFinite(it) && it >= 0 ? it : other)
const usageFrom = (it) => {
  const pairs = ['inputTokens', 'outputTokens', 'totalTokens'].map((name) => [name, numberOr(it?.[name], undefined)])
  return Object.fromEntries(pairs.filter(([, count]) => count !== undefined))
}

function attemptFrom(it) {
  if (!isShort(it?.branch) || !outcomes.includes(it.outcome)) throw new Error('an attempt is no attempt')
  return {
    branch: it.branch,
    outcome: it.outcome,
    ...(isShort(it.status) && { status: it.status }),
    startedAtMs: numberOr(it.startedAtMs, 0),
    ...(numberOr(it.firstTokenMs, undefined) !== undefined && { firstTokenMs: it.firstTokenMs }),
    durationMs: numberOr(it.durationMs, 0),
    usage: usageFrom(it.usage),
  }
}

function turnFrom(it) {
  const { branch, inferenceSource, routing, confidence, question, answer } = it ?? {}
  const attempts = routing?.attempts
  if (!isShort(branch) || !isShort(routing?.strategy) || !Array.isArray(attempts)) throw new Error('a turn is no turn')
  const order = Array.isArray(routing.order) ? routing.order.filter(isShort) : []
  return {
    question: isText(question) ? question : undefined,
    answer: isText(answer) ? answer : undefined,
    note: {
      branch,
      inferenceSource: ['on_device', 'in_cloud'].includes(inferenceSource) ? inferenceSource : 'unknown',
      latencyMs: numberOr(it.latencyMs, 0),
      usage: usageFrom(it.usage),
      ...(Number.isFinite(confidence?.meanLogprob) && {
        confidence: { meanLogprob: Math.min(0, confidence.meanLogprob) },
      }),
      routing: { strategy: routing.strategy, order, attempts: attempts.slice(0, 20).map(attemptFrom) },
    },
  }
}

/** Returns the turns of a link; undefined if it contains none, and throws if it is broken. */
export async function turnsIn(hash) {
  if (!hash.startsWith(mark)) return undefined
  const bytes = await through(new DecompressionStream('deflate-raw'), decode(hash.slice(mark.length)))
  const { version, turns } = JSON.parse(new TextDecoder().decode(bytes))
  if (version !== 1 || !Array.isArray(turns)) throw new Error('the link is of another version')
  return turns.slice(0, mostTurns).map(turnFrom)
}
