/** Names of persons, places and organisations, found by a model on this device that is held to a schema. */

import { isObject } from '../border/json.js'
import type { ModelRequest } from '../border/request.js'
import type { Model } from '../types.js'
import { nameKinds, type RedactedKind } from './options.js'
import type { Fail } from './redactor.js'

type Term = readonly [kind: number, text: string]

const list = { type: 'array', items: { type: 'string', maxLength: 80 }, maxItems: 40 }
const schema = {
  type: 'object',
  properties: Object.fromEntries(Object.values(nameKinds).map((name) => [name, list])),
  required: Object.values(nameKinds),
  additionalProperties: false,
}

const instruction =
  'List every name in the text, exactly as it is written there: of persons, of places and addresses, of organisations. ' +
  'Answer in JSON with the lists "persons", "places" and "organisations". A list may be empty.'

/** A small model reads this much at once. Passages overlap, so that no name is cut in both. */
const longestPassage = 1500
const overlap = 100

/** How many passages are remembered: a conversation is sent again with every turn. */
const mostPassages = 500

export class NameFinder {
  readonly #model: Model
  readonly #kinds: readonly RedactedKind[]
  readonly #failed: Fail
  readonly #known = new Map<string, readonly Term[]>()

  constructor(model: Model, kinds: readonly RedactedKind[], failed: Fail) {
    this.#model = model
    this.#failed = failed
    this.#kinds = kinds
  }

  /** The names in all texts of the conversation. Rejects where one of them could not be read. */
  async find(request: ModelRequest, signal: AbortSignal): Promise<Term[]> {
    const passages = new Set(request.messages.flatMap(({ content }) => content.flatMap(textsIn)).flatMap(passagesOf))
    const found: Term[] = []
    for (const passage of passages) {
      const names = this.#known.get(passage) ?? (await this.#read(passage, signal))
      this.#remember(passage, names)
      found.push(...names)
    }
    return found
  }

  async #read(passage: string, signal: AbortSignal): Promise<readonly Term[]> {
    let answer: unknown
    try {
      const request = { system: instruction, prompt: passage, config: { temperature: 0 }, output: { schema } } as const
      const { output, outputError } = await this.#model.generate(request, { signal })
      if (outputError !== undefined) throw outputError
      answer = output
    } catch (cause) {
      if (signal.aborted) throw cause
      throw this.#unread(cause)
    }
    if (!isObject(answer)) throw this.#unread()
    return Object.entries(nameKinds).flatMap(([kind, member]) => {
      const names = answer[member]
      if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) throw this.#unread()
      const number = this.#kinds.findIndex(([name]) => name === kind)
      return names.flatMap((name) => spellings(name.trim(), passage).map((text) => [number, text] as const))
    })
  }

  #unread(cause?: unknown): Error {
    return this.#failed('the model that finds names failed, so the request was not sent; see the cause', cause)
  }

  #remember(passage: string, names: readonly Term[]): void {
    this.#known.delete(passage)
    this.#known.set(passage, names)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= mostPassages) break
      this.#known.delete(oldest)
    }
  }
}

/** A name as the text writes it: models correct capitals. One that is not in the text was made up. */
function spellings(name: string, text: string): string[] {
  if (name.length < 2 || !/\p{L}/u.test(name)) return []
  if (text.includes(name)) return [name]
  const pattern = new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'), 'giu')
  return [...new Set(Array.from(text.matchAll(pattern), ([found]) => found))]
}

/** Every text in a part that holds a letter. */
function textsIn(part: unknown): string[] {
  if (typeof part === 'string') return /\p{L}/u.test(part) && !/^data:/i.test(part) ? [part] : []
  if (Array.isArray(part)) return part.flatMap(textsIn)
  return isObject(part) ? Object.values(part).flatMap(textsIn) : []
}

function passagesOf(text: string): string[] {
  const passages: string[] = []
  for (let from = 0; from === 0 || from + overlap < text.length; from += longestPassage - overlap)
    passages.push(text.slice(from, from + longestPassage))
  return passages
}
