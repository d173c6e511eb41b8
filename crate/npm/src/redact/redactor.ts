/**
 * Replaces personal data in requests by placeholders, like `hybridge_core::redact`, from which its tests are recorded.
 */

import { cloned } from '../border/json.js'
import type { ModelRequest } from '../border/request.js'
import { addressWith, leafOf, visit, type Document, type Leaf, type Piece } from './leaves.js'
import { joinsWords, placeholderOf, Finder, type Kind } from './placeholders.js'
import { finderOf, Hidden, type Entry } from './text-restorer.js'

/** A value to replace everywhere. */
export interface Term {
  readonly kind: number
  readonly text: string
  /** Whether only whole words match. Findings of detectors are also replaced inside longer words. */
  readonly isWord: boolean
}

/** The personal data in a text: detector number, start and end of each finding, in order. */
export type Detect = (text: string) => Uint32Array

/** Creates the error of a request that was not sent. */
export type Fail = (message: string, cause?: unknown) => Error

/** A range of one piece of a leaf, to be replaced. */
interface Cut {
  leaf: number
  piece: number
  from: number
  to: number
  kind: number
}

/** The minimum length of a value that is also replaced inside longer words. */
const long = 8
/** The length below which a value is replaced only where it was found. */
const short = 3
/** The maximum number of rounds: a replacement can make other data detectable. Two rounds are usual. */
const mostRounds = 64
/** The text that represents a placeholder for detectors, because its own words would announce the numbers around it. */
const neutral = '[*]'
/** More values than a conversation contains; a server that runs for weeks must not grow for ever. */
const mostValues = 20_000

/** Redacts the requests of one model. A value has the same number in all of them. */
export class Redactor {
  readonly #kinds: readonly Kind[]
  readonly #detect: Detect
  readonly #failed: Fail
  /** The kind's number by that of its detector. */
  readonly #detectors: ReadonlyMap<number, number>
  readonly #numbers = new Map<string, number>()
  /** The last number of each kind. Never reused. */
  readonly #last: number[] = []

