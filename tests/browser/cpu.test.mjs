/**
 * A model on the CPU: it is reported as such, can be aborted, refuses models that cannot run, and replaces a lost GPU.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

let it
let bytes
before(async () => {
  it = await setUp({ mounts: { '/cpu/': join(import.meta.dirname, 'cpu') } })
  bytes = it.models.read('q8_0')
})
after(() => it?.close())
beforeEach(() => calm(it.host, { '/tiny.gguf': bytes }))

const address = (name = 'tiny') => `${it.host.origin}/${name}.gguf`

async function openModel(options = {}) {
  const page = await it.open()
  await page.evaluate(
    ({ url, options }) => {
      globalThis.gemma = hybridge.gemmaModel({ model: { url }, contextWindow: 2048, ...options, ...impatient })
    },
    { url: address(), options },
  )
  return page
}

test('both precisions answer on the CPU, as reported by answer, trace and availability', async () => {
  const native = it.models.answer('q8_0', [
    '--prompt',
    'What is the capital of France?',
    '--temperature',
    '0',
    '--tokens',
    '12',
  ])
  for (const precision of ['exact', 'fast']) {
    const page = await openModel({ precision })
    const found = await page.evaluate(async () => {
      const availability = await gemma.availability()
      await gemma.load()
      const config = { temperature: 0, maxOutputTokens: 12 }
      const answer = await gemma.generate({ prompt: 'What is the capital of France?', config })
      const ai = hybridge.hybridModel({ branches: { here: gemma }, strategy: new hybridge.FallbackStrategy(['here']) })
      const routed = await ai.generate({ prompt: 'hi', config })
      return {
        availability,
        text: answer.text,
        devices: [answer.device, answer.routing.attempts[0].device, routed.device, routed.routing.attempts[0].device],
      }
    })
    assert.deepEqual(found.devices, ['cpu', 'cpu', 'cpu', 'cpu'])
    assert.equal(found.availability.device, 'cpu')
    assert.ok(found.availability.estimatedTokensPerSecond > 5, JSON.stringify(found.availability))
    if (precision === 'exact') assert.equal(found.text, native.text)
    else assert.ok(found.text.length > 0)
    await page.context().close()
  }
})

test('a machine that was measured to be slow gets no model, with the measured speed as the reason', async () => {
  const page = await openModel()
  const found = await page.evaluate(async (bytes) => {
    localStorage.setItem(`hybridge-cpu-2|exact|1|${navigator.userAgent}`, String(3 * bytes))
    return await gemma.availability()
  }, bytes.length)
  assert.deepEqual([found.status, found.code, found.device], ['unavailable', 'GPU_UNAVAILABLE', undefined])
  assert.match(found.reason, /about 3 tokens a second/)
  await page.context().close()
})

test('an abort stops a long prompt between two tiles, and the next request continues from there', async () => {
  // 62 layers: enough work to be aborted half-way.
  it.host.files = { '/tiny.gguf': it.models.read('sixty_two') }
  const prompted = async (stopsAfter) => {
    const page = await openModel({ device: 'cpu' })
    const found = await page.evaluate(async (stopsAfter) => {
      await gemma.load()
      const word = 'Paris is the capital of France. '
      const prompt = word.repeat(Math.floor(1900 / ((await gemma.countTokens(word.repeat(10))) / 10)))
      const config = { temperature: 0, maxOutputTokens: 1 }
      const stop = new AbortController()
      const begun = performance.now()
      const first = outcome(gemma.generate({ prompt, config }, { signal: stop.signal }))
      // Answered while the engine computes.
      while (performance.now() - begun < stopsAfter) await gemma.countTokens('hi')
      if (stopsAfter > 0) stop.abort()
      const { status } = await first
      const took = performance.now() - begun
      const { usage } = await gemma.generate({ prompt, config })
      return { status, took, tokens: usage.inputTokens, held: usage.cachedContentTokens }
    }, stopsAfter)
    await page.context().close()
    return found
  }
  const { took } = await prompted(0)
  const found = await prompted(took / 3)
  assert.equal(found.status, 'CANCELLED')
  assert.ok(found.tokens > 1200, JSON.stringify(found))
  // Some complete tiles, but not all of them.
  assert.equal(found.held % 32, 0, JSON.stringify(found))
  assert.ok(found.held > 0 && found.held < found.tokens - 32, JSON.stringify(found))
})

/** The beginning of a file whose network stores 16 KB per token and layer. */
function wideHeader(size) {
  const parts = []
  const number = (value, width) => {
    const part = Buffer.alloc(width)
    part.writeUIntLE(value, 0, Math.min(width, 6))
    parts.push(part)
  }
  const text = (value) => {
    number(value.length, 8)
    parts.push(Buffer.from(value))
  }
  parts.push(Buffer.from('GGUF'))
  number(3, 4)
  number(0, 8)
  const values = {
    context_length: 131072,
    embedding_length: 3840,
    block_count: 48,
    feed_forward_length: 15360,
    'attention.head_count': 16,
    'attention.head_count_kv': 8,
    'attention.key_length': 256,
    'attention.sliding_window': 1024,
  }
  number(Object.keys(values).length + 1, 8)
  text('general.architecture')
  number(8, 4)
  text('gemma3')
  for (const [key, value] of Object.entries(values)) {
    text(`gemma3.${key}`)
    number(4, 4)
    number(value, 4)
  }
  return Buffer.concat([...parts, Buffer.alloc(size)], size)
}

