/** A model in its worker: the right tokens, one answer at a time, aborts, and recovery from faults. */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

let it
let bytes
before(async () => {
  it = await setUp()
  bytes = it.models.read('q8_0')
})
after(() => it?.close())
beforeEach(() => calm(it.host, { '/tiny.gguf': bytes, '/embedding.gguf': it.models.read('embedding_q8_0') }))

const address = (name = 'tiny') => `${it.host.origin}/${name}.gguf`
const greedy = { temperature: 0, maxOutputTokens: 12 }

/** A page with `gemma` in it, loaded by default, with a worker that can be broken. */
async function openModel({ options = {}, load = true } = {}) {
  const page = await it.open()
  await page.evaluate(
    async ({ url, options, load }) => {
      globalThis.faults = new BroadcastChannel('faults')
      globalThis.gemma = hybridge.gemmaModel({
        model: { url },
        device: 'cpu',
        contextWindow: 256,
        workerUrl: '/life/faulty-worker.mjs',
        ...options,
        ...impatient,
      })
      globalThis.ask = (prompt, config, options) =>
        outcome(
          gemma
            .generate({ prompt, config }, options)
            .then(({ text, usage, finishReason, confidence, branch, inferenceSource }) => ({
              text,
              usage,
              finishReason,
              confidence,
              branch,
              inferenceSource,
            })),
        )
      globalThis.until = async (holds) => {
        for (let waited = 0; !holds() && waited < 1000; waited++)
          await new Promise((resolve) => setTimeout(resolve, 10))
        if (!holds()) throw new Error(`it never came: ${holds}, state ${gemma.state}`)
      }
      if (load) await gemma.load()
    },
    { url: address(), options, load },
  )
  return page
}

test('the answer equals that of the reference pass, streamed, with usage and confidence', async () => {
  const native = it.models.answer('q8_0', [
    '--prompt',
    'What is the capital of France?',
    '--temperature',
    '0',
    '--tokens',
    '12',
  ])
  const page = await openModel()
  const found = await page.evaluate(async (config) => {
    const answer = gemma.generateStream({ prompt: 'What is the capital of France?', config })
    const texts = []
    const logprobs = []
    for await (const chunk of answer) {
      texts.push(chunk.text)
      logprobs.push(...(chunk.logprobs ?? []))
    }
    const { text, usage, finishReason, confidence, branch, inferenceSource } = await answer.response
    return {
      texts,
      logprobs,
      text,
      usage,
      finishReason,
      confidence,
      branch,
      inferenceSource,
      state: gemma.state,
      count: await gemma.countTokens('What is the capital of France?'),
    }
  }, greedy)
  assert.equal(found.text, native.text)
  assert.equal(found.texts.join(''), native.text)
  assert.ok(found.texts.length > 1, 'it streams')
  assert.deepEqual([found.branch, found.inferenceSource, found.state], ['tiny', 'on_device', 'ready'])
  assert.deepEqual(
    [found.usage.inputTokens, found.usage.outputTokens, found.finishReason],
    [native.prompt_ids.length, native.ids.length, native.finish],
  )
  assert.equal(found.count, native.prompt_ids.length)
  assert.equal(found.logprobs.length, native.logprobs.length)
  for (const [at, logprob] of native.logprobs.entries())
    assert.ok(
      Math.abs(found.logprobs[at] - logprob) < 1e-4,
      `logprob ${at}: ${found.logprobs[at]}, natively ${logprob}`,
    )
  assert.equal(found.confidence.tokens, native.ids.length)
  await page.context().close()
})

test('a supplied file needs no host and no store', async () => {
  const page = await openModel({ load: false })
  const found = await page.evaluate(
    async ({ url, config }) => {
      const file = await (await fetch(url)).blob()
      const gemma = hybridge.gemmaModel({ model: file, device: 'cpu', contextWindow: 128 })
      const availability = await gemma.availability()
      const states = [gemma.state]
      const events = []
      await gemma.load({ onProgress: ({ fraction }) => events.push(fraction) })
      states.push(gemma.state)
      const { text } = await gemma.generate({ prompt: 'hi', config })
      await gemma.dispose()
      states.push(gemma.state)
      return { availability, states, events: [events[0], events.at(-1)], text, kept: await hybridge.listCachedModels() }
    },
    { url: address(), config: greedy },
  )
  assert.equal(found.availability.status, 'available')
  assert.deepEqual(found.states, ['absent', 'ready', 'disposed'])
  assert.deepEqual(found.events, [0, 1])
  assert.deepEqual(found.kept, [])
  assert.ok(found.text.length > 0)
  await page.context().close()
})

