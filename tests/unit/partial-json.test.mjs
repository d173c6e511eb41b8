// Partial JSON, compared with a slow twin that parses the whole text at every chunk.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { PartialJson, PartialOutput, parseJson } = await importSource('answer/partial-json.ts')

/** The twin: parses each text from the start. */
function twin(text) {
  const body = text.replace(/^\s*```(?:json)?[^\S\n]*\n?/, '').replace(/\n?```\s*$/, '')
  let closers = ''
  let cut = { at: 0, closers: '' }
  let isInString = false
  let isKeyNext = false
  for (let at = 0; at < body.length; at++) {
    const char = body[at]
    if (isInString) {
      if (char === '\\') at++
      else if (char === '"') {
        isInString = false
        if (!isKeyNext) cut = { at: at + 1, closers }
      }
    } else if (char === '"') isInString = true
    else if (char === ':') isKeyNext = false
    else if (char === ',') {
      cut = { at, closers }
      isKeyNext = closers.startsWith('}')
    } else if (char === '{' || char === '[') {
      closers = (char === '{' ? '}' : ']') + closers
      cut = { at: at + 1, closers }
      isKeyNext = char === '{'
    } else if (char === '}' || char === ']') {
      closers = closers.slice(1)
      cut = { at: at + 1, closers }
    }
  }
  const open = isInString && !isKeyNext ? `${withoutHalves(body)}"` : body
  return attempt(open + closers) ?? attempt(body.slice(0, cut.at) + cut.closers)
}

function withoutHalves(text) {
  const at = text.lastIndexOf('\\')
  let backslashes = 0
  while (at >= backslashes && text[at - backslashes] === '\\') backslashes++
  const isHalf = backslashes % 2 === 1 && /^\\(u([0-9a-f]{0,3}|d[89ab][0-9a-f]{2}))?$/i.test(text.slice(at, at + 7))
  return isHalf ? withoutHalves(text.slice(0, at)) : text.replace(/[\ud800-\udbff]$/, '')
}

function attempt(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function randomOf(seed) {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** JSON in various spellings, with and without a fence, and damaged in one of four cases. */
function randomText(random) {
  const pick = (list) => list[random(list.length)]
  const string = () =>
    `"${Array.from({ length: random(5) }, () => pick(['a', ' ', '\\n', '\\\\', '\\"', '\\u00e9', '\\ud83d', '\\ude00', '\ud83d', '😀', '{', ']', ',', ':', '`', '```'])).join('')}"`
  const space = () => pick(['', '', ' ', '\n', '\t '])
  const value = (depth) => {
    const kind = random(depth > 0 ? 8 : 5)
    if (kind < 2) return string()
    if (kind === 2) return pick(['0', '-1', '1.5', '1e9', '-0.25E-2', '12345'])
    if (kind === 3) return pick(['true', 'false', 'null'])
    if (kind === 4) return pick(['[]', '{}'])
    const items = Array.from({ length: random(4) }, () =>
      kind < 6
        ? `${space()}${value(depth - 1)}${space()}`
        : `${space()}${pick([string(), '"a"', '"__proto__"', '"1"'])}${space()}:${space()}${value(depth - 1)}${space()}`,
    )
    return kind < 6 ? `[${items.join(',')}]` : `{${items.join(',')}}`
  }
  let text = pick(['', ' ', '\n', '```', '```json\n', '``` \n', '\n```json', 'Here: ', '`']) + value(4)
  text += pick(['', '', '\n', '\n```', '```\n', '\n``` bye, now', ' x', '}', '```` '])
  if (random(4) > 0) return text
  const at = random(text.length + 1)
  return text.slice(0, at) + pick(['', ',', '"', '\\', ':', '[', '}', 'x', '`', '\n']) + text.slice(at + random(2))
}

test('partial JSON agrees with its slow twin at every cut', () => {
  const random = randomOf(5)
  for (let round = 0; round < 4_000; round++) {
    const text = randomText(random)
    const reader = new PartialJson()
    for (let at = 0; at < text.length;) {
      const piece = text.slice(at, at + 1 + random(random(3) === 0 ? 9 : 2))
      reader.feed(piece)
      at += piece.length
      assert.deepEqual(reader.value, twin(text.slice(0, at)), JSON.stringify(text.slice(0, at)))
    }
  }
})

test('several loops read one stream, each at its own position', () => {
  const text = '{"a": [1, 2, {"b": "text"}]}'
  const output = new PartialOutput()
  const reads = [...text].map((char) => output.add(char))
  const expected = [...text].map((_, at) => twin(text.slice(0, at + 1)))
  for (const at of [0, 5, 3, 20, 4, 27, 6, 0, 27]) assert.deepEqual(reads[at](), expected[at])
  for (let at = 0; at < text.length; at++) {
    assert.deepEqual(reads[at](), expected[at])
    assert.deepEqual(reads[at >> 1](), expected[at >> 1])
    assert.deepEqual(reads[text.length - 1 - at](), expected[text.length - 1 - at])
  }
})

test('reading the value at each of many chunks takes time proportional to the text', () => {
  const length = 40_000
  const long = (unit, before = '', after = '') => before + unit.repeat(length / unit.length) + after
  const texts = {
    list: long('1,', '[', '2]'),
    nested: long('['),
    names: '{' + Array.from({ length: length / 12 }, (_, at) => `"k${at}": 1`).join(',') + '}',
    text: long('x', '"', '"'),
    halves: long('\\ud83d', '"'),
    backslashes: long('\\', '"'),
    whitespace: long(' '),
    'fence and whitespace': long(' ', '```json'),
    fences: long('```', '"'),
    roots: long('[]'),
    prose: long('well, '),
    digits: long('7'),
  }
  const { parse } = JSON
  for (const [name, text] of Object.entries(texts)) {
    let work = 0
    let last
    JSON.parse = (text) => {
      work += text.length
      return parse(text)
    }
    try {
      const output = new PartialOutput()
      for (const char of text) last = output.add(char)()
    } finally {
      JSON.parse = parse
    }
    // Each parse may be tried twice: with and without the incomplete end.
    assert.ok(work < 2 * (4_000_000 + 257 * length), `${name}: ${work} characters were parsed`)
    if (['list', 'names', 'text'].includes(name)) assert.deepEqual(last, parseJson(text), name)
  }
})
