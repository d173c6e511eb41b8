/** Which file of the engine a load needs, on every kind of machine. */

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { fileFor, seenGpu } = await importSource('gemma/worker/engine-file.ts')

const none = { available: false, software: false, reason: 'this browser has no WebGPU' }
const hardware = { available: true, software: false }
const software = { available: true, software: true }
const right = { ...hardware, isRight: true }
const wrong = { ...hardware, isRight: false }

test('the large file is for GPUs that a model would run on', () => {
  for (const [device, gpu, expected] of [
    ['auto', none, 'cpu'],
    ['auto', software, 'cpu'],
    ['auto', { ...software, isRight: true }, 'cpu'],
    ['auto', wrong, 'cpu'],
    ['auto', hardware, 'gpu'],
    ['auto', right, 'gpu'],
    ['gpu', none, 'cpu'],
    ['gpu', software, 'gpu'],
    ['gpu', hardware, 'gpu'],
    // Tested again by the engine, which reports it.
    ['gpu', wrong, 'gpu'],
    ['cpu', none, 'cpu'],
    ['cpu', right, 'cpu'],
  ]) {
    assert.equal(fileFor({ device, hasGpuFile: false }, gpu), expected, JSON.stringify({ device, gpu }))
    assert.equal(fileFor({ device, hasGpuFile: true }, gpu), 'gpu', 'a stored file is used')
  }
})

const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
// Node before 21 has none.
afterEach(() => delete globalThis.navigator && navigator && Object.defineProperty(globalThis, 'navigator', navigator))
const on = (gpu) => Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true })

test('the adapter that the engine will request is examined, and none for the CPU', async () => {
  const asked = []
  on({
    requestAdapter: async (wish) => {
      asked.push(wish)
      return { info: { vendor: 'acme', architecture: 'swiftshader' } }
    },
  })
  assert.deepEqual(await seenGpu({ device: 'cpu', gpuIsRight: undefined }), { available: false, software: false })
  assert.deepEqual(asked, [])
  assert.deepEqual(await seenGpu({ device: 'auto', gpuIsRight: undefined }), software)
  assert.deepEqual(await seenGpu({ device: 'gpu', gpuIsRight: false }), { ...software, isRight: false })
  assert.deepEqual(asked, Array(2).fill({ powerPreference: 'high-performance' }))
})

test('a GPU that is missing, refused or fails is absent, with its reason', async () => {
  for (const [gpu, reason] of [
    [undefined, /no WebGPU/],
    [{ requestAdapter: async () => null }, /no GPU adapter/],
    [{ requestAdapter: () => Promise.reject(new Error('gone')) }, /no GPU adapter/],
  ]) {
    on(gpu)
    const seen = await seenGpu({ device: 'auto', gpuIsRight: undefined })
    assert.equal(seen.available, false)
    assert.match(seen.reason, reason)
  }
})
