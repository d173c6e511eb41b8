/**
 * Finds placeholders in a model's text, including the variants that models write: `hybridge_core::redact::find`, line
 * by line.
 *
 * `[EMAIL_1]` also as `[email_1]`, `[ EMAIL 1 ]`, `[Email-1]`, `\[EMAIL\_1\]`, `【EMAIL_1】`, `<EMAIL_1>`, `[EMAIL_1's]`
 * and, without brackets, `EMAIL_1`.
 */

/** A kind of data to replace, and the format of its placeholders: prefix, number, suffix. */
export interface Kind {
  readonly name: string
  readonly prefix: string
  readonly suffix: string
  /** The words of the prefix in upper case: `CREDIT`, `CARD`. */
  readonly words: readonly string[]
}

/**
 * The result at a position of a text: no placeholder, a possible one cut off by the end, or one that ends before
 * `end`.
 */
export type Found =
  | undefined
  | 'unfinished'
  | {
      kind: number
      number: number
      end: number
      /** Text inside its brackets that belongs after the value. */ tail: string
    }

interface Body {
  kind: number
  number: number
  end: number
  /** Whether it differs from an ordinary word even without brackets. */
  standsAlone: boolean
}

const mostSeparators = 3
const mostDigits = 7
const longest = 64

const separator = /^[_\-\\.:#\t\n \u00a0\u202f\u200b-\u200d\u2010-\u2015\u2212\uff3f\uff0d]$/
const padding = /^[\t\n \u00a0\u202f\u200b-\u200d\u2060*`]$/
const alphanumeric = /^[\p{Alphabetic}\p{N}]$/u

const brackets: ReadonlyArray<readonly [open: string, close: string]> = [
  ['[\uff3b', ']\uff3d'],
  ['{\uff5b', '}\uff5d'],
  ['<\uff1c', '>\uff1e'],
  ['\u3010\u3014', '\u3011\u3015'],
  ['\u27e6\u27e8', '\u27e7\u27e9'],
  ['\u3016\u3018', '\u3017\u3019'],
  ['\u300a\u3008', '\u300b\u3009'],
  ['\u00ab\u2039', '\u00bb\u203a'],
]

/** Returns a kind, or undefined if its placeholders could not be found again in an answer. */
export function kindOf(name: string, prefix: string, suffix: string): Kind | undefined {
  const words = prefix
    .split(/[^A-Za-z]+/)
    .filter((word) => word !== '')
    .map((word) => word.toUpperCase())
  const isPlain = [...prefix].every((it) => !alphanumeric.test(it) || /[A-Za-z]/.test(it))
  const holds =
    words.length > 0 &&
    isPlain &&
    prefix.length <= longest &&
    suffix.length <= longest &&
    isEdge([...prefix][0]) &&
    isEdge([...suffix].at(-1)) &&
    ![...suffix].some((it) => alphanumeric.test(it))
  return holds ? { name, prefix, suffix, words } : undefined
}

function isEdge(it: string | undefined): boolean {
  return (
    it !== undefined && !(alphanumeric.test(it) || separator.test(it) || padding.test(it) || /[\s"'\u2019]/.test(it))
  )
}

export function placeholderOf(kind: Kind, number: number): string {
  return `${kind.prefix}${number}${kind.suffix}`
}

/** Converts a full-width form to ASCII; other characters are unchanged. */
function narrow(it: string): string {
  const code = it.charCodeAt(0)
  return code >= 0xff01 && code <= 0xff5e ? String.fromCharCode(code - 0xfee0) : it
}

/**
 * Whether a letter adjacent to a placeholder without brackets makes it part of a longer word. That isn't so in scripts
 * without spaces.
 */
export function joinsWords(it: string | undefined): boolean {
  return it !== undefined && (it < '\u0080' ? /[A-Za-z0-9_]/.test(it) : it < '\u2e80' && alphanumeric.test(it))
}

/**
 * Finds placeholders of the `live` kinds for which `holds` is true. With `goesOn`, a placeholder cut off by the end is
 * incomplete.
 */
export class Finder {
  readonly #kinds: ReadonlyArray<readonly [index: number, kind: Kind]>
  readonly #holds: (kind: number, number: number) => boolean
  /** Characters with which a placeholder can begin. */
  readonly #starts: ReadonlySet<string>
  /** The same for ASCII by code, which is enough to skip most of a text. */
  readonly #isStart: Uint8Array
  readonly #byLetter = new Map<string, Array<readonly [index: number, kind: Kind]>>()

  constructor(kinds: readonly Kind[], live: Iterable<number>, holds: (kind: number, number: number) => boolean) {
    this.#kinds = [...live].map((index) => [index, kinds[index] as Kind] as const)
    this.#holds = holds
    this.#starts = new Set(
      this.#kinds.flatMap(([, { prefix, words }]) => [prefix.charAt(0), words[0]?.charAt(0) ?? '']),
    )
    for (const it of this.#kinds) {
      const letter = it[1].words[0]?.charAt(0) ?? ''
      this.#byLetter.set(letter, [...this.#beginning(letter), it])
    }
    this.#isStart = Uint8Array.from({ length: 128 }, (_, code) => {
      const it = String.fromCharCode(code)
      return '\\[{<'.includes(it) || this.#starts.has(it) || this.#starts.has(it.toUpperCase()) ? 1 : 0
    })
  }

  /** Returns what begins at this position. `before` is the preceding character. */
  at(text: string, at: number, before: string | undefined, goesOn: boolean): Found {
    if (this.#isStart[text.charCodeAt(at)] === 0) return undefined
    const first = text.charAt(at)
    const exact = this.#starts.has(first) ? this.#exact(text, at, goesOn) : undefined
    if (exact !== undefined) return exact
    if (first === '\\') return this.#escaped(text, at, goesOn)
    const close = this.#closing(first)
    if (close !== undefined) return this.#bracketed(text, at + 1, first, close, false, goesOn)
    const isLetter = this.#starts.has(narrow(first).toUpperCase()) && /[A-Za-z]/.test(narrow(first))
    return isLetter && !joinsWords(before) ? this.#bare(text, at, goesOn) : undefined
  }

  /** Returns the kinds whose first word begins with this letter. */
  #beginning(letter: string): ReadonlyArray<readonly [index: number, kind: Kind]> {
    return this.#byLetter.get(narrow(letter).toUpperCase()) ?? []
  }

  /** The original form, with any brackets. */
  #exact(text: string, at: number, goesOn: boolean): Found {
    let isUnfinished = false
    for (const [kind, { prefix, suffix }] of this.#kinds) {
      if (!text.startsWith(prefix, at)) {
        isUnfinished ||= text.length - at < prefix.length && prefix.startsWith(text.slice(at))
        continue
      }
      const from = at + prefix.length
      const digits = /^[0-9]*/.exec(text.slice(from, from + mostDigits + 1))?.[0] ?? ''
      const end = from + digits.length + suffix.length
      if (digits.length > mostDigits) continue
      if (digits !== '' && text.startsWith(suffix, from + digits.length) && this.#holds(kind, Number(digits)))
        return { kind, number: Number(digits), end, tail: '' }
      const behind = text.slice(from + digits.length, end)
      isUnfinished ||= end > text.length && suffix.startsWith(behind)
    }
    return isUnfinished && goesOn ? 'unfinished' : undefined
  }

  /** `\[EMAIL\_1\]`: the backslashes belong to it if the end has them too. */
  #escaped(text: string, at: number, goesOn: boolean): Found {
    const open = at + (text.charAt(at + 1) === '\\' ? 2 : 1)
    const first = text.charAt(open)
    if (first === '') return goesOn ? 'unfinished' : undefined
    const close = this.#closing(first)
    return close === undefined ? undefined : this.#bracketed(text, open + 1, first, close, true, goesOn)
  }

  #closing(open: string): string | undefined {
    if (open === '' || /[A-Za-z0-9 ]/.test(open)) return undefined
    const usual = brackets.find(([opens]) => opens.includes(open))
    return usual?.[1] ?? this.#kinds.find(([, { prefix }]) => prefix.startsWith(open))?.[1].suffix.slice(-1)
  }

  #bracketed(text: string, from: number, open: string, close: string, isEscaped: boolean, goesOn: boolean): Found {
    const cut = goesOn ? 'unfinished' : undefined
    const doubles = (open === '{' || open === '<') && text.charAt(from) === open ? 1 : 0
    const body = this.#body(text, skip(text, from + doubles, mostSeparators, padding))
    if (typeof body !== 'object') return body === undefined ? undefined : cut
    const tail = possessive(text, body.end)
    const slashes = skip(text, tail, mostSeparators, padding)
    let at = skip(text, slashes, 2, /^\\$/)
    const isClosedAlike = !isEscaped || at > slashes
    for (let closers = 0; closers <= doubles; closers++) {
      const next = text.charAt(at)
      if (next === '') return cut
      if (!close.includes(next) || !isClosedAlike) return undefined
      at += 1
    }
    return { kind: body.kind, number: body.number, end: at, tail: text.slice(body.end, tail) }
  }

  #bare(text: string, at: number, goesOn: boolean): Found {
    const body = this.#body(text, at)
    if (body === undefined) return undefined
    if (body === 'unfinished' || (body.end === text.length && goesOn)) return goesOn ? 'unfinished' : undefined
    if (joinsWords(text[body.end]) || !body.standsAlone) return undefined
    return { kind: body.kind, number: body.number, end: body.end, tail: '' }
  }

  #body(text: string, at: number): Body | 'unfinished' | undefined {
    if (at >= text.length) return 'unfinished'
    let isUnfinished = false
    for (const [kind, { words }] of this.#beginning(text.charAt(at))) {
      const body = readBody(text, at, kind, words)
      if (body === undefined) continue
      if (body !== 'unfinished' && this.#holds(kind, body.number)) return body
      // More digits could make it an existing number.
      isUnfinished ||= body === 'unfinished' || body.end === text.length
    }
    return isUnfinished ? 'unfinished' : undefined
  }

  /**
   * Returns every number that follows the letters of a kind, so that new placeholders get other numbers.
   */
  *numbers(text: string): Generator<readonly [kind: number, number: number]> {
    for (let at = 0; at < text.length; at++) {
      if (this.#isStart[text.charCodeAt(at)] === 0 || !this.#starts.has(narrow(text.charAt(at)).toUpperCase())) continue
      for (const [kind, { words }] of this.#beginning(text.charAt(at))) {
        const body = readBody(text, at, kind, words)
        if (typeof body === 'object') yield [kind, body.number]
      }
    }
  }
}

/** Parses `CREDIT_CARD_1`, in any case and with any separators. */
function readBody(text: string, from: number, kind: number, words: readonly string[]): Body | 'unfinished' | undefined {
  let at = from
  let isUpper = true
  let letters = 0
  for (const [index, word] of words.entries()) {
    if (index > 0) at = skip(text, at, mostSeparators, separator)
    for (const expected of word) {
      if (at >= text.length) return 'unfinished'
      const found = narrow(text.charAt(at))
      if (found !== expected) {
        if (found.toUpperCase() !== expected) return undefined
        isUpper = false
      }
      letters += 1
      at += 1
    }
  }
  const end = skip(text, at, mostSeparators, separator)
  const between = text.slice(at, end)
  at = end
  let digits = ''
  while (digits.length <= mostDigits && at < text.length && /[0-9]/.test(narrow(text.charAt(at))))
    digits += narrow(text.charAt(at++))
  if (digits === '' && at === text.length) return 'unfinished'
  if (digits === '' || digits.length > mostDigits) return undefined
  // The number of the next list item begins a line.
  const standsAlone =
    !between.includes('\n') && (/[_\uff3f]/.test(between) || (isUpper && (between !== '' || letters >= 4)))
  return { kind, number: Number(digits), end: at, standsAlone }
}

/** Returns the end of `'s`, if it is here. */
function possessive(text: string, at: number): number {
  return at + (/^(?:['\u2019][sS]?|s)/.exec(text.slice(at, at + 2))?.[0].length ?? 0)
}

function skip(text: string, from: number, most: number, pattern: RegExp): number {
  let at = from
  while (at < from + most && pattern.test(text.charAt(at))) at++
  return at
}
