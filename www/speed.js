// Measures how fast a loaded model processes prompts and generates answers, through the package's public API.

const words = 'garden river lemon winter bread copper window yellow market silver'.split(' ')
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
const rounds = 3
/** Measurements longer than this are not repeated. */
const longMs = 5000
/** Timeout of an answer without a chunk. */
const patienceMs = 60_000

/** Returns a prompt of about `tokens` tokens, different each time from its first word on. */
async function prompt(model, tokens) {
  const random = () => words[Math.floor(Math.random() * words.length)]
  const text = [random(), random()]
  for (let turn = 0; turn < 20; turn++) {
    const count = await model.countTokens(text.join(' '))
    if (count >= tokens) break
    const each = count / text.length
    text.push(...Array.from({ length: Math.max(1, Math.floor((tokens - count) / each)) }, random))
  }
  return text.join(' ')
}

// The oldest supported browsers lack `AbortSignal.any`.
/** Combines two signals. */
function eitherOf(...signals) {
  const both = new AbortController()
  for (const signal of signals) {
    if (signal.aborted) both.abort(signal.reason)
    signal.addEventListener('abort', () => both.abort(signal.reason), { once: true, signal: both.signal })
  }
  return both.signal
}

async function one(model, tokens, maxOutputTokens, signal) {
  const text = await prompt(model, tokens)
  const began = performance.now()
  let first
  let tokensAtFirst = 1
  const request = { prompt: text, config: { temperature: 0, maxOutputTokens } }
  const answer = model.generateStream(request, { signal: eitherOf(signal, AbortSignal.timeout(patienceMs)) })
  for await (const { logprobs } of answer) {
    if (first !== undefined) continue
    first = performance.now()
    // The first chunk may contain several tokens, which were not decoded after it.
    tokensAtFirst = logprobs?.length ?? 1
  }
  const ended = performance.now()
  const { inputTokens, outputTokens } = (await answer.response).usage
  first ??= ended
  return {
    inputTokens,
    outputTokens,
    firstMs: first - began,
    decoded: outputTokens - tokensAtFirst,
    decodeMs: ended - first,
  }
}

/**
 * Returns one row per length: tokens per second of prefill and decode, medians of three if that is fast enough.
 * `onStep` receives each step.
 */
export async function measureSpeed(model, { lengths, maxOutputTokens, signal, onStep }) {
  onStep('a first answer to warm up')
  await one(model, 8, 4, signal)
  const rows = []
  for (const length of lengths) {
    const runs = []
    for (let round = 0; round < rounds; round++) {
      onStep(`a prompt of about ${length} tokens, ${round + 1} of ${rounds}`)
      const run = await one(model, length, maxOutputTokens, signal)
      runs.push(run)
      if (run.firstMs + run.decodeMs > longMs) break
    }
    const decoded = runs.filter((it) => it.decoded > 0 && it.decodeMs > 0)
    rows.push({
      inputTokens: median(runs.map((it) => it.inputTokens)),
      decodedTokens: decoded.reduce((sum, it) => sum + it.decoded, 0),
      prefill: median(runs.map(({ inputTokens, firstMs }) => inputTokens / (firstMs / 1000))),
      decode: decoded.length === 0 ? undefined : median(decoded.map((it) => it.decoded / (it.decodeMs / 1000))),
      firstMs: median(runs.map((it) => it.firstMs)),
    })
  }
  return rows
}
