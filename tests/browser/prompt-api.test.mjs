/**
 * The browser's built-in model as a branch, against a fake of the global, and against the real global of this browser.
 */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openSetting } from './cloud/setting.mjs'

const setting = await openSetting()
const { run } = setting
after(() => setting.close())
await setting.page.evaluate(async () => {
  globalThis.real = globalThis.LanguageModel
  const { fakeLanguageModel } = await import('/test/fake-language-model.mjs')
  globalThis.pretend = (options) => {
    globalThis.LanguageModel = options === undefined ? undefined : fakeLanguageModel(options)
    return globalThis.LanguageModel
  }
})

test('a conversation becomes initial prompts and a prompt', async () => {
  const { answer, log } = await run(async () => {
    const { log } = pretend({})
    const answer = await told(
      hybridge.promptApiModel().generate({
        system: 'be brief',
        messages: [
          { role: 'user', content: [{ text: 'a' }] },
          { role: 'model', content: [{ reasoning: 'hm' }, { text: 'b' }] },
        ],
        prompt: [{ text: 'c' }, { media: { url: 'data:image/png;base64,AAAA' } }],
        config: { temperature: 0 },
      }),
    )
    return {
      answer,
      log: {
        ...log,
        prompts: log.prompts.map(({ input }) =>
          input.map(({ role, content }) => [role, content.map(({ type }) => type)]),
        ),
      },
    }
  })
  assert.equal(answer.text, 'You said: c[image image/png 3]')
  assert.deepEqual([answer.finishReason, answer.inferenceSource, answer.branch], ['stop', 'on_device', 'prompt-api'])
  assert.deepEqual(log.created[0].initialPrompts, [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: [{ type: 'text', value: 'a' }] },
    { role: 'assistant', content: [{ type: 'text', value: 'b' }] },
  ])
  assert.deepEqual(log.created[0].expectedInputs, [{ type: 'text' }, { type: 'image' }])
  assert.equal(log.created[0].samplingMode, 'most-predictable')
  assert.deepEqual(log.prompts, [[['user', ['text', 'image']]]])
  assert.equal(log.destroyed, 1)
})

test('it streams, and supports constraints', async () => {
  const [pieces, json, constraint] = await run(async () => {
    const { log } = pretend({})
    const model = hybridge.promptApiModel()
    const pieces = await streamed(model.generateStream('x'))
    const json = await streamed(model.generateStream({ prompt: 'x', output: { schema: { type: 'object' } } }))
    return [pieces, json, log.prompts.at(-1).options.responseConstraint]
  })
  assert.deepEqual(pieces.texts, ['You ', 'said: ', 'x'])
  assert.ok(pieces.usage.totalTokens > 0)
  assert.deepEqual(json.output, { a: 1 })
  assert.deepEqual(constraint, { type: 'object' })
})

test('a partial answer is continued', async () => {
  const input = await run(async () => {
    const { log } = pretend({})
    await hybridge.promptApiModel().generate({
      messages: [
        { role: 'user', content: [{ text: 'a' }] },
        { role: 'model', content: [{ text: 'b' }] },
      ],
    })
    return log.prompts[0].input
  })
  assert.deepEqual(input, [{ role: 'assistant', content: [{ type: 'text', value: 'b' }], prefix: true }])
})

test('each DOMException becomes the error of the table', async () => {
  for (const [fail, status, code] of [
    ['NotAllowedError', 'PERMISSION_DENIED'],
    ['NotSupportedError', 'FAILED_PRECONDITION'],
    ['QuotaExceededError', 'INVALID_ARGUMENT', 'CONTEXT_TOO_LONG'],
    ['NetworkError', 'UNAVAILABLE', 'DOWNLOAD_FAILED'],
    ['SyntaxError', 'INVALID_ARGUMENT', 'SCHEMA_UNSUPPORTED'],
    ['InvalidStateError', 'FAILED_PRECONDITION'],
    ['OperationError', 'INTERNAL'],
    ['UnknownError', 'INTERNAL'],
    ['constructor', 'INTERNAL'],
  ]) {
    for (const way of ['generate', 'stream']) {
      const { error } = await run(
        ({ fail, way }) => {
          pretend({ fail })
          const model = hybridge.promptApiModel()
          return told(way === 'generate' ? model.generate('x') : model.generateStream('x').response)
        },
        { fail, way },
      )
      assert.deepEqual([error.status, error.code], [status, code], fail)
      assert.ok(!error.shown.includes('the words of the prompt'))
    }
  }
  const filtered = await run(() => {
    pretend({ fail: 'NotReadableError' })
    return told(hybridge.promptApiModel().generate('x'))
  })
  assert.deepEqual([filtered.finishReason, filtered.finishMessage], ['blocked', 'NotReadableError'])
})

