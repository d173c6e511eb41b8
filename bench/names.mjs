/**
 * Measures how many names `redacting({ names })` finds with a real model, and its false alarms:
 *
 *   node bench/names.mjs MODEL.gguf [--texts 120] [--asks base|chat]
 *
 * Opt-in, because it needs real weights. The texts are generated from a seed; every name in them is known. A name is
 * found if the sent text contains no word of it. A false alarm is a replaced range that touches no name.
 */

import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { launch } from '../tests/support/chromium.mjs'
import { serve } from '../tests/support/server.mjs'
import { root } from './native.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    texts: { type: 'string', default: '120' },
    asks: { type: 'string', default: 'base' },
    show: { type: 'boolean', default: false },
  },
})
if (positionals.length !== 1) throw new Error('node bench/names.mjs MODEL.gguf [--texts N] [--asks base|chat] [--show]')

let state = 7
const below = (bound) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) % bound
const pick = (list) => list[below(list.length)]
const list = (text) => text.trim().replace(/\s+/g, ' ').split(', ')

const firsts = list(`
  Anna, James, Fatima, Wei, Olga, Diego, Priya, Kwame, Ingrid, Hiroshi, Chloé, Mehmet, Siobhan, Lars,
  Nadia, Paulo, Ruth, Tomasz, Yuki, Grace
`)
const lasts = list(`
  Smith, Okafor, Müller, Nguyen, Ivanova, García, Sharma, Mensah, Larsen, Sato, Dubois, Yılmaz,
  O’Brien, Kowalski, Haddad, Silva, Cohen, Bauer, Andersson, Hughes
`)
const cities = list(`
  Karlsruhe, Nairobi, Osaka, Chicago, Lyon, Kraków, Bogotá, Mumbai, Leeds, Helsinki, Izmir, Porto,
  Hanoi, Ghent, Cape Town, Buenos Aires, New Orleans, Tel Aviv, Salzburg, Montreal
`)
const streets = list(`
  12 Elm Street, 48 Harbour Road, Kaiserstraße 7, 221 Baker Street, 9 Rue de Rivoli, 300 Pine Avenue
`)
const organisations = list(`
  Siemens, Nordwind Logistik GmbH, Acme Corp, University of Leeds, Greenpeace, Toyota, Blue Harbor
  Bank, Médecins Sans Frontières, Hartwell & Sons, Deutsche Bahn, Lumen Labs, City Hospital, Mercer
  School, Oakridge Insurance, Kivi Foods
`)
const templates = [
  'Write a short note to {p} about the meeting on Friday.',
  '{p} moved from {c} to {c} last year and works for {o} now.',
  'Summarise: {p} told {f} that {o} will close its office in {c}.',
  'My landlord is {p}, and I live at {s} in {c}.',
  'Translate into French: "Dear {f}, thank you for visiting {c}."',
  'Is it true that {o} bought {o}?',
  'I have an appointment with Dr {l} at {o} on Tuesday at 9.',
  'Please book two tickets from {c} to {c} for {p} and {p}.',
  'Draft a complaint to {o}: my parcel to {s} never arrived.',
  'who is {p} and what did she do in {c}?',
  'Participants: {p}, {p}, {p}. Place: {c}.',
  '{f} is my daughter; her teacher at {o} is called {p}.',
]
const plain = [
  'How do I sort a list of numbers in Python?',
  'Write a poem about the sea in autumn.',
  'What is the difference between a virus and a bacterium?',
  'Make this sentence shorter: the meeting was long and it was boring.',
  'Explain photosynthesis to a child.',
  'Give me three ideas for a birthday cake.',
  'Convert 20 miles to kilometres.',
  'Which is heavier, a kilogram of iron or a kilogram of feathers?',
]
const makers = {
  p: () => ['person', `${pick(firsts)} ${pick(lasts)}`],
  f: () => ['person', pick(firsts)],
  l: () => ['person', pick(lasts)],
  c: () => ['place', pick(cities)],
  s: () => ['place', pick(streets)],
  o: () => ['organisation', pick(organisations)],
}

