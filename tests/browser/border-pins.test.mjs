// Random trees with a privacy pin at the root: whatever fails, hangs or is hedged, no cloud sees a pinned request.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as hybridge from '../../crate/npm/dist/node.js'
import { hostileModels, leavingNothing, settled, turn } from './border/shapes.mjs'
import { randomOf } from '../support/random.mjs'

const {
  cascadeModel,
  ConnectivityStrategy,
  CostStrategy,
  defineModel,
  DeviceStrategy,
  FallbackStrategy,
  FirstMatch,
  HybridError,
  hybridModel,
  InputSizeStrategy,
  LatencyStrategy,
  PreRoutingStrategy,
  PrivacyStrategy,
  ReadyStrategy,
  runTools,
  WithFallback,
  wrapModel,
} = hybridge

const random = randomOf(Number(process.env.HYBRIDGE_RANDOM_SEED ?? 1))
const below = (end) => Math.floor(random() * end)
const pick = (list) => list[below(list.length)]
const chance = (share) => random() < share

const secrets = [
  'ann.leak@example.org',
  '+49 171 1234567',
  '4111 1111 1111 1111',
  'DE89 3704 0044 0532 0130 00',
  'ssn 123-45-6789',
  '192.168.1.17',
  'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
  'born on 12/03/1985',
  'passport no. X1234567',
]

/** Every place in a request where a value may occur. */
const places = {
  prompt: (value) => value,
  'prompt of parts': (value) => ({ prompt: [{ text: 'see' }, { text: ` ${value}` }] }),
  'a cut over parts': (value) => ({ prompt: [{ text: value.slice(0, 9) }, { text: '' }, { text: value.slice(9) }] }),
  'a cut over messages': (value) => ({
    messages: [
      { role: 'user', content: [{ text: value.slice(0, 9) }] },
      { role: 'user', content: [{ text: value.slice(9) }] },
    ],
  }),
  system: (value) => ({ system: value, prompt: 'x' }),
  'an older turn': (value) => ({
    messages: [
      { role: 'user', content: [{ text: value }] },
      { role: 'model', content: [{ text: 'noted' }] },
      { role: 'user', content: [{ text: 'and now?' }] },
    ],
  }),
  reasoning: (value) => ({
    messages: [
      { role: 'user', content: [{ text: 'x' }] },
      { role: 'model', content: [{ reasoning: value }, { text: 'y' }] },
      { role: 'user', content: [{ text: 'z' }] },
    ],
  }),
  'arguments of a call': (value) => ({
    messages: [
      { role: 'user', content: [{ text: 'x' }] },
      { role: 'model', content: [{ toolRequest: { name: 'f', input: { deep: [{ a: value }] } } }] },
      { role: 'tool', content: [{ toolResponse: { name: 'f', output: 1 } }] },
    ],
  }),
  'a result': (value) => ({
    messages: [
      { role: 'user', content: [{ text: 'x' }] },
      { role: 'model', content: [{ toolRequest: { name: 'f', input: {} } }] },
      { role: 'tool', content: [{ toolResponse: { name: 'f', output: `a\n${value}\tb` } }] },
    ],
  }),
  'a key of a result': (value) => ({
    messages: [
      { role: 'user', content: [{ text: 'x' }] },
      { role: 'tool', content: [{ toolResponse: { name: 'f', output: { [value]: true } } }] },
    ],
  }),
  data: (value) => ({ prompt: [{ text: 'x' }, { data: [[value]] }] }),
  custom: (value) => ({ prompt: [{ text: 'x' }, { custom: { a: value } }] }),
  "a part's metadata": (value) => ({ prompt: [{ text: 'x', metadata: { note: value } }] }),
  'a description': (value) => ({ prompt: 'x', tools: [{ name: 'f', description: `of ${value}` }] }),
  'a schema': (value) => ({
    prompt: 'x',
    tools: [{ name: 'f', description: 'd', inputSchema: { type: 'string', enum: [value] } }],
  }),
  'the output': (value) => ({ prompt: 'x', output: { schema: { type: 'string', description: value } } }),
  'a stop sequence': (value) => ({ prompt: 'x', config: { stopSequences: [value] } }),
  "a branch's option": (value) => ({ prompt: 'x', config: { branches: { cloud: { user: value } } } }),
  'an address': (value) => ({ prompt: [{ media: { url: `https://example.test/?q=${encodeURIComponent(value)}` } }] }),
  'a text in an address': (value) => ({ prompt: [{ media: { url: `DATA:Text/Plain;base64,${btoa(value)}` } }] }),
  percent: (value) => encodeURIComponent(value),
  Markdown: (value) => value.replace(/[-_.]/g, '\\$&'),
  'JSON in a text': (value) => JSON.stringify({ a: `x\n${value}` }),
  'invisible characters': (value) => `\u200e${value.replace(/1/g, '1\u200b')}\u200f`,
  'full width': (value) => value.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit))),
}

