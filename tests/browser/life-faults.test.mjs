/**
 * GPU faults: each is a typed error for calls in flight, a hybrid that has not sent content yet moves on to the cloud,
 * and the engine is rebuilt from the store, in the same page and without a request.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

let it
let page
let expected
before(async () => {
  it = await setUp({ gpu: true })
  calm(it.host, { '/tiny.gguf': it.models.read('q8_0') })
  page = await it.open()
  expected = await page.evaluate(async (url) => {
    globalThis.faults = new BroadcastChannel('faults')
    const cloud = hybridge.defineModel({ name: 'sky', generate: async () => 'from the cloud' })
    globalThis.make = () =>
      hybridge.gemmaModel({
        model: { url },
        device: 'gpu',
        contextWindow: 256,
        workerUrl: '/life/faulty-worker.mjs',
        ...impatient,
      })
    // A new hybrid for each fault, because a lost GPU opens the breaker at once.
    globalThis.hybrid = () =>
      hybridge.hybridModelOnDeviceCloud({
        onDevice: gemma,
        cloud,
        strategy: new hybridge.FallbackStrategy(['onDevice', 'cloud']),
      })
    globalThis.answered = ({ text, routing }) => [
      text,
      routing.attempts.map(({ branch, outcome }) => `${branch} ${outcome}`).join(', '),
    ]
    globalThis.say = (model, prompt = 'hi', maxOutputTokens = 6) =>
      model.generate({ prompt, config: { temperature: 0, maxOutputTokens } })
    globalThis.until = async (holds) => {
      for (let waited = 0; !holds() && waited < 12_000; waited++)
        await new Promise((resolve) => setTimeout(resolve, 10))
      if (!holds()) throw new Error(`it never came: ${holds}`)
    }
    globalThis.plan = (fault) =>
      new Promise((resolve) => {
        faults.onmessage = ({ data }) => data.planned === fault && resolve()
        faults.postMessage({ plan: fault })
      })
    globalThis.gemma = make()
    await gemma.load()
    return (await say(gemma)).text
  }, `${it.host.origin}/tiny.gguf`)
  it.host.requests.length = 0
})
after(() => it?.close())

/** Checks that hold after each fault. */
async function recovered() {
  const text = await page.evaluate(async () => {
    await until(() => gemma.state === 'ready')
    return (await say(gemma)).text
  })
  assert.equal(text, expected, 'the same answer as before')
  assert.deepEqual(it.host.requests, [], 'no request is sent again')
}

for (const [fault, when, code] of [
  ['lose-on-submit', 'while the prompt is read', 'DEVICE_LOST'],
  ['lose-on-submit:4', 'while it writes, before anything was shown', 'DEVICE_LOST'],
  ['invalid', 'while the prompt is read', 'GPU_FAILED'],
]) {
  test(`${fault} ${when}: the cloud answers, and the model is rebuilt`, async () => {
    const found = await page.evaluate(async (fault) => {
      await plan(fault)
      // Not streamed, so that nothing is shown before the end.
      const { text, routing } = await say(hybrid(), 'hi there')
      return {
        text,
        attempts: routing.attempts.map(({ branch, outcome }) => `${branch} ${outcome}`),
        state: gemma.state,
        message: routing.attempts[0].message,
      }
    }, fault)
    assert.deepEqual([found.text, found.attempts], ['from the cloud', ['onDevice failed', 'cloud answered']])
    assert.equal(found.state, 'loading', `${code} was fatal: ${found.message}`)
    await recovered()
  })
}

test('lost while idle: the cloud gives the next answer, and the device the one after it', async () => {
  const found = await page.evaluate(async () => {
    faults.postMessage('lose')
    await new Promise((resolve) => setTimeout(resolve, 50))
    return answered(await say(hybrid()))
  })
  assert.deepEqual(found, ['from the cloud', 'onDevice failed, cloud answered'])
  await recovered()
})

test('lost after the first token: a typed error, because no other branch may continue an answer', async () => {
  const found = await page.evaluate(async () => {
    let chunks = 0
    try {
      for await (const _ of hybrid().generateStream({
        prompt: 'hi there',
        config: { temperature: 0, maxOutputTokens: 200 },
      }))
        if (++chunks === 2) faults.postMessage('lose')
    } catch (error) {
      return [error.status, error.code, error.branch]
    }
    return chunks
  })
  assert.deepEqual(found, ['UNAVAILABLE', 'DEVICE_LOST', 'onDevice'])
  await recovered()
})

