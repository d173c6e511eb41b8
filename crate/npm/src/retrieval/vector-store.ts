/** A vector store on this device: documents, their vectors and their words, searched exactly. */

import { HybridError } from '../index.js'
import {
  invalid,
  isObject,
  kindOf,
  optionsOf,
  plainObject,
  signalOf,
  stopIfAborted,
  unlessAborted,
  wholeNumber,
} from './checks.js'
import { errorOf, StoreClient } from './client.js'
import { fieldsOf, readFilter } from './filter.js'
import type { PlainDocument, PlainHit, StoreSettings, StoreState } from './protocol.js'
import type {
  AddOptions,
  EmbeddingDimensions,
  Filter,
  LocalVectorStore,
  SearchHit,
  SearchOptions,
  StoreDocument,
  StoredDocument,
  TextEmbedder,
  VectorStoreOptions,
} from './types.js'

/** The number of texts that one call embeds. */
const embeddedAtOnce = 32
const mostDimensions = 8192
const mostHits = 10_000
const longestName = 100
const longestId = 1000
/** The maximum length of one document's text and metadata, so that lengths fit into the file's format. */
const longestDocument = 16 << 20

/**
 * Creates a store of texts that are found by meaning, by keywords or by both. Search is exact and runs in a worker;
 * with a `name` the store is kept in the origin private file system and shared by tabs.
 *
 * @example
 * const embedder = gemmaEmbedder({ model: 'embeddinggemma-300m' })
 * const store = vectorStore({ embedder, name: 'handbook', dimensions: 256 })
 * await store.add([{ id: 'parking', text: 'Visitors park in the north yard.', metadata: { lang: 'en' } }])
 * const [hit] = await store.search('Where do I leave my car?', { topK: 3, filter: { lang: 'en' }, hybrid: true })
 */
export function vectorStore(options: VectorStoreOptions = {}): LocalVectorStore {
  const {
    embedder,
    name,
    folder,
    dimensions,
    quantise,
    allowCloud = false,
    ...places
  } = optionsOf(options, 'vectorStore')
  if (embedder !== undefined && typeof embedder?.embed !== 'function')
    throw invalid('`embedder` must have an embed() function; make one with gemmaEmbedder()')
  if (name !== undefined && (typeof name !== 'string' || name === '' || name.length > longestName))
    throw invalid(`\`name\` must be a text of 1 to ${longestName} characters`)
  if (folder !== undefined && (typeof folder !== 'string' || folder === ''))
    throw invalid('`folder` must be the path of a folder')
  if (name !== undefined && folder !== undefined)
    throw invalid('give `name` in a browser or `folder` in Node, not both')
  if (quantise !== undefined && quantise !== 'int8' && quantise !== 'none')
    throw invalid("`quantise` must be 'int8' or 'none'")
  if (dimensions !== undefined) wholeNumber(dimensions, 'dimensions', mostDimensions)
  const inferenceSource = embedder === undefined ? 'on_device' : (embedder.info?.inferenceSource ?? 'unknown')
  if (inferenceSource !== 'on_device' && !allowCloud)
    throw new HybridError(
      'PERMISSION_DENIED',
      "this embedder is not declared to run on the device, so texts and queries may leave it: pass `allowCloud: true`, or declare `info: { inferenceSource: 'on_device' }`",
      { code: 'EMBEDDER_NOT_ON_DEVICE' },
    )
  const place: StoreSettings['place'] =
    name !== undefined
      ? { kind: 'opfs', name }
      : folder !== undefined
        ? { kind: 'folder', path: folder }
        : { kind: 'memory' }
  const isInt8 = quantise === undefined ? undefined : quantise === 'int8'
  const settings = { place, dimensions, isInt8, embedder: embedder?.info?.name }
  return new LocalStore(new StoreClient(settings, places), embedder, dimensions, {
    name: name ?? folder ?? 'memory',
    inferenceSource,
  })
}

class LocalStore implements LocalVectorStore {
  readonly info: NonNullable<LocalVectorStore['info']>
  readonly #client: StoreClient
  readonly #embedder: TextEmbedder | undefined
  readonly #dimensions: number | undefined
  #state: StoreState | undefined

  constructor(
    client: StoreClient,
    embedder: TextEmbedder | undefined,
    dimensions: number | undefined,
    info: NonNullable<LocalVectorStore['info']>,
  ) {
    this.#client = client
    this.#embedder = embedder
    this.#dimensions = dimensions
    this.info = info
  }

