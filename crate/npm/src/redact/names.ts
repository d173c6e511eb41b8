/** Finds names of persons, places and organisations with a model on this device, constrained by a schema. */

import { isObject } from '../border/json.js'
import type { ModelRequest } from '../border/request.js'
import type { GenerateRequest, JsonSchema, Model } from '../types.js'
import { nameKinds, type RedactedKind } from './options.js'
import type { Fail } from './redactor.js'

type Term = readonly [kind: number, text: string]

/** The schema of an answer: three lists with a maximum length and, optionally, a choice of names. */
function schemaOf(maxItems: number, names?: readonly string[]): JsonSchema {
  const items: JsonSchema = names === undefined ? { type: 'string', maxLength: 80 } : { enum: [...names] }
  return {
    type: 'object',
    properties: Object.fromEntries(Object.values(nameKinds).map((name) => [name, { type: 'array', items, maxItems }])),
    required: Object.values(nameKinds),
    additionalProperties: false,
  }
}

const instruction =
  'List every name in the text, exactly as it is written there: of persons, of places and addresses, of organisations. ' +
  'Answer in JSON with the lists "persons", "places" and "organisations". A list may be empty.'

/** The maximum number of names of each kind in a passage. */
const mostNames = 40

/** Examples for a model without turns, which follows no instructions. */
const examples: ReadonlyArray<readonly [text: string, names: Record<string, readonly string[]>]> = [
  [
    'Maria Lopez of Bright Tools Ltd flew from Oslo to Lima.',
    { persons: ['Maria Lopez'], places: ['Oslo', 'Lima'], organisations: ['Bright Tools Ltd'] },
  ],
  ['Please shorten the second paragraph and check the commas.', { persons: [], places: [], organisations: [] }],
  [
    'Dear Tom, our office at 5 Mill Lane, York is closed on Monday. Regards, Aiko Tanaka',
    { persons: ['Tom', 'Aiko Tanaka'], places: ['5 Mill Lane', 'York'], organisations: [] },
  ],
  [
    'Did the Red Cross answer? Write to Ivan Petrov and to Lena.',
    { persons: ['Ivan Petrov', 'Lena'], places: [], organisations: ['Red Cross'] },
  ],
  ['How many people live in Peru?', { persons: [], places: ['Peru'], organisations: [] }],
  ['Translate this recipe into Italian.', { persons: [], places: [], organisations: [] }],
]

/** The entry of a list without names, because a base model hardly ever closes a list that it has just opened. */
const none = 'none'

function filled(names: Record<string, readonly string[]>): Record<string, readonly string[]> {
  return Object.fromEntries(Object.entries(names).map(([kind, list]) => [kind, list.length === 0 ? [none] : list]))
}

/**
 * Returns the request for a model without turns. It chooses among candidates, because such a base model invents names
 * and repeats itself endlessly; undefined if there are none.
 */
function continued(passage: string): GenerateRequest | undefined {
  const text = passage.replace(/\s+/g, ' ').trim()
  const candidates = candidatesIn(text)
  if (candidates.length === 0) return undefined
  const shown = examples.map(([example, names]) => `Text: ${example}\nNames: ${JSON.stringify(filled(names))}\n\n`)
  return {
    prompt: `${shown.join('')}Text: ${text}\nNames:`,
    output: { schema: schemaOf(Math.min(mostNames, Math.ceil(candidates.length / 2)), [none, ...candidates]) },
  }
}

/** Returns the maximum number of names of a kind, because a small model that repeats itself would fill its window. */
function mostIn(passage: string): number {
  return Math.min(mostNames, Math.ceil(passage.length / 4))
}

/** Returns runs of up to four words whose first and last do not begin with a small letter. */
function candidatesIn(text: string): string[] {
  const found = new Set<string>()
  for (const clause of text.split(/[^\p{L}\p{M}\p{N}&'’ -]+/u)) {
    const words = clause.split(' ').filter((word) => /[\p{L}\p{N}]/u.test(word))
    for (let from = 0; from < words.length; from++)
      for (let to = from + 1; to <= Math.min(words.length, from + 4); to++)
        if (![words[from], words[to - 1]].some((word) => /^\p{Ll}/u.test(word ?? '')))
          found.add(words.slice(from, to).join(' '))
  }
  return [...found].filter((name) => name.length <= 80 && text.includes(name))
}

/** The length that a small model reads at once. Passages overlap, so that every name is complete in one. */
const longestPassage = 1500
const overlap = 100

/** The number of cached passages: a conversation is sent again with every turn. */
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

  /** Returns the names in all texts of the conversation. Rejects if one of them could not be searched. */
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
      const hasTurns = this.#model.info?.supports?.multiturn !== false
      const asked = hasTurns
        ? { system: instruction, prompt: passage, output: { schema: schemaOf(mostIn(passage)) } }
        : continued(passage)
      if (asked === undefined) return []
      const { output, outputError } = await this.#model.generate({ ...asked, config: { temperature: 0 } }, { signal })
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
      return names
        .filter((it) => it !== none)
        .flatMap((name) => spellings(name.trim(), passage).map((text) => [number, text] as const))
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

/**
 * Returns a name in the spelling of the text, because models correct capitals. A name that isn't in the text was
 * invented.
 */
function spellings(name: string, text: string): string[] {
  if (name.length < 2 || !/\p{L}/u.test(name)) return []
  if (text.includes(name)) return [name]
  const pattern = new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'), 'giu')
  return [...new Set(Array.from(text.matchAll(pattern), ([found]) => found))]
}

/** Returns every text in a part that contains a letter. */
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
