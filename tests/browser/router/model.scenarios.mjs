// The guarantees of every model, tested on a minimal one. These need no wasm.

import { assert, fake, never, read, rejection, same, turn } from './fakes.mjs'

export function scenarios({ defineModel, HybridError }) {
  const speaks = (chunks = ['a', 'b', 'c'], more = {}) => fake(defineModel, 'm', { chunks, ...more })
  return {
    'a model may return a string': async () => {
      const response = await fake(defineModel, 'm', { text: 'hi' }).generate('x')
      same(
        [response.text, response.finishReason, response.branch, response.inferenceSource],
        ['hi', 'stop', 'm', 'unknown'],
      )
      same(
        response.routing.attempts.map(({ branch, outcome }) => [branch, outcome]),
        [['m', 'answered']],
      )
      assert(response.latencyMs >= 0, 'latency is measured')
    },
    'shorthands resolve in order: system, messages, prompt': async () => {
      const model = fake(defineModel, 'm', { text: '' })
      await model.generate({ system: 's', messages: [{ role: 'model', content: [{ text: 'm' }] }], prompt: 'p' })
      same(
        model.seen.requests[0].messages.map(({ role, content }) => role + ':' + content[0].text),
        ['system:s', 'model:m', 'user:p'],
      )
    },
    'a malformed request is INVALID_ARGUMENT, and the model does not run': async () => {
      const model = fake(defineModel, 'm', { text: '' })
      for (const request of [
        7,
        null,
        undefined,
        { messages: 'x' },
        { messages: [{ role: 'nobody', content: [] }] },
        { messages: [null] },
        { prompt: 3 },
        { system: [] },
        { tools: {} },
        { prompt: '', config: { stopSequences: ['a', 'b', 'c', 'd', 'e', 'f'] } },
      ]) {
        same((await rejection(model.generate(request))).status, 'INVALID_ARGUMENT', JSON.stringify(request))
        same((await read(model.generateStream(request))).error.status, 'INVALID_ARGUMENT', JSON.stringify(request))
      }
      same(model.seen.calls, 0)
    },
    'definitions without a name or a function are refused': async () => {
      for (const definition of [undefined, {}, { name: 'x' }, { name: '', generate() {} }, { generate() {} }]) {
        let thrown
        try {
          defineModel(definition)
        } catch (error) {
          thrown = error
        }
        same(thrown?.status, 'INVALID_ARGUMENT')
      }
    },
    'chunks come in order with their index, and join into the answer': async () => {
      const stream = speaks().generateStream('x')
      const seen = []
      for await (const { index, text, role, branch } of stream) seen.push([index, text, role, branch])
      same(seen, [
        [0, 'a', 'model', 'm'],
        [1, 'b', 'model', 'm'],
        [2, 'c', 'model', 'm'],
      ])
      same((await stream.response).message.content, [{ text: 'abc' }])
    },
    'a model that sends no chunk streams its answer as one': async () => {
      same(await read(fake(defineModel, 'm', { text: 'whole' }).generateStream('x')), { texts: ['whole'] })
      same(await read(fake(defineModel, 'm', { chunks: [''], text: 'whole' }).generateStream('x')), {
        texts: ['', 'whole'],
      })
    },
    'an empty chunk does not end a stream': async () =>
      same(await read(speaks(['', 'a', '', 'b']).generateStream('x')), { texts: ['', 'a', '', 'b'] }),
    'exit: only iterated': async () => same((await read(speaks().generateStream('x'))).texts, ['a', 'b', 'c']),
    'exit: only awaited': async () => same((await speaks().generateStream('x').response).text, 'abc'),
    'exit: broken off': async () => {
      const model = speaks()
      const stream = model.generateStream('x')
      for await (const chunk of stream.stream) if (chunk.text === 'a') break
      same([(await rejection(stream.response)).status, model.seen.stopped], ['CANCELLED', 1])
    },
    'exit: neither touched, and failing': async () => {
      speaks([], { error: new Error('boom') }).generateStream('x')
      speaks([], { error: new HybridError('UNAVAILABLE', 'gone') }).generateStream('x')
      await turn()
      await turn()
    },
    'leaving the loop after the end does not abort': async () => {
      const model = speaks(['a'])
      const stream = model.generateStream('x')
      const iterator = stream[Symbol.asyncIterator]()
      await iterator.next()
      await stream.response
      await iterator.return()
      same([(await stream.response).text, model.seen.stopped], ['a', 0])
    },
    'every loop receives all chunks': async () => {
      const stream = speaks().generateStream('x')
      same(
        (await Promise.all([read(stream), read(stream.stream)])).map(({ texts }) => texts.join('')),
        ['abc', 'abc'],
      )
      same((await read(stream)).texts.join(''), 'abc')
    },
    'concurrent next() calls are answered in order': async () => {
      const iterator = speaks().generateStream('x')[Symbol.asyncIterator]()
      const order = []
      const calls = [0, 1, 2, 3, 4].map((n) =>
        iterator.next().then(({ value, done }) => order.push([n, value?.text ?? done])),
      )
      await Promise.all(calls)
      same(order, [
        [0, 'a'],
        [1, 'b'],
        [2, 'c'],
        [3, true],
        [4, true],
      ])
    },
    'return() resolves a waiting next()': async () => {
      const iterator = speaks([], { hang: true }).generateStream('x')[Symbol.asyncIterator]()
      const waiting = iterator.next()
      same((await iterator.return()).done, true)
      same((await waiting).done, true)
      same((await iterator.next()).done, true)
    },
    'throw() stops the work and throws': async () => {
      const model = speaks([], { hang: true })
      const stream = model.generateStream('x')
      const mine = new Error('mine')
      await turn()
      assert((await rejection(stream[Symbol.asyncIterator]().throw(mine))) === mine, 'the same error')
      same([(await rejection(stream.response)).status, model.seen.stopped], ['CANCELLED', 1])
    },
    'a failure is thrown by the loop and by the response': async () => {
      const stream = speaks(['a'], { error: new HybridError('DATA_LOSS', 'lost') }).generateStream('x')
      const iterator = stream[Symbol.asyncIterator]()
      same((await iterator.next()).value.text, 'a')
      same((await rejection(iterator.next())).status, 'DATA_LOSS')
      same((await iterator.next()).done, true)
      same((await rejection(stream.response)).message, 'lost')
    },
    'an abort is CANCELLED at once, even if the model ignores its signal': async () => {
      const controller = new AbortController()
      const model = speaks(['a'], { hang: true })
      const stream = model.generateStream('x', { signal: controller.signal })
      const reading = read(stream)
      await turn()
      await turn()
      controller.abort()
      const { texts, error } = await reading
      same([texts, error.status, error.routing.attempts[0].outcome], [['a'], 'CANCELLED', 'stopped'])
    },
    'with an aborted signal the model does not run': async () => {
      const model = speaks()
      same((await rejection(model.generate('x', { signal: AbortSignal.abort() }))).status, 'CANCELLED')
      same(model.seen.calls, 0)
    },
    'the caller’s timeout is DEADLINE_EXCEEDED, its abort an AbortError': async () => {
      const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'))
      const { status, name } = await rejection(speaks().generate('x', { signal: late }))
      same([status, name], ['DEADLINE_EXCEEDED', 'HybridError'])
      const stopped = await rejection(speaks().generate('x', { signal: AbortSignal.abort() }))
      same([stopped.status, stopped.name, HybridError.isInstance(stopped)], ['CANCELLED', 'AbortError', true])
    },
    'a model’s exception becomes a HybridError, with the original as its cause': async () => {
      const table = [
        [new Error('my secret prompt'), 'INTERNAL'],
        ['my secret prompt', 'INTERNAL'],
        [undefined, 'INTERNAL'],
        // An abort that is not the caller's means that the model is unavailable.
        [new DOMException('my secret prompt', 'AbortError'), 'UNAVAILABLE'],
        [new DOMException('my secret prompt', 'TimeoutError'), 'DEADLINE_EXCEEDED'],
        [Object.assign(new Error('my secret prompt'), { status: 'NOT_FOUND', code: 'GONE' }), 'NOT_FOUND'],
        [Object.assign(new Error('my secret prompt'), { status: 503 }), 'INTERNAL'],
        [
          new Proxy(
            {},
            {
              get() {
                throw new Error('my secret prompt')
              },
            },
          ),
          'INTERNAL',
        ],
      ]
      for (const [thrown, status] of table) {
        const model = defineModel({
          name: 'm',
          generate: async () => {
            throw thrown
          },
        })
        const error = await rejection(model.generate('x'))
        assert(
          HybridError.isInstance(error) && (error.cause === thrown || error.cause.cause === thrown),
          'ours, with the cause',
        )
        same([error.status, error.routing.attempts[0].status], [status, status])
        assert(!JSON.stringify([error.message, error.routing]).includes('secret'), 'no foreign words')
      }
    },
    'a HybridError is passed on unchanged, with the trace': async () => {
      const thrown = new HybridError('UNAVAILABLE', 'gone', { code: 'OFFLINE', retryAfterMs: 5 })
      const model = defineModel({
        name: 'm',
        generate: () => {
          throw thrown
        },
      })
      const error = await rejection(model.generate('x'))
      assert(error === thrown, 'the same object')
      same([error.branch, error.routing.attempts[0].message], ['m', 'gone'])
      const again = await rejection(model.generate('x'))
      assert(
        again !== thrown && again.cause === thrown && again.code === 'OFFLINE' && again.retryAfterMs === 5,
        'a copy, because its trace differs',
      )
    },
    'an invalid answer of a model is INTERNAL': async () => {
      for (const reply of [undefined, null, 7, { message: {} }]) {
        same(
          (await rejection(defineModel({ name: 'm', generate: async () => reply }).generate('x'))).status,
          'INTERNAL',
          String(reply),
        )
      }
      const sends = defineModel({
        name: 'm',
        generate: async (_, { sendChunk }) => {
          sendChunk(7)
          return 'x'
        },
      })
      same((await rejection(sends.generate('x'))).status, 'INTERNAL')
    },
    'a late chunk is ignored': async () => {
      let late
      const model = defineModel({
        name: 'm',
        generate: async (_, { sendChunk }) => {
          late = sendChunk
          return 'done'
        },
      })
      const stream = model.generateStream('x')
      await stream.response
      late('late')
      same(await read(stream), { texts: ['done'] })
    },
    'no listener stays on the caller’s signal': async () => {
      const { signal } = new AbortController()
      let listeners = 0
      const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
      signal.addEventListener = (...args) => {
        listeners++
        add(...args)
      }
      signal.removeEventListener = (...args) => {
        listeners--
        remove(...args)
      }
      await speaks().generate('x', { signal })
      await rejection(speaks([], { error: new Error('x') }).generate('x', { signal }))
      same(listeners, 0)
    },
    'the context reaches the model unchanged': async () => {
      const context = { user: { id: 1 } }
      let seen
      await defineModel({
        name: 'm',
        generate: async (_, run) => {
          seen = run.context
          return ''
        },
      }).generate('x', { context })
      assert(seen === context, 'the same object')
    },
    'JSON is parsed if requested, even if incomplete': async () => {
      const stream = speaks(['```json\n{"a": [1, 2', '], "b": "x\\u00', 'e9", "c": tr', 'ue}\n```']).generateStream({
        prompt: 'x',
        output: { format: 'json' },
      })
      const seen = []
      for await (const chunk of stream) seen.push(chunk.output)
      same(seen, [{ a: [1, 2] }, { a: [1, 2], b: 'x' }, { a: [1, 2], b: 'xé' }, { a: [1, 2], b: 'xé', c: true }])
      same((await stream.response).output, { a: [1, 2], b: 'xé', c: true })
      same(
        [
          (await speaks(['{}']).generate('x')).output ?? null,
          (await speaks(['no']).generate({ prompt: 'x', output: { schema: {} } })).output ?? null,
        ],
        [null, null],
      )
    },
    'reasoning and tool requests are distinguished': async () => {
      const content = [{ reasoning: 'hm' }, { text: 'ok' }, { toolRequest: { name: 'f', input: 1 } }]
      const response = await fake(defineModel, 'm', { reply: { message: { role: 'model', content } } }).generate('x')
      same([response.text, response.reasoning, response.toolRequests], ['ok', 'hm', [{ name: 'f', input: 1 }]])
    },
    'a model may call itself': async () => {
      const model = defineModel({
        name: 'm',
        generate: async ({ messages }) => {
          const { text } = messages[0].content[0]
          return text.length === 0 ? '.' : text[0] + (await model.generate(text.slice(1))).text
        },
      })
      same((await model.generate('abc')).text, 'abc.')
    },
    'a hanging model does not delay an abort': async () => {
      const controller = new AbortController()
      const model = defineModel({ name: 'm', generate: () => never })
      const response = rejection(model.generate('x', { signal: controller.signal }))
      await turn()
      controller.abort(new Error('why'))
      const error = await response
      same([error.status, error.cause.message], ['CANCELLED', 'why'])
    },
  }
}
