/** Continues another branch's answer. Rust decides where the continuation begins (`hybridge_core::route::Seam`). */

import { wellFormed } from '../border/json.js'
import type { Seam } from '../border/wasm.js'
import { textOf } from './response.js'
import type { Message, Part } from '../types.js'

/** Returns the messages with the text so far as the last one, marked so that the model continues it. */
export function withPartial(messages: readonly Message[], shown: readonly Part[]): Message[] {
  const text = wellFormed(textOf(shown))
  if (text === '') return [...messages]
  const last = messages.at(-1)
  // An answer that continues another one has broken off too.
  const isBegun = last?.role === 'model' && last.metadata?.['prefix'] === true
  const whole = isBegun ? textOf(last.content) + text : text
  const begun: Message = { role: 'model', content: [{ text: whole }], metadata: { prefix: true } }
  return [...(isBegun ? messages.slice(0, -1) : messages), begun]
}

/** Joins an attempt's text to that of the attempts before it. */
export class Continuation {
  readonly #before: readonly Part[]
  readonly #seam: Seam
  #dropped = 0
  #isPassed = false
  #hasRead = false
  /** Half of a surrogate pair, whose other half comes with the next chunk. */
  #half = ''

  constructor(before: readonly Part[], makeSeam: (before: string) => Seam) {
    this.#before = before
    this.#seam = makeSeam(textOf(before))
    this.#settle()
  }

  /** Returns the new content of a chunk. Text before a part of another kind is not held back any longer. */
  add(content: readonly Part[]): Part[] {
    this.#hasRead = true
    return content.flatMap((part): Part[] => {
      if (this.#isPassed || part.reasoning !== undefined) return [part]
      if (part.text === undefined) return [...this.end(), part]
      const added = this.#push(part.text)
      return added === '' && part.metadata === undefined ? [] : [{ ...part, text: added }]
    })
  }

  /** Returns the held text that is new, at the end of the stream. */
  end(): Part[] {
    if (this.#isPassed) return []
    const text = this.#seam.end() + this.#half
    this.#half = ''
    this.#settle(true)
    return text === '' ? [] : [{ text }]
  }

  /** Returns the whole message: the content shown before, and the new content of the attempt. */
  whole(content: readonly Part[]): Part[] {
    this.end()
    return joined([...this.#before, ...this.own(content)])
  }

  /** Reads a message that was not streamed. */
  see(content: readonly Part[]): void {
    if (!this.#hasRead) this.add(content)
  }

  /** The new content of the attempt's own message. */
  own(content: readonly Part[]): Part[] {
    let left = this.#dropped
    return content.flatMap((part): Part[] => {
      if (part.text === undefined || left === 0) return [part]
      const { text, metadata } = part
      const cut = Math.min(left, text.length)
      left -= cut
      return cut === text.length && metadata === undefined ? [] : [{ ...part, text: text.slice(cut) }]
    })
  }

  #push(text: string): string {
    // The text broke off inside a surrogate pair: its other half is continued, not repeated.
    if (isLow(text.charCodeAt(0)) && isHigh(textOf(this.#before).at(-1)?.charCodeAt(0))) {
      this.#settle(true)
      return text
    }
    const piece = this.#half + text
    const isHalf = isHigh(piece.charCodeAt(piece.length - 1))
    this.#half = isHalf ? piece.slice(-1) : ''
    const added = this.#seam.push(isHalf ? piece.slice(0, -1) : piece)
    this.#settle()
    if (!this.#isPassed) return added
    const rest = this.#half
    this.#half = ''
    return added + rest
  }

  /** Frees the seam once all further text is new. */
  #settle(isOver = false): void {
    if (this.#isPassed || !(isOver || this.#seam.isPassed())) return
    this.#dropped = this.#seam.dropped()
    this.#isPassed = true
    this.#seam.free()
  }
}

function isHigh(unit = 0): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** Merges adjacent parts of the same kind. */
function joined(parts: readonly Part[]): Part[] {
  const whole: Part[] = []
  for (const part of parts) {
    const last = whole.at(-1)
    const isBare = last !== undefined && last.metadata === undefined && part.metadata === undefined
    if (isBare && 'text' in last && 'text' in part) whole[whole.length - 1] = { text: last.text + part.text }
    else if (isBare && 'reasoning' in last && 'reasoning' in part)
      whole[whole.length - 1] = { reasoning: last.reasoning + part.reasoning }
    else whole.push(part)
  }
  return whole
}
