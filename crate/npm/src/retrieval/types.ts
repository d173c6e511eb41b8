/** Public types of `hybridge/retrieval`. */

import type { Embedder, HybridError, Metadata } from '../index.js'

/** The part of an embedder that a store uses: `gemmaEmbedder()` fits, as does any object with such a function. */
export interface TextEmbedder {
  /** Returns vectors of equal length, in the order of the texts. `task` distinguishes queries from documents. */
  embed(
    texts: string[],
    options: { task: 'query' | 'document'; dimensions?: EmbeddingDimensions; signal?: AbortSignal },
  ): Promise<ReadonlyArray<ArrayLike<number>>>
  /**
   * The model's name, and where it runs. An embedder that does not declare `on_device` counts as a cloud service.
   */
  readonly info?: { readonly name?: string; readonly inferenceSource?: 'on_device' | 'in_cloud' | 'unknown' }
}

export type EmbeddingDimensions = NonNullable<NonNullable<Parameters<Embedder['embed']>[1]>['dimensions']>

/** A value by which documents can be filtered. */
export type FilterValue = string | number | boolean | null

/**
 * A condition on metadata. Members of one object must all hold; a field of a nested object is written `'author.name'`;
 * a list satisfies a comparison if one of its values does. `ne` and `nin` also hold where the field is absent.
 *
 * @example
 * const filter = { lang: 'en', year: { gte: 2020 }, or: [{ tags: 'guide' }, { tags: 'reference' }] }
 */
export interface Filter {
  and?: Filter[]
  or?: Filter[]
  not?: Filter
  [field: string]: FilterValue | FieldCondition | Filter | Filter[] | undefined
}

/** All members must match. */
export interface FieldCondition {
  eq?: FilterValue
  ne?: FilterValue
  in?: FilterValue[]
  nin?: FilterValue[]
  lt?: number | string
  lte?: number | string
  gt?: number | string
  gte?: number | string
  exists?: boolean
}

export interface StoreDocument {
  /** Generated if missing. */
  id?: string
  text: string
  /** Any JSON. Strings, numbers, booleans, nulls and lists of them can be used in filters. */
  metadata?: Metadata
  /** A vector to use instead of the embedder's. */
  vector?: ArrayLike<number>
}

export interface StoredDocument {
  readonly id: string
  readonly text: string
  readonly metadata: Metadata
}

export interface SearchOptions {
  /** The maximum number of documents. Default 5. */
  topK?: number
  filter?: Filter
  /**
   * Also ranks by keywords: both rankings are fused by reciprocal rank. `weight` is the weight of keywords, from 0 to
   * 1, 0.5 by default; with 1 the embedder is not called at all.
   */
  hybrid?: boolean | { weight?: number }
  signal?: AbortSignal
}

export interface SearchHit extends StoredDocument {
  /**
   * The higher, the better. By vectors it is the cosine similarity, from -1 to 1; by keywords BM25; by both it is at
   * most 1.
   */
  readonly score: number
  /** The cosine similarity, if vectors ranked this document. */
  readonly vectorScore?: number
  /** BM25, if keywords ranked this document. */
  readonly keywordScore?: number
}

/**
 * The part of a store that `retriever()` and `augment()` use, so that another database can replace it.
 *
 * @example
 * const store: VectorStore = {
 *   search: async (query, { topK = 5 } = {}) => await myDatabase.nearest(query, topK),
 * }
 */
export interface VectorStore {
  search(query: string, options?: SearchOptions): Promise<readonly SearchHit[]>
  /** Where queries are sent. A store that does not declare `on_device` counts as a cloud service. */
  readonly info?: { readonly name?: string; readonly inferenceSource?: 'on_device' | 'in_cloud' | 'unknown' }
}

export interface VectorStoreOptions {
  /** Not needed if every document and query is a vector, or for keyword search only. */
  embedder?: TextEmbedder
  /**
   * Stores the documents under this name in the origin private file system. Without a name they exist as long as the
   * object.
   */
  name?: string
  /** In Node: stores the documents in this folder instead. One process at a time may use it. */
  folder?: string
  /** The number of dimensions of a vector. Default: as the embedder returns. */
  dimensions?: number
  /**
   * `'int8'` stores a number in a byte, `'none'` in four. Default: as in the existing store, or `'int8'` for a new
   * one.
   */
  quantise?: 'int8' | 'none'
  /**
   * Allows an embedder that is not declared to run on this device, so that texts and queries may leave it. Default
   * false.
   */
  allowCloud?: boolean
  /** For pages whose bundler or policy needs the files named. */
  workerUrl?: string | URL
  wasmUrl?: string | URL
}

/** The progress of embedding during `add` and `upsert`. */
export interface AddProgress {
  readonly done: number
  readonly total: number
}
export interface AddOptions {
  signal?: AbortSignal
  onProgress?: (progress: AddProgress) => void
}

/** A store of this package. */
export interface LocalVectorStore extends VectorStore {
  /**
   * Adds documents, all or none, and resolves with their IDs once they are on disk. An existing ID is ALREADY_EXISTS.
   */
  add(documents: StoreDocument | readonly StoreDocument[], options?: AddOptions): Promise<string[]>
  /** The same, but replaces documents with the same ID. */
  upsert(documents: StoreDocument | readonly StoreDocument[], options?: AddOptions): Promise<string[]>
  /** Deletes by ID or by filter, and resolves with the number of documents deleted. */
  delete(which: string | readonly string[] | Filter): Promise<number>
  search(query: string | ArrayLike<number>, options?: SearchOptions): Promise<SearchHit[]>
  get(id: string): Promise<StoredDocument | undefined>
  count(): Promise<number>
  /** Deletes every document. */
  clear(): Promise<void>
  /** Ends the worker. Everything acknowledged is already on disk. */
  close(): Promise<void>
  /** Opens the store before its first use. */
  open(): Promise<void>
  /** Whether documents outlive this object. Known once the store is open. */
  readonly isPersistent: boolean
  /** Why documents are not stored although a name was given, or which part of the file was damaged. */
  readonly caution: HybridError | undefined
}
