/**
 * Loading streams: apart from the weights themselves, a large model takes no more memory than a small one.
 * HYBRIDGE_LARGE=1 adds a model of a gigabyte.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openBench, runWorker } from '../../bench/browser.mjs'
import { recipe } from '../../bench/model.mjs'

const megabyte = 1e6

/** Layers of the mini shape in eight bits, and the size of the file with them. */
const sizes = [[7, 64], [39, 256], ...(process.env.HYBRIDGE_LARGE === '1' ? [[166, 1000]] : [])]

let bench
before(async () => {
  const folders = sizes.map(([layers]) => [`/model-${layers}/`, recipe({ shape: 'mini', body: 'q8_0', layers })])
  bench = await openBench({ gpu: true }, Object.fromEntries(folders))
})
after(() => bench?.close())

async function loaded(device) {
  const found = []
  for (const [layers, size] of sizes) {
    const report = await runWorker(bench.page, '/bench/load-worker.mjs', {
      folder: `/model-${layers}`,
      device,
      contextWindow: 32,
    })
    assert.equal(report.facts.device, device)
    assert.ok(Math.abs(report.file / megabyte - size) < 0.03 * size, `${report.file} bytes are not about ${size} MB`)
    const inMegabytes = ({ wasm, gpu, file }) =>
      [file, wasm, gpu].map((bytes) => (bytes / megabyte).toFixed(1)).join(', ')
    console.log(`${device}: MB of file, wasm, GPU: ${inMegabytes(report)}`)
    found.push(report)
  }
  return found
}

test('on the GPU: the wasm contains chunks only, and weights take 5 % more at most', async () => {
  const [small, ...larger] = await loaded('gpu')
  assert.ok(small.wasm < 96 * megabyte, `${small.wasm} bytes`)
  for (const large of larger) {
    assert.ok(large.wasm - small.wasm < 4 * megabyte, `${large.wasm} bytes where a smaller model takes ${small.wasm}`)
    // Only layers differ: their weights, and keys and values for a few tokens.
    assert.ok(
      large.gpu - small.gpu < 1.05 * (large.file - small.file),
      `${large.gpu - small.gpu} bytes for ${large.file - small.file}`,
    )
  }
})

test('on the CPU: the wasm contains the weights once', async () => {
  const [small, ...larger] = await loaded('cpu')
  assert.ok(small.wasm - small.file < 96 * megabyte, `${small.wasm - small.file} bytes beside the file`)
  for (const large of larger) {
    const more = large.wasm - small.wasm
    assert.ok(
      more < 1.05 * (large.file - small.file) + 4 * megabyte,
      `${more} bytes more for ${large.file - small.file}`,
    )
  }
})
