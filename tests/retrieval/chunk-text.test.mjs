/** Splitting texts: nothing is lost, no character is cut, no chunk is too long. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomOf, retrieval } from './setting.mjs'

const { chunkText } = retrieval
const words = (text) => text.match(/\S+/g)?.length ?? 0

const bits = [
  'word ',
  'Another sentence. ',
  'A question? ',
  '\n\n',
  '\n# Heading\n',
  '\r\n',
  '## Second level ##\n',
  '```js\n# no heading\ncode()\n```\n',
  '東京都は日本の首都。',
  '👩‍👩‍👧',
  '🇩🇪🇫🇷',
  'e\u0301',
  ' \u0301',
  'x'.repeat(40),
  '\t',
  '- item\n',
  'क्षि',
  '\ud83d',
  '~~~\nopen fence\n',
  '',
]

/** Where a chunk may end: between grapheme clusters. */
function boundaries(text) {
  const places = new Set([0, text.length])
  for (const { index } of new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)) places.add(index)
  return places
}

test('random texts are returned completely, in chunks that fit', async () => {
  const random = randomOf(3)
  for (let round = 0; round < 400; round++) {
    const text = Array.from({ length: Math.floor(random() * 40) }, () => bits[Math.floor(random() * bits.length)]).join(
      '',
    )
    const by = ['tokens', 'sentences', 'markdown'][round % 3]
    const size = 1 + Math.floor(random() * 30)
    const countTokens = round % 2 === 0 ? undefined : async (part) => words(part)
    const count = countTokens ?? ((part) => Math.ceil(part.length / 4))
    const options = { by, size, ...(countTokens && { countTokens }) }
    const chunks = await chunkText(text, options)
    assert.equal(chunks.map((chunk) => chunk.text).join(''), text)
    const places = boundaries(text)
    let end = 0
    for (const chunk of chunks) {
      assert.deepEqual([chunk.start, chunk.text], [end, text.slice(chunk.start, chunk.end)])
      assert.ok(chunk.text !== '')
      assert.ok(places.has(chunk.end), `cut within a character: ${JSON.stringify(text)} at ${chunk.end}`)
      const characters = [...new Intl.Segmenter().segment(chunk.text)].length
      assert.ok((await count(chunk.text)) <= size || characters === 1, `${by} ${size} ${JSON.stringify(chunk.text)}`)
      end = chunk.end
    }
    const overlap = Math.floor(random() * size)
    const overlapping = await chunkText(text, { ...options, overlap })
    let covered = 0
    for (const chunk of overlapping) {
      assert.equal(chunk.text, text.slice(chunk.start, chunk.end))
      assert.ok(chunk.start <= covered && chunk.end > covered, 'each chunk adds new text, without a gap')
      assert.ok(places.has(chunk.start) && places.has(chunk.end))
      covered = chunk.end
    }
    assert.equal(covered, text.length)
  }
})

test('headings stay with their text', async () => {
  const text = 'intro\n# One\ntext\n## Two\nmore\n### Three\n## Four\n```\n# code\n```\n# Five #\nlast\n#no heading'
  const chunks = await chunkText(text, { by: 'markdown', size: 1000 })
  assert.deepEqual(
    chunks.map(({ headings, text }) => [headings.join('/'), text.split('\n')[0]]),
    [
      ['', 'intro'],
      ['One', '# One'],
      ['One/Two', '## Two'],
      ['One/Two/Three', '### Three'],
      ['One/Four', '## Four'],
      ['Five', '# Five #'],
    ],
  )
})

test('a code block is not split if it fits', async () => {
  const code = '```\nline one\n\nline two\n```\n'
  const chunks = await chunkText(`Some text before it.\n\n${code}\nSome text behind it.`, {
    by: 'markdown',
    size: 8,
    countTokens: words,
  })
  assert.ok(
    chunks.some(({ text }) => text.includes(code)),
    JSON.stringify(chunks),
  )
})

test('sentences are not split if they fit, and overlap repeats whole ones', async () => {
  const text = 'One two three. Four five six. Seven eight nine. Ten.'
  const options = { by: 'sentences', size: 6, countTokens: words }
  const texts = async (more) => (await chunkText(text, { ...options, ...more })).map((chunk) => chunk.text.trim())
  assert.deepEqual(await texts(), ['One two three. Four five six.', 'Seven eight nine. Ten.'])
  assert.deepEqual(await texts({ overlap: 3 }), [
    'One two three. Four five six.',
    'Four five six. Seven eight nine.',
    'Seven eight nine. Ten.',
  ])
})

test('a long text is counted in few calls', async () => {
  const text = 'word '.repeat(100_000)
  let calls = 0
  const chunks = await chunkText(text, { by: 'tokens', size: 200, countTokens: (part) => (calls++, words(part)) })
  assert.ok(chunks.length <= 501, `${chunks.length} pieces`)
  assert.ok(calls < 40 * chunks.length, `${calls} calls for ${chunks.length} pieces`)
})

test('bad arguments are refused', async () => {
  for (const [text, options] of [
    [5],
    ['x', null],
    ['x', { by: 'pages' }],
    ['x', { size: 0 }],
    ['x', { size: 10, overlap: 10 }],
    ['x', { countTokens: 5 }],
    ['x', { countTokens: () => 'many' }],
    ['x', { countTokens: () => NaN }],
  ])
    await assert.rejects(chunkText(text, options), { status: 'INVALID_ARGUMENT' })
  assert.deepEqual(await chunkText(''), [])
  const stop = AbortSignal.abort()
  await assert.rejects(chunkText('x', { signal: stop }), { status: 'CANCELLED' })
})
