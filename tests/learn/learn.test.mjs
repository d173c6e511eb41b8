/** Classifiers and calibrations through the public API: results on unseen data, and rejected input. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { prompts } from './simple-or-hard/prompts.mjs'

const { auroc, calibrate, calibrationFromJSON, Classifier, probabilityOf, simpleOrHard } = await import(
  join(import.meta.dirname, '../../crate/npm/dist/learn.js')
)

/** Returns numbers from 0 to 1, by a seed. */
function randoms(seed) {
  let state = seed >>> 0
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

const accuracy = (classifier, samples) =>
  samples.filter(({ prompt, label }) => classifier.classify(prompt).label === label).length / samples.length

/** Returns this process's CPU time in milliseconds, which the load of a busy machine does not affect. */
function cpuTime(work) {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

describe('classifiers', () => {
  test('held-out templates are classified correctly, within the time and size limits', () => {
    let classifier
    const training = cpuTime(() => (classifier = Classifier.train(prompts(2000))))
    const held = prompts(2000, { seed: 9, heldOut: true })
    assert.ok(accuracy(classifier, held) > 0.95)
    const judging = cpuTime(() => held.forEach(({ prompt }) => classifier.classify(prompt)))
    assert.ok(JSON.stringify(classifier).length <= 64 * 1024)
    // The targets are 1 s and 50 µs; a slow machine may take a few times as long.
    assert.ok(training < 5000 && judging / held.length < 0.5, `${training} ms, ${judging / held.length} ms each`)
  })

  test('task kinds are classified correctly, and unknown text has a low probability', () => {
    const kinds = {
      translate: ['Translate "{}" into French', 'How do you say {} in Polish?', 'What is {} in German?'],
      sum: ['What is {} plus 3?', 'Add 4 to {}', '{} times 9'],
      mail: ['Write a mail to {}', 'Reply to {} that I agree', 'Draft a message for {}'],
      code: ['Write a function that sorts {}', 'Fix this bug: {} is undefined', 'Explain the regex {}'],
    }
    const fill = (list, from) =>
      Object.entries(list).flatMap(([label, templates]) =>
        templates.flatMap((it) =>
          Array.from({ length: 12 }, (_, at) => ({
            prompt: it.replace('{}', `${['bread', 'seven', 'Anna', 'lists'][at % 4]}${at + from}`),
            label,
          })),
        ),
      )
    const classifier = Classifier.train(fill(kinds, 0))
    assert.ok(accuracy(classifier, fill(kinds, 500)) > 0.98)
    assert.ok(classifier.classify('qqq zzz').probability < 0.9)
    const { probabilities } = classifier.classify('What is 7 plus 3?')
    assert.ok(Math.abs(Object.values(probabilities).reduce((sum, it) => sum + it) - 1) < 1e-9)
  })

  test('occasional wrong labels do little harm', () => {
    const random = randoms(3)
    const noisy = prompts(1000).map(({ prompt, label }) => ({
      prompt,
      label: random() < 0.1 ? (label === 'hard' ? 'simple' : 'hard') : label,
    }))
    assert.ok(accuracy(Classifier.train(noisy), prompts(500, { seed: 4, heldOut: true })) > 0.9)
  })

  test('the included classifier is reproducible', () => {
    const samples = [...prompts(2000), ...prompts(1000, { seed: 2, heldOut: true })]
    assert.deepEqual(simpleOrHard().toJSON(), Classifier.train(samples, { buckets: 4096 }).toJSON())
  })

  test('invalid classifiers are rejected', () => {
    const good = Classifier.train([
      { prompt: 'a', label: 'x' },
      { prompt: 'b', label: 'y' },
    ]).toJSON()
    for (const bad of [
      undefined,
      null,
      1,
      '',
      '{',
      '[]',
      [],
      {},
      { ...good, kind: 'x' },
      { ...good, version: 2 },
      { ...good, version: '1' },
      { ...good, input: 'image' },
      { ...good, size: 3 },
      { ...good, size: 1e9 },
      { ...good, size: -1 },
      { ...good, size: 32768 },
      { ...good, labels: ['y', 'x'] },
      { ...good, labels: ['x', 'x'] },
      { ...good, labels: ['x'] },
      { ...good, labels: [1, 2] },
      { ...good, labels: { length: 2 } },
      { ...good, biases: [] },
      { ...good, biases: ['x'] },
      { ...good, scales: [1e300] },
      { ...good, scales: [null] },
      { ...good, weights: '' },
      { ...good, weights: `${good.weights}AAAA` },
      { ...good, weights: `!${good.weights.slice(1)}` },
      { ...good, weights: [] },
      { ...good, weights: 'A'.repeat(1e6) },
    ]) {
      assert.throws(() => Classifier.fromJSON(bad), { status: 'INVALID_ARGUMENT' }, JSON.stringify(bad)?.slice(0, 200))
    }
    for (const samples of [
      undefined,
      [],
      [{ prompt: 'a', label: 'x' }],
      [{ prompt: 'a' }, { prompt: 'b', label: 'y' }],
      [
        { prompt: 1, label: 'x' },
        { prompt: 'b', label: 'y' },
      ],
      [
        { prompt: [1], label: 'x' },
        { prompt: [1, 2], label: 'y' },
      ],
      [
        { prompt: [NaN], label: 'x' },
        { prompt: [1], label: 'y' },
      ],
      [
        { prompt: '', label: '' },
        { prompt: 'b', label: 'y' },
      ],
      Array.from({ length: 33 }, (_, at) => ({ prompt: 'a', label: String(at) })),
    ]) {
      assert.throws(() => Classifier.train(samples), { status: 'INVALID_ARGUMENT' })
    }
  })
})

describe('calibrations', () => {
  /** Answers with a uniform signal, right with its square root as probability. */
  const answers = (count, seed) => {
    const random = randoms(seed)
    return Array.from({ length: count }, () => {
      const signal = random()
      return { signal, right: random() < Math.sqrt(signal) }
    })
  }
  const reached = (samples, threshold) => ({
    quality: samples.filter(({ signal, right }) => signal < threshold || right).length / samples.length,
    cloudShare: samples.filter(({ signal }) => signal < threshold).length / samples.length,
  })

  test('targets are met on unseen answers', () => {
    const unseen = answers(20_000, 77)
    for (const quality of [0.9, 0.95, 0.98]) {
      let [sum, inside] = [0, 0]
      for (let seed = 1; seed <= 40; seed++) {
        const found = calibrate({ samples: answers(400, seed), target: { quality } })
        const after = reached(unseen, found.threshold)
        sum += after.quality / 40
        inside += after.quality >= found.quality.low && after.quality <= found.quality.high ? 1 : 0
        assert.ok(Math.abs(probabilityOf(found, { signal: 0.81 }) - 0.9) < 0.2)
      }
      assert.ok(sum > quality - 0.004, `${sum} for ${quality}`)
      assert.ok(inside >= 34, `${inside} of 40 intervals hold the figure for ${quality}`)
    }
    // Signals with five values only: the figures must be those of the chosen threshold.
    let inside = 0
    for (let seed = 1; seed <= 40; seed++) {
      const random = randoms(seed)
      const tied = (count) =>
        Array.from({ length: count }, () => {
          const signal = Math.round(random() * 4) / 4
          return { signal, right: random() < signal }
        })
      const { threshold, quality } = calibrate({ samples: tied(400), target: { quality: 0.95 } })
      const after = reached(tied(4000), threshold)
      inside += after.quality >= quality.low && after.quality <= quality.high ? 1 : 0
    }
    assert.ok(inside >= 36, `${inside} of 40 intervals`)
    for (const cloudShare of [0, 0.3, 1]) {
      const { threshold } = calibrate({ samples: answers(4000, 5), target: { cloudShare } })
      assert.ok(Math.abs(reached(unseen, threshold).cloudShare - cloudShare) < 0.03)
    }
  })

  test('only the tokens that are held back are judged', () => {
    const samples = Array.from({ length: 200 }, (_, at) => ({
      logprobs: [-0.1, -0.1, at % 2 === 0 ? -0.1 : -5],
      right: at % 2 === 0,
    }))
    assert.equal(calibrate({ samples, target: { quality: 0.98 } }).auroc, 1)
    assert.equal(calibrate({ samples, target: { quality: 0.98 }, holdTokens: 2 }).auroc, 0.5)
  })

  test('a calibration survives JSON, and anything else is rejected', () => {
    const good = calibrate({ samples: answers(100, 1), target: { quality: 0.9 } })
    assert.deepEqual(calibrationFromJSON(JSON.stringify(good)), good)
    for (const bad of [
      null,
      '',
      '{}',
      [],
      { ...good, version: 2 },
      { ...good, score: 'p99' },
      { ...good, score: [1] },
      { ...good, threshold: null },
      { ...good, threshold: 'x' },
      { ...good, holdTokens: 0 },
      { ...good, map: {} },
      { ...good, map: [{ from: 1, right: 2, count: 1 }] },
      { ...good, map: [...good.map, ...good.map] },
      { ...good, quality: null },
      { ...good, auroc: 'x' },
      { ...good, samples: 0.5 },
    ]) {
      assert.throws(() => calibrationFromJSON(bad), { status: 'INVALID_ARGUMENT' })
    }
  })

  test('infinite log-probabilities and margins that are not numbers are harmless', () => {
    const samples = Array.from({ length: 200 }, (_, at) => ({
      logprobs: [at % 7 === 0 ? -Infinity : -at / 100, -0.1],
      confidence: { tokens: 2, meanLogprob: -1, minLogprob: -1, p10Logprob: -1, firstMargin: at === 3 ? NaN : at },
      right: at < 120 && at % 7 !== 0,
    }))
    const kept = calibrate({ samples, target: { quality: 0.9 } })
    assert.notEqual(kept.score, 'margin')
    assert.deepEqual(calibrationFromJSON(JSON.stringify(kept)), kept)
    assert.ok(probabilityOf(kept, { logprobs: [-Infinity, -0.1] }) < 0.2)
    const endless = Array.from({ length: 60 }, () => ({ signal: Infinity, right: true }))
    const all = calibrate({ samples: endless, target: { quality: 0.98 } })
    assert.equal(calibrationFromJSON(JSON.stringify(all)).threshold, Number.MAX_VALUE)
    assert.throws(() => auroc([{ signal: NaN, right: true }, ...endless]), { status: 'INVALID_ARGUMENT' })
  })

  test('invalid options are rejected', () => {
    const samples = answers(10, 1)
    for (const options of [
      { samples: [] },
      { samples: undefined },
      { samples: [{}] },
      { samples: [{ right: true }] },
      { samples: [{ right: 'yes', signal: 1 }] },
      { samples: [{ right: true, signal: NaN }] },
      {
        samples: [
          { right: true, signal: 1 },
          { right: true, logprobs: [] },
        ],
      },
      { samples: [{ right: true, signal: 1, cloudRight: 1 }] },
      { target: {} },
      { target: undefined },
      { target: { quality: 2 } },
      { target: { quality: 0.9, cloudShare: 0.1 } },
      { target: { cloudShare: NaN } },
      { holdTokens: 0 },
      { score: 'p99' },
      { samples: [{ right: true, logprobs: [-1] }], score: 'margin' },
    ]) {
      assert.throws(
        () => calibrate({ samples, target: { quality: 0.9 }, ...options }),
        { status: 'INVALID_ARGUMENT' },
        JSON.stringify(options),
      )
    }
  })

  test('the area under the curve agrees with its definition', () => {
    for (let seed = 1; seed < 30; seed++) {
      const pairs = answers(40, seed).map(({ signal, right }) => ({ signal: Math.round(signal * 8), right }))
      const [rights, wrongs] = [pairs.filter(({ right }) => right), pairs.filter(({ right }) => !right)]
      const wins = rights.flatMap((a) => wrongs.map((b) => (a.signal > b.signal ? 1 : a.signal === b.signal ? 0.5 : 0)))
      const expected = wins.length === 0 ? undefined : wins.reduce((sum, it) => sum + it, 0) / wins.length
      assert.ok(expected === undefined ? auroc(pairs) === undefined : Math.abs(auroc(pairs) - expected) < 1e-12)
    }
  })
})
