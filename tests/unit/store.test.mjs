/** The page's view of the store, and its detection of crashes: pure functions. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { cardOf, journalOf, clipped, markOf, nextMark, isSuspect, ProgressMeter } = await importSource(
  'gemma/layout.ts',
  'model/life.ts',
  'gemma/page/crash-marker.ts',
  'gemma/page/progress.ts',
)

const hostile = [
  undefined,
  null,
  true,
  0,
  '',
  'x',
  [],
  [1],
  {},
  { version: 1 },
  { version: 1, size: 'x' },
  { version: 1, size: 100, held: 'all' },
  { version: 1, size: 100, held: 5 },
  { version: 1, size: 100, held: { 0: [0, 1] } },
  { version: 1, size: 100, held: [0, 10] },
  { version: 1, size: 100, held: [[0]] },
  { version: 1, size: 100, held: [[0, 1, 2]] },
  { version: 1, size: 100, held: [['0', '9']] },
  { version: 1, size: 100, held: [[0, -1]] },
  { version: 1, size: 100, held: [[0, 101]] },
  { version: 1, size: 2 ** 63, held: [] },
  { version: 1, size: -1 },
  { version: 1, size: 1.5 },
  { version: 2, size: 100, held: [] },
  { version: 1, size: 100, held: [[0, 99]], complete: true },
  { version: 1, size: 100, held: [], complete: 'yes' },
]

test('a damaged journal is ignored', () => {
  for (const json of hostile) assert.equal(journalOf(json), undefined, JSON.stringify(json))
  assert.deepEqual(journalOf({ version: 1, size: 100 }), { size: 100, held: [], complete: false })
  assert.deepEqual(
    journalOf({
      version: 1,
      size: 100,
      held: [
        [20, 30],
        [0, 10],
        [10, 15],
        [50, 50],
      ],
      complete: false,
    }),
    {
      size: 100,
      held: [
        [0, 15],
        [20, 30],
      ],
      complete: false,
    },
  )
  assert.deepEqual(journalOf({ version: 1, size: 0, held: [], complete: true }), { size: 0, held: [], complete: true })
})

test('a journal claims no more than its file contains', () => {
  const whole = journalOf({ version: 1, size: 100, held: [[0, 100]], complete: true })
  assert.deepEqual(clipped(whole, 100), whole)
  for (let length = 0; length < 100; length++) {
    const { held, complete } = clipped(whole, length)
    assert.deepEqual([complete, held.reduce((sum, [start, end]) => sum + end - start, 0)], [false, length])
  }
})

test('a damaged card is ignored', () => {
  for (const json of [
    ...hostile,
    { name: 'x', files: 1e9 },
    { name: 'x', files: 0 },
    { name: 'x', files: 1.5 },
    { name: 5, files: 1 },
  ])
    assert.equal(cardOf(json), undefined, JSON.stringify(json))
  assert.deepEqual(cardOf({ name: 'x', files: 3, lastUsed: 'never' }), { name: 'x', files: 3, lastUsed: 0 })
})

test('two crashed tabs in a row within a day count as a crash', () => {
  const hour = 3_600_000
  const after = (...loads) =>
    loads.reduce(
      (mark, [contextWindow, at]) => nextMark(markOf(JSON.stringify(mark ?? null), at), contextWindow, at),
      undefined,
    )
  const found = (mark, now) => markOf(JSON.stringify(mark), now)
  for (const [loads, now, contextWindow, expected] of [
    [[[4096, 0]], 1, 4096, false],
    [
      [
        [4096, 0],
        [4096, hour],
      ],
      2 * hour,
      4096,
      true,
    ],
    [
      [
        [4096, 0],
        [4096, hour],
      ],
      2 * hour,
      8192,
      true,
    ],
    [
      [
        [4096, 0],
        [4096, hour],
      ],
      2 * hour,
      2048,
      false,
    ],
    [
      [
        [8192, 0],
        [4096, hour],
      ],
      2 * hour,
      4096,
      true,
    ],
    [
      [
        [4096, 0],
        [4096, hour],
      ],
      26 * hour,
      4096,
      false,
    ],
    [
      [
        [4096, 0],
        [4096, 25 * hour],
      ],
      26 * hour,
      4096,
      false,
    ],
    [
      [
        [4096, 0],
        [4096, hour],
      ],
      0.5 * hour,
      4096,
      false,
    ],
  ])
    assert.equal(
      isSuspect(found(after(...loads), now), contextWindow),
      expected,
      JSON.stringify([loads, now, contextWindow]),
    )
  for (const text of [
    undefined,
    '',
    'null',
    '[]',
    '{"contextWindow":4096}',
    '{"contextWindow":4096,"loads":"2","at":0}',
    '{"contextWindow":4096,"loads":2,"at":"now"}',
    '{',
  ])
    assert.equal(markOf(text, 1), undefined, text)
})

/** Returns the events of a load with these steps, with a clock that advances a second per step. */
function eventsOf(steps) {
  const events = []
  let time = 0
  const meter = new ProgressMeter(
    (event) => events.push(event),
    () => (time += 1000),
  )
  for (const [phase, loadedBytes, totalBytes] of steps) meter.step({ phase, loadedBytes, totalBytes })
  meter.end()
  return events
}

test('progress names the phase, and uses the whole bar for it', () => {
  const summary = (steps) =>
    eventsOf(steps).map(({ phase, loadedBytes, totalBytes, fraction }) => [
      phase,
      loadedBytes,
      totalBytes,
      Number(fraction.toFixed(3)),
    ])
  assert.deepEqual(
    summary([
      ['download', 50, 100],
      ['download', 100, 100],
      ['verify', 100, 100],
      ['upload', 0, 100],
      ['upload', 100, 100],
      ['warmup', 1, 2],
    ]),
    [
      ['download', 50, 100, 0],
      ['download', 50, 100, 0.425],
      ['download', 100, 100, 0.85],
      ['verify', 100, 100, 0.9],
      ['upload', 0, 100, 0.9],
      ['upload', 100, 100, 0.97],
      ['warmup', 1, 2, 0.985],
      ['warmup', 100, 100, 1],
    ],
  )
  // Without a download, the bar shows the upload.
  assert.deepEqual(
    summary([
      ['upload', 0, 100],
      ['upload', 50, 100],
      ['upload', 100, 100],
    ]),
    [
      ['upload', 0, 100, 0],
      ['upload', 0, 100, 0],
      ['upload', 50, 100, 0.45],
      ['upload', 100, 100, 0.9],
      ['warmup', 100, 100, 1],
    ],
  )
  assert.deepEqual(
    summary([
      ['verify', 50, 100],
      ['upload', 100, 100],
    ]),
    [
      ['verify', 50, 100, 0],
      ['verify', 50, 100, 0.2],
      ['upload', 100, 100, 0.9],
      ['warmup', 100, 100, 1],
    ],
  )
  // Late steps of an earlier phase, and bytes fetched again, never decrease the fraction.
  const fractions = eventsOf([
    ['download', 90, 100],
    ['download', 10, 100],
    ['upload', 10, 100],
    ['download', 100, 100],
  ]).map(({ fraction }) => fraction)
  assert.deepEqual(
    fractions,
    [...fractions].sort((a, b) => a - b),
  )
  assert.deepEqual(summary([]), [
    ['upload', 0, 0, 0],
    ['warmup', 0, 0, 1],
  ])
})