  get isPersistent(): boolean {
    return this.#state?.isPersistent ?? false
  }

  get caution(): HybridError | undefined {
    const caution = this.#state?.caution
    return caution === undefined ? undefined : errorOf(caution)
  }

  async open(): Promise<void> {
    this.#state = await this.#client.open()
  }

  add(documents: StoreDocument | readonly StoreDocument[], options?: AddOptions): Promise<string[]> {
    return this.#put(documents, options, false)
  }

  upsert(documents: StoreDocument | readonly StoreDocument[], options?: AddOptions): Promise<string[]> {
    return this.#put(documents, options, true)
  }

  async delete(which: string | readonly string[] | Filter): Promise<number> {
    const ids = typeof which === 'string' ? [which] : which
    if (Array.isArray(ids)) {
      if (!ids.every((id) => typeof id === 'string'))
        throw invalid('`delete` takes ids, which are strings, or a filter')
      return (await this.#client.call('delete', { ids: [...ids] as string[] })).deleted
    }
    const filter = readFilter(ids)
    if (filter.length === 1) throw invalid('an empty filter would delete everything; use clear() for that')
    return (await this.#client.call('delete', { filter })).deleted
  }

  async search(query: string | ArrayLike<number>, options: SearchOptions = {}): Promise<SearchHit[]> {
    const { topK = 5, filter, hybrid = false, signal } = optionsOf(options, 'search')
    wholeNumber(topK, 'topK', mostHits)
    signalOf(signal)
    const weight = weightOf(hybrid)
    const plain = readFilter(filter)
    stopIfAborted(signal)
    const isText = typeof query === 'string'
    if (!isText && weight > 0) throw invalid('a search by a vector has no keywords; leave `hybrid` out')
    const vector = isText
      ? weight === 1
        ? undefined
        : (await this.#embed([query], 'query', signal))[0]
      : vectorOf(query, '`query`')
    const text = isText && weight > 0 ? query : undefined
    const searching = this.#client.call('search', { vector, text, topK, weight, filter: plain })
    const hits = await unlessAborted(searching, signal)
    return hits.map((hit) => ({
      ...documentOf(hit),
      score: hit.score,
      ...(hit.vectorScore === undefined ? {} : { vectorScore: hit.vectorScore }),
      ...(hit.keywordScore === undefined ? {} : { keywordScore: hit.keywordScore }),
    }))
  }

  async get(id: string): Promise<StoredDocument | undefined> {
    if (typeof id !== 'string') throw invalid(`\`id\` must be a string, found ${kindOf(id)}`)
    const [found] = await this.#client.call('get', { ids: [id] })
    return found === undefined ? undefined : documentOf(found)
  }

  async count(): Promise<number> {
    this.#state = await this.#client.call('state', null)
    return this.#state.count
  }

  async clear(): Promise<void> {
    this.#state = await this.#client.call('clear', null)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #put(
    documents: StoreDocument | readonly StoreDocument[],
    options: AddOptions = {},
    mayReplace: boolean,
  ): Promise<string[]> {
    const { signal, onProgress } = optionsOf(options, mayReplace ? 'upsert' : 'add')
    const all = Array.isArray(documents) ? (documents as readonly StoreDocument[]) : [documents as StoreDocument]
    const read = Array.from(all, readDocument)
    const ids = new Set(read.map(({ id }) => id))
    if (!mayReplace && ids.size < read.length) throw invalid('two of the documents have the same id')
    signalOf(signal)
    stopIfAborted(signal)
    const vectors: Array<Float32Array | undefined> = read.map(({ vector }) => vector)
    const missing = read.flatMap(({ vector }, index) => (vector === undefined ? [index] : []))
    for (let from = 0; from < missing.length; from += embeddedAtOnce) {
      const part = missing.slice(from, from + embeddedAtOnce)
      const texts = part.map((index) => read[index]?.text ?? '')
      const made = await this.#embed(texts, 'document', signal)
      for (const [at, index] of part.entries()) vectors[index] = made[at]
      onProgress?.({ done: from + part.length, total: missing.length })
    }
    const plain = read.map((document, index): PlainDocument => ({
      ...document,
      vector: vectors[index] as Float32Array,
    }))
    const lengths = new Set(plain.map(({ vector }) => vector.length))
    if (lengths.size > 1) throw invalid(`the vectors have different lengths: ${[...lengths].join(', ')}`)
    const [length] = lengths
    if (this.#dimensions !== undefined && length !== undefined && length !== this.#dimensions)
      throw invalid(`the vectors have ${length} numbers, and \`dimensions\` is ${this.#dimensions}`)
    stopIfAborted(signal)
    // From here on aborts are ignored, because the caller must know whether documents were written.
    this.#state = await this.#client.call('put', { documents: plain, mayReplace })
    return read.map(({ id }) => id)
  }

  async #embed(texts: string[], task: 'query' | 'document', signal: AbortSignal | undefined): Promise<Float32Array[]> {
    if (this.#embedder === undefined)
      throw invalid(
        task === 'query'
          ? 'this store has no embedder: search with a vector, or by keywords with `hybrid: { weight: 1 }`'
          : 'this store has no embedder: give each document a `vector`',
      )
    const embedding = this.#embedder.embed(texts, {
      task,
      ...(this.#dimensions === undefined ? {} : { dimensions: this.#dimensions as EmbeddingDimensions }),
      ...(signal === undefined ? {} : { signal }),
    })
    const vectors: unknown = await unlessAborted(embedding, signal)
    if (!Array.isArray(vectors) || vectors.length !== texts.length)
      throw new HybridError('INTERNAL', 'the embedder did not return one vector for each text', {
        code: 'EMBEDDING_INVALID',
      })
    return vectors.map((vector) => vectorOf(vector, 'the embedder’s vector'))
  }
}

function weightOf(hybrid: unknown): number {
  if (hybrid === false) return 0
  if (hybrid === true) return 0.5
  const weight = isObject(hybrid) ? (hybrid['weight'] ?? 0.5) : undefined
  if (typeof weight === 'number' && weight >= 0 && weight <= 1) return weight
  throw invalid('`hybrid` must be a boolean or `{ weight }` with a number from 0 to 1')
}

function vectorOf(vector: unknown, what: string): Float32Array {
  const { length } = (vector ?? {}) as { length?: unknown }
  if (typeof vector !== 'object' || typeof length !== 'number' || length < 1 || length > mostDimensions)
    throw invalid(`${what} must be a list of 1 to ${mostDimensions} numbers, found ${kindOf(vector)}`)
  const numbers = Float32Array.from(vector as ArrayLike<number>)
  if (!numbers.every(Number.isFinite)) throw invalid(`${what} contains a number that is not finite`)
  return numbers
}

function readDocument(
  document: unknown,
  index: number,
): Omit<PlainDocument, 'vector'> & { vector: Float32Array | undefined } {
  const path = `documents[${index}]`
  if (!isObject(document)) throw invalid(`\`${path}\` must be an object with a text, found ${kindOf(document)}`)
  const { id = newDocumentId(), text, metadata, vector } = document
  if (typeof id !== 'string' || id === '' || id.length > longestId)
    throw invalid(`\`${path}.id\` must be a text of 1 to ${longestId} characters`)
  if (typeof text !== 'string') throw invalid(`\`${path}.text\` must be a string, found ${kindOf(text)}`)
  const plain =
    metadata === undefined ? undefined : plainObject(metadata, (problem) => invalid(`\`${path}.metadata\` ${problem}`))
  const json = plain === undefined ? '' : JSON.stringify(plain)
  if (text.length + json.length > longestDocument)
    throw invalid(`\`${path}\` is longer than ${longestDocument} characters; cut it with chunkText()`)
  return {
    id,
    text,
    metadata: json,
    fields: plain === undefined ? [] : fieldsOf(plain),
    vector: vector === undefined ? undefined : vectorOf(vector, `\`${path}.vector\``),
  }
}

/** `randomUUID` exists in secure contexts only. */
function newDocumentId(): string {
  const random = (): string => Math.random().toString(36).slice(2)
  return globalThis.crypto?.randomUUID?.() ?? `${random()}${random()}`
}

function documentOf({ id, text, metadata }: Pick<PlainHit, 'id' | 'text' | 'metadata'>): StoredDocument {
  return { id, text, metadata: metadata === '' ? {} : (JSON.parse(metadata) as StoredDocument['metadata']) }
}
