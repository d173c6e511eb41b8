/** The demo's search in a dropped text file: passages, results, and their length. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { passagesOf, readText, searchIn } from '../../www/document.js'

const text = 'The baker is Torvik. The mill is red.\n\nThe harbour opens at seven. Boats leave at noon.'

test('passages are whole sentences up to a length, and nothing is lost', () => {
  assert.deepEqual(passagesOf(text), text.split('\n\n'))
  assert.deepEqual(passagesOf(text, 25), [
    'The baker is Torvik.',
    'The mill is red.',
    'The harbour opens at seven.',
    'Boats leave at noon.',
  ])
  const long = Array.from({ length: 300 }, (_, index) => `word${index}`).join(' ')
  assert.equal(passagesOf(long).join(' '), long)
  for (const nothing of ['', ' \n \n ']) assert.deepEqual(passagesOf(nothing), [])
})

test('the passages nearest to a question are found, in order and within the limit', () => {
  const search = searchIn(text, 25)
  assert.deepEqual(search.find('When do boats leave?', 25), ['Boats leave at noon.'])
  assert.deepEqual(search.find('harbour, baker', 100), ['The baker is Torvik.', 'The harbour opens at seven.'])
  assert.deepEqual(search.find('xylophone', 100), [])
  assert.deepEqual(search.find('Who is the baker?', 100), ['The baker is Torvik.'])
  assert.deepEqual(search.find('baker', 5), [])
  assert.deepEqual(searchIn('').find('baker', 100), [])
})

test('a file that isn’t text is rejected with an explanation', async () => {
  assert.equal(await readText(new Blob(['Grüße'])), 'Grüße')
  await assert.rejects(readText(new Blob([Uint8Array.of(0xff, 0xfe, 0)])), /no plain text/)
  await assert.rejects(readText({ size: 6_000_000 }), /too long/)
})