test('unsupported input is rejected before the browser is called', async () => {
  const tool = { name: 'f', description: 'd' }
  for (const [request, status, code] of [
    [{ prompt: 'x', tools: [tool] }, 'FAILED_PRECONDITION', 'TOOLS_UNSUPPORTED'],
    [{ prompt: [{ media: { url: 'https://example.org/a.png' } }] }, 'FAILED_PRECONDITION', 'MEDIA_UNSUPPORTED'],
    [{ prompt: [{ media: { url: 'data:audio/wav;base64,AAAA' } }] }, 'FAILED_PRECONDITION', 'DEVICE_UNSUITABLE'],
    [{ system: 'only' }, 'INVALID_ARGUMENT', undefined],
    ['x'.repeat(1001), 'INVALID_ARGUMENT', 'CONTEXT_TOO_LONG'],
  ]) {
    const { error } = await run(
      ({ request }) => {
        pretend({})
        return told(hybridge.promptApiModel().generate(request))
      },
      { request },
    )
    assert.deepEqual([error.status, error.code], [status, code])
  }
})

test('it is loaded by a click, and reports progress', async () => {
  const outcome = await run(async () => {
    pretend({ availability: 'downloadable' })
    const model = hybridge.promptApiModel()
    const states = [model.state, (await model.availability()).status]
    const before = await told(model.generate('x'))
    const fractions = []
    await model.load({ onProgress: ({ fraction }) => fractions.push(fraction) })
    states.push(model.state, (await model.availability()).status)
    return { states, before, fractions, after: await told(model.generate('x')) }
  })
  assert.deepEqual(outcome.states, ['absent', 'downloadable', 'ready', 'available'])
  assert.deepEqual([outcome.before.error.status, outcome.before.error.code], ['UNAVAILABLE', 'MODEL_NOT_LOADED'])
  assert.deepEqual(outcome.fractions, [0, 0.25, 1])
  assert.equal(outcome.after.text, 'You said: x')
})

test('a failed download can be retried', async () => {
  const [failed, state] = await run(async () => {
    pretend({ availability: 'downloadable', steps: [0, 0.5] })
    const model = hybridge.promptApiModel()
    return [await told(model.load().then(() => model.generate('x'))), model.state]
  })
  assert.deepEqual([failed.error.status, failed.error.code, state], ['UNAVAILABLE', 'DOWNLOAD_FAILED', 'failed'])
})

test('it stops on abort', async () => {
  for (const way of ['generate', 'stream']) {
    const { error, destroyed } = await run(
      async ({ way }) => {
        const { log } = pretend({ hang: true })
        const stop = new AbortController()
        const model = hybridge.promptApiModel()
        const work =
          way === 'generate'
            ? told(model.generate('x', { signal: stop.signal }))
            : streamed(model.generateStream('x', { signal: stop.signal }), () => stop.abort())
        if (way === 'generate') setTimeout(() => stop.abort())
        const { error } = await work
        await new Promise((resolve) => setTimeout(resolve))
        return { error, destroyed: log.created.length - log.destroyed }
      },
      { way },
    )
    assert.equal(error.status, 'CANCELLED')
    assert.equal(destroyed, 0)
  }
})

test('tokens are counted, and the browser keeps its model', async () => {
  const [count, removed, disposed] = await run(async () => {
    pretend({})
    const model = hybridge.promptApiModel()
    const count = await model.countTokens({ system: 'abc', prompt: 'defgh' })
    const removed = await model.remove().catch(({ status }) => status)
    await model.dispose()
    return [count, removed, (await told(model.generate('x'))).error.code]
  })
  assert.deepEqual([count, removed, disposed], [8, 'UNIMPLEMENTED', 'DISPOSED'])
})

