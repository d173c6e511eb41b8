/** A store as a tool that a model calls. */

import { tool, type Tool } from '../index.js'
import { invalid, optionsOf, wholeNumber } from './checks.js'
import type { SearchOptions, VectorStore } from './types.js'

export interface RetrieverOptions extends Omit<SearchOptions, 'signal'> {
  store: VectorStore
  /** The tool's description for the model, which should name the store's contents. */
  description?: string
}

/** The tool's result: passages to quote from, the best first. */
export interface RetrievedPassages {
  passages: Array<{ id: string; text: string; score: number; metadata: Record<string, unknown> }>
}

const defaultDescription = 'Finds passages about a question in the documents of this app. Cite a passage by its id.'

/** Returns search options: by vectors and by keywords, which find names and numbers that vectors blur. */
export function searchOptionsOf({ topK = 5, filter, hybrid = true }: Omit<SearchOptions, 'signal'>): SearchOptions {
  wholeNumber(topK, 'topK', 1000)
  return { topK, hybrid, ...(filter === undefined ? {} : { filter }) }
}

export function storeOf(store: unknown): VectorStore {
  if (typeof (store as Partial<VectorStore> | null | undefined)?.search === 'function') return store as VectorStore
  throw invalid('`store` must have a search() function; make one with vectorStore()')
}

/**
 * Creates a tool with which a model searches a store, for `runTools`, `streamTools`, agents and chats.
 *
 * @example
 * const { text } = await runTools({
 *   model: ai,
 *   request: { prompt: 'Where do visitors park?' },
 *   tools: { handbook: retriever({ store, topK: 3, description: 'searches the handbook' }) },
 * })
 */
export function retriever(options: RetrieverOptions): Tool<{ query: string }, Promise<RetrievedPassages>> {
  const { store, description = defaultDescription, ...search } = optionsOf(options, 'retriever')
  const from = storeOf(store)
  const wish = searchOptionsOf(search)
  const made = tool({
    description,
    inputSchema: {
      type: 'object',
      properties: { query: { type: 'string', description: 'what to look for, in a few words or a question' } },
      required: ['query'],
    },
    execute: async (input, { signal }): Promise<RetrievedPassages> => {
      const hits = await from.search(input.query, { ...wish, signal })
      return { passages: hits.map(({ id, text, score, metadata }) => ({ id, text, score, metadata })) }
    },
  })
  return made
}
