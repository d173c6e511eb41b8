/** Compares the TypeScript of learned routing with core's golden.json, to the last bit. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'

const { auroc, calibrate, Classifier, createLedger, pairedDifference, wilson } = await import(
  join(import.meta.dirname, '../../crate/npm/dist/learn.js')
)
const golden = JSON.parse(await readFile(join(import.meta.dirname, 'golden.json'), 'utf8'))

const sorted = (it) => Object.fromEntries(Object.entries(it).sort(([a], [b]) => (a < b ? -1 : 1)))

describe('the twin of core', () => {
  for (const [index, { samples, seed, shares, json }] of golden.classifiers.entries()) {
    test(`trains and classifies equally, case ${index}`, () => {
      const trained = Classifier.train(
        samples.map(([prompt, label]) => ({ prompt, label })),
        { seed },
      )
      // A diff of the weights would fill the screen.
      assert.ok(
        JSON.stringify(sorted(trained.toJSON())) === JSON.stringify(sorted(JSON.parse(json))),
        'the same classifier',
      )
      const read = Classifier.fromJSON(json)
      for (const [prompt, expected] of shares) {
        assert.deepEqual(trained.probabilities(prompt), expected)
        assert.deepEqual(read.probabilities(prompt), expected)
      }
    })
  }

  for (const [index, { samples, results }] of golden.calibrations.entries()) {
    test(`calibrates equally, case ${index}`, () => {
      for (const { target, chosen, mean } of results) {
        for (const [expected, options] of [
          [chosen, {}],
          [mean, { score: 'mean' }],
        ]) {
          const { kind, version, holdTokens, ...found } = calibrate({ samples, target, ...options })
          assert.deepEqual([kind, version, holdTokens], ['hybridge.calibration', 1, 'all'])
          assert.deepEqual(found, expected)
        }
      }
    })
  }

  test('some cases combine signals, and some do not', () => {
    const scores = golden.calibrations.flatMap(({ results }) => results.map(({ chosen }) => typeof chosen.score))
    assert.deepEqual([...new Set(scores)].sort(), ['object', 'string'])
  })

  test('charges equally', async () => {
    for (const { usage, price, cost } of golden.costs) {
      const { cachedInputPerMillion, ...others } = price
      const ledger = createLedger({ prices: { a: cachedInputPerMillion === null ? others : price } })
      await ledger.record({
        id: '1',
        strategy: 's',
        order: ['a'],
        attempts: [{ branch: 'a', outcome: 'answered', startedAtMs: 0, durationMs: 0, usage }],
      })
      assert.equal((await ledger.totals()).spent, cost / 1e9)
    }
  })

  test('counts equally', () => {
    const { wilson: shares, auroc: area, paired } = golden.statistics
    for (const [hits, count, expected] of shares) assert.deepEqual(wilson(hits, count), expected)
    assert.equal(auroc(area.pairs.map(([signal, right]) => ({ signal, right }))), area.area)
    assert.deepEqual(pairedDifference(paired.differences), paired.interval)
  })
})
