/** A long life: repeated loads and a thousand answers, on the CPU and on the GPU, do not increase memory. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

/**
 * A software GPU takes two seconds to compile its kernels at each load; HYBRIDGE_SOAK_ROUNDS=100 runs a hundred loads.
 */
const roundsOn = {
  cpu: 30,
  gpu: 4,
  ...(process.env.HYBRIDGE_SOAK_ROUNDS && {
    cpu: Number(process.env.HYBRIDGE_SOAK_ROUNDS),
    gpu: Number(process.env.HYBRIDGE_SOAK_ROUNDS),
  }),
}
const answers = Number(process.env.HYBRIDGE_SOAK_ANSWERS ?? 400)

let it
before(async () => {
  it = await setUp({ gpu: true })
  calm(it.host, { '/tiny.gguf': it.models.read('q8_0') })
})
after(() => it?.close())

for (const [device, rounds] of Object.entries(roundsOn)) {
  test(`${device}: ${rounds} rounds of loading, ${answers} answers`, async () => {
    const page = await it.open()
    const found = await page.evaluate(
      async ({ url, device, rounds, answers }) => {
        const gemma = hybridge.gemmaModel({
          model: { url },
          device,
          contextWindow: 64,
          workerUrl: '/life/faulty-worker.mjs',
          ...impatient,
        })
        const faults = new BroadcastChannel('faults')
        const started = performance.now()
        const ends = []
        let tell
        faults.onmessage = ({ data }) => (data.destroyed === undefined ? tell?.(data) : ends.push(data))
        const memory = () =>
          new Promise((resolve) => {
            tell = ({ memory, gpu }) => resolve(`${memory} ${gpu}`)
            faults.postMessage('memory')
          })
        const loads = []
        for (let round = 0; round < rounds; round++) {
          await gemma.load()
          loads.push(await memory())
          await gemma.dispose()
        }
        const seconds = [(performance.now() - started) / 1000]
        await gemma.load()
        const said = []
        for (let at = 0; at < answers; at++) {
          const { usage } = await gemma.generate({
            prompt: `hi ${at % 10}`,
            config: { temperature: 0, maxOutputTokens: 1 + (at % 2) },
          })
          if (usage.outputTokens < 1) throw new Error(`answer ${at} is empty`)
          // The first rounds allocate what later ones reuse.
          if (at % 50 === 49) said.push(await memory())
        }
        seconds.push((performance.now() - started) / 1000 - seconds[0])
        const isLast =
          device === 'cpu' ||
          new Promise((resolve) =>
            faults.addEventListener('message', ({ data }) => data.destroyed !== undefined && resolve()),
          )
        await gemma.dispose()
        // Sent on another channel than the shutdown message.
        await isLast
        return { loads, said, ends, seconds }
      },
      { url: `${it.host.origin}/tiny.gguf`, device, rounds, answers },
    )
    console.log(
      `${device}: wasm and GPU bytes after a load ${found.loads[0]}, after answers ${found.said[0]}; ${found.seconds.map((it) => it.toFixed(1)).join(' and ')} s`,
    )
    assert.deepEqual([...new Set(found.loads)], [found.loads[0]], 'each load takes the same memory as the first one')
    assert.deepEqual([...new Set(found.said)], [found.said[0]], 'no answer leaves anything')
    if (device === 'gpu') {
      assert.equal(found.ends.length, rounds + 1, 'each device is destroyed')
      assert.ok(
        found.ends.every(({ destroyed, left }) => destroyed > 0 && left === 0),
        JSON.stringify(found.ends[0]),
      )
    }
    await page.context().close()
  })
}
