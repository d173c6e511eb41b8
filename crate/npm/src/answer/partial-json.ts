/** Parses JSON written by models: inside a code fence, or incomplete. */

/** Returns the value of a complete answer, or undefined if it isn't JSON. */
export function parseJson(text: string): unknown {
  return attempt(unfenced(text)) ?? attempt(fenced(text))
}

/** The parsing budget of a growing text, in characters: this many, and a multiple of the text's length. */
const allowance = { base: 4_000_000, perCharacter: 256 }

/**
 * Parses the JSON value of an answer in progress: open brackets are closed, partial keys and words are dropped.
 *
 * Each character is scanned once. Parsing starts at the beginning each time, so it is rationed: short texts are parsed
 * at every piece, and a long one when it has grown by a small share, and when it is complete.
 */
export class PartialJson {
  /** The text without the fence before it. */
  #body = ''
  /** The possible beginning of a fence; undefined once decided. */
  #front: string | undefined = ''
  /** The brackets that close the open ones, innermost last. */
  readonly #closers: string[] = []
  /** The last position at which the text can be cut and closed. */
  #cut = 0
  #isInString = false
  #isEscaped = false
  /** In an object, a string is a key unless a colon came since the last comma or brace. */
  #isKeyNext = false
  #isComplete = false
  #isDue = false
  #parsed = 0
  #value: unknown

  feed(piece: string): void {
    if (piece === '') return
    const rest = this.#withoutFront(piece)
    this.#isDue = true
    for (let at = 0; at < rest.length; at++) this.#scan(rest[at] as string, this.#body.length + at)
    this.#body += rest
  }

  /** The best value so far. Undefined until there is something to show. */
  get value(): unknown {
    const cost = this.#body.length
    if (this.#isDue && this.#parsed + cost <= allowance.base + allowance.perCharacter * cost) {
      this.#isDue = false
      this.#parsed += cost
      this.#value = this.#parse()
    }
    return this.#value
  }

  /** A fence before the text is not part of it. */
  #withoutFront(piece: string): string {
    if (this.#front === undefined) return piece
    const front = this.#front + piece
    // The text could still be the beginning of a fence, unless it is longer than any fence.
    if (front.length < 256 && /^\s*(`{0,2}|```(j|js|jso|(json)?[^\S\n]*)?)$/.test(front)) {
      this.#front = front
      return ''
    }
    this.#front = undefined
    return front.replace(opening, '')
  }

  #scan(char: string, at: number): void {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false
      else if (char === '\\') this.#isEscaped = true
      else if (char === '"') {
        this.#isInString = false
        if (!this.#isKeyNext) this.#cutAt(at + 1)
      }
    } else if (char === '"') this.#isInString = true
    else if (char === ':') this.#isKeyNext = false
    else if (char === ',') {
      this.#cutAt(at)
      this.#isKeyNext = this.#closers.at(-1) === '}'
    } else if (char === '{' || char === '[') {
      this.#closers.push(char === '{' ? '}' : ']')
      this.#cutAt(at + 1)
      this.#isKeyNext = char === '{'
    } else if (char === '}' || char === ']') {
      this.#closers.pop()
      this.#cutAt(at + 1)
    }
  }

  #cutAt(at: number): void {
    this.#cut = at
    // Parses the complete value once more: the last chunk's output must equal the answer's.
    if (this.#closers.length > 0 || this.#isComplete) return
    this.#isComplete = true
    this.#parsed -= at
  }

  #parse(): unknown {
    const body = withoutEnd(this.#body)
    const closers = [...this.#closers].reverse().join('')
    // A string grows without partial escapes; a number or word appears once it parses.
    const open = this.#isInString && !this.#isKeyNext ? `${withoutHalves(body)}"` : body
    return attempt(open + closers) ?? attempt(body.slice(0, this.#cut) + closers)
  }
}

/** The JSON of a stream so far, parsed at each chunk. */
export class PartialOutput {
  readonly #pieces: string[] = []
  /** Several loops may read one stream, each at its own position. */
  readonly #readers: Array<{ at: number; json: PartialJson }> = []

  /** Adds a chunk's text. Returns a function that parses the text up to it. */
  add(piece: string): () => unknown {
    this.#pieces.push(piece)
    const end = this.#pieces.length
    return () => this.#valueAt(end)
  }

  #valueAt(end: number): unknown {
    const behind = this.#readers.filter(({ at }) => at <= end)
    let reader = behind.reduce<(typeof behind)[0] | undefined>(
      (a, b) => (a !== undefined && a.at >= b.at ? a : b),
      undefined,
    )
    if (reader === undefined) {
      reader = { at: 0, json: new PartialJson() }
      this.#readers.push(reader)
      if (this.#readers.length > 4) this.#readers.shift()
    }
    while (reader.at < end) reader.json.feed(this.#pieces[reader.at++] as string)
    return reader.json.value
  }
}

/** Removes a partial escape, and half of a surrogate pair written as two escapes, from the end. */
function withoutHalves(text: string): string {
  let end = text.length
  while (end > 0) {
    const at = text.lastIndexOf('\\', end - 1)
    // The longest half is `\ud83d`.
    if (at < 0 || end - at > 6) break
    let backslashes = 1
    while (text[at - backslashes] === '\\') backslashes++
    // An even number of backslashes are escaped ones.
    const isHalf = backslashes % 2 === 1 && /^\\(u([0-9a-f]{0,3}|d[89ab][0-9a-f]{2}))?$/i.test(text.slice(at, end))
    if (!isHalf) break
    end = at
  }
  const isHighSurrogate = end > 0 && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800
  return text.slice(0, isHighSurrogate ? end - 1 : end)
}

function attempt(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const opening = /^\s*```(?:json)?[^\S\n]*\n?/

/** Returns the first fenced block inside a longer text. */
function fenced(text: string): string {
  const [, , block = ''] = text.split(/```(json)?/, 3)
  return block
}

function unfenced(text: string): string {
  return withoutEnd(text.replace(opening, ''))
}

function withoutEnd(text: string): string {
  const trimmed = text.trimEnd()
  return trimmed.endsWith('```') ? trimmed.slice(0, -3).replace(/\n$/, '') : text
}
