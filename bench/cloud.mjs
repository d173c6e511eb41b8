#!/usr/bin/env node
/**
 * Measures the package's overhead on a cloud call, in a page: `node bench/cloud.mjs` prints the time to the first
 * chunk beside bare `fetch`, the speed of a whole stream through the package, and, with `sse_speed.wasm` as an
 * argument, that of the decoder alone.
 */

import { readFileSync } from 'node:fs'
import { chunk, stream } from '../tests/emulator/gemini.mjs'
import { openSetting } from '../tests/browser/cloud/setting.mjs'

const setting = await openSetting()
try {
  const { page, gemini, run } = setting
  const rounds = 200
  for (let index = 0; index < 2 * rounds + 20; index++)
    gemini.next(stream(chunk('one '), chunk('two', { finishReason: 'STOP' })))
  const times = await run(
    async ({ gemini, rounds }) => {
      const model = hybridge.geminiModel(gemini)
      const through = async () => {
        const started = performance.now()
        const { stream, response } = model.generateStream('x')
        for await (const { text } of stream) if (text !== '') break
        const took = performance.now() - started
        await response.catch(() => {})
        return took
      }
      const bare = async () => {
        const started = performance.now()
        const response = await fetch(`${gemini.baseUrl}/v1beta/models/${gemini.model}:streamGenerateContent?alt=sse`, {
          method: 'POST',
          cache: 'no-store',
          headers: { 'content-type': 'application/json', 'x-goog-api-key': gemini.apiKey },
          body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'x' }] }] }),
        })
        const reader = response.body.getReader()
        const { value } = await reader.read()
        const [line] = new TextDecoder().decode(value).split('\r\n')
        if (JSON.parse(line.slice(6)).candidates[0].content.parts[0].text === '') throw new Error('empty')
        const took = performance.now() - started
        await reader.cancel()
        return took
      }
      const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]
      const [withUs, without] = [[], []]
      for (let index = -10; index < rounds; index++) {
        const [one, other] = index % 2 === 0 ? [await through(), await bare()] : [0, 0].map(() => undefined)
        const [mine, theirs] = one === undefined ? [await bare(), await through()].reverse() : [one, other]
        if (index >= 0) {
          withUs.push(mine)
          without.push(theirs)
        }
      }
      return { withUs: median(withUs), without: median(without) }
    },
    { rounds },
  )
  console.log(
    `first chunk: ${times.withUs.toFixed(2)} ms through the package, ${times.without.toFixed(2)} ms with bare fetch: ${(times.withUs - times.without).toFixed(2)} ms added (medians of ${rounds}, interleaved)`,
  )

  const whole = await run(async ({ gemini }) => {
    const event = new TextEncoder().encode(
      `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text: 'word '.repeat(40) }] } }] })}\r\n\r\n`,
    )
    const last = new TextEncoder().encode('data: {"candidates":[{"finishReason":"STOP"}]}\r\n\r\n')
    const perRead = 200
    const read = new Uint8Array(event.length * perRead)
    for (let index = 0; index < perRead; index++) read.set(event, index * event.length)
    let left = 0
    const fetch = async () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            controller.enqueue(left > 0 ? read.slice() : last)
            if (left-- === 0) controller.close()
          },
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      )
    let best = Infinity
    for (let round = 0; round < 5; round++) {
      left = 50
      const started = performance.now()
      const { stream, response } = hybridge.geminiModel({ ...gemini, fetch }).generateStream('x')
      let length = 0
      for await (const { text } of stream) length += text.length
      await response
      if (length !== 50 * perRead * 200) throw new Error(`${length} characters came`)
      best = Math.min(best, performance.now() - started)
    }
    return { bytes: 50 * read.length, best, events: 50 * perRead }
  })
  console.log(
    `a whole stream through the package: ${(whole.bytes / whole.best / 1e3).toFixed(1)} MB/s, ${((whole.best / whole.events) * 1e3).toFixed(1)} µs per event of ${Math.round(whole.bytes / whole.events)} bytes`,
  )

  const [wasm] = process.argv.slice(2)
  if (wasm !== undefined) {
    const speeds = await page.evaluate(
      async (bytes) => {
        const { instance } = await WebAssembly.instantiate(new Uint8Array(bytes))
        return [0, 1, 2].map((kind) => {
          const length = instance.exports.prepare(kind)
          const took = Array.from({ length: 8 }, () => {
            const started = performance.now()
            instance.exports.decode()
            return performance.now() - started
          })
          return Math.round(length / Math.min(...took) / 1e3)
        })
      },
      [...readFileSync(wasm)],
    )
    console.log(`the decoder alone: ${speeds.join(', ')} MB/s for events of 20 bytes, 300 bytes, 100 KB`)
  }
} finally {
  await setting.close()
}