test('states before, during and after loading', async () => {
  const page = await openModel({ load: false })
  const found = await page.evaluate(async () => {
    const before = await ask('hi')
    const loading = gemma.load()
    const during = [gemma.state, await ask('hi')]
    await loading
    const after = await ask('hi', { maxOutputTokens: 1 })
    return { before, during, after }
  })
  assert.deepEqual([found.before.status, found.before.code], ['UNAVAILABLE', 'MODEL_ABSENT'])
  assert.deepEqual([found.during[0], found.during[1].code], ['loading', 'MODEL_LOADING'])
  assert.equal(found.after.value.usage.outputTokens, 1)
  const waits = await openModel({ load: false, options: { waitForLoad: true } })
  const waited = await waits.evaluate(async () => {
    const loading = gemma.load()
    const answer = await ask('hi', { maxOutputTokens: 1 })
    await loading
    return answer
  })
  assert.equal(waited.value.usage.outputTokens, 1)
  await Promise.all([page, waits].map((it) => it.context().close()))
})

test('an aborted answer does not affect the next one', async () => {
  const page = await openModel()
  const found = await page.evaluate(async (config) => {
    const first = await ask('Tell me of the weather.', config)
    const stop = new AbortController()
    const long = gemma.generateStream(
      { prompt: 'Tell me of the garden, and of the dog.', config: { temperature: 0, maxOutputTokens: 200 } },
      { signal: stop.signal },
    )
    let chunks = 0
    let status
    try {
      for await (const _ of long) if (++chunks === 3) stop.abort()
    } catch (error) {
      status = error.status
    }
    return { first, chunks, status, second: await ask('Tell me of the weather.', config) }
  }, greedy)
  assert.deepEqual([found.chunks, found.status], [3, 'CANCELLED'])
  const { usage: _, confidence: sure, ...first } = found.first.value
  const { usage: __, confidence: again, ...second } = found.second.value
  assert.deepEqual(second, first)
  // Cached keys and values were computed in other batches, with another order of additions.
  for (const [key, value] of Object.entries(sure)) assert.ok(Math.abs(again[key] - value) < 1e-5, key)
  await page.context().close()
})

test('one answer at a time, in order; waiting requests can be aborted', async () => {
  const page = await openModel()
  const found = await page.evaluate(async (config) => {
    const order = []
    const stop = new AbortController()
    const ask = (name, signal, maxOutputTokens = 12) =>
      outcome(
        gemma
          .generate({ prompt: name, config: { ...config, maxOutputTokens } }, signal === undefined ? {} : { signal })
          .then(({ text }) => text)
          .finally(() => order.push(name)),
      )
    const answers = [ask('one', undefined, 120), ask('two', stop.signal), ask('three'), ask('four')]
    const ai = hybridge.hybridModel({ branches: { gemma }, strategy: new hybridge.FallbackStrategy(['gemma']) })
    await until(() => gemma.queued === 3)
    // Before the router's wasm is loaded, and after it.
    const queued = [gemma.queued, ai.health().gemma.queued]
    stop.abort()
    await ai.explain('hi')
    queued.push(ai.health().gemma.queued === gemma.queued)
    const results = await Promise.all(answers)
    return { queued, order, statuses: results.map(({ status }) => status ?? 'ok'), left: ai.health().gemma.queued }
  }, greedy)
  assert.deepEqual(found, {
    queued: [3, 3, true],
    order: ['two', 'one', 'three', 'four'],
    statuses: ['ok', 'CANCELLED', 'ok', 'ok'],
    left: 0,
  })
  await page.context().close()
})