test('a state is never reverted by an earlier call', async () => {
  const found = await run(async () => {
    const outcome = (promise) =>
      promise.then(
        () => 'done',
        ({ status }) => status,
      )
    /** A browser whose `create` settles when the test releases it. */
    const held = (options) => {
      const real = pretend(options)
      const { create } = real
      const gate = {}
      real.create = async (options) => {
        await new Promise((resolve, reject) => {
          gate.open = resolve
          options.signal?.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')))
        })
        return await create.call(real, options)
      }
      return gate
    }
    const soon = () => new Promise((resolve) => setTimeout(resolve))
    const states = {}
    let gate = held({ availability: 'downloadable' })
    let model = hybridge.promptApiModel()
    let load = outcome(model.load())
    await soon()
    await model.dispose()
    gate.open()
    states.disposed = [await load, model.state]

    gate = held({})
    model = hybridge.promptApiModel()
    load = outcome(model.load())
    await soon()
    gate.open()
    await load
    const stop = new AbortController()
    load = outcome(model.load({ signal: stop.signal }))
    await soon()
    const during = model.state
    stop.abort()
    states.aborted = [during, await load, model.state]

    pretend({ hang: true })
    model = hybridge.promptApiModel()
    const answer = outcome(model.generate('x'))
    await soon()
    await soon()
    await model.dispose()
    states.running = [model.state]
    void answer
    return states
  })
  assert.deepEqual(found, {
    disposed: ['UNAVAILABLE', 'disposed'],
    aborted: ['ready', 'CANCELLED', 'ready'],
    running: ['disposed'],
  })
})

test('a browser that already has the model is ready before the first request', async () => {
  const found = await run(async () => {
    pretend({})
    const cloud = hybridge.defineModel({ name: 'sky', generate: async () => 'from the cloud' })
    const ask = async (onDevice) => {
      const ai = hybridge.hybridModelOnDeviceCloud({ onDevice, cloud, strategy: new hybridge.ReadyStrategy() })
      return (await ai.generate('x')).branch
    }
    const branches = [await ask(hybridge.promptApiModel())]
    pretend({ availability: 'downloadable' })
    branches.push(await ask(hybridge.promptApiModel()))
    const slow = pretend({})
    slow.availability = () => new Promise(() => {})
    branches.push(await ask(hybridge.promptApiModel()))
    return branches
  })
  assert.deepEqual(found, ['onDevice', 'cloud', 'cloud'])
})

test('options that the browser lacks are emulated or reported', async () => {
  const found = await run(async () => {
    const warned = []
    const { warn } = console
    console.warn = (text) => warned.push(text)
    try {
      pretend({ words: ['one ', 'two ', 'three ', 'four'] })
      const model = hybridge.promptApiModel()
      const config = { stopSequences: ['o thr', '!'], seed: 5, topK: 3, maxOutputTokens: 9, temperature: 0.7 }
      const whole = await model.generate({ prompt: 'x', config })
      const { texts } = await streamed(model.generateStream({ prompt: 'x', config }))
      const plain = await model.generate({ prompt: 'x', config: { temperature: 0 } })
      return { whole: whole.text, texts, warnings: whole.raw.warnings, warned, plain: plain.raw ?? null }
    } finally {
      console.warn = warn
    }
  })
  assert.equal(found.whole, 'one tw')
  assert.equal(found.texts.join(''), 'one tw')
  for (const name of ['seed', 'topK', 'maxOutputTokens', 'temperature']) {
    assert.ok(
      found.warnings.some((warning) => warning.includes(`\`${name}\``)),
      name,
    )
    assert.equal(found.warned.filter((warning) => warning.includes(`\`${name}\``)).length, 1, `${name} once`)
  }
  assert.equal(found.plain, null)
})

test('without the global the model is absent, with a reason', async () => {
  const [availability, { error }] = await run(async () => {
    pretend(undefined)
    const model = hybridge.promptApiModel()
    return [await model.availability(), await told(model.generate('x'))]
  })
  assert.deepEqual([availability.status, availability.code], ['unavailable', 'PROMPT_API_MISSING'])
  assert.deepEqual([error.status, error.code], ['FAILED_PRECONDITION', 'PROMPT_API_MISSING'])
})

test('it works with this browser’s own global', async (context) => {
  const outcome = await run(async () => {
    globalThis.LanguageModel = globalThis.real
    if (globalThis.real === undefined) return undefined
    const model = hybridge.promptApiModel()
    return { ...(await model.availability()), answer: await told(model.generate('x')) }
  })
  if (outcome === undefined) return context.skip('SKIP this browser has no LanguageModel')
  console.log(
    `the real LanguageModel here: ${JSON.stringify({ ...outcome, answer: outcome.answer.error?.code ?? outcome.answer.text })}`,
  )
  assert.ok(['unavailable', 'downloadable', 'downloading', 'available'].includes(outcome.status))
  if (outcome.status !== 'available')
    assert.ok(['FAILED_PRECONDITION', 'UNAVAILABLE'].includes(outcome.answer.error.status))
})
