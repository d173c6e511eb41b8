// A model's life cycle as a value: the same table of scripts and marks as for `core/life`.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { Life, HybridError, counts, isSuspect, nextMark } = await importSource('model/life.ts', 'border/errors.ts')
const { stories } = JSON.parse(readFileSync(new URL('../fixtures/life.json', import.meta.url), 'utf8'))

const eventOf = (word) => {
  const [name, number = '0'] = word.split('=')
  const caller = Number(number)
  const error = (status, code) => new HybridError(status, 'it failed', { code })
  const mark = { contextWindow: 4096, loads: caller, at: 0 }
  const events = {
    load: { kind: 'load', caller },
    marked: { kind: 'marked', mark, contextWindow: 4096, now: 1 },
    left: { kind: 'callerLeft', caller },
    fails: { kind: 'loadFailed', error: error('NOT_FOUND', 'FAILED') },
    cancelled: { kind: 'loadFailed', error: error('CANCELLED') },
    died: { kind: 'engineDied', error: error('UNAVAILABLE', 'DIED') },
    ok: { kind: 'succeeded' },
    hide: { kind: 'pageLeft' },
    show: { kind: 'pageBack' },
  }
  if (['download', 'stored', 'device'].includes(name)) return { kind: 'reached', phase: name }
  if (['loaded', 'dispose', 'found', 'gone'].includes(name)) return { kind: name }
  assert.ok(events[name], `no such event: ${word}`)
  return events[name]
}

const wordOf = (action) => {
  if (action.kind === 'start') return action.mayDownload ? 'fetch' : 'rebuild'
  if (action.kind !== 'settle') return action.kind
  return `${action.caller} ${action.error === undefined ? 'ok' : (action.error.code ?? action.error.status)}`
}

test('every script runs as recorded', () => {
  assert.ok(stories.length > 30)
  for (const [script, expected] of stories) {
    const words = script.split(' ')
    const life = new Life(words[0] !== 'unkept')
    const story = words.filter((it) => it !== 'unkept').flatMap((word) => life.feed(eventOf(word)).map(wordOf))
    assert.equal([...story, life.state].join(', '), expected, script)
  }
})

test('two tabs that crashed within a day are a suspicion', () => {
  const day = 86_400_000
  const once = nextMark(undefined, 4096, 0)
  assert.ok(!isSuspect(once, 4096), 'one proves nothing')
  const twice = nextMark(once, 8192, 10)
  assert.deepEqual(twice, { contextWindow: 4096, loads: 2, at: 10 })
  for (const [contextWindow, now, expected] of [
    [4096, 11, true],
    [9000, 11, true],
    [2048, 11, false],
    [4096, 10 + day, false],
    [4096, 9, false],
    [4096, Number.NaN, false],
  ])
    assert.equal(counts(twice, now) && isSuspect(twice, contextWindow), expected, `${contextWindow} ${now}`)
  assert.equal(nextMark(twice, 4096, 11 + day).loads, 1, 'yesterday’s count for nothing')
})
