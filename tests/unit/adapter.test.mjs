/** With two GPUs, the page describes the one that the engine opens. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { deviceFacts } = await importSource('border/device-facts.ts')

test('a page with two GPUs describes the one that the engine opens', async () => {
  const adapters = { 'high-performance': 'discrete', 'low-power': 'integrated' }
  const gpu = {
    requestAdapter: async (options) => ({ info: { vendor: adapters[options?.powerPreference] ?? 'integrated' } }),
  }
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true })
  assert.equal((await deviceFacts()).webgpu.vendor, 'discrete')
  const engine = await readFile(new URL('../../crate/gemma/src/gpu/device/mod.rs', import.meta.url), 'utf8')
  assert.match(engine, /power_preference: wgpu::PowerPreference::HighPerformance/)
})
