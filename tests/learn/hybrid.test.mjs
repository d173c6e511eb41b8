/** Shadows, calibrated cascades and learned strategies in hybrids, with the real wasm of the page. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'

const npm = join(import.meta.dirname, '../../crate/npm')
const hybridge = await import(join(npm, 'dist/node.js'))
const { calibrate, ClassifierStrategy } = await import(join(npm, 'dist/learn.js'))
const {
  confidenceCascade,
  defineModel,
  FallbackStrategy,
  FirstMatch,
  HybridError,
  hybridModel,
  hybridModelOnDeviceCloud,
  kCloud,
  kOnDevice,
  PrivacyStrategy,
  WithFallback,
} = hybridge

const answering = (name, text, logprobs) =>
  defineModel({
    name,
    generate: (_, { sendChunk }) => {
      sendChunk([{ text }], logprobs === undefined ? {} : { logprobs })
      return { usage: { inputTokens: 3, outputTokens: 2 } }
    },
  })
const soon = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('shadows', () => {
  const shadowed = (shadow, strategy = new FallbackStrategy([kOnDevice, kCloud]), models = {}) =>
    hybridModelOnDeviceCloud({
      onDevice: answering('d', 'device'),
      cloud: answering('c', 'cloud', [-0.5, -1]),
      ...models,
      strategy,
      shadow: { branch: kCloud, share: 1, ...shadow },
    })

  test('both answers are reported, and only one is shown', async () => {
    const results = []
    const ai = shadowed({ onResult: (it) => results.push(it) })
    const { stream, response } = ai.generateStream('hello')
    let shown = ''
    for await (const { text } of stream) shown += text
    const { routing } = await response
    await soon()
    assert.equal(shown, 'device')
    assert.equal(results.length, 1)
    const [{ id, request, answered, shadow }] = results
    assert.deepEqual(
      [id, answered.branch, answered.text, shadow.branch, shadow.text, shadow.logprobs],
      [routing.id, kOnDevice, 'device', kCloud, 'cloud', [-0.5, -1]],
    )
    assert.equal(request.messages[0].content[0].text, 'hello')
    assert.deepEqual(
      routing.attempts.map(({ branch }) => branch),
      [kOnDevice],
    )
  })

  test('requests without a shadow', async () => {
    const pinned = new FirstMatch([new PrivacyStrategy(), new FallbackStrategy([kOnDevice, kCloud])])
    const tool = {
      messages: [
        { role: 'user', content: [{ text: 'a' }] },
        { role: 'model', content: [{ toolRequest: { name: 't' } }] },
        { role: 'tool', content: [{ toolResponse: { name: 't' } }] },
      ],
    }
    const stopped = new AbortController()
    stopped.abort()
    for (const [what, ai, request] of [
      ['a pinned request', shadowed({ onResult: () => assert.fail('pinned') }, pinned), 'mail me at a.b@example.org'],
      [
        'what allows the shadow too',
        shadowed(
          { onResult: () => assert.fail('allowed') },
          { route: () => ({ order: [kOnDevice], allow: [kOnDevice, kCloud] }) },
        ),
        'a',
      ],
      ['the branch itself', shadowed({ onResult: () => assert.fail('itself') }, new FallbackStrategy([kCloud])), 'a'],
      ['none wanted', shadowed({ share: 0, onResult: () => assert.fail('none') }), 'a'],
      ['by chance', shadowed({ share: 0.5, random: () => 0.5, onResult: () => assert.fail('chance') }), 'a'],
      ['stopped', shadowed({ signal: stopped.signal, onResult: () => assert.fail('stopped') }), 'a'],
      ["a tool's result", shadowed({ onResult: () => assert.fail('tool') }), tool],
    ]) {
      await ai.generate(request)
      await soon()
      assert.ok(what)
    }
  })

  test('the request’s signal does not abort a shadow; its own signal and its timeout do', async () => {
    const waits = defineModel({
      name: 'w',
      generate: (_, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    })
    for (const [options, status] of [
      [{ timeoutMs: 10 }, 'DEADLINE_EXCEEDED'],
      [{}, 'CANCELLED'],
    ]) {
      const own = new AbortController()
      const caller = new AbortController()
      const result = new Promise((resolve) => {
        void shadowed({ ...options, signal: own.signal, onResult: resolve }, undefined, { cloud: waits })
          .generate('a', { signal: caller.signal })
          .then(() => {
            caller.abort()
            if (options.timeoutMs === undefined) setTimeout(() => own.abort(), 10)
          })
      })
      const { error, shadow } = await result
      assert.ok(HybridError.isInstance(error))
      assert.equal(shadow, undefined)
      assert.equal(error.status, status)
    }
  })

  test('one runs at a time', async () => {
    let running = 0
    let most = 0
    const slow = defineModel({
      name: 's',
      generate: async () => {
        most = Math.max(most, ++running)
        await soon()
        running--
        return 'x'
      },
    })
    const ai = shadowed({ onResult: () => {} }, undefined, { cloud: slow })
    await Promise.all(Array.from({ length: 5 }, () => ai.generate('a')))
    await soon()
    assert.equal(most, 1)
  })

  test('invalid options are rejected', () => {
    for (const shadow of [
      { branch: 'nowhere' },
      { share: 2 },
      { share: Number.NaN },
      { onResult: undefined },
      { branch: 'toString' },
    ]) {
      assert.throws(() => shadowed({ onResult: () => {}, ...shadow }), { status: 'INVALID_ARGUMENT' })
    }
  })

  test('no pinned request has a shadow, over random trees', async () => {
    let state = 12345
    const below = (bound) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % 1000003) % bound
    const secret = 'my mail is someone@example.org'
    let shadows = 0
    let pins = 0
    for (let round = 0; round < 300; round++) {
      // Branches 0 and 1 are leaves, 2 may be a hybrid with its own strategy and shadow.
      const calls = []
      const leaf = (name) =>
        defineModel({
          name,
          generate: ({ messages }) => {
            calls.push([name, messages.at(-1).content[0].text])
            return name
          },
        })
      const tree = (keys, depth) => {
        const order = keys.filter(() => below(2) === 0)
        const kinds = [
          () => new FallbackStrategy(order.length === 0 ? [keys[0]] : order),
          () => new PrivacyStrategy({ keep: keys[below(keys.length)] }),
          () => ({ route: () => (below(2) === 0 ? { order: [keys[0]], allow: [keys[0]] } : undefined) }),
          () => new FirstMatch([tree(keys, depth - 1), tree(keys, depth - 1), new FallbackStrategy(keys)]),
          () => new WithFallback(tree(keys, depth - 1), { fallbackOrder: keys }),
        ]
        return kinds[below(depth <= 0 ? 3 : kinds.length)]()
      }
      const shown = []
      const shadowOf = (keys) => ({ branch: keys[below(keys.length)], share: 1, onResult: (it) => shown.push(it) })
      const inner = ['x', 'y']
      const nested = hybridModel({
        branches: { x: leaf('x'), y: leaf('y') },
        strategy: new FirstMatch([tree(inner, 1), new FallbackStrategy(inner)]),
        shadow: shadowOf(inner),
      })
      const keys = ['a', 'b', 'n']
      const shadow = shadowOf(keys)
      const ai = hybridModel({
        branches: { a: leaf('a'), b: leaf('b'), n: nested },
        strategy: new FirstMatch([tree(keys, 2), new FallbackStrategy(keys)]),
        shadow,
      })
      const request = below(2) === 0 ? secret : 'plain words'
      let response
      try {
        response = await ai.generate(request)
      } catch (error) {
        assert.equal(error.status, 'FAILED_PRECONDITION')
        continue
      }
      const before = calls.length
      await new Promise((resolve) => setTimeout(resolve, 1))
      const isPinned = ({ allow, attempts }) =>
        allow !== undefined || attempts.some(({ routing }) => routing !== undefined && isPinned(routing))
      if (isPinned(response.routing)) {
        pins++
        assert.deepEqual([calls.length, shown.length], [before, 0], `round ${round}`)
      } else {
        shadows += shown.length
        assert.ok(shown.length <= 1)
      }
    }
    assert.ok(shadows > 20 && pins > 20, `${shadows} shadows and ${pins} pins`)
  })
})

describe('cascades', () => {
  test('a calibration determines what is held back and shown', async () => {
    const samples = Array.from({ length: 100 }, (_, at) => ({
      logprobs: [-0.1, at % 2 === 0 ? -0.1 : -3, -0.1],
      right: at % 2 === 0,
    }))
    const calibration = JSON.parse(JSON.stringify(calibrate({ samples, target: { quality: 0.98 } })))
    for (const [logprobs, branch] of [
      [[-0.1, -0.1, -0.1], kOnDevice],
      [[-0.1, -3, -0.1], kCloud],
    ]) {
      const ai = confidenceCascade({
        onDevice: answering('d', 'device', logprobs),
        cloud: answering('c', 'cloud'),
        calibration,
      })
      assert.equal((await ai.generate('a')).branch, branch)
    }
  })

  test('the whole answer is held back with holdTokens: Infinity', async () => {
    const long = defineModel({
      name: 'long',
      generate: async (_, { sendChunk }) => {
        for (let at = 0; at < 60; at++) sendChunk([{ text: 'x' }], { logprobs: [at === 59 ? -9 : -0.1] })
        return {}
      },
    })
    for (const [holdTokens, branch] of [
      [24, kOnDevice],
      [Infinity, kCloud],
    ]) {
      const ai = confidenceCascade({
        onDevice: long,
        cloud: answering('c', 'cloud'),
        threshold: -1,
        score: 'min',
        holdTokens,
      })
      const { stream, response } = ai.generateStream('a')
      let shown = ''
      for await (const { text } of stream) shown += text
      assert.equal((await response).branch, branch)
      assert.equal(shown, branch === kCloud ? 'cloud' : 'x'.repeat(60))
    }
  })

  test('every score decides', async () => {
    const device = defineModel({
      name: 'd',
      generate: (_, { sendChunk }) => {
        sendChunk([{ text: 'd' }], { logprobs: [-1, -2, -3, -4] })
        return {
          confidence: {
            tokens: 4,
            meanLogprob: -2.5,
            minLogprob: -4,
            p10Logprob: -4,
            firstMargin: 0.5,
            meanEntropy: 2,
          },
        }
      },
    })
    for (const [score, value] of [
      ['mean', -2.5],
      ['min', -4],
      ['p10', -4],
      ['p25', -4],
      ['p50', -3],
      ['first', -1],
      ['margin', 0.5],
      ['entropy', -2],
      [[1, 0, 0, 0, 0, 0, 1, 4], 1 - 1 + 1],
    ]) {
      for (const [threshold, branch] of [
        [value - 0.1, kOnDevice],
        [value + 0.1, kCloud],
      ]) {
        const ai = confidenceCascade({
          onDevice: device,
          cloud: answering('c', 'cloud'),
          score,
          threshold,
          holdTokens: Infinity,
        })
        assert.equal((await ai.generate('a')).branch, branch, `${score} at ${threshold}`)
      }
    }
  })

  test('invalid options are rejected', async () => {
    const models = { onDevice: answering('d', 'd'), cloud: answering('c', 'c') }
    const calibration = calibrate({ samples: [{ signal: 1, right: true }], target: { cloudShare: 0.5 } })
    for (const options of [
      {},
      { threshold: 'x' },
      { threshold: -1, score: 'p99' },
      { threshold: -1, holdTokens: 0 },
      { threshold: -1, holdTokens: 1.5 },
      { calibration },
      { calibration: {} },
      { threshold: 1, calibration: { score: 'p10', threshold: -1, holdTokens: 'all' } },
    ]) {
      assert.throws(
        () => confidenceCascade({ ...models, ...options }),
        { status: 'INVALID_ARGUMENT' },
        JSON.stringify(options),
      )
    }
    await assert.rejects(confidenceCascade({ ...models, threshold: -1, score: [1, 2] }).generate('a'), {
      status: 'INVALID_ARGUMENT',
    })
  })
})

describe('ClassifierStrategy', () => {
  const models = { onDevice: answering('d', 'device'), cloud: answering('c', 'cloud') }

  test('the included classifier separates simple from hard', async () => {
    const ai = hybridModelOnDeviceCloud({ ...models, strategy: new ClassifierStrategy() })
    const { branch, routing } = await ai.generate('What is 12 + 30?')
    assert.equal(branch, kOnDevice)
    assert.match(routing.reason, /^classified as simple: simple 0\.\d{3}, hard 0\.\d{3}$/)
    assert.equal(
      (await ai.generate('Design the architecture of a payments ledger and justify each trade-off in detail.')).branch,
      kCloud,
    )
  })

  test('it is trained, stored and loaded', async () => {
    const samples = Array.from({ length: 40 }, (_, at) =>
      at % 2 === 0
        ? { prompt: `Where is parcel ${at}?`, label: 'local' }
        : { prompt: `Draft contract ${at}`, label: 'cloud' },
    )
    const trained = ClassifierStrategy.train(samples)
    for (const strategy of [
      trained,
      ClassifierStrategy.fromJSON(JSON.stringify(trained)),
      new ClassifierStrategy().train(samples),
      new ClassifierStrategy({ classifier: trained.toJSON() }),
    ]) {
      const ai = hybridModelOnDeviceCloud({ ...models, strategy })
      assert.equal((await ai.generate('Where is parcel 99?')).branch, kOnDevice)
      assert.equal((await ai.generate('Draft contract 98')).branch, kCloud)
    }
  })

  test('routes, a function and a minimum probability', async () => {
    const classifier = (prompt) =>
      prompt === 'throws' ? Promise.reject(new TypeError('mine')) : { label: prompt, probabilities: { [prompt]: 0.4 } }
    const strategy = new FirstMatch([
      new ClassifierStrategy({
        classifier,
        routes: { sums: kOnDevice, pinned: { order: [kOnDevice], allow: [kOnDevice] }, unsure: '' },
      }),
      new FallbackStrategy([kCloud]),
    ])
    const ai = hybridModelOnDeviceCloud({ ...models, strategy })
    for (const [prompt, branch] of [
      ['sums', kOnDevice],
      ['pinned', kOnDevice],
      ['unsure', kCloud],
      ['unknown', kCloud],
      ['constructor', kCloud],
    ])
      assert.equal((await ai.generate(prompt)).branch, branch, prompt)
    assert.deepEqual((await ai.generate('pinned')).routing.allow, [kOnDevice])
    await assert.rejects(ai.generate('throws'), TypeError)
    const careful = hybridModelOnDeviceCloud({
      ...models,
      strategy: new FirstMatch([
        new ClassifierStrategy({ classifier, routes: { sums: kOnDevice }, minProbability: 0.5 }),
        new FallbackStrategy([kCloud]),
      ]),
    })
    assert.equal((await careful.generate('sums')).branch, kCloud)
  })

  test('embeddings are supported instead of texts', async () => {
    const embedder = { embed: async (text) => [Float32Array.of(text.length / 10, 1)] }
    const samples = Array.from({ length: 30 }, (_, at) => ({
      prompt: [at % 2 === 0 ? 0.2 : 2, 1],
      label: at % 2 === 0 ? 'local' : 'cloud',
    }))
    const ai = hybridModelOnDeviceCloud({ ...models, strategy: ClassifierStrategy.train(samples, { embedder }) })
    assert.equal((await ai.generate('ab')).branch, kOnDevice)
    assert.equal((await ai.generate('abcdefghijklmnopqrstuvwxyz')).branch, kCloud)
    assert.throws(() => ClassifierStrategy.train(samples), { status: 'INVALID_ARGUMENT' })
  })
})
