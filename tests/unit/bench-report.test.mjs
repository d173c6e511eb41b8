import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportOf } from '../../bench/report.mjs'

const plan = { shape: '1b', body: 'q4_0', precision: 'exact', prompts: [128], contexts: [128], tokens: 16 }

test('a report contains the adapter and the kernels, and ratios of the bandwidth', () => {
  const measured = {
    adapter: 'a GPU',
    software: false,
    plan: 'lanes8',
    read_gbps: 100,
    matvec_gbps: 75,
    matvec_gweights: 3,
    reference_gweights: 4,
    decode_tps: { 128: 50 },
    dispatches_per_token: 135,
    file_bytes: 7e8,
    gpu_bytes: 7.7e8,
  }
  const report = reportOf(plan, measured, { cpu: 'a CPU' }, '2026-11-29')
  assert.equal(report.adapter, 'a GPU')
  assert.equal(report.kernels, 'lanes8')
  assert.equal(report.counts.dispatches_per_token, 135)
  assert.deepEqual(report.ratios, {
    matvec_of_reading: 0.75,
    decode_of_reading: { 128: 0.35 },
    matvec_of_reference: 0.75,
    gpu_bytes_of_file: 1.1,
  })
  assert.deepEqual(JSON.parse(JSON.stringify(report)).measured, measured)
})

test('a report without measurements has no ratios', () => {
  const report = reportOf(plan, {}, {}, '2026-11-29')
  assert.equal(report.ratios.matvec_of_reading, undefined)
  assert.deepEqual(report.ratios.decode_of_reading, {})
})
