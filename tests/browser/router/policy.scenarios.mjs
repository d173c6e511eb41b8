// Deadlines, hedges, breakers, cascades and the confidence gate, with real timers and real wasm.

import { assert, fake, read, rejection, same, turn } from './fakes.mjs'

export function scenarios(hybridge) {
  const {
    cascadeModel,
    confidenceCascade,
    defineModel,
    FallbackStrategy,
    HybridError,
    hybridModel,
    hybridModelOnDeviceCloud,
    kCloud,
    kOnDevice,
    PrivacyStrategy,
    FirstMatch,
  } = hybridge
  const order = new FallbackStrategy([kOnDevice, kCloud])
  const down = (more) => new HybridError('UNAVAILABLE', 'down', more)
  const pair = (device, cloud, more = {}) => {
    const [onDevice, inCloud] = [fake(defineModel, 'd', device), fake(defineModel, 'c', cloud)]
    return {
      ai: hybridModelOnDeviceCloud({ onDevice, cloud: inCloud, strategy: order, ...more }),
      device: onDevice.seen,
      cloud: inCloud.seen,
    }
  }
  const story = ({ attempts }) =>
    attempts.map(({ branch, outcome, status }) => [branch, outcome, status].filter(Boolean).join(' ')).join(', ')

  return {
    'if the first token is late, the branch is stopped and the next one runs': async () => {
      const { ai, device } = pair({ hang: true }, { chunks: ['hi'] }, { policy: { firstTokenTimeoutMs: 10 } })
      const stream = ai.generateStream('x')
      same((await read(stream)).texts, ['hi'])
      same(
        [story((await stream.response).routing), device.stopped],
        ['onDevice failed DEADLINE_EXCEEDED, cloud answered', 1],
      )
    },
    'silence during a stream is an error': async () => {
      const { ai, cloud } = pair({ chunks: ['a'], hang: true }, { text: 'x' }, { policy: { idleTimeoutMs: 10 } })
      const { texts, error } = await read(ai.generateStream('x'))
      same([texts, error.status, cloud.calls], [['a'], 'DEADLINE_EXCEEDED', 0])
    },
    'a deadline in a month does not fire at once': async () => {
      const { ai } = pair(
        { chunks: ['a', 'b'] },
        { text: 'x' },
        { policy: { totalTimeoutMs: 2 ** 32, idleTimeoutMs: 2 ** 31 } },
      )
      same((await read(ai.generateStream('x'))).texts, ['a', 'b'])
    },
    'a branch may have a total deadline': async () => {
      const { ai } = pair({ hang: true }, { text: 'hi' }, { branchPolicies: { onDevice: { totalTimeoutMs: 10 } } })
      same((await ai.generate('x')).text, 'hi')
    },
    'a hedge: the first branch with content wins, the other is stopped': async () => {
      const { ai, device } = pair({ hang: true }, { chunks: ['b'] }, { policy: { hedgeAfterMs: 10 } })
      const stream = ai.generateStream('x')
      same((await read(stream)).texts, ['b'])
      same([story((await stream.response).routing), device.stopped], ['onDevice stopped, cloud answered', 1])
    },
    'fallbackOn determines which failures fall back': async () => {
      const missing = { error: new HybridError('NOT_FOUND', 'no model') }
      same((await pair(missing, { text: 'hi' }, { policy: { fallbackOn: ['NOT_FOUND'] } }).ai.generate('x')).text, 'hi')
      same(
        (await rejection(pair({ error: down() }, { text: 'hi' }, { policy: { fallbackOn: [] } }).ai.generate('x')))
          .status,
        'UNAVAILABLE',
      )
    },
    'a breaker opens, is reported, and its branch is skipped': async () => {
      const { ai, device } = pair(
        { error: down() },
        { text: 'hi' },
        { policy: { breaker: { failures: 1, cooldownMs: 60_000 } } },
      )
      await ai.generate('x')
      const { state, failuresInRow, openUntil } = ai.health().onDevice
      assert(state === 'open' && failuresInRow === 1 && openUntil > Date.now() + 50_000, JSON.stringify(ai.health()))
      same([story((await ai.generate('x')).routing), device.calls], ['onDevice skipped UNAVAILABLE, cloud answered', 1])
    },
    'retryAfterMs and a lost GPU open a breaker without a policy': async () => {
      for (const more of [{ retryAfterMs: 60_000 }, { code: 'DEVICE_LOST' }, { code: 'QUOTA_DAILY' }]) {
        const { ai, device } = pair({ error: down(more) }, { text: 'hi' })
        await ai.generate('x')
        await ai.generate('x')
        same([device.calls, ai.health().onDevice.state], [1, 'open'], JSON.stringify(more))
      }
    },
    'an order whose branches are all paused reports why': async () => {
      const { ai } = pair(
        { error: down({ retryAfterMs: 60_000 }) },
        { error: down({ retryAfterMs: 30_000, code: 'QUOTA_EXCEEDED' }) },
      )
      await rejection(ai.generate('x'))
      const error = await rejection(ai.generate('x'))
      assert(error.status === 'UNAVAILABLE' && error.retryAfterMs > 50_000, JSON.stringify(error))
      same(story(error.routing), 'onDevice skipped UNAVAILABLE, cloud skipped UNAVAILABLE')
    },
    'usage and confidence are in the trace': async () => {
      const { ai } = pair(
        { chunks: ['a', 'b'], logprobs: [[-1], [-3]], reply: { usage: { inputTokens: 5, outputTokens: 2 } } },
        {},
      )
      const { routing, confidence } = await ai.generateStream('x').response
      same(
        [routing.attempts[0].usage, confidence],
        [
          { inputTokens: 5, outputTokens: 2 },
          { tokens: 2, meanLogprob: -2, minLogprob: -3, p10Logprob: -3 },
        ],
      )
    },
    'accept: the last answer is final, and a stream receives it as one chunk': async () => {
      for (const [good, expected] of [
        [['d'], 'd'],
        [['c'], 'c'],
        [[], 'c'],
      ]) {
        const [small, large] = [fake(defineModel, 's', { chunks: ['d'] }), fake(defineModel, 'l', { chunks: ['c'] })]
        const asked = []
        const ai = cascadeModel({
          branches: { small, large },
          order: ['small', 'large'],
          accept: async ({ text, branch, routing }) => {
            asked.push([text, branch, routing.attempts.length])
            return good.includes(text)
          },
        })
        same((await ai.generate('x')).text, expected)
        same(await read(ai.generateStream('x')), { texts: [expected] })
        same([asked, small.seen.streaming], [Array(2).fill(['d', 'small', 1]), [false, false]])
      }
    },
    'a cascade with deadlines shows its answer once': async () => {
      const patient = { firstTokenTimeoutMs: 5000, idleTimeoutMs: 5000 }
      for (const [model, texts] of [
        [{ text: 'a' }, ['a']],
        [{ chunks: ['a', 'b'] }, ['ab']],
      ])
        for (const policy of [undefined, patient]) {
          const a = fake(defineModel, 'a', model)
          const ai = cascadeModel({ branches: { a }, order: ['a'], accept: () => true, ...(policy && { policy }) })
          same(await read(ai.generateStream('x')), { texts })
        }
    },
    'accept: an exception reaches the caller unchanged': async () => {
      const mine = new Error('mine')
      const ai = cascadeModel({
        branches: { a: fake(defineModel, 'a', { text: 'a' }), b: fake(defineModel, 'b', { text: 'b' }) },
        order: ['a', 'b'],
        accept: () => {
          throw mine
        },
      })
      assert((await rejection(ai.generate('x'))) === mine, 'the same object')
      assert((await read(ai.generateStream('x'))).error === mine, 'the same object in the loop')
    },
    'accept: an invalid return value is INVALID_ARGUMENT': async () => {
      for (const nonsense of [undefined, 1, 'yes', null]) {
        const ai = cascadeModel({
          branches: { a: fake(defineModel, 'a', { text: 'a' }), b: fake(defineModel, 'b', { text: 'b' }) },
          order: ['a', 'b'],
          accept: () => nonsense,
        })
        same((await rejection(ai.generate('x'))).status, 'INVALID_ARGUMENT')
      }
    },
    'options are validated by the constructor': () => {
      const a = fake(defineModel, 'a', {})
      const accept = () => true
      for (const make of [
        () => hybridModel({ branches: {}, strategy: order }),
        () => hybridModel({ branches: { a: {} }, strategy: order }),
        () => hybridModel({ branches: { a } }),
        () => hybridModel({ branches: { a }, strategy: {} }),
        () => hybridModel({ branches: { a }, strategy: order, onTrace: 1 }),
        () => hybridModel({ branches: { a }, strategy: order, policy: { fallbackOn: ['SOMETIMES'] } }),
        () => hybridModel({ branches: { a }, strategy: order, policy: { idleTimeoutMs: -1 } }),
        () => hybridModel({ branches: { a }, strategy: order, branchPolicies: { a: { breaker: { failures: 1 } } } }),
        () => hybridModel({ branches: { a }, strategy: order, branchPolicies: { b: {} } }),
        () => hybridModelOnDeviceCloud({ onDevice: a, strategy: order }),
        () => cascadeModel({ branches: {}, order: ['a'], accept }),
        () => cascadeModel({ branches: { a }, order: [], accept }),
        () => cascadeModel({ branches: { a }, order: ['b'], accept }),
        () => cascadeModel({ branches: { a }, order: ['a'] }),
        () => confidenceCascade({ onDevice: a, cloud: a }),
        () => confidenceCascade({ onDevice: a, cloud: a, threshold: -1, holdTokens: 0 }),
        () => confidenceCascade({ onDevice: a, cloud: a, threshold: -1, score: 'max' }),
      ]) {
        let thrown
        try {
          make()
        } catch (error) {
          thrown = error
        }
        same(thrown?.status, 'INVALID_ARGUMENT', String(make))
      }
    },
    'confidence: unsure answers are never shown, sure ones stream': async () => {
      for (const [logprob, texts, trace] of [
        [-0.1, ['a', 'b', 'c', 'd'], 'onDevice answered'],
        [-5, ['C'], 'onDevice rejected, cloud answered'],
      ]) {
        const onDevice = fake(defineModel, 'd', { chunks: ['a', 'b', 'c', 'd'], logprobs: Array(4).fill([logprob]) })
        const ai = confidenceCascade({
          onDevice,
          cloud: fake(defineModel, 'c', { chunks: ['C'] }),
          threshold: -1,
          holdTokens: 2,
        })
        const stream = ai.generateStream('x')
        same((await read(stream)).texts, texts)
        same(story((await stream.response).routing), trace)
        same((await ai.generate('x')).text, texts.join(''))
      }
    },
    'confidence: an answer shorter than the held tokens is shown once': async () => {
      const onDevice = fake(defineModel, 'd', { chunks: ['a'], logprobs: [[-0.1]] })
      const ai = confidenceCascade({ onDevice, cloud: fake(defineModel, 'c', {}), threshold: -1 })
      same(await read(ai.generateStream('x')), { texts: ['a'] })
    },
    'confidence: a branch without one counts as sure, and the trace states it': async () => {
      const ai = confidenceCascade({
        onDevice: fake(defineModel, 'd', { chunks: ['a'] }),
        cloud: fake(defineModel, 'c', {}),
        threshold: -1,
      })
      const response = await ai.generateStream('x').response
      assert(
        response.branch === 'onDevice' && response.routing.attempts[0].message.includes('taken as sure'),
        JSON.stringify(response.routing),
      )
    },
    'fallbacks, hedges and breakers respect the constraint': async () => {
      const onDevice = fake(defineModel, 'd', { error: down({ retryAfterMs: 60_000 }) })
      const cloud = fake(defineModel, 'c', { text: 'leaked' })
      const strategy = new FirstMatch([new PrivacyStrategy(), order])
      const ai = hybridModelOnDeviceCloud({
        onDevice,
        cloud,
        strategy,
        policy: { hedgeAfterMs: 1, breaker: { failures: 1, cooldownMs: 60_000 } },
      })
      for (let at = 0; at < 3; at++) {
        const error = await rejection(ai.generate('write to ann@example.org'))
        same([error.status, error.routing.allow, cloud.seen.calls], ['UNAVAILABLE', ['onDevice'], 0])
      }
      same((await ai.generate('hello')).branch, 'cloud')
    },
    'options of one branch are not sent to another': async () => {
      const { ai, device, cloud } = pair({ error: down() }, { text: 'hi' })
      await ai.generate({
        prompt: 'x',
        config: {
          temperature: 1,
          branches: { onDevice: { minP: 0.1 }, cloud: { thinkingConfig: { budget: 1 }, temperature: 2 } },
        },
      })
      same(
        [device.requests[0].config, cloud.requests[0].config],
        [
          { temperature: 1, minP: 0.1 },
          { temperature: 2, thinkingConfig: { budget: 1 } },
        ],
      )
    },
    'thoughts commit only if they were requested': async () => {
      const thinks = { chunks: [[{ reasoning: 'hm' }]], error: down() }
      same((await read(pair(thinks, { chunks: ['b'] }).ai.generateStream('x'))).texts, ['b'])
      const asked = await read(
        pair(thinks, { chunks: ['b'] }).ai.generateStream({ prompt: 'x', config: { includeReasoning: true } }),
      )
      same([asked.texts, asked.error.status], [[''], 'UNAVAILABLE'])
    },
    'hybrids can be nested, and so are their traces': async () => {
      const inner = pair({ error: down() }, { text: 'deep', info: { inferenceSource: 'in_cloud' } })
      const outer = hybridModel({
        branches: { first: fake(defineModel, 'f', { error: down() }), second: inner.ai },
        strategy: new FallbackStrategy(['first', 'second']),
      })
      const stream = outer.generateStream('x')
      const chunks = []
      for await (const { text, branch } of stream) chunks.push([text, branch])
      const { branch, inferenceSource, routing } = await stream.response
      same(
        [chunks, branch, inferenceSource, story(routing), story(routing.attempts[1].routing)],
        [
          [['deep', 'second']],
          'second',
          'in_cloud',
          'first failed UNAVAILABLE, second answered',
          'onDevice failed UNAVAILABLE, cloud answered',
        ],
      )
      const failing = hybridModel({
        branches: { only: pair({ error: down() }, { error: down() }).ai },
        strategy: new FallbackStrategy(['only']),
      })
      const error = await rejection(failing.generate('x'))
      same(
        [error.branch, story(error.routing), story(error.routing.attempts[0].routing)],
        ['only', 'only failed UNAVAILABLE', 'onDevice failed UNAVAILABLE, cloud failed UNAVAILABLE'],
      )
    },
    'a trace contains neither prompt nor answer nor key': async () => {
      const traces = []
      const { ai } = pair(
        { error: Object.assign(new Error('PROMPT key=SECRET'), { status: 'UNAVAILABLE' }) },
        { chunks: ['ANSWER'] },
        { onTrace: (trace) => traces.push(trace) },
      )
      await ai.generateStream('PROMPT', { context: { key: 'SECRET' } }).response
      const failing = pair(
        { error: new Error('PROMPT SECRET') },
        { error: 'PROMPT SECRET' },
        { onTrace: (trace) => traces.push(trace) },
      )
      const error = await rejection(failing.ai.generate('PROMPT'))
      const told = JSON.stringify([traces, ai.health(), error.message, error.routing])
      assert(traces.length === 2 && !/PROMPT|ANSWER|SECRET/.test(told), told)
      same(error.cause, 'PROMPT SECRET')
    },
    'once the wasm is loaded, explain runs no branch': async () => {
      const { ai, device } = pair({ text: 'x' }, { text: 'y' })
      same(await ai.explain('x'), { strategy: 'FallbackStrategy', order: ['onDevice', 'cloud'] })
      await turn()
      same(device.calls, 0)
    },
  }
}