test('a model that does not fit into memory is refused before it is fetched, with the numbers', async () => {
  const size = 8 << 20
  it.host.files = { '/tiny.gguf': wideHeader(size) }
  const page = await openModel({ device: 'cpu', contextWindow: 131072 })
  const found = await page.evaluate(async () => ({
    load: await outcome(gemma.load()),
    availability: await gemma.availability(),
  }))
  assert.equal(found.load.code, 'OUT_OF_MEMORY', JSON.stringify(found))
  assert.match(found.load.message, /takes \d+ MiB of memory \(8 MiB of weights, \d+ MiB of keys and values, /)
  assert.match(found.load.message, /, \d+ MiB beside\) where 4032 MiB can be had/)
  assert.deepEqual([found.availability.status, found.availability.code], ['unavailable', 'OUT_OF_MEMORY'])
  const asked = it.host.requests.reduce(
    (sum, { range }) =>
      sum + (/^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []).slice(1).reduce((from, to) => to - from + 1, 0),
    0,
  )
  assert.ok(asked < size / 2, `${asked} of ${size} bytes were asked for`)
  await page.context().close()
})

test('a browser without SIMD gets an error before anything is fetched', async () => {
  const page = await openModel({ device: 'cpu' })
  it.site.requests.length = 0
  const found = await page.evaluate(async () => {
    WebAssembly.validate = () => false
    return { load: await outcome(gemma.load()), state: gemma.state, availability: await gemma.availability() }
  })
  assert.deepEqual(
    [found.load.status, found.load.code, found.state],
    ['FAILED_PRECONDITION', 'SIMD_UNAVAILABLE', 'absent'],
  )
  assert.deepEqual([found.availability.status, found.availability.code], ['unavailable', 'SIMD_UNAVAILABLE'])
  assert.ok(
    it.site.requests.every((path) => !/worker|wasm\/cpu/.test(path)),
    it.site.requests.join(' '),
  )
  await page.context().close()
})

test('a GPU lost before the first chunk: with waitForLoad the CPU answers, otherwise a hybrid moves on', async () => {
  for (const { waitForLoad, speaksFirst, expected } of [
    { waitForLoad: true, expected: { text: 'from the cpu', device: 'cpu' } },
    { waitForLoad: false, expected: 'DEVICE_LOST' },
    { waitForLoad: true, speaksFirst: true, expected: 'DEVICE_LOST' },
  ]) {
    const page = await openModel()
    const found = await page.evaluate(
      async ({ url, waitForLoad, speaksFirst }) => {
        const engines = new BroadcastChannel('engines')
        let count = 0
        engines.onmessage = ({ data }) =>
          data.asks && engines.postMessage({ be: count++ === 0 ? 'gpu' : 'cpu', speaksFirst })
        const gemma = hybridge.gemmaModel({ model: new Blob(['x']), waitForLoad, workerUrl: '/cpu/lost-engine.mjs' })
        await gemma.load()
        return await outcome(gemma.generate('hi').then(({ text, device }) => ({ text, device })))
      },
      { url: address(), waitForLoad, speaksFirst: speaksFirst === true },
    )
    assert.deepEqual(found.value ?? found.code, expected)
    await page.context().close()
  }
})