test('lost during a load: the caller gets an error, and a second attempt needs no download', async () => {
  await page.evaluate(() => gemma.dispose())
  it.faults.push('lose-on-buffer:30')
  const found = await page.evaluate(async () => {
    const { code } = await outcome(gemma.load())
    return { code, cloud: answered(await say(hybrid())) }
  })
  assert.deepEqual(found, { code: 'DEVICE_LOST', cloud: ['from the cloud', 'onDevice failed, cloud answered'] })
  await recovered()
})

for (const [fault, code] of [
  ['trap-on-read:3', 'ENGINE_PANIC'],
  ['close-on-read:3', 'WORKER_CRASHED'],
  ['trap-on-submit', 'ENGINE_PANIC'],
  ['close-on-submit', 'WORKER_CRASHED'],
]) {
  test(`${fault} during a load: the caller gets an error, and the model is rebuilt`, async () => {
    await page.evaluate(() => gemma.dispose())
    it.faults.push(fault)
    const found = await page.evaluate(async () => {
      const { status, code } = await outcome(gemma.load())
      return [status, code]
    })
    assert.deepEqual(found, ['INTERNAL', code])
    await recovered()
  })
}

for (const [fault, code] of [
  ['trap-on-submit', 'ENGINE_PANIC'],
  ['close-on-submit', 'WORKER_CRASHED'],
]) {
  test(`${fault} during the prompt: a typed error, the cloud answers, and the model is rebuilt`, async () => {
    const found = await page.evaluate(async (fault) => {
      await plan(fault)
      const answer = answered(await say(hybrid()))
      await until(() => gemma.state === 'ready')
      await plan(fault)
      const { status, code } = await outcome(say(gemma))
      return { answer, status, code }
    }, fault)
    assert.deepEqual(found, { answer: ['from the cloud', 'onDevice failed, cloud answered'], status: 'INTERNAL', code })
    await recovered()
  })
}

test('no memory for the weights: reported as such, and a smaller model loads', async () => {
  await page.evaluate(() => gemma.dispose())
  it.faults.push('full:30')
  const found = await page.evaluate(async () => {
    const { status, code, message } = await outcome(gemma.load())
    return { status, code, message, state: gemma.state, cloud: answered(await say(hybrid()))[0] }
  })
  assert.deepEqual(
    [found.status, found.code, found.state, found.cloud],
    ['FAILED_PRECONDITION', 'OUT_OF_MEMORY', 'failed', 'from the cloud'],
  )
  assert.match(found.message, /smaller/)
  await page.evaluate(() => gemma.load())
  await recovered()
})

test('a GPU that computes wrong results is rejected, tested once, and remembered', async () => {
  await page.evaluate(() => gemma.dispose())
  // Besides the page's own test, each caller would start a worker.
  it.faults.push('wrong')
  const looks = () => it.site.requests.filter((path) => path === '/fault').length
  const before = looks()
  const found = await page.evaluate(async () => {
    const known = Object.keys(localStorage).filter((name) => name.startsWith('hybridge-gpu-'))
    const remembered = known.map((name) => localStorage.getItem(name))
    for (const name of known) localStorage.removeItem(name)
    const [first, second] = [await make().availability(), await make().availability()]
    const load = await outcome(make().load())
    for (const name of known) localStorage.removeItem(name)
    const report = await hybridge.gpuSelfTest()
    return {
      report,
      remembered,
      first: [first.status, first.code],
      second: [second.status, second.code],
      load: load.code,
    }
  })
  console.log(
    `${found.report.adapter}: off by ${found.report.maxError}, found out in ${found.report.checkMilliseconds.toFixed(0)} ms`,
  )
  assert.ok(found.report.maxError < 1e-4)
  assert.deepEqual(found.remembered, ['right'], 'a load that passed is remembered too')
  assert.deepEqual(
    [found.first, found.second],
    [
      ['unavailable', 'GPU_WRONG_RESULTS'],
      ['unavailable', 'GPU_WRONG_RESULTS'],
    ],
  )
  // One test, and the load, whose own worker found the GPU right again.
  assert.equal(looks() - before, 2)
  assert.equal(found.load, undefined)
})
