// Callbacks that throw, hang, call the model again, or return nonsense; branches that misbehave.

import { assert, fake, never, read, rejection, same, turn } from './fakes.mjs'

export function scenarios(hybridge) {
  const {
    defineModel,
    ConnectivityStrategy,
    CostStrategy,
    FallbackStrategy,
    FirstMatch,
    HybridError,
    hybridModel,
    InputSizeStrategy,
    kCloud,
    kOnDevice,
    PreRoutingStrategy,
    PrivacyStrategy,
    WithFallback,
  } = hybridge
  const branches = (device = { text: 'd' }, cloud = { text: 'c' }) => ({
    onDevice: fake(defineModel, 'd', device),
    cloud: fake(defineModel, 'c', cloud),
  })
  const order = new FallbackStrategy([kOnDevice, kCloud])
  const every = (callback) => [
    new PreRoutingStrategy(callback),
    new ConnectivityStrategy({ isOnline: callback, online: kCloud, offline: kOnDevice }),
    new CostStrategy({ budgetAvailable: callback, premium: kCloud, cheap: kOnDevice }),
    new PrivacyStrategy({ isSensitive: callback }),
    new WithFallback(new FirstMatch([{ route: callback }]), { fallbackOrder: [kCloud] }),
  ]

  return {
    'an exception of a strategy reaches the caller, and no branch runs': async () => {
      for (const thrown of [
        new Error('mine'),
        'mine',
        undefined,
        new HybridError('UNAVAILABLE', 'mine'),
        new DOMException('x', 'AbortError'),
      ]) {
        for (const callback of [
          () => {
            throw thrown
          },
          async () => {
            throw thrown
          },
        ]) {
          for (const strategy of every(callback)) {
            const all = branches()
            const traces = []
            const ai = hybridModel({ branches: all, strategy, onTrace: (trace) => traces.push(trace) })
            const found = await ai.generate('x').then(
              () => assert(false, 'it must reject'),
              (error) => error,
            )
            assert(found === thrown, `${strategy.name}: ${String(found)}`)
            assert((await read(ai.generateStream('x'))).error === thrown, 'the same in a loop')
            assert((await ai.explain('x').catch((error) => error)) === thrown, 'the same in explain')
            same([all.onDevice.seen.calls, all.cloud.seen.calls, traces.length], [0, 0, 2])
          }
        }
      }
    },
    'an exception of a strategy in an inner hybrid reaches the caller': async () => {
      const mine = new Error('mine')
      const inner = hybridModel({
        branches: branches(),
        strategy: new PreRoutingStrategy(() => {
          throw mine
        }),
      })
      const cloud = fake(defineModel, 'c', { text: 'no' })
      const outer = hybridModel({ branches: { onDevice: inner, cloud }, strategy: order })
      assert((await rejection(outer.generate('x'))) === mine, 'the same object')
      same(cloud.seen.calls, 0)
    },
    'an exception of onTrace is reported and does not affect the answer': async () => {
      const mine = new Error('mine')
      const kept = globalThis.reportError
      const reported = []
      globalThis.reportError = (error) => reported.push(error)
      try {
        for (const onTrace of [
          () => {
            throw mine
          },
          async () => {
            throw mine
          },
        ]) {
          const ai = () => hybridModel({ branches: branches({ chunks: ['a'] }), strategy: order, onTrace })
          same((await ai().generate('x')).text, 'a')
          same(await read(ai().generateStream('x')), { texts: ['a'] })
          const failing = hybridModel({
            branches: branches({ error: new HybridError('NOT_FOUND', 'gone') }),
            strategy: order,
            onTrace,
          })
          same((await rejection(failing.generate('x'))).status, 'NOT_FOUND')
        }
        await turn()
        assert(reported.length === 6 && reported.every((error) => error === mine), `reported ${reported.length} times`)
      } finally {
        globalThis.reportError = kept
      }
    },
    'an invalid decision of a strategy is INVALID_ARGUMENT': async () => {
      for (const nonsense of [
        7,
        true,
        {},
        { alow: [kCloud] },
        [7],
        { order: kCloud },
        () => kCloud,
        Symbol('x'),
        { order: [kCloud], allow: kCloud },
      ]) {
        const all = branches()
        const error = await rejection(
          hybridModel({ branches: all, strategy: new PreRoutingStrategy(() => nonsense) }).generate('x'),
        )
        const expected = JSON.stringify(nonsense) === '{}' ? 'FAILED_PRECONDITION' : 'INVALID_ARGUMENT'
        same([error.status, all.cloud.seen.calls], [expected, 0], String(JSON.stringify(nonsense)))
      }
      for (const nonsense of [undefined, null, 0, 'yes', [], 10n]) {
        for (const strategy of every(() => nonsense).slice(1, 4)) {
          same(
            (await rejection(hybridModel({ branches: branches(), strategy }).generate('x'))).status,
            'INVALID_ARGUMENT',
            `${strategy.name} ${String(nonsense)}`,
          )
        }
      }
    },
    'a hanging strategy can be aborted': async () => {
      for (const strategy of every(() => never)) {
        const ai = hybridModel({ branches: branches(), strategy })
        for (const run of [
          (signal) => ai.generate('x', { signal }),
          (signal) => ai.generateStream('x', { signal }).response,
          (signal) => ai.explain('x', { signal }),
        ]) {
          const controller = new AbortController()
          const failed = rejection(run(controller.signal))
          await turn()
          await turn()
          controller.abort()
          same((await failed).status, 'CANCELLED')
        }
      }
    },
    'a strategy sees the abort': async () => {
      const controller = new AbortController()
      let seen
      const strategy = new PreRoutingStrategy(
        ({ signal }) =>
          new Promise((resolve) => {
            seen = signal
            signal.addEventListener('abort', () => resolve(kCloud))
          }),
      )
      const all = branches()
      const failed = rejection(hybridModel({ branches: all, strategy }).generate('x', { signal: controller.signal }))
      while (seen === undefined) await turn()
      controller.abort()
      same([(await failed).status, all.cloud.seen.calls, seen.aborted], ['CANCELLED', 0, true])
    },
    'a strategy may call the model again': async () => {
      const ai = hybridModel({
        branches: branches(),
        strategy: new PreRoutingStrategy(async ({ context }) =>
          context.depth > 2
            ? kCloud
            : (await ai.generate('x', { context: { depth: (context.depth ?? 0) + 1 } })).branch,
        ),
      })
      same((await ai.generate('x')).branch, 'cloud')
    },
    'a branch may call its own hybrid, even while it streams': async () => {
      const ai = hybridModel({
        branches: {
          onDevice: defineModel({
            name: 'd',
            generate: async (_, { sendChunk, context }) => {
              sendChunk('a')
              if (!context.isInner)
                sendChunk((await ai.generateStream('x', { context: { isInner: true } }).response).text)
              sendChunk('z')
              return {}
            },
          }),
          cloud: fake(defineModel, 'c', {}),
        },
        strategy: order,
      })
      same((await read(ai.generateStream('x'))).texts.join(''), 'aazz')
    },
    'a reader may call the model again between chunks': async () => {
      const ai = hybridModel({ branches: branches({ chunks: ['a', 'b'] }), strategy: order })
      const seen = []
      for await (const { text } of ai.generateStream('x')) seen.push(text, (await ai.generate('y')).text)
      same(seen, ['a', 'ab', 'b', 'ab'])
    },
    'onTrace may call the model again': async () => {
      let more
      const ai = hybridModel({
        branches: branches(),
        strategy: order,
        onTrace: () => {
          more ??= ai.generate('y')
        },
      })
      await ai.generate('x')
      same((await more).text, 'd')
    },
    'a branch that sends a chunk before it returns': async () => {
      const fast = defineModel({
        name: 'f',
        generate: (_, { sendChunk }) => {
          sendChunk('a')
          sendChunk('b')
          return 'ab'
        },
      })
      same(
        (await read(hybridModel({ branches: { fast }, strategy: new FallbackStrategy(['fast']) }).generateStream('x')))
          .texts,
        ['a', 'b'],
      )
    },
    'a branch that sends a chunk and throws at once': async () => {
      const fast = defineModel({
        name: 'f',
        generate: (_, { sendChunk }) => {
          sendChunk('')
          throw new HybridError('UNAVAILABLE', 'x')
        },
      })
      same(
        (
          await read(
            hybridModel({
              branches: { fast, slow: fake(defineModel, 's', { chunks: ['s'] }) },
              strategy: new FallbackStrategy(['fast', 'slow']),
            }).generateStream('x'),
          )
        ).texts,
        ['s'],
      )
    },
    'any exception of a branch is INTERNAL, and the next branch runs': async () => {
      for (const thrown of [
        new Error('x'),
        'x',
        undefined,
        null,
        7,
        {},
        new TypeError('x'),
        Object.assign(new Error('x'), { status: 418 }),
      ]) {
        const throwing = defineModel({
          name: 't',
          generate: () => {
            throw thrown
          },
        })
        const response = await hybridModel({
          branches: { throwing, next: fake(defineModel, 'n', { text: 'n' }) },
          strategy: new FallbackStrategy(['throwing', 'next']),
        }).generate('x')
        same([response.text, response.routing.attempts[0].status], ['n', 'INTERNAL'])
      }
    },
    'a branch with an invalid answer fails': async () => {
      for (const reply of [undefined, 7, null, { message: 'x' }]) {
        const odd = defineModel({ name: 'o', generate: async () => reply })
        same(
          (
            await hybridModel({
              branches: { odd, next: fake(defineModel, 'n', { text: 'n' }) },
              strategy: new FallbackStrategy(['odd', 'next']),
            }).generate('x')
          ).text,
          'n',
        )
      }
    },
    'invalid log-probabilities and usage are harmless': async () => {
      const odd = defineModel({
        name: 'o',
        generate: async (_, { sendChunk }) => {
          sendChunk('a', { logprobs: [NaN, 'x', -Infinity] })
          return { usage: { outputTokens: -3, inputTokens: 'many' }, finishReason: 'stop' }
        },
      })
      same(
        (await hybridModel({ branches: { odd }, strategy: new FallbackStrategy(['odd']) }).generateStream('x').response)
          .text,
        'a',
      )
      const big = defineModel({ name: 'b', generate: async () => ({ text: 'b', usage: { outputTokens: 3n } }) })
      same((await hybridModel({ branches: { big }, strategy: new FallbackStrategy(['big']) }).generate('x')).text, 'b')
    },
    'a lone surrogate, and a prompt that looks like its escape': async () => {
      const strategy = new FirstMatch([
        new PrivacyStrategy(),
        new InputSizeStrategy({ threshold: 1000, small: kOnDevice, large: kCloud }),
      ])
      for (const prompt of ['\ud83d', 'a\udc00b', '\\ud83d', '\\\\ud83d \ud83d', '\\', '"\\u0000\u0000']) {
        const all = branches()
        await hybridModel({ branches: all, strategy }).generate(prompt)
        // Half a surrogate pair is replaced in the same way for every branch.
        same(all.onDevice.seen.requests[0].messages[0].content[0].text, prompt.replace(/\p{Surrogate}/gu, '\ufffd'))
      }
    },
    'a request without a JSON form is refused before it is read': async () => {
      const loop = {}
      loop.self = loop
      const ai = hybridModel({
        branches: branches(),
        strategy: new InputSizeStrategy({ threshold: 1, small: kOnDevice, large: kCloud }),
      })
      same(
        (await rejection(ai.generate({ messages: [{ role: 'user', content: [{ data: loop }] }] }))).status,
        'INVALID_ARGUMENT',
      )
      same(
        (
          await rejection(
            hybridModel({ branches: branches(), strategy: order }).generate({
              messages: [{ role: 'user', content: [{ data: loop }] }],
            }),
          )
        ).status,
        'INVALID_ARGUMENT',
      )
    },
    'a tree that is too deep is refused': async () => {
      let strategy = order
      for (let depth = 0; depth < 200; depth++) strategy = new FirstMatch([strategy])
      same((await rejection(hybridModel({ branches: branches(), strategy }).generate('x'))).status, 'INVALID_ARGUMENT')
    },
    'a thousand requests at once': async () => {
      const ai = hybridModel({
        branches: branches({ error: new HybridError('UNAVAILABLE', 'x') }, { chunks: ['a', 'b'] }),
        strategy: order,
      })
      const all = await Promise.all(
        Array.from({ length: 1000 }, (_, at) => (at % 2 === 0 ? ai.generate('x') : ai.generateStream('x').response)),
      )
      same(
        [all.every(({ text }) => text === 'ab'), ai.health().cloud.queued, ai.health().onDevice.failuresInRow],
        [true, 0, 1000],
      )
    },
    'models of other packages can be branches': async () => {
      const inner = fake(defineModel, 'i', { chunks: ['a', 'b'], info: { inferenceSource: 'in_cloud' } })
      const foreign = {
        name: 'foreign',
        info: inner.info,
        generate: (...args) => inner.generate(...args),
        generateStream: (...args) => inner.generateStream(...args),
      }
      const ai = hybridModel({ branches: { foreign }, strategy: new FallbackStrategy(['foreign']) })
      same(
        [(await read(ai.generateStream('x'))).texts, (await ai.generate('x')).text, (await ai.generate('x')).branch],
        [['a', 'b'], 'ab', 'foreign'],
      )
      const stream = ai.generateStream('x')
      for await (const _ of stream) break
      same([(await rejection(stream.response)).status, inner.seen.stopped], ['CANCELLED', 1])
    },
  }
}
