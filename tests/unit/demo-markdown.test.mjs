/** The demo's Markdown: each element, safety against hostile input, and linear time. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inline, parse, safeAddress } from '../../www/markdown.js'

/** A tree in short form: `kind(content)`, texts as they are. */
function brief(node) {
  if (typeof node === 'string') return node
  if (Array.isArray(node)) return node.map(brief).join('')
  const { kind, content, text, href, items, head, rows, level = '', language = '', start = '' } = node
  const inside = text ?? brief(content ?? items?.map((it) => `<${brief(it)}>`) ?? [])
  const cells = head === undefined ? '' : [head, ...rows].map((row) => row.map(brief).join('|')).join('/')
  return `${kind}${level}${language}${start}(${inside}${cells}${href === undefined ? '' : `→${href}`})`
}

const check = (cases, read) => {
  for (const [text, expected] of cases) assert.equal(brief(read(text)), expected, JSON.stringify(text))
}

test('inline', () =>
  check(
    [
      ['plain', 'plain'],
      ['**a** *b* __c__ _d_ ~~e~~', 'strong(a) em(b) strong(c) em(d) struck(e)'],
      ['***a***', 'strong(em(a))'],
      ['**a *b***', 'strong(a em(b))'],
      ['*a **b***', 'em(a strong(b))'],
      ['2 * 3 * 4', '2 * 3 * 4'],
      ['snake_case_name', 'snake_case_name'],
      ['**never closed', '**never closed'],
      ['a ** b', 'a ** b'],
      ['\\*a\\*', '*a*'],
      ['`a *b*`', 'code(a *b*)'],
      ['``a`b``', 'code(a`b)'],
      ['`never closed', '`never closed'],
      ['*a `b* c`', '*a code(b* c)'],
      ['a  \nb\nc', 'abreak()b\nc'],
      ['[a](https://b.c "title")', 'link(a→https://b.c/)'],
      ['[**a**](https://b.c)', 'link(strong(a)→https://b.c/)'],
      ['[a](https://b.c/d_(e))', 'link(a→https://b.c/d_(e))'],
      ['![a](https://b.c/d.png)', 'link(a→https://b.c/d.png)'],
      ['see https://b.c/d?e=f.', 'see link(https://b.c/d?e=f→https://b.c/d?e=f).'],
      ['<https://b.c>', 'link(https://b.c→https://b.c/)'],
      ['[a] (b) [c', '[a] (b) [c'],
      ['[a]', '[a]'],
    ],
    inline,
  ))

test('blocks', () =>
  check(
    [
      ['# a\n## b ##\n#c', 'heading1(a)heading2(b)paragraph(#c)'],
      ['a\nb\n\nc', 'paragraph(a\nb)paragraph(c)'],
      ['```js\na\n```\nb', 'codejs(a)paragraph(b)'],
      ['```js\na\n\n# b', 'codejs(a\n\n# b)'],
      ['````\n```\n````', 'code(```)'],
      ['- a\n- b', 'list(<paragraph(a)><paragraph(b)>)'],
      ['3. a\n4. b', 'list3(<paragraph(a)><paragraph(b)>)'],
      ['- a\n  - b\n- c', 'list(<paragraph(a)list(<paragraph(b)>)><paragraph(c)>)'],
      ['- a\n\n  b\n- c\n\nd', 'list(<paragraph(a)paragraph(b)><paragraph(c)>)paragraph(d)'],
      ['1. a\n   ```\n   b\n   ```\n2. c', 'list1(<paragraph(a)code(b)><paragraph(c)>)'],
      ['- a\n1. b', 'list(<paragraph(a)>)list1(<paragraph(b)>)'],
      ['> a\n> > b', 'quote(paragraph(a)quote(paragraph(b)))'],
      ['a\n***\nb', 'paragraph(a)rule()paragraph(b)'],
      ['|a|b|\n|-|-|\n|c|*d*|\n|e|', 'table(a|b/c|em(d)/e|)'],
      ['a | b\nc', 'paragraph(a | b\nc)'],
      ['', ''],
    ],
    parse,
  ))

test('HTML stays text, and only web and mail addresses become links', () => {
  check(
    [
      ['<script>alert(1)</script>', '<script>alert(1)</script>'],
      ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
      ['[a](javascript:alert(1))', 'plain(a)'],
      ['[a](JaVaScRiPt:alert(1))', 'plain(a)'],
      ['[a](java\nscript:alert(1))', '[a](java\nscript:alert(1))'],
      ['[a](data:text/html,x)', 'plain(a)'],
      ['[a](vbscript:x)', 'plain(a)'],
      ['[a](//b.c)', 'plain(a)'],
      ['[a](/local)', 'plain(a)'],
      ['![a](javascript:x)', 'plain(a)'],
      ['&lt;b&gt; &#106;', '&lt;b&gt; &#106;'],
    ],
    inline,
  )
  for (const text of [
    'javascript:1',
    ' javascript:1',
    'java\tscript:1',
    '\u0001javascript:1',
    'blob:https://a/b',
    'file:///a',
  ])
    assert.equal(safeAddress(text), undefined, JSON.stringify(text))
})

test('depth is limited without losing text', () => {
  const deepest = (node) =>
    typeof node !== 'object' || node === null
      ? 0
      : 1 + Math.max(0, ...Object.values(node).map((it) => (typeof it === 'object' ? deepest(it) : 0)))
  for (const unit of ['> ', '- ', '1. ', '*', '_', '[', '**a ', '~~a']) {
    const blocks = parse(`${unit.repeat(5000)}end`)
    assert.ok(deepest(blocks) < 80, `${unit} nests ${deepest(blocks)} deep`)
    assert.ok(JSON.stringify(blocks).includes('end'), unit)
  }
})

test('every text is parsed in linear time', () => {
  const units = ['*', '_', '[', '`', '> ', '- ', '![', '](', 'a*', '*a', '[a](', '<', '\\', '~~', '|', '`a``b', '\n>']
  units.push(
    '  - x\n',
    '|a|b|\n|-|-|\n',
    'h',
    'https://a',
    '# ',
    '``` ',
    '~~~\n',
    '**a ',
    '1. ',
    ' ',
    '```\n`',
    '[a](x "',
  )
  const tails = ['', '`', 'x']
  for (const unit of units)
    for (const tail of tails) {
      const began = performance.now()
      parse(`a${unit.repeat(100_000 / unit.length)}${tail}`)
      const took = performance.now() - began
      // A quadratic parser takes minutes; the limit leaves room for a busy machine.
      assert.ok(took < 3000, `${JSON.stringify(unit + tail)} took ${Math.round(took)} ms`)
    }
})
