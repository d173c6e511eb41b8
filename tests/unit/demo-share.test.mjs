/** Links to shared conversations: what they contain, what they never contain, and what a hostile one can do. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { linkOf, turnsIn } from '../../www/share.js'

const page = 'https://example.org/demo/?load=no#old'
const note = {
  branch: 'cloud',
  inferenceSource: 'in_cloud',
  latencyMs: 120,
  usage: { inputTokens: 9, outputTokens: 3, totalTokens: 12 },
  confidence: { meanLogprob: -0.25, tokens: 3 },
  routing: {
    id: 'x',
    strategy: 'confidence',
    order: ['onDevice', 'cloud'],
    reason: 'secret reason',
    attempts: [
      {
        branch: 'onDevice',
        outcome: 'failed',
        status: 'UNAVAILABLE',
        message: 'secret words',
        startedAtMs: 1,
        durationMs: 2,
      },
      {
        branch: 'cloud',
        outcome: 'answered',
        startedAtMs: 3,
        firstTokenMs: 4,
        durationMs: 90,
        usage: { outputTokens: 3 },
      },
    ],
  },
}
const turns = [{ question: 'secret question', answer: 'secret answer', note }]
const hashOf = (link) => link.slice(link.indexOf('#'))
const packed = (value) =>
  `#trace=${deflateRawSync(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')}`

test('a link restores branches, times and tokens, and text only if it was included', async () => {
  for (const withText of [false, true]) {
    const link = await linkOf(turns, { withText, page })
    assert.match(link, /^https:\/\/example\.org\/demo\/\?load=no#trace=[\w-]+$/)
    const [turn] = await turnsIn(hashOf(link))
    assert.equal(turn.question, withText ? 'secret question' : undefined)
    assert.equal(turn.answer, withText ? 'secret answer' : undefined)
    assert.equal(turn.note.confidence.meanLogprob, -0.25)
    assert.equal(turn.note.routing.attempts[1].firstTokenMs, 4)
    if (!withText) assert.doesNotMatch(JSON.stringify(turn), /secret/)
  }
})

test('messages of services and strategies are never in a link', async () => {
  const [turn] = await turnsIn(hashOf(await linkOf(turns, { withText: true, page })))
  assert.doesNotMatch(JSON.stringify(turn.note), /secret/)
})

test('a conversation that is too long for a link has none', async () => {
  const random = Array.from({ length: 60_000 }, () => String.fromCharCode(33 + Math.random() * 90)).join('')
  assert.equal(await linkOf([{ question: random, answer: '', note }], { withText: true, page }), undefined)
})

test('other fragments are ignored, and a broken one is an error', async () => {
  for (const hash of ['', '#', '#trace', '#other=1']) assert.equal(await turnsIn(hash), undefined)
  const attempt = { branch: 'a', outcome: 'answered' }
  const turn = { branch: 'a', routing: { strategy: 's', order: [], attempts: [attempt] } }
  const broken = [
    '#trace=',
    '#trace=%%%',
    '#trace=AAAA',
    packed('no JSON'),
    packed(null),
    packed([]),
    packed({ version: 2, turns: [] }),
    packed({ version: 1, turns: {} }),
    packed({ version: 1, turns: [null] }),
    packed({ version: 1, turns: [{ ...turn, branch: {} }] }),
    packed({ version: 1, turns: [{ ...turn, routing: { ...turn.routing, attempts: 5 } }] }),
    packed({
      version: 1,
      turns: [{ ...turn, routing: { ...turn.routing, attempts: [{ ...attempt, outcome: 'won' }] } }],
    }),
    // Ten megabytes of blanks, compressed to ten kilobytes.
    packed(' '.repeat(10_000_000)),
  ]
  for (const hash of broken) await assert.rejects(turnsIn(hash), undefined, hash.slice(0, 40))
  const [read] = await turnsIn(
    packed({ version: 1, turns: [{ ...turn, question: 7, latencyMs: 'x', inferenceSource: 'on the moon' }] }),
  )
  assert.deepEqual([read.question, read.note.latencyMs, read.note.inferenceSource], [undefined, 0, 'unknown'])
})
