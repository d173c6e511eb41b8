// Configurable fake models, and a `check` for scenarios. Runs unchanged in Node and in the page.

/** Resolves after a turn of the event loop: everything that was ready has run. */
export const turn = () => new Promise((resolve) => setTimeout(resolve, 0))

export const never = new Promise(() => {})

export function assert(condition, message) {
  if (!condition) throw new Error(message)
}

export function same(actual, expected, what = 'value') {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what}: expected ${b}, found ${a}`)
}

/** Returns the error a promise rejects with; fails if it resolves. */
export async function rejection(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('expected a rejection, but it resolved')
}

/** Returns the texts of all chunks, and how the loop ended. */
export async function read(stream) {
  const texts = []
  try {
    for await (const chunk of stream) texts.push(chunk.text)
  } catch (error) {
    return { texts, error }
  }
  return { texts }
}

/**
 * A model that follows a script and records its calls.
 * `chunks` are sent in turn, a turn of the event loop apart; `failAt` throws `error` before chunk number n; `hang`
 * never answers.
 */
export function fake(
  defineModel,
  name,
  { text, chunks = [], error, failAt = chunks.length, hang = false, logprobs, reply = {}, info } = {},
) {
  const seen = { calls: 0, stopped: 0, requests: [], streaming: [] }
  const model = defineModel({
    name,
    ...(info ? { info } : {}),
    async generate(request, { sendChunk, signal, streaming }) {
      seen.calls++
      seen.requests.push(request)
      seen.streaming.push(streaming)
      signal.addEventListener('abort', () => seen.stopped++, { once: true })
      for (const [at, chunk] of chunks.entries()) {
        if (at === failAt && error !== undefined) throw error
        sendChunk(chunk, logprobs === undefined ? undefined : { logprobs: logprobs[at] })
        await turn()
      }
      if (hang) await never
      if (error !== undefined) throw error
      return text === undefined ? { ...reply } : { text, ...reply }
    },
  })
  return Object.assign(model, { seen })
}
