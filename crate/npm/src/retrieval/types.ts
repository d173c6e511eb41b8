/** Public types of `hybridge/retrieval`. */

import type { Embedder, HybridError, Metadata } from '../index.js'

/** What a store needs of an embedder: `gemmaEmbedder()` fits, and so does any object with such a function. */
export interface TextEmbedder {
  /** Vectors of equal length, in the order of the texts. `task` distinguishes questions from what answers them. */
  embed(
    texts: string[],
    options: { task: 'query' | 'document'; dimensions?: EmbeddingDimensions; signal?: AbortSignal },
  ): Promise<ReadonlyArray<ArrayLike<number>>>
  /**
   * Which vectors it makes, and where the texts go. An embedder that does not declare `on_device` counts as one in the
   * cloud.
   */
  readonly info?: { readonly name?: string; readonly inferenceSource?: 'on_device' | 'in_cloud' | 'unknown' }
}

export type EmbeddingDimensions = NonNullable<NonNullable<Parameters<Embedder['embed']>[1]>['dimensions']>

/** A value that documents can be filtered by. */
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

/** All members must hold. */
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
  /** Made up where it is missing. */
  id?: string
  text: string
  /** Any JSON. Strings, numbers, booleans, nulls and lists of them can be filtered by. */
  metadata?: Metadata
  /** Instead of the embedder's. */
  vector?: ArrayLike<number>
}

export interface StoredDocument {
  readonly id: string
  readonly text: string
  readonly metadata: Metadata
}

export interface SearchOptions {
  /** How many documents at most. Default 5. */
  topK?: number
  filter?: Filter
  /**
   * Ranks by keywords as well: both rankings are fused by reciprocal ranks. `weight` is what keywords weigh, from 0 to
   * 1, 0.5 by default; with 1 the embedder is not called at all.
   */
  hybrid?: boolean | { weight?: number }
  signal?: AbortSignal
}

export interface SearchHit extends StoredDocument {
  /** The best first. By vectors it is the cosine, from -1 to 1; by keywords BM25; by both it is at most 1. */
  readonly score: number
  /** The cosine, where vectors ranked this document. */
  readonly vectorScore?: number
  /** BM25, where keywords ranked this document. */
  readonly keywordScore?: number
}

/**
 * All that `retriever()` and `augment()` ask of a store, so that another database can be used instead.
 *
 * @example
 * const store: VectorStore = {
 *   search: async (query, { topK = 5 } = {}) => await myDatabase.nearest(query, topK),
 * }
 */
export interface VectorStore {
  search(query: string, options?: SearchOptions): Promise<readonly SearchHit[]>
  /** Where queries go. A store that does not declare `on_device` counts as one in the cloud. */
  readonly info?: { readonly name?: string; readonly inferenceSource?: 'on_device' | 'in_cloud' | 'unknown' }
}

export interface VectorStoreOptions {
  /** Not needed where every document and query is a vector, or where keywords are enough. */
  embedder?: TextEmbedder
  /**
   * Keeps the store under this name: in the origin's private file system. Without a name it lasts as long as the
   * object.
   */
  name?: string
  /** In Node: keeps the store in this folder instead. One process at a time may use it. */
  folder?: string
  /** Numbers of a vector. Default: as many as the embedder makes. */
  dimensions?: number
  /**
   * `'int8'` stores a number in a byte, `'none'` in four. Default: as the store was made, and `'int8'` for a new one.
   */
  quantise?: 'int8' | 'none'
  /**
   * Allows an embedder that is not declared to run on this device, so that texts and queries leave it. Default false.
   */
  allowCloud?: boolean
  /** For pages whose bundler or policy needs the files named. */
  workerUrl?: string | URL
  wasmUrl?: string | URL
}

/** The progress of `add` and `upsert` while they embed. */
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
   * Adds documents, all or none, and resolves with their ids once they are on disk. An id that is there already is
   * ALREADY_EXISTS.
   */
  add(documents: StoreDocument | readonly StoreDocument[], options?: AddOptions): Promise<string[]>
  /** The same, replacing documents of the same id. */
  upsert(documents: StoreDocument | readonly StoreDocument[], options?: AddOptions): Promise<string[]>
  /** Deletes by id or by filter, and resolves with how many documents were there. */
  delete(which: string | readonly string[] | Filter): Promise<number>
  search(query: string | ArrayLike<number>, options?: SearchOptions): Promise<SearchHit[]>
  get(id: string): Promise<StoredDocument | undefined>
  count(): Promise<number>
  /** Deletes every document. */
  clear(): Promise<void>
  /** Ends the worker. Everything acknowledged is on disk already. */
  close(): Promise<void>
  /** Opens the store before its first use. */
  open(): Promise<void>
  /** Whether documents outlive this object. Known once the store is open. */
  readonly isPersistent: boolean
  /** Why they do not although a name was given, or what of the file was damaged. */
  readonly caution: HybridError | undefined
}