/** Returns a text with its names in order. Every fifth text has none. */
function textOf(index) {
  if (index % 5 === 4) return { text: plain[Math.floor(index / 5) % plain.length], names: [] }
  const names = []
  let text = ''
  for (const piece of templates[(index - Math.floor(index / 5)) % templates.length].split(/(\{\w\})/)) {
    const make = makers[piece[1]]
    if (make === undefined || piece[0] !== '{') text += piece
    else {
      const [kind, name] = make()
      names.push({ kind, from: text.length, to: text.length + name.length, name })
      text += name
    }
  }
  return { text, names }
}

/** Returns the replaced ranges of a text, by comparing the parts between placeholders. */
function replacedIn(text, sent) {
  const pieces = sent.split(/\[(PERSON|PLACE|ORGANISATION)_\d+\]/)
  const escape = (it) => it.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const pattern = pieces.map((piece, at) => (at % 2 === 0 ? escape(piece) : '(.+?)')).join('')
  const found = new RegExp(`^${pattern}$`, 'ds').exec(text)
  if (found === null) throw new Error(`what was sent is not the text with placeholders: ${sent}`)
  return found.indices.slice(1).map(([from, to], at) => ({ from, to, kind: pieces[2 * at + 1].toLowerCase() }))
}

const folder = mkdtempSync(join(tmpdir(), 'hybridge-names-'))
symlinkSync(resolve(positionals[0]), join(folder, 'model.gguf'))
const html = '<!doctype html><link rel="icon" href="data:,"><title>names</title>'
const site = await serve(
  { '/hybridge/': join(root, 'crate/npm'), '/bench/': join(import.meta.dirname, 'browser'), '/model/': folder },
  { pages: { '/': { type: 'text/html', body: html } } },
)
const browser = await launch({ gpu: false })
const counts = {}
const times = []
let [alarms, failed, alarmed, nameless] = [0, 0, 0, 0]
try {
  const page = await browser.newPage()
  await page.goto(`${site.origin}/`)
  const call = (name, argument) =>
    page.evaluate(async ({ name, argument }) => (await import('/bench/names.mjs'))[name](argument), { name, argument })
  await call('load', { source: `${site.origin}/model/model.gguf`, asks: values.asks })
  for (let index = 0; index < Number(values.texts); index++) {
    const { text, names } = textOf(index)
    const { sent, code, cause, ms } = await call('send', text)
    times.push(ms)
    if (values.show) console.error(sent ?? `${code}: ${cause}`, '   <-   ', text)
    if (sent === undefined) {
      failed++
      continue
    }
    const replaced = replacedIn(text, sent)
    const touches = (a, b) => a.from < b.to && b.from < a.to
    for (const name of names) {
      const count = (counts[name.kind] ??= { all: 0, found: 0, part: 0, kind: 0 })
      const over = replaced.filter((it) => touches(it, name))
      const left = [...text.slice(name.from, name.to)].filter(
        (letter, at) =>
          /[\p{L}\p{N}]/u.test(letter) && !over.some((it) => it.from <= name.from + at && name.from + at < it.to),
      )
      count.all++
      if (left.length === 0) count.found++
      else if (over.length > 0) count.part++
      if (left.length === 0 && over.some(({ kind }) => kind === name.kind)) count.kind++
    }
    const wrong = replaced.filter((it) => !names.some((name) => touches(it, name))).length
    alarms += wrong
    if (names.length === 0) nameless++
    if (names.length === 0 && wrong > 0) alarmed++
  }
} finally {
  await browser.close()
  await site.close()
  rmSync(folder, { recursive: true, force: true })
}
const percent = (part, whole) => `${part} of ${whole} (${((100 * part) / Math.max(1, whole)).toFixed(1)} %)`
console.log('| names of | found | in part | with the right kind |\n|---|---|---|---|')
for (const [kind, { all, found, part, kind: right }] of Object.entries(counts))
  console.log(`| ${kind} | ${percent(found, all)} | ${part} | ${right} |`)
const sum = (key) => Object.values(counts).reduce((total, it) => total + it[key], 0)
console.log(`| all | ${percent(sum('found'), sum('all'))} | ${sum('part')} | ${sum('kind')} |`)
console.log(
  `false alarms: ${alarms} in ${values.texts} texts; in ${percent(alarmed, nameless)} of those without a name`,
)
times.sort((a, b) => a - b)
console.log(`not sent: ${failed}; a text took ${(times[times.length >> 1] / 1000).toFixed(1)} s (median)`)
