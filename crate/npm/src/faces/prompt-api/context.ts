/** The memory of a session, in tokens: initial prompts stay, the oldest turns are dropped first. */

import type { Message, Model } from '../../index.js'
import { quotaExceeded } from './errors.js'

/** A prompt with its answer, or appended messages. */
export interface Turn {
  messages: Message[]
  tokens: number
}

/** The default context window. */
export const defaultContextWindow = 8192
const tokensOfMedia = 256

/** Counts messages on their own. Empty input counts as 0. */
export type CountTokens = (messages: Message[]) => number | Promise<number>

export function counterOf(model: Model, own: CountTokens | undefined): CountTokens {
  return (messages) => {
    if (!messages.some(({ content }) => content.some((part) => !('text' in part) || part.text !== ''))) return 0
    if (own !== undefined) return own(messages)
    const { state, countTokens } = model as { state?: unknown; countTokens?: (request: object) => Promise<number> }
    return state === 'ready' && typeof countTokens === 'function'
      ? countTokens.call(model, { messages })
      : estimate(messages)
  }
}

/** An English token has about four letters. */
function estimate(messages: Message[]): number {
  const parts = messages.flatMap(({ content }) => content)
  const text = parts.map((part) => ('text' in part ? part.text : 'media' in part ? '' : JSON.stringify(part))).join('')
  return Math.ceil(text.length / 4) + parts.filter((part) => 'media' in part).length * tokensOfMedia
}

export class Context {
  #turns: Turn[]
  constructor(
    readonly initial: Turn,
    readonly window: number,
    turns: Turn[] = [],
  ) {
    this.#turns = turns
  }

  get usage(): number {
    return this.#turns.reduce((sum, { tokens }) => sum + tokens, this.initial.tokens)
  }

  /**
   * Returns the turns that fit besides this many tokens. Nothing changes yet, so that a failed prompt leaves no trace.
   */
  fit(tokens: number): { kept: Turn[]; isOverflow: boolean } {
    const room = this.window - this.initial.tokens
    if (tokens > room) throw quotaExceeded(tokens, room)
    const kept = [...this.#turns]
    let used = this.usage + tokens
    while (used > this.window && kept.length > 0) used -= kept.shift()?.tokens ?? 0
    return { kept, isOverflow: kept.length < this.#turns.length }
  }

  /** Replaces the memory. Returns whether the answer itself displaced a turn. */
  remember(kept: Turn[], turn: Turn): boolean {
    this.#turns = [...kept, turn]
    const before = this.#turns.length
    while (this.usage > this.window && this.#turns.length > 1) this.#turns.shift()
    return this.#turns.length < before
  }

  messages(kept: Turn[]): Message[] {
    return [...this.initial.messages, ...kept.flatMap(({ messages }) => messages)]
  }

  copy(): Context {
    return new Context(this.initial, this.window, [...this.#turns])
  }
}