for (const [fault, code] of [
  ['trap', 'ENGINE_PANIC'],
  ['reject', 'ENGINE_PANIC'],
  ['close', 'WORKER_CRASHED'],
]) {
  test(`${fault}: a typed error, and a new engine from the store`, async () => {
    const page = await openModel()
    it.host.requests.length = 0
    const found = await page.evaluate(
      async ({ fault, config }) => {
        const before = await ask('hi', config)
        const running = gemma.generateStream({ prompt: 'hi there', config: { temperature: 0, maxOutputTokens: 230 } })
        let error
        try {
          let chunks = 0
          for await (const _ of running) if (++chunks === 2) faults.postMessage(fault)
        } catch (thrown) {
          error = { status: thrown.status, code: thrown.code }
        }
        await until(() => gemma.state === 'ready')
        return { error, before, after: await ask('hi', config) }
      },
      { fault, config: greedy },
    )
    assert.deepEqual(found.error, { status: 'INTERNAL', code })
    assert.deepEqual(found.after.value.text, found.before.value.text)
    assert.equal(it.host.requests.length, 0, 'no request is sent again')
    await page.context().close()
  })
}

test('after three consecutive faults it fails until it is loaded again', async () => {
  const page = await openModel()
  const found = await page.evaluate(async (config) => {
    const states = []
    for (let fault = 0; fault < 3; fault++) {
      await until(() => gemma.state === 'ready')
      faults.postMessage('close')
      await until(() => gemma.state !== 'ready')
      states.push(gemma.state)
    }
    const resting = await ask('hi', config)
    await gemma.load()
    return { states, resting: resting.code, after: (await ask('hi', config)).value.finishReason }
  }, greedy)
  assert.deepEqual(found, { states: ['loading', 'loading', 'failed'], resting: 'MODEL_FAILED', after: 'length' })
  await page.context().close()
})

test('a hybrid moves on when the device fails before its first chunk', async () => {
  const page = await openModel()
  const found = await page.evaluate(async () => {
    const cloud = hybridge.defineModel({ name: 'sky', generate: async () => 'from the cloud' })
    const ai = hybridge.hybridModelOnDeviceCloud({
      onDevice: gemma,
      cloud,
      strategy: new hybridge.FallbackStrategy(['onDevice', 'cloud']),
    })
    faults.postMessage('trap')
    await new Promise((resolve) => setTimeout(resolve))
    const { text, routing } = await ai.generate('hi')
    return { text, attempts: routing.attempts.map(({ branch, outcome }) => [branch, outcome]) }
  })
  assert.deepEqual(found, {
    text: 'from the cloud',
    attempts: [
      ['onDevice', 'failed'],
      ['cloud', 'answered'],
    ],
  })
  await page.context().close()
})

test('embeddings equal those of the reference pass', async () => {
  const native = it.models.answer('embedding_q8_0', ['--embed', 'the quick brown fox', '--task', 'query'])
  const page = await openModel({ load: false })
  const found = await page.evaluate(async (url) => {
    const embedder = hybridge.gemmaEmbedder({ model: { url }, device: 'cpu' })
    await embedder.load()
    const [vector, again] = await embedder.embed(['the quick brown fox', 'the quick brown fox'], { task: 'query' })
    const wrongKind = await outcome(hybridge.gemmaModel({ model: { url }, device: 'cpu' }).load())
    return { vector: [...vector], again: [...again], wrongKind }
  }, address('embedding'))
  assert.equal(found.vector.length, native.vector.length)
  for (const [at, value] of native.vector.entries()) assert.ok(Math.abs(found.vector[at] - value) < 1e-5)
  assert.deepEqual(found.again, found.vector)
  assert.equal(found.wrongKind.code, 'MODEL_ARCHITECTURE')
  await page.context().close()
})

test('without a hardware GPU a large model is unavailable, with the reason', async () => {
  const page = await openModel({ load: false })
  const found = await page.evaluate(async (url) => {
    // The speed measured on a slower machine.
    localStorage.setItem(`hybridge-cpu-2|exact|1|${navigator.userAgent}`, '2700000000')
    const large = hybridge.gemmaModel({ model: 'gemma-3-1b-it' })
    const tiny = hybridge.gemmaModel({ model: url })
    return {
      large: await large.availability(),
      tiny: await tiny.availability(),
      forced: await hybridge.gemmaModel({ model: 'gemma-3-270m-it', device: 'gpu' }).availability(),
    }
  }, address())
  assert.deepEqual([found.large.status, found.large.code], ['unavailable', 'GPU_UNAVAILABLE'])
  assert.deepEqual([found.forced.status, found.forced.code], ['unavailable', 'GPU_UNAVAILABLE'])
  assert.deepEqual([found.tiny.status, found.tiny.bytesToDownload], ['downloadable', bytes.length])
  await page.context().close()
})
