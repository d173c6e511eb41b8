// Hostile models, and the shapes of routers that they are put into.

import { getEventListeners } from 'node:events'

export const never = new Promise(() => {})
export const turn = () => new Promise((resolve) => setTimeout(resolve, 0))

/** A value whose every use throws. */
export const poison = () =>
  new Proxy(
    {},
    {
      get() {
        throw new Error('poison')
      },
      has() {
        throw new Error('poison')
      },
      ownKeys() {
        throw new Error('poison')
      },
    },
  )

const cyclic = () => {
  const loop = {}
  loop.self = loop
  return loop
}

export const nested = (levels) => {
  let value = 1
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

const says = (content) => ({ message: { role: 'model', content } })

/** Invalid replies: each is an INTERNAL error of the branch. */
export const badReplies = {
  undefined: () => undefined,
  null: () => null,
  'a number': () => 7,
  'an array': () => ['hi'],
  'a null message': () => ({ message: null }),
  'a string as content': () => says('hi'),
  'content of strings': () => says(['hi']),
  'content of nulls': () => says([null]),
  'a null text': () => says([{ text: null }]),
  'a number as text': () => says([{ text: 5 }]),
  'an empty part': () => says([{}]),
  'two kinds in a part': () => says([{ text: 'a', reasoning: 'b' }]),
  'media without a URL': () => says([{ media: {} }]),
  'a call without a name': () => says([{ toolRequest: { input: 1 } }]),
  'cyclic data': () => says([{ data: cyclic() }]),
  'data of a thousand levels': () => says([{ data: nested(1000) }]),
  'a bigint': () => says([{ data: 1n }]),
  'a text that is not a string': () => ({ text: { toString: () => 'hi' } }),
  'a finish reason that is not a string': () => ({ text: 'a', finishReason: 7 }),
  'a getter that throws': () => ({
    get text() {
      throw new Error('mine')
    },
  }),
  'a proxy that throws': poison,
  'a thenable that throws': () => ({
    then() {
      throw new Error('mine')
    },
  }),
  'an array-like': () => says({ length: 1e9 }),
}

/** Unusual but valid: the answer is `a`. */
export const oddReplies = {
  'a string as usage': () => ({ text: 'a', usage: 'many' }),
  'null as usage': () => ({ text: 'a', usage: null }),
  'usage of bigints': () => ({ text: 'a', usage: { outputTokens: 3n, inputTokens: NaN } }),
  'a partial confidence': () => ({ text: 'a', confidence: { tokens: 3 } }),
  'an unknown finish reason': () => ({ text: 'a', finishReason: 'STOP' }),
  'an unknown role': () => ({ message: { role: 'assistant', content: [{ text: 'a' }] } }),
  'an invalid trace': () => ({ text: 'a', routing: 5, branch: 7, device: 'tpu' }),
  'null metadata': () => ({ message: { role: 'model', content: [{ text: 'a', metadata: null }], metadata: null } }),
}

export const badChunks = {
  'a number': 5,
  null: null,
  undefined: undefined,
  'an object': {},
  'an array of strings': ['text'],
  'an array of null': [null],
  'a null text': [{ text: null }],
  'an empty part': [{}],
  poison: poison(),
}

const thrown = {
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('x'),
  'a text': () => 'x',
  poison,
  'an AbortError': () => new DOMException('x', 'AbortError'),
  'an error whose status throws': () => ({
    get status() {
      throw new Error('no')
    },
  }),
}

/** Models whose failure is transient, so that a hybrid moves on. */
export function hostileModels({ defineModel, HybridError }) {
  const model = (generate) => defineModel({ name: 'h', generate })
  const all = {}
  for (const [name, reply] of Object.entries(badReplies)) all[`returns ${name}`] = () => model(async () => reply())
  for (const [name, chunk] of Object.entries(badChunks)) {
    all[`sends ${name}`] = () =>
      model(async (_, { sendChunk }) => {
        sendChunk(chunk)
        return 'late'
      })
    all[`sends ${name} and goes on`] = () =>
      model(async (_, { sendChunk }) => {
        try {
          sendChunk(chunk)
        } catch {
          /* The model ignores the exception. */
        }
        return 'late'
      })
  }
  for (const [name, make] of Object.entries(thrown)) {
    all[`throws ${name}`] = () =>
      model(async () => {
        throw make()
      })
    all[`throws ${name} at once`] = () =>
      model(() => {
        throw make()
      })
  }
  all['throws a frozen error of ours'] = () =>
    model(() => {
      throw Object.freeze(new HybridError('UNAVAILABLE', 'x'))
    })
  all['throws a CANCELLED of its own'] = () =>
    model(() => {
      throw new HybridError('CANCELLED', 'x')
    })
  const foreign = (face) => ({
    name: 'f',
    generate: () => face.generate?.(),
    generateStream: () => face.generateStream?.(),
  })
  all['foreign, returns nothing'] = () => foreign({})
  all['foreign, streams what is no stream'] = () =>
    foreign({
      generate: async () => ({}).x,
      generateStream: () => ({ stream: {}, response: Promise.reject(new Error('x')) }),
    })
  all['foreign, streams nulls'] = () =>
    foreign({
      generate: () => null,
      generateStream: () => ({
        stream: (async function* () {
          yield null
        })(),
        response: never,
      }),
    })
  all['foreign, throws everywhere'] = () =>
    foreign({
      generate: () => {
        throw new Error('x')
      },
      generateStream: () => {
        throw new Error('x')
      },
    })
  all['foreign, fails twice'] = () =>
    foreign({
      generate: async () => {
        throw new Error('x')
      },
      generateStream: () => ({
        stream: (async function* () {
          throw new Error('x')
        })(),
        response: Promise.reject(new Error('x')),
      }),
    })
  return all
}

/** Routers with a model in the first position and a working one after it. */
export function shapes({ cascadeModel, FallbackStrategy, hybridModel }) {
  const hybrid = (first, ok) =>
    hybridModel({ branches: { first, ok }, strategy: new FallbackStrategy(['first', 'ok']) })
  const cascade = (first, ok) => cascadeModel({ branches: { first, ok }, order: ['first', 'ok'], accept: () => true })
  return {
    plain: (first) => first,
    hybrid,
    cascade,
    'hybrid in a hybrid': (first, ok) =>
      hybridModel({
        branches: { inner: hybridModel({ branches: { first }, strategy: new FallbackStrategy(['first']) }), ok },
        strategy: new FallbackStrategy(['inner', 'ok']),
      }),
    'cascade in a hybrid': (first, ok) =>
      hybridModel({
        branches: { inner: cascadeModel({ branches: { first }, order: ['first'], accept: () => true }), ok },
        strategy: new FallbackStrategy(['inner', 'ok']),
      }),
    'hybrid in a cascade': (first, ok) =>
      cascade(hybridModel({ branches: { first }, strategy: new FallbackStrategy(['first']) }), ok),
  }
}

export const modes = {
  generate: (model, options) => model.generate('x', options),
  'stream, awaited': (model, options) => model.generateStream('x', options).response,
  'stream, read': async (model, options) => {
    const answer = model.generateStream('x', options)
    for await (const { content } of answer) if (!Array.isArray(content)) throw new Error('a chunk without content')
    return await answer.response
  },
}

/** Fails if a promise has not settled within a generous time. */
export async function settled(promise, what, ms = 1000) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs: ${what}`)), ms)
  })
  try {
    return await Promise.race([
      promise.then(
        (value) => ({ value }),
        (error) => ({ error }),
      ),
      late,
    ])
  } finally {
    clearTimeout(timer)
  }
}

/** Runs something, and fails if it leaves a timer, a socket, a listener or a rejection behind. */
export async function leavingNothing(act) {
  const unhandled = []
  const onUnhandled = (reason) => unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  const held = () => process.getActiveResourcesInfo().filter((name) => /Timeout|TCP|Socket/.test(name)).length
  const before = held()
  const { signal } = new AbortController()
  try {
    await act(signal)
    // A model that ignores its signal may take a few more turns of the event loop.
    for (let left = 100; left > 0 && (left > 98 || held() > before); left--) await turn()
    if (unhandled.length > 0) throw new Error(`unhandled rejection: ${String(unhandled[0]?.stack ?? unhandled[0])}`)
    if (getEventListeners(signal, 'abort').length > 0) throw new Error('a listener is left on the signal')
    if (held() > before) throw new Error(`left behind: ${process.getActiveResourcesInfo()}`)
  } finally {
    process.off('unhandledRejection', onUnhandled)
  }
}
