/** Splits texts into chunks for an embedder, with their positions in the text. */

import { invalid, kindOf, optionsOf, signalOf, stopIfAborted, wholeNumber } from './checks.js'

export interface ChunkOptions {
  /**
   * Where to split first. `'markdown'` splits at headings and keeps code blocks whole if they fit; `'sentences'`
   * splits at sentences; `'tokens'` at words, whenever a chunk is full. Default `'sentences'`.
   */
  by?: 'tokens' | 'sentences' | 'markdown'
  /** The maximum number of tokens per chunk. Default 256. */
  size?: number
  /** About how many tokens of the previous chunk to repeat. Default 0. */
  overlap?: number
  /**
   * Counts the tokens of a text. Default: a fourth of its characters, rounded up. It may use a model: `(text) =>
   * gemma.countTokens(text)`.
   */
  countTokens?: (text: string) => number | Promise<number>
  signal?: AbortSignal
}

export interface TextChunk {
  /** `source.slice(start, end)`. */
  readonly text: string
  readonly start: number
  readonly end: number
  /** With `'markdown'`: the headings above this chunk, the outermost first. */
  readonly headings: readonly string[]
}

const mostTokens = 1 << 20

/** A span of the text that is not split if it fits. */
interface Span {
  readonly start: number
  readonly end: number
}

/** Spans under one heading. */
interface Section {
  readonly headings: readonly string[]
  readonly blocks: readonly Span[]
}

/**
 * Splits a text into chunks of at most `size` tokens. Without overlap the joined chunks equal the text; no chunk ends
 * inside a grapheme cluster. A single character of more than `size` tokens is a chunk of its own.
 *
 * @example
 * const chunks = await chunkText(markdown, { by: 'markdown', size: 200, overlap: 20 })
 * await store.add(chunks.map(({ text, start, headings }) => ({ text, metadata: { start, headings } })))
 */
export async function chunkText(text: string, options: ChunkOptions = {}): Promise<TextChunk[]> {
  const { by = 'sentences', size = 256, overlap = 0, countTokens = estimate, signal } = optionsOf(options, 'chunkText')
  if (typeof text !== 'string') throw invalid(`chunkText needs a text, found ${kindOf(text)}`)
  if (by !== 'tokens' && by !== 'sentences' && by !== 'markdown')
    throw invalid("`by` must be 'tokens', 'sentences' or 'markdown'")
  wholeNumber(size, 'size', mostTokens)
  signalOf(signal)
  wholeNumber(overlap, 'overlap', size - 1, 0)
  if (typeof countTokens !== 'function')
    throw invalid(`\`countTokens\` must be a function, found ${kindOf(countTokens)}`)
  const count = async (start: number, end: number): Promise<number> => {
    stopIfAborted(signal)
    const tokens: unknown = await countTokens(text.slice(start, end))
    if (typeof tokens === 'number' && tokens >= 0) return tokens
    throw invalid(`\`countTokens\` must return a number of tokens, found ${kindOf(tokens)}`)
  }
  const cutter = new Cutter(text, size, overlap, count)
  const whole = { start: 0, end: text.length }
  const sections =
    by === 'markdown'
      ? sectionsOf(text)
      : [{ headings: [], blocks: by === 'sentences' ? sentences(text, whole) : words(text, whole) }]
  const chunks: TextChunk[] = []
  for (const { headings, blocks } of sections) {
    for (const { start, end } of await cutter.pack(
      blocks,
      by === 'markdown' ? 'sentences' : by === 'sentences' ? 'words' : 'characters',
    ))
      chunks.push({ text: text.slice(start, end), start, end, headings })
  }
  return chunks
}

function estimate(text: string): number {
  return Math.ceil(text.length / 4)
}

/** Splits a span that does not fit into the next smaller units. */
type Grain = 'sentences' | 'words' | 'characters'
const finer: Readonly<Record<Grain, Grain | undefined>> = {
  sentences: 'words',
  words: 'characters',
  characters: undefined,
}

class Cutter {
  readonly #text: string
  readonly #size: number
  readonly #overlap: number
  readonly #count: (start: number, end: number) => Promise<number>

  constructor(text: string, size: number, overlap: number, count: (start: number, end: number) => Promise<number>) {
    this.#text = text
    this.#size = size
    this.#overlap = overlap
    this.#count = count
  }

  /** Joins consecutive spans into chunks as long as they fit. */
  async pack(spans: readonly Span[], grain: Grain): Promise<Span[]> {
    const small = await this.#fitting(spans, grain)
    const pieces: Span[] = []
    for (let first = 0; first < small.length;) {
      const next = await this.#longest(small, first)
      const [{ start }, { end }] = [small[first] as Span, small[next - 1] as Span]
      pieces.push({ start, end })
      if (next === small.length) break
      first = await this.#repeatedFrom(small, first, next)
    }
    return pieces
  }

  /**
   * Returns the index after the last span that fits into one chunk with the first, by exponential and binary search,
   * because counting may be slow.
   */
  async #longest(spans: readonly Span[], first: number): Promise<number> {
    const { start } = spans[first] as Span
    const fits = async (next: number): Promise<boolean> =>
      next <= first + 1 || (await this.#count(start, (spans[next - 1] as Span).end)) <= this.#size
    let step = 1
    let most = first + 1
    while (most < spans.length && (await fits(Math.min(spans.length, most + step)))) {
      most = Math.min(spans.length, most + step)
      step *= 2
    }
    for (; step >= 1; step = Math.floor(step / 2))
      if (most + step <= spans.length && (await fits(most + step))) most += step
    return most
  }

