/** Counts of a ledger, in memory. Its database is tested in tests/browser/ledger.test.mjs. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

const npm = join(import.meta.dirname, '../../crate/npm')
const hybridge = await import(join(npm, 'dist/node.js'))
const { createLedger } = await import(join(npm, 'dist/learn.js'))
const {
  confidenceCascade,
  CostStrategy,
  defineModel,
  FallbackStrategy,
  hybridModel,
  hybridModelOnDeviceCloud,
  kCloud,
  kOnDevice,
} = hybridge

const prices = { [kCloud]: { inputPerMillion: 1, outputPerMillion: 10 } }
const model = (name, usage, logprobs) =>
  defineModel({
    name,
    generate: (_, { sendChunk }) => {
      sendChunk([{ text: name }], logprobs === undefined ? {} : { logprobs })
      return { usage }
    },
  })
const device = model('device', { inputTokens: 1000, outputTokens: 100 })
const cloud = model('cloud', { inputTokens: 1200, outputTokens: 50 })
const both = (order) => hybridModelOnDeviceCloud({ onDevice: device, cloud, strategy: new FallbackStrategy(order) })
const money = (it) => Math.round(it * 1e9) / 1e9

test('answers are charged by their branch, and save the cloud’s price', async () => {
  const ledger = createLedger({ prices })
  await ledger.track(both([kOnDevice])).generate('a')
  assert.deepEqual(await ledger.totals(), {
    attempts: 1,
    answers: 1,
    inputTokens: 1000,
    outputTokens: 100,
    spent: 0,
    saved: 0.002,
  })
  await ledger.track(both([kCloud])).generate('a')
  const { spent, saved, answers } = await ledger.totals()
  assert.deepEqual([money(spent), money(saved), answers], [0.0017, 0.002, 2])
  assert.deepEqual(
    (await ledger.byBranch()).map(({ branch, answers }) => [branch, answers]),
    [
      [kCloud, 1],
      [kOnDevice, 1],
    ],
  )
})

test('answers rejected by a cascade are charged too', async () => {
  const ledger = createLedger({
    prices: { ...prices, [kOnDevice]: { inputPerMillion: 0.1, outputPerMillion: 0.1 } },
    baseline: kCloud,
  })
  const unsure = model('device', { inputTokens: 1000, outputTokens: 100 }, [-9])
  const ai = ledger.track(confidenceCascade({ onDevice: unsure, cloud, threshold: -1, holdTokens: Infinity }))
  const { stream, response } = ai.generateStream('a')
  for await (const { text } of stream) assert.equal(text, 'cloud')
  await response
  const { attempts, answers, saved, spent } = await ledger.totals()
  assert.equal(answers, 1)
  assert.ok(attempts >= 1 && spent >= 0.0017 && saved <= 0, `${spent} spent, ${saved} saved`)
})

test('features, days and branches are counted separately', async () => {
  let now = Date.UTC(2026, 0, 31, 23, 59)
  const ledger = createLedger({ prices, days: 'utc', now: () => now })
  const ai = ledger.track(both([kCloud]))
  await ai.generate('a', { context: { feature: 'titles' } })
  await ai.generate('a')
  now += 120_000
  await ledger.track(both([kCloud]), { feature: 'titles' }).generate('a', { context: { feature: 'other' } })
  assert.deepEqual(
    (await ledger.byDay()).map(({ day, answers }) => [day, answers]),
    [
      ['2026-01-31', 2],
      ['2026-02-01', 1],
    ],
  )
  assert.deepEqual(
    (await ledger.byFeature()).map(({ feature, answers }) => [feature, answers]),
    [
      ['', 1],
      ['titles', 2],
    ],
  )
  assert.equal((await ledger.totals({ from: '2026-02-01' })).answers, 1)
  assert.equal((await ledger.totals({ to: '2026-01-31', feature: 'titles' })).answers, 1)
  assert.equal(money(await ledger.spentToday()), 0.0017)
  await ledger.clear()
  assert.equal((await ledger.totals()).attempts, 0)
})

test('a run is counted once, however often it is recorded', async () => {
  const ledger = createLedger({ prices })
  const { routing } = await ledger.track(both([kCloud])).generate('a')
  await Promise.all([ledger.record(routing), ledger.record(routing)])
  assert.equal((await ledger.totals()).attempts, 1)
})

test('branches of inner hybrids replace the outer attempt', async () => {
  const inner = both([kCloud])
  const ledger = createLedger({ prices: { 'all/cloud': { inputPerMillion: 100, outputPerMillion: 0 }, ...prices } })
  await ledger.track(hybridModel({ branches: { all: inner }, strategy: new FallbackStrategy(['all']) })).generate('a')
  assert.deepEqual(
    (await ledger.byBranch()).map(({ branch, spent }) => [branch, money(spent)]),
    [['all/cloud', 0.12]],
  )
})

test('a failed run is charged for its usage, and fails as before', async () => {
  const fails = defineModel({
    name: 'f',
    generate: () => {
      throw Object.assign(new Error('no'), { status: 'NOT_FOUND' })
    },
  })
  const ledger = createLedger({ prices })
  const ai = ledger.track(
    hybridModelOnDeviceCloud({ onDevice: fails, cloud, strategy: new FallbackStrategy([kOnDevice]) }),
  )
  await assert.rejects(ai.generate('a'), { status: 'NOT_FOUND' })
  const { response } = ai.generateStream('a')
  await assert.rejects(response, { status: 'NOT_FOUND' })
  assert.equal((await ledger.totals()).answers, 0)
})

test('a tracked hybrid keeps the members of a hybrid', async () => {
  const ai = createLedger({ prices }).track(both([kOnDevice, kCloud]))
  assert.deepEqual((await ai.explain('a')).order, [kOnDevice, kCloud])
  assert.deepEqual(Object.keys(ai.health()), [kOnDevice, kCloud])
  assert.equal(ai.name, 'hybrid')
  assert.equal((await ai.generateStream('a').response).text, 'device')
})

test('a budget sends requests to the cheap branch once it is spent', async () => {
  const ledger = createLedger({ prices })
  const strategy = new CostStrategy({ ledger, daily: 0.005, premium: kCloud, cheap: kOnDevice })
  const ai = ledger.track(hybridModelOnDeviceCloud({ onDevice: device, cloud, strategy }))
  const branches = []
  for (let at = 0; at < 5; at++) branches.push((await ai.generate('a')).branch)
  assert.deepEqual(branches, [kCloud, kCloud, kCloud, kOnDevice, kOnDevice])
  for (const wrong of [{ ledger: {}, daily: 1 }, { ledger, daily: 'x' }, { ledger: undefined, daily: 1 }, {}]) {
    assert.throws(() => new CostStrategy({ ...wrong, premium: kCloud, cheap: kOnDevice }), {
      status: 'INVALID_ARGUMENT',
    })
  }
})

test('sums are exact over any number of answers', async () => {
  const ledger = createLedger({ prices: { [kCloud]: { inputPerMillion: 0.1, outputPerMillion: 0.3 } } })
  const usage = { inputTokens: 1, outputTokens: 1 }
  const attempt = { branch: kCloud, outcome: 'answered', startedAtMs: 0, durationMs: 0, usage }
  for (let at = 0; at < 1000; at++)
    await ledger.record({ id: String(at), strategy: 's', order: [], attempts: [attempt] })
  // In binary fractions, a thousand times 0.0000004 is not 0.0004.
  assert.equal((await ledger.totals()).spent, 0.0004)
})

test('invalid options are rejected', () => {
  for (const options of [
    { prices: null },
    { prices: { a: {} } },
    { prices: { a: { inputPerMillion: -1, outputPerMillion: 0 } } },
    { prices: { a: { inputPerMillion: Infinity, outputPerMillion: 0 } } },
    { prices, baseline: 'b' },
    { prices, name: '' },
  ]) {
    assert.throws(() => createLedger(options), { status: 'INVALID_ARGUMENT' })
  }
})
