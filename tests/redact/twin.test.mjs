/**
 * Compares the TypeScript of redaction with core's golden.json: the sent requests, and the shown chunks.
 */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { importSource } from '../support/source.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
const { kindOf, Redactor, sensitiveKinds, TextRestorer } = await importSource(
  'redact/engine.ts',
  'redact/text-restorer.ts',
  'border/sensitive.ts',
)
const page = await import(join(npm, 'wasm/page/hybridge_page.js'))
await page.default({ module_or_path: await readFile(join(npm, 'wasm/page/hybridge_page_bg.wasm')) })
const golden = JSON.parse(await readFile(join(import.meta.dirname, 'golden.json'), 'utf8'))

const terms = [{ kind: 9, text: 'Ann Smith', isWord: true }]
const finds = (text) => (text.includes('X-99') ? [{ kind: 10, text: 'X-99', isWord: false }] : [])

test('every request is redacted equally, and every chunk of its answer is restored equally', () => {
  const kinds = golden.kinds.map((it) => kindOf(...it))
  let placeholders = 0
  for (const [index, turns] of golden.cases.entries()) {
    const redactor = new Redactor(kinds, sensitiveKinds, page.sensitiveSpans, (message) => new Error(message))
    for (const { request, sent, counts, pieces, shown, json } of turns) {
      const { request: made, hidden } = redactor.redact(request, terms, finds)
      assert.deepEqual(made, sent, `case ${index}`)
      assert.deepEqual(hidden.counts, counts)
      for (const [expected, isJson] of [
        [shown, false],
        [json, true],
      ]) {
        const restorer = new TextRestorer(hidden, isJson)
        const found = [...pieces.map((it) => restorer.push(it, false)), restorer.push('', true)]
        assert.deepEqual(found, expected, `case ${index}`)
      }
      placeholders += Object.keys(counts).length
    }
  }
  assert.ok(placeholders > 150, `${placeholders} kinds were replaced`)
})

test('placeholders that could not be found again are rejected', () => {
  for (const [prefix, suffix, holds] of [
    ['[EMAIL_', ']', true],
    ['<<mail:', '>>', true],
    ['(E', ')', true],
    ['§mail ', '§', true],
    ['[E1_', ']', false],
    ['EMAIL_', '', false],
    ['[', ']', false],
    ['_EMAIL_', '_', false],
    ['[EMAIL_', 'x]', false],
    ['[É_', ']', false],
  ])
    assert.equal(kindOf('email', prefix, suffix) !== undefined, holds, `${prefix} ${suffix}`)
})