  /** Returns where the next chunk begins: at `next`, or as far before it as the overlap allows. */
  async #repeatedFrom(spans: readonly Span[], first: number, next: number): Promise<number> {
    if (this.#overlap === 0) return next
    const { end } = spans[next - 1] as Span
    let from = next
    while (from - 1 > first && (await this.#count((spans[from - 1] as Span).start, end)) <= this.#overlap) from--
    // The repeated part and the next span must fit together, or there would be no progress.
    const behind = spans[next] as Span
    while (from < next && (await this.#count((spans[from] as Span).start, behind.end)) > this.#size) from++
    return from
  }

  /**
   * Splits a text into spans that each fit. Spans that fit together are not counted individually, because counting may
   * be slow.
   */
  async #fitting(spans: readonly Span[], grain: Grain | undefined): Promise<readonly Span[]> {
    const [first, last] = [spans[0], spans.at(-1)]
    if (first === undefined || last === undefined) return []
    if ((await this.#count(first.start, last.end)) <= this.#size) return spans
    if (spans.length > 1) {
      const half = Math.ceil(spans.length / 2)
      const [left, right] = [spans.slice(0, half), spans.slice(half)]
      return [...(await this.#fitting(left, grain)), ...(await this.#fitting(right, grain))]
    }
    return grain === undefined ? spans : await this.#fitting(cut(this.#text, first, grain), finer[grain])
  }
}

function cut(text: string, span: Span, grain: Grain): Span[] {
  if (grain === 'sentences') return sentences(text, span)
  return grain === 'words' ? words(text, span) : characters(text, span)
}

/** `Intl.Segmenter`, if available: Firefox has it since 125. */
function segments(text: string, span: Span, granularity: 'sentence' | 'grapheme'): Span[] | undefined {
  if (typeof Intl === 'undefined' || !('Segmenter' in Intl)) return undefined
  const segmenter = new Intl.Segmenter(undefined, { granularity })
  return Array.from(segmenter.segment(text.slice(span.start, span.end)), ({ index, segment }) => ({
    start: span.start + index,
    end: span.start + index + segment.length,
  }))
}

/** Returns the spans of a pattern's matches, each with the text up to the next. */
function between(text: string, span: Span, ends: RegExp): Span[] {
  const spans: Span[] = []
  let start = span.start
  for (const { index, 0: found } of text.slice(span.start, span.end).matchAll(ends)) {
    const end = span.start + index + found.length
    if (end > start) spans.push({ start, end })
    start = end
  }
  if (start < span.end) spans.push({ start, end: span.end })
  return spans
}

/** Paragraphs end a sentence, too. */
function sentences(text: string, span: Span): Span[] {
  return between(text, span, /\n\s*\n\s*(?![\p{M}\u200d])/gu).flatMap(
    (paragraph) =>
      segments(text, paragraph, 'sentence') ?? between(text, paragraph, /[.!?…。！？]+["'”’)\]]*\s+|[。！？]/g),
  )
}

function words(text: string, span: Span): Span[] {
  return between(text, span, /\s+(?![\p{M}\u200d])/gu)
}

function characters(text: string, span: Span): Span[] {
  return (
    segments(text, span, 'grapheme') ??
    // A surrogate pair is one unit; marks, joiners and variation selectors belong to the previous character.
    between(text, span, /(?:\P{M}[\p{M}\u200d\ufe0f]*(?:(?<=\u200d)\P{M}[\p{M}\u200d\ufe0f]*)*|\p{M}+)/gsu)
  )
}

/** Finds lines that begin with `#`; setext headings are treated as text. Fenced code contains no headings. */
function sectionsOf(text: string): Section[] {
  const sections: Section[] = []
  const path: Array<{ level: number; title: string }> = []
  let headings: readonly string[] = []
  let blocks: Span[] = []
  let start = 0
  let fence: string | undefined
  const endBlock = (end: number): void => {
    if (end > start) blocks.push({ start, end })
    start = end
  }
  for (const { index, 0: line } of text.matchAll(/[^\n]*(?:\n|$)/g)) {
    if (line === '') continue
    const [, marks] = /^ {0,3}(`{3,}|~{3,})/.exec(line) ?? []
    if (fence !== undefined) {
      const closes = marks !== undefined && marks.startsWith(fence) && line.trim() === marks
      if (closes) {
        fence = undefined
        endBlock(index + line.length)
      }
      continue
    }
    if (marks !== undefined) {
      endBlock(index)
      fence = marks
      continue
    }
    const [, level, title] = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\r?\n?$/.exec(line) ?? []
    if (level !== undefined) {
      endBlock(index)
      if (blocks.length > 0) sections.push({ headings, blocks })
      blocks = []
      while ((path.at(-1)?.level ?? 0) >= level.length) path.pop()
      path.push({ level: level.length, title: (title ?? '').trim() })
      headings = path.map((it) => it.title)
    } else if (line.trim() === '') endBlock(index + line.length)
  }
  endBlock(text.length)
  if (blocks.length > 0) sections.push({ headings, blocks })
  return sections
}
