/** Restores placeholders in answers, chunk by chunk and as a whole. */

import type { ChunkDetails } from '../border/replies.js'
import type { RunOptions } from '../model/runner.js'
import type { Message, Part } from '../types.js'
import { TextRestorer, type Hidden } from './text-restorer.js'

type TextKind = 'text' | 'reasoning'

/**
 * Restores the parts of one answer in order. Adjacent parts of the same kind are one text, however it is split into
 * parts.
 */
class PartRestorer {
  readonly #hidden: Hidden
  readonly #isJson: boolean
  #open: { kind: TextKind; restorer: TextRestorer } | undefined

  constructor(hidden: Hidden, isJson: boolean) {
    this.#hidden = hidden
    this.#isJson = isJson
  }

  /**
   * Returns the certain part of a restored part. `rest` is the held text before it, if this part ends that text.
   */
  push(part: Part): { rest: Part | undefined; restored: Part } {
    const kind = 'text' in part ? 'text' : 'reasoning' in part ? 'reasoning' : undefined
    const rest = this.#open?.kind === kind ? undefined : this.end()
    if (kind === undefined) return { rest, restored: this.#hidden.restore(part) }
    const open = (this.#open ??= { kind, restorer: new TextRestorer(this.#hidden, this.#isJson && kind === 'text') })
    const { metadata } = part
    const restored = {
      [kind]: open.restorer.push((part as Record<TextKind, string>)[kind], false),
      ...(metadata === undefined ? {} : { metadata: this.#hidden.restore(metadata) }),
    } as Part
    return { rest, restored }
  }

  /** Returns the held part of the last text. */
  end(): Part | undefined {
    const open = this.#open
    if (open === undefined) return undefined
    this.#open = undefined
    const text = open.restorer.push('', true)
    return text === '' ? undefined : open.kind === 'text' ? { text } : { reasoning: text }
  }
}

/** Restores a complete message, with its original parts. */
export function restoreMessage(message: Message, hidden: Hidden, isJson: boolean): Message {
  const restorer = new PartRestorer(hidden, isJson)
  const content: Part[] = []
  const append = (rest: Part | undefined): void => {
    const last = content.at(-1)
    if (rest === undefined || last === undefined) return
    if ('text' in rest && 'text' in last) last.text += rest.text
    if ('reasoning' in rest && 'reasoning' in last) last.reasoning += rest.reasoning
  }
  for (const part of message.content) {
    const { rest, restored } = restorer.push(part)
    append(rest)
    content.push(restored)
  }
  append(restorer.end())
  const { metadata } = message
  return { ...message, content, ...(metadata === undefined ? {} : { metadata: hidden.restore(metadata) }) }
}

/** Restores an answer while it streams. */
export class StreamRestorer {
  readonly #restorer: PartRestorer
  readonly #show: RunOptions['sendChunk']
  /** Log-probabilities of tokens whose text is held back. */
  #logprobs: number[] = []
  #branch: Pick<ChunkDetails, 'branch'> = {}
  /** Whether content was shown. */
  hasShown = false

  constructor(hidden: Hidden, isJson: boolean, show: RunOptions['sendChunk']) {
    this.#restorer = new PartRestorer(hidden, isJson)
    this.#show = show
  }

  readonly send: RunOptions['sendChunk'] = (content, details = {}) => {
    const parts: Part[] = []
    for (const part of typeof content === 'string' ? [{ text: content }] : content) {
      const { rest, restored } = this.#restorer.push(part)
      if (rest !== undefined) parts.push(rest)
      parts.push(restored)
    }
    const { logprobs = [], branch } = details
    this.#logprobs.push(...logprobs)
    this.#branch = branch === undefined ? {} : { branch }
    this.#deliver(parts.filter((part) => !isEmpty(part) || part.metadata !== undefined))
  }

  /** Sends the held text. */
  end(): void {
    const rest = this.#restorer.end()
    if (rest !== undefined || this.#logprobs.length > 0) this.#deliver(rest === undefined ? [{ text: '' }] : [rest])
  }

  #deliver(parts: Part[]): void {
    if (parts.length === 0) return
    const logprobs = this.#logprobs
    this.#logprobs = []
    this.hasShown ||= !parts.every(isEmpty)
    this.#show(parts, { ...this.#branch, ...(logprobs.length === 0 ? {} : { logprobs }) })
  }
}

function isEmpty(part: Part): boolean {
  return ('text' in part && part.text === '') || ('reasoning' in part && part.reasoning === '')
}
