// Every strategy, alone and nested, with the real wasm.

import { assert, fake, rejection, same } from './fakes.mjs'

export function scenarios(hybridge) {
  const {
    defineModel,
    hybridModel,
    CapabilityStrategy,
    ConnectivityStrategy,
    CostStrategy,
    DeviceStrategy,
    FallbackStrategy,
    FirstMatch,
    InputSizeStrategy,
    LatencyStrategy,
    PreRoutingStrategy,
    PrivacyStrategy,
    ReadyStrategy,
    WithFallback,
    HybridError,
  } = hybridge
  const branches = () =>
    Object.fromEntries(['onDevice', 'cloud'].map((key) => [key, fake(defineModel, key, { text: key })]))
  const device = 'onDevice'
  const cloud = 'cloud'
  const both = { online: cloud, offline: device }

  /** Each row: a strategy, a request, the order (or the error's status) and the beginning of the reason. */
  const check = async (rows, more = {}) => {
    for (const [strategy, request, expected, reason = ''] of rows) {
      const ai = hybridModel({ branches: { ...branches(), ...more }, strategy })
      const found = await ai.explain(request).catch((error) => error)
      const what = `${strategy.name} on ${JSON.stringify(request)}`
      same(found.order?.join(' ') ?? found.status, expected, what)
      assert((found.reason ?? '').startsWith(reason), `${what}: the reason is ${found.reason}`)
    }
  }

  return {
    PreRoutingStrategy: () =>
      check([
        [new PreRoutingStrategy(() => cloud), 'x', 'cloud'],
        [new PreRoutingStrategy(async () => [cloud, device]), 'x', 'cloud onDevice'],
        [new PreRoutingStrategy(({ request }) => request.messages[0].content[0].text), 'cloud', 'cloud'],
        [new PreRoutingStrategy(() => ''), 'x', 'FAILED_PRECONDITION'],
        [new PreRoutingStrategy(() => []), 'x', 'FAILED_PRECONDITION'],
        [new PreRoutingStrategy(() => undefined), 'x', 'FAILED_PRECONDITION'],
        [
          new PreRoutingStrategy(() => ({ order: [cloud, device], allow: [device], reason: 'mine' })),
          'x',
          'onDevice',
          'mine',
        ],
      ]),
    FallbackStrategy: () =>
      check([
        [new FallbackStrategy([device, cloud]), 'x', 'onDevice cloud'],
        [new FallbackStrategy([cloud, cloud]), 'x', 'cloud cloud'],
        [new FallbackStrategy([cloud, 'nowhere']), 'x', 'FAILED_PRECONDITION'],
      ]),
    ConnectivityStrategy: () =>
      check([
        [new ConnectivityStrategy({ isOnline: () => true, ...both }), 'x', 'cloud', 'online'],
        [new ConnectivityStrategy({ isOnline: async () => false, ...both }), 'x', 'onDevice', 'offline'],
        [new ConnectivityStrategy(both), 'x', 'cloud', 'online'],
      ]),
    InputSizeStrategy: () =>
      check([
        [new InputSizeStrategy({ threshold: 4, small: device, large: cloud }), 'abcd', 'onDevice', '4 characters ≤ 4'],
        [
          new InputSizeStrategy({ threshold: 4, small: device, large: cloud }),
          { system: 'ab', prompt: 'cde' },
          'cloud',
          '5 characters > 4',
        ],
        [
          new InputSizeStrategy({ threshold: 4, small: device, large: cloud }),
          { messages: [{ role: 'user', content: [] }] },
          'onDevice',
          '0 characters',
        ],
        [new InputSizeStrategy({ threshold: 4, small: device, large: cloud }), 'abc\ud83d', 'onDevice', '4 characters'],
        [
          new InputSizeStrategy({ threshold: 10, small: device, large: cloud, unit: 'tokens' }),
          'abcd',
          'onDevice',
          '5 tokens, estimated',
        ],
      ]),
    'InputSizeStrategy counts exactly if a branch is loaded': () => {
      const loaded = Object.assign(fake(defineModel, 'd', {}), {
        state: 'ready',
        countTokens: async (request) => request.messages[0].content[0].text.split(' ').length,
      })
      const strategy = new InputSizeStrategy({ threshold: 2, small: device, large: cloud, unit: 'tokens' })
      return check(
        [
          [strategy, 'a b', 'onDevice', '2 tokens, counted'],
          [strategy, 'a b c', 'cloud', '3 tokens, counted'],
        ],
        { onDevice: loaded },
      )
    },
    'a failing tokenizer is ignored': () => {
      const broken = Object.assign(fake(defineModel, 'd', {}), {
        state: 'ready',
        countTokens: () => {
          throw new Error('no')
        },
      })
      return check(
        [
          [
            new InputSizeStrategy({ threshold: 10, small: device, large: cloud, unit: 'tokens' }),
            'abcd',
            'onDevice',
            '5 tokens, estimated',
          ],
        ],
        { onDevice: broken },
      )
    },
    FirstMatch: () =>
      check([
        [new FirstMatch([new PreRoutingStrategy(() => ''), new FallbackStrategy([cloud])]), 'x', 'cloud'],
        [
          new FirstMatch([
            new FallbackStrategy([device]),
            new PreRoutingStrategy(() => {
              throw new Error('not asked')
            }),
          ]),
          'x',
          'onDevice',
        ],
        [new FirstMatch([]), 'x', 'FAILED_PRECONDITION'],
      ]),
    WithFallback: () =>
      check([
        [
          new WithFallback(new PreRoutingStrategy(() => cloud), { fallbackOrder: [device, cloud, device] }),
          'x',
          'cloud onDevice',
        ],
        [new WithFallback(new PreRoutingStrategy(() => ''), { fallbackOrder: [device, cloud] }), 'x', 'onDevice cloud'],
        [new WithFallback(new PreRoutingStrategy(() => ''), { fallbackOrder: [] }), 'x', 'FAILED_PRECONDITION'],
      ]),
    CapabilityStrategy: () => {
      const strategy = new CapabilityStrategy({
        supports: { onDevice: ['json'], cloud: ['vision', 'audio', 'tools', 'json'] },
      })
      const tool = { name: 'f', description: '' }
      return check([
        [strategy, 'x', 'onDevice cloud'],
        [strategy, { prompt: 'x', tools: [tool] }, 'cloud', 'needs tools'],
        [strategy, { prompt: 'x', output: { schema: {} } }, 'onDevice cloud', 'needs json'],
        [strategy, { prompt: [{ media: { url: 'data:image/png;base64,' } }] }, 'cloud', 'needs vision'],
        [new CapabilityStrategy({ supports: { onDevice: [] } }), { prompt: 'x', tools: [tool] }, 'FAILED_PRECONDITION'],
        [
          new CapabilityStrategy({ supports: { onDevice: [], cloud: [] }, order: [cloud, device] }),
          'x',
          'cloud onDevice',
        ],
      ])
    },
    CostStrategy: () =>
      check([
        [new CostStrategy({ budgetAvailable: () => true, premium: cloud, cheap: device }), 'x', 'cloud onDevice'],
        [new CostStrategy({ budgetAvailable: () => false, premium: cloud, cheap: device }), 'x', 'onDevice'],
      ]),
    PrivacyStrategy: () =>
      check([
        [new FirstMatch([new PrivacyStrategy(), new FallbackStrategy([cloud])]), 'hello', 'cloud'],
        [
          new FirstMatch([new PrivacyStrategy(), new FallbackStrategy([cloud])]),
          'I am ann@example.org',
          'onDevice',
          'personal data: email',
        ],
        [
          new WithFallback(new PrivacyStrategy(), { fallbackOrder: [cloud, device] }),
          'card 4111 1111 1111 1111',
          'onDevice',
          'personal data: credit-card',
        ],
        [
          new WithFallback(new PrivacyStrategy({ detect: ['iban'] }), { fallbackOrder: [cloud] }),
          'ann@example.org',
          'cloud',
        ],
        [
          new WithFallback(new PrivacyStrategy({ isSensitive: async ({ request }) => request.messages.length > 1 }), {
            fallbackOrder: [cloud],
          }),
          { system: 'x', prompt: 'x' },
          'onDevice',
        ],
        [
          new WithFallback(new PrivacyStrategy({ keepImages: 'onDevice' }), { fallbackOrder: [cloud] }),
          {
            messages: [
              { role: 'user', content: [{ media: { url: 'data:image/png;base64,AA' } }] },
              { role: 'model', content: [{ text: 'a cat' }] },
              { role: 'user', content: [{ text: 'and now?' }] },
            ],
          },
          'onDevice',
          'a picture',
        ],
      ]),
    'LatencyStrategy uses measured latencies': async () => {
      let slow = true
      const speaking = (delay) =>
        defineModel({
          name: 'm',
          generate: async (_, { sendChunk }) => {
            if (slow) await new Promise((resolve) => setTimeout(resolve, delay))
            sendChunk('x')
            return { usage: { inputTokens: 10, outputTokens: 1 } }
          },
        })
      const ai = hybridModel({
        branches: { onDevice: speaking(60), cloud: speaking(0) },
        strategy: new LatencyStrategy({ firstTokenBudgetMs: 40, order: [device, cloud] }),
      })
      same((await ai.explain('x')).order, [device, cloud])
      await ai.generateStream('x').response
      same((await ai.explain('x')).order, [cloud, device])
      const { firstTokenMs } = ai.health()[device]
      assert(firstTokenMs >= 55 && firstTokenMs < 5000, `measured ${firstTokenMs} ms`)
      slow = false
    },
    ReadyStrategy: async () => {
      const model = Object.assign(fake(defineModel, 'd', { text: 'd' }), { state: 'absent' })
      const ai = hybridModel({
        branches: { onDevice: model, cloud: fake(defineModel, 'c', { text: 'c' }) },
        strategy: new ReadyStrategy(),
      })
      for (const [state, expected, health] of [
        ['absent', 'cloud', 'absent'],
        ['loading', 'cloud', 'loading'],
        ['failed', 'cloud', 'failed'],
        ['ready', 'onDevice', 'ready'],
        ['disposed', 'cloud', 'absent'],
      ]) {
        model.state = state
        same([(await ai.generate('x')).branch, ai.health().onDevice.state], [expected, health], state)
      }
    },
    DeviceStrategy: () =>
      check([
        [new DeviceStrategy({ require: {}, capable: device, otherwise: cloud }), 'x', 'onDevice'],
        [new DeviceStrategy({ require: { hardwareGpu: true }, capable: device, otherwise: cloud }), 'x', 'cloud'],
        [
          new DeviceStrategy({
            require: { minMemoryGB: 1e6 },
            capable: device,
            otherwise: globalThis.navigator?.deviceMemory ? cloud : device,
          }),
          'x',
          globalThis.navigator?.deviceMemory ? 'cloud' : 'onDevice',
        ],
      ]),
    'custom strategies can be nested anywhere': async () => {
      const seen = []
      class Mine {
        name = 'Mine'
        constructor(inner) {
          this.inner = inner
        }
        async route(context) {
          seen.push([
            context.isStreaming,
            [...context.branchKeys].join(),
            context.context.user,
            typeof context.device.online,
            context.branches.cloud.state,
            context.signal.aborted,
          ])
          return this.inner.route(context)
        }
      }
      const strategy = new WithFallback(
        new FirstMatch([
          new Mine(new PreRoutingStrategy(() => '')),
          new Mine(new InputSizeStrategy({ threshold: 1, small: device, large: cloud })),
        ]),
        { fallbackOrder: [device] },
      )
      const response = await hybridModel({ branches: branches(), strategy }).generate('long', {
        context: { user: 'ann' },
      })
      same(
        [response.branch, response.routing.strategy, response.routing.order],
        ['cloud', 'WithFallback', ['cloud', 'onDevice']],
      )
      same(seen, Array(2).fill([false, 'onDevice,cloud', 'ann', 'boolean', 'ready', false]))
    },
    'a class that overrides route is a custom strategy': async () => {
      class Turned extends FallbackStrategy {
        async route(context) {
          return (await super.route(context)).order.toReversed()
        }
      }
      same((await hybridModel({ branches: branches(), strategy: new Turned([device, cloud]) }).explain('x')).order, [
        cloud,
        device,
      ])
    },
    'a strategy on its own returns the same decision': async () => {
      const context = {
        request: { messages: [], config: {}, tools: [] },
        branchKeys: new Set([device, cloud]),
        isStreaming: false,
        device: {},
        branches: {
          onDevice: { state: 'loading', failuresInRow: 0, queued: 0 },
          cloud: { state: 'ready', firstTokenMs: 900, failuresInRow: 0, queued: 0 },
        },
        context: {},
        signal: new AbortController().signal,
      }
      same((await new ReadyStrategy().route(context)).order, [cloud])
      same((await new LatencyStrategy({ firstTokenBudgetMs: 100, order: [cloud, device] }).route(context)).order, [
        device,
        cloud,
      ])
      same(await new FirstMatch([]).route(context), {})
    },
    'arguments are validated by the constructor of a strategy': () => {
      for (const make of [
        () => new FallbackStrategy([]),
        () => new FallbackStrategy('cloud'),
        () => new FallbackStrategy([7]),
        () => new PreRoutingStrategy('cloud'),
        () => new ConnectivityStrategy({ isOnline: true, ...both }),
        () => new ConnectivityStrategy({ online: cloud }),
        () => new InputSizeStrategy({ threshold: NaN, small: device, large: cloud }),
        () => new InputSizeStrategy({ threshold: 1, small: device, large: cloud, unit: 'words' }),
        () => new FirstMatch([{}]),
        () => new FirstMatch(new FallbackStrategy([cloud])),
        () => new WithFallback({}, { fallbackOrder: [] }),
        () => new CapabilityStrategy({ supports: { cloud: ['flight'] } }),
        () => new CostStrategy({ premium: cloud, cheap: device }),
        () => new PrivacyStrategy({ detect: ['name'] }),
        () => new PrivacyStrategy({ isSensitive: true }),
        () => new PrivacyStrategy({ keepImages: true }),
        () => new LatencyStrategy({ firstTokenBudgetMs: 1, order: [] }),
        () => new DeviceStrategy({ capable: device, otherwise: cloud }),
      ]) {
        let thrown
        try {
          make()
        } catch (error) {
          thrown = error
        }
        assert(
          HybridError.isInstance(thrown) && thrown.status === 'INVALID_ARGUMENT',
          `${make} must be refused, found ${thrown}`,
        )
      }
    },
    'unknown keys are refused with a list of the known ones, before any branch runs': async () => {
      const all = branches()
      const error = await rejection(
        hybridModel({ branches: all, strategy: new FallbackStrategy([device, 'clud']) }).generate('x'),
      )
      same([error.status, all.onDevice.seen.calls, error.routing.attempts.length], ['FAILED_PRECONDITION', 0, 0])
      assert(error.message.includes('clud') && error.message.includes('onDevice, cloud'), error.message)
    },
  }
}