  /** `detectors` are the names of kinds, in the order of their detectors. */
  constructor(kinds: readonly Kind[], detectors: readonly string[], detect: Detect, failed: Fail) {
    this.#kinds = kinds
    this.#detect = detect
    this.#failed = failed
    this.#detectors = new Map(
      kinds.flatMap(({ name }, index) => (detectors.includes(name) ? [[detectors.indexOf(name), index] as const] : [])),
    )
  }

  /**
   * Returns the request with placeholders, and their values. `finds` returns the findings of the caller's own
   * detectors in one text. UNAVAILABLE if data is in content that cannot be changed, such as a PDF.
   */
  redact(
    request: ModelRequest,
    terms: readonly Term[],
    finds: (text: string) => readonly Term[],
  ): { request: ModelRequest; hidden: Hidden } {
    const made = cloned(request)
    const leaves: Leaf[] = []
    const documents: Document[] = []
    const joined: Document = []
    let open: Document = []
    const take = <T>(leaf: Leaf, place: T): T => {
      open.push(leaves.length)
      leaves.push(leaf)
      return place
    }
    visit(made, {
      text: (text) => take(leafOf(text), ''),
      number: (value) => take({ pieces: [JSON.stringify(value)], form: { kind: 'number', value } }, 0),
      // Keys must be unique until they are put back, and keep their order.
      key: (key) => take({ pieces: [key], form: { kind: 'text' } }, `key ${leaves.length}`),
      between: (text) => void open.push(text),
      end: () => {
        if (open.length > 0) documents.push(open)
        open = []
      },
      joins: () => void joined.push(leaves.length - 1),
    })
    const entries = this.#replace(leaves, documents, joined, terms, finds)
    const written = (leaf: Leaf | undefined): string =>
      leaf?.pieces.map((it) => this.#written(it, entries)).join('') ?? ''
    const isChanged = (leaf: Leaf | undefined): boolean => leaf?.pieces.some((it) => typeof it === 'number') === true
    let next = 0
    visit(made, {
      text: () => {
        const leaf = leaves[next++]
        const form = leaf?.form
        if (form?.kind !== 'address' && form?.kind !== 'bytes') return written(leaf)
        return isChanged(leaf) ? addressWith(form.address, written(leaf)) : form.address
      },
      number: () => {
        const leaf = leaves[next++]
        return leaf?.form.kind === 'number' && !isChanged(leaf) ? leaf.form.value : written(leaf)
      },
      key: () => written(leaves[next++]),
    })
    this.#dropSeed(made)
    return { request: made, hidden: new Hidden(this.#kinds, entries) }
  }

  /** A seed may be a telephone number, and cannot be a placeholder. */
  #dropSeed({ config }: ModelRequest): void {
    if (config.seed === undefined) return
    const found = this.#detect(JSON.stringify(config.seed))
    for (let at = 0; at < found.length; at += 3) if (this.#detectors.has(found[at] ?? -1)) delete config.seed
  }

  #written(piece: Piece, entries: readonly Entry[]): string {
    if (typeof piece === 'string') return piece
    const entry = entries[piece]
    const kind = entry && this.#kinds[entry.kind]
    return kind === undefined ? '' : placeholderOf(kind, entry!.number)
  }

  /** Replaces findings until there are no more, then text that looks like a placeholder. */
  #replace(
    leaves: Leaf[],
    documents: readonly Document[],
    joined: Document,
    terms: readonly Term[],
    finds: (text: string) => readonly Term[],
  ): Entry[] {
    const entries: Entry[] = []
    const taken = new Set<string>()
    const words = new Map<string, Term>()
    const add = (term: Term): void => {
      const known = words.get(term.text)
      if ([...term.text].length < 2 || this.#kinds[term.kind] === undefined) return
      if (known === undefined || rankOf(term) < rankOf(known)) words.set(term.text, term)
    }
    const finder = new Finder(this.#kinds, this.#kinds.keys(), () => true)
    terms.forEach(add)
    for (const { pieces } of leaves)
      for (const text of pieces as string[]) {
        for (const [kind, number] of finder.numbers(text)) taken.add(`${kind} ${number}`)
        finds(text).forEach(add)
      }
    const enter = (kind: number, value: string | number, isLiteral: boolean): number => {
      const number = this.#number(kind, value, taken)
      const known = entries.findIndex((it) => it.kind === kind && it.number === number)
      return known >= 0 ? known : entries.push({ kind, number, value, isLiteral }) - 1
    }
    // Texts are joined only after each has been replaced, because the end of one must not run into the next.
    let changed = new Set(leaves.keys())
    let isJoined = false
    for (let round = 0; round < mostRounds; round++) {
      const cuts: Cut[] = []
      for (const document of documents)
        if (document.some((it) => typeof it === 'number' && changed.has(it))) this.#find(document, leaves, cuts, add)
      if (changed.size === 0 && !isJoined) {
        isJoined = true
        this.#find(joined, leaves, cuts, add)
      }
      spread([...words.values()], leaves, cuts)
      changed = cutAll(leaves, cuts, enter, this.#failed)
      if (changed.size === 0 && isJoined) {
        changed = this.#escape(leaves, entries, enter)
        if (changed.size === 0) return entries
      }
      isJoined &&= changed.size === 0
    }
    throw this.#failed('personal data in the request could not be replaced, so it was not sent')
  }

  /** Returns the number of a value, assigning a new one if needed; never one that the request itself contains. */
  #number(kind: number, value: string | number, taken: ReadonlySet<string>): number {
    const key = `${kind} ${JSON.stringify(value)}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    if (this.#numbers.size >= mostValues) this.#numbers.clear()
    let number = (this.#last[kind] ?? 0) + 1
    while (taken.has(`${kind} ${number}`)) number += 1
    this.#last[kind] = number
    this.#numbers.set(key, number)
    return number
  }

  /** Returns the detectors' findings in a document, and those of the values that are in one piece. */
  #find(document: Document, leaves: readonly Leaf[], cuts: Cut[], add: (term: Term) => void): void {
    let text = ''
    const places: Array<{ from: number; to: number; leaf: number; piece: number }> = []
    for (const passage of document) {
      if (typeof passage === 'string') {
        text += passage
        continue
      }
      for (const [piece, own] of (leaves[passage]?.pieces ?? []).entries()) {
        const from = text.length
        text += typeof own === 'string' ? own : neutral
        if (typeof own === 'string') places.push({ from, to: text.length, leaf: passage, piece })
      }
    }
    const found = this.#detect(text)
    let first = 0
    for (let at = 0; at + 2 < found.length; at += 3) {
      const [detector = 0, begin = 0, end = 0] = found.subarray(at, at + 3)
      const kind = this.#detectors.get(detector)
      if (kind === undefined) continue
      while (first < places.length && places[first]!.to <= begin) first += 1
      let pieces = 0
      for (let index = first; index < places.length && places[index]!.from < end; index++) {
        const { from, to, leaf, piece } = places[index]!
        const own = { from: Math.max(begin, from), to: Math.min(end, to) }
        // Only words and numbers around a placeholder matter.
        const isWhole = own.from === begin && own.to === end
        if (isWhole || /[\p{Alphabetic}\p{N}]/u.test(text.slice(own.from, own.to)))
          cuts.push({ leaf, piece, from: own.from - from, to: own.to - from, kind })
        pieces += isWhole ? 1 : 2
      }
      const value = text.slice(begin, end)
      if (pieces === 1 && [...value].length >= short) add({ kind, text: value, isWord: false })
    }
  }

  /** Makes entries of text that only looks like a placeholder of this request, and returns the changed leaves. */
  #escape(leaves: Leaf[], entries: readonly Entry[], enter: Enter): Set<number> {
    const changed = new Set<number>()
    if (entries.length === 0) return changed
    for (const [index, leaf] of leaves.entries()) {
      if (leaf.form.kind === 'number' || leaf.form.kind === 'bytes') continue
      for (let cut = this.#literal(leaf, entries); cut !== undefined; cut = this.#literal(leaf, entries)) {
        const text = leaf.pieces[cut.piece] as string
        const entry = enter(cut.kind, text.slice(cut.from, cut.to), true)
        const pieces = [text.slice(0, cut.from), entry, text.slice(cut.to)].filter((it) => it !== '')
        leaf.pieces.splice(cut.piece, 1, ...pieces)
        changed.add(index)
      }
    }
    return changed
  }

  /** Returns the first range of a leaf that would be restored although nothing was replaced there. */
  #literal(leaf: Leaf, entries: readonly Entry[]): Omit<Cut, 'leaf'> | undefined {
    const finder = finderOf(this.#kinds, entries)
    const written = leaf.pieces.map((it) => this.#written(it, entries))
    const text = written.join('')
    let before: string | undefined
    let piece = 0
    let from = 0
    for (let at = 0; at < text.length;) {
      while (at >= from + (written[piece]?.length ?? Infinity)) from += written[piece++]!.length
      const found = finder.at(text, at, before, false)
      if (typeof found === 'object' && typeof leaf.pieces[piece] === 'string')
        return { piece, from: at - from, to: Math.min(found.end - from, written[piece]!.length), kind: found.kind }
      at = typeof found === 'object' ? found.end : at + 1
      before = text.charAt(at - 1)
    }
    return undefined
  }
}

type Enter = (kind: number, value: string | number, isLiteral: boolean) => number

/** Of two kinds for one text, prefers the one that replaces more, then the first. */
function rankOf({ kind, isWord }: Term): number {
  return (isWord ? 1_000 : 0) + kind
}

/** Marks these words wherever they occur, so that a value found once is not sent elsewhere. */
function spread(words: readonly Term[], leaves: readonly Leaf[], cuts: Cut[]): void {
  const byStart = new Map<number, Term[]>()
  const startAt = (text: string, at: number): number => text.charCodeAt(at) * 65_536 + text.charCodeAt(at + 1)
  for (const word of words) {
    const start = startAt(word.text, 0)
    byStart.set(start, [...(byStart.get(start) ?? []), word])
  }
  if (byStart.size === 0) return
  const firsts = new Set(words.map(({ text }) => text.charCodeAt(0)))
  for (const [leaf, { pieces }] of leaves.entries())
    for (const [piece, text] of pieces.entries()) {
      if (typeof text !== 'string') continue
      for (let from = 0; from < text.length; from++) {
        if (!firsts.has(text.charCodeAt(from))) continue
        for (const word of byStart.get(startAt(text, from)) ?? []) {
          const to = from + word.text.length
          if (text.startsWith(word.text, from) && standsIn(word, text, from, to))
            cuts.push({ leaf, piece, from, to, kind: word.kind })
        }
      }
    }
}

/** Whether it is a separate word at this position. A long value is also replaced inside other words. */
function standsIn({ text: value, isWord }: Term, text: string, from: number, to: number): boolean {
  if (!isWord && [...value].length >= long) return true
  const continues = joinsWords(text[from - 1]) && joinsWords(value[0])
  return !(continues || (joinsWords(text[to]) && joinsWords(value.at(-1))))
}

/** Replaces ranges by entries, and returns the changed leaves. Overlapping ranges are merged. */
function cutAll(leaves: Leaf[], cuts: Cut[], enter: Enter, failed: Fail): Set<number> {
  const apart: Cut[] = []
  const order = (a: Cut, b: Cut): number =>
    a.leaf - b.leaf || a.piece - b.piece || a.from - b.from || b.to - a.to || a.kind - b.kind
  for (const cut of cuts.filter(({ from, to }) => from < to).sort(order)) {
    const last = apart.at(-1)
    if (last !== undefined && last.leaf === cut.leaf && last.piece === cut.piece && cut.from < last.to)
      last.to = Math.max(last.to, cut.to)
    else apart.push({ ...cut })
  }
  const byLeaf = new Map<number, Cut[]>()
  for (const cut of apart) byLeaf.set(cut.leaf, [...(byLeaf.get(cut.leaf) ?? []), cut])
  for (const [index, own] of byLeaf) {
    const leaf = leaves[index]
    if (leaf !== undefined) leaf.pieces = cutLeaf(leaf, own, enter, failed)
  }
  return new Set(byLeaf.keys())
}

function cutLeaf({ pieces, form }: Leaf, cuts: readonly Cut[], enter: Enter, failed: Fail): Piece[] {
  if (form.kind === 'bytes')
    throw failed(
      'the request holds personal data in a file that cannot be changed, so it was not sent; remove the file, or run the request on the device',
    )
  const [first] = cuts
  if (form.kind === 'number' && first !== undefined) return [enter(first.kind, form.value, false)]
  return pieces.flatMap((text, index) => {
    if (typeof text !== 'string') return [text]
    const made: Piece[] = []
    let at = 0
    for (const { from, to, kind } of cuts.filter(({ piece }) => piece === index)) {
      made.push(text.slice(at, from), enter(kind, text.slice(from, to), false))
      at = to
    }
    return [...made, text.slice(at)].filter((it) => it !== '')
  })
}