/** A leaf that answers, fails, stalls or is hostile. `onCall` is called with each request. */
function leaf(onCall, inferenceSource) {
  const end = pick(['answer', 'answer', 'stream', 'fail', 'fail late', 'hang', 'permanent', 'hostile'])
  if (end === 'hostile' && inferenceSource === 'on_device') return pick(Object.values(hostileModels(hybridge)))()
  return defineModel({
    name: `m${below(1e9)}`,
    info: { inferenceSource, ...(chance(0.5) ? { supports: { tools: chance(0.5), media: true } } : {}) },
    generate: async (request, { sendChunk, signal }) => {
      onCall(request)
      if (chance(0.3)) await turn()
      if (end === 'stream' || end === 'fail late') sendChunk('a')
      if (end === 'fail late' || end === 'fail')
        throw new HybridError(
          pick(['UNAVAILABLE', 'INTERNAL', 'RESOURCE_EXHAUSTED', 'CANCELLED']),
          'x',
          chance(0.3) ? { retryAfterMs: 5 } : {},
        )
      if (end === 'permanent') throw new HybridError('INVALID_ARGUMENT', 'x')
      if (end === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return 'ok'
    },
  })
}

const policy = () => ({
  ...(chance(0.8) ? { totalTimeoutMs: 5 + below(15) } : {}),
  ...(chance(0.4) ? { firstTokenTimeoutMs: 1 + below(10) } : {}),
  ...(chance(0.4) ? { hedgeAfterMs: below(5) } : {}),
  ...(chance(0.3) ? { breaker: { failures: 1, cooldownMs: 1 } } : {}),
})

/** A random strategy over these branches, of any depth. */
function strategy(keys, depth = 2) {
  const [one, two] = [pick(keys), pick(keys)]
  const shuffled = [...keys].sort(() => random() - 0.5)
  const kinds = [
    () => new FallbackStrategy(shuffled),
    () => new LatencyStrategy({ firstTokenBudgetMs: 1, order: shuffled }),
    () => new InputSizeStrategy({ threshold: 5, small: one, large: two }),
    () => new ConnectivityStrategy({ isOnline: () => chance(0.5), online: one, offline: two }),
    () => new CostStrategy({ premium: one, cheap: two, budgetAvailable: async () => chance(0.5) }),
    () => new DeviceStrategy({ require: { memoryGb: 1 }, capable: one, otherwise: two }),
    () => new ReadyStrategy({ ready: one, otherwise: two }),
    () => new PreRoutingStrategy(async () => pick([shuffled, [], '', undefined, one])),
    () => ({ name: 'mine', route: async () => shuffled }),
  ]
  if (depth === 0 || chance(0.5)) {
    try {
      return pick(kinds)()
    } catch {
      return new FallbackStrategy(shuffled)
    }
  }
  return chance(0.5)
    ? new FirstMatch([strategy(keys, depth - 1), strategy(keys, depth - 1)])
    : new WithFallback(strategy(keys, depth - 1), { fallbackOrder: shuffled })
}

/** A random model over leaves of one kind. */
function tree(depth, onCall, source) {
  if (depth === 0 || chance(0.4)) return leaf(onCall, source)
  const keys = ['a', 'b'].slice(0, 1 + below(2))
  const branches = Object.fromEntries(keys.map((key) => [key, tree(depth - 1, onCall, source)]))
  const common = { branches, policy: policy(), ...(chance(0.3) ? { onTrace: () => undefined } : {}) }
  if (chance(0.3)) return cascadeModel({ ...common, order: keys, accept: async () => chance(0.5) })
  const model = hybridModel({ ...common, strategy: new FallbackStrategy(keys) })
  return chance(0.2) ? wrapModel(model, {}) : model
}

/** The pin, before or inside random combinators that keep it first. */
function pinned(keys) {
  const pin = new PrivacyStrategy()
  const rest = strategy(keys)
  return pick([
    () => new FirstMatch([pin, rest]),
    () => new FirstMatch([new FirstMatch([pin]), rest]),
    () => new WithFallback(new FirstMatch([pin, rest]), { fallbackOrder: [...keys].reverse() }),
    () => new WithFallback(pin, { fallbackOrder: [...keys].reverse() }),
    () => new FirstMatch([new WithFallback(pin, { fallbackOrder: keys }), rest]),
  ])()
}

const runs = Number(process.env.HYBRIDGE_PRIVACY_TREES ?? 250)

test(`${runs} random trees keep a pinned request from every cloud`, async () => {
  const names = Object.keys(places)
  let answered = 0
  let unpinned = 0
  for (let at = 0; at < runs; at++) {
    const place = names[at % names.length]
    const secret = secrets[Math.floor(at / names.length) % secrets.length]
    const request = places[place](secret)
    const leaked = []
    const branches = {
      onDevice: tree(2, () => undefined, 'on_device'),
      cloud: tree(2, (request) => leaked.push(request), 'in_cloud'),
      ...(chance(0.5) ? { other: tree(1, (request) => leaked.push(request), 'in_cloud') } : {}),
    }
    const model = hybridModel({ branches, strategy: pinned(Object.keys(branches)), policy: policy() })
    await leavingNothing(async () => {
      for (let round = 0; round < 2; round++) {
        const controller = new AbortController()
        const options = { signal: controller.signal }
        const stop = setTimeout(() => controller.abort(), 40)
        const running = chance(0.5)
          ? model.generate(request, options)
          : (async () => {
              const answer = model.generateStream(request, options)
              for await (const { text } of answer) void text
              return await answer.response
            })()
        const { value } = await settled(running, `run ${at}`, 2000)
        clearTimeout(stop)
        answered += value === undefined ? 0 : 1
        assert.equal(leaked.length, 0, `run ${at}: ${place} of ${secret} left the device`)
      }
      // Without personal data, the same tree does use the cloud, so the pin made the difference.
      const stop = AbortSignal.timeout(40)
      await settled(model.generate('hello there', { signal: stop }), `run ${at}, unpinned`, 2000)
      unpinned += leaked.length > 0 ? 1 : 0
    })
  }
  assert.ok(answered > runs / 10, `only ${answered} of ${runs} were answered`)
  assert.ok(unpinned > runs / 4, `only ${unpinned} of ${runs} trees use their clouds at all`)
})

test('a tool result with personal data pins the following requests of its loop', async () => {
  const seen = []
  const calls = (name) =>
    defineModel({
      name,
      info: { inferenceSource: name === 'cloud' ? 'in_cloud' : 'on_device', supports: { tools: true } },
      generate: async ({ messages }) => {
        seen.push(name)
        return messages.at(-1).role === 'tool'
          ? 'done'
          : { message: { role: 'model', content: [{ toolRequest: { name: 'who', input: {} } }] } }
      },
    })
  const model = hybridModel({
    branches: { onDevice: calls('onDevice'), cloud: calls('cloud') },
    strategy: new FirstMatch([new PrivacyStrategy(), new FallbackStrategy(['cloud', 'onDevice'])]),
  })
  for (const secret of secrets) {
    seen.length = 0
    const tools = { who: { description: 'd', execute: async () => ({ text: `x\n${secret}` }) } }
    await settled(runTools({ model, request: 'who is it?', tools }), secret, 2000)
    assert.equal(seen[0], 'cloud', secret)
    assert.ok(!seen.slice(1).includes('cloud'), `${secret}: ${seen}`)
  }
})
