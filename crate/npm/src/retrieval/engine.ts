/**
 * One store: its file, its index in wasm, and how they are kept in sync. Runs in the worker, or in the process itself
 * in Node.
 */

import { StoreFailure } from './failure.js'
import type { Files, Place, StoreFile } from './files.js'
import type {
  Comparison,
  Failure,
  PlainDocument,
  PlainFilter,
  PlainHit,
  StoreCalls,
  StoreSettings,
  StoreState,
} from './protocol.js'
import type { Conditions, Documents, Index, Search } from './wasm.js'

/** The maximum number of documents and of bytes of text per record. */
const batchDocuments = 1000
const batchBytes = 4 << 20

/** Files with fewer records, and fewer deleted documents, are not compacted. */
const fewRecords = 512
const fewDeleted = 1000

/** The size stated in the header of a file that is being compacted: no file is as large. */
const unfinished = 2 ** 52

const comparisons: Readonly<Record<Comparison, number>> = {
  equal: 0,
  less: 1,
  lessOrEqual: 2,
  greater: 3,
  greaterOrEqual: 4,
}

interface Opened {
  readonly index: Index
  readonly file: StoreFile
  readonly generation: number
}

export class Engine {
  readonly #search: Search
  readonly #place: Place
  readonly #settings: StoreSettings
  readonly #caution: Failure | undefined
  /** The state of the file when it was last read. */
  #known: { index: Index; generation: number } | undefined
  #lastGeneration = 0

  constructor(search: Search, place: Place, settings: StoreSettings, caution?: Failure) {
    this.#search = search
    this.#place = place
    this.#settings = settings
    this.#caution = caution
  }

  state(): Promise<StoreState> {
    return this.#place.exclusively(async (files) => this.#stateOf(await this.#opened(files)))
  }

  put({ documents, mayReplace }: StoreCalls['put']['params']): Promise<StoreState> {
    return this.#place.exclusively(async (files) => {
      let opened = await this.#opened(files)
      if (!mayReplace) {
        const known = documents.find(({ id }) => opened?.index.find(id) !== undefined)
        if (known !== undefined)
          throw new StoreFailure('ALREADY_EXISTS', 'the store has a document of this id; use upsert() to replace it', {
            code: 'DOCUMENT_EXISTS',
          })
      }
      const [first] = documents
      if (first === undefined) return this.#stateOf(opened)
      opened ??= await this.#create(files, first.vector.length)
      const { index } = opened
      await this.#write(files, opened, function* () {
        for (const batch of batches(documents)) {
          const made = index.batch()
          try {
            for (const document of batch) pushDocument(made, document)
            yield index.record_of(made)
          } finally {
            made.free()
          }
        }
      })
      return this.#stateOf(await this.#compacted(files, opened))
    })
  }

  delete(params: StoreCalls['delete']['params']): Promise<StoreCalls['delete']['result']> {
    return this.#place.exclusively(async (files) => {
      const opened = await this.#opened(files)
      if (opened === undefined) return { deleted: 0 }
      const { index } = opened
      const ids =
        'ids' in params
          ? [...new Set(params.ids)].filter((id) => index.find(id) !== undefined)
          : this.#withFilter(params.filter, (conditions) => index.select(conditions))
      if (ids.length === 0) return { deleted: 0 }
      await this.#write(files, opened, function* () {
        yield index.deletion_of(ids)
      })
      await this.#compacted(files, opened)
      return { deleted: ids.length }
    })
  }

  search({ vector, text, topK, weight, filter }: StoreCalls['search']['params']): Promise<PlainHit[]> {
    return this.#place.exclusively(async (files) => {
      const opened = await this.#opened(files)
      if (opened === undefined) return []
      const { index, file } = opened
      if (text !== undefined) readKeywords(index, file)
      return this.#withFilter(filter, (conditions) => {
        const hits = index.search(vector, text?.normalize(), topK, weight, conditions)
        const scores = hits.scores()
        const documents = hits.documents()
        hits.free()
        return Array.from(documents, (document, at) => {
          const [score = 0, vectorScore = NaN, keywordScore = NaN] = scores.subarray(3 * at, 3 * at + 3)
          return {
            ...contentOf(index, file, document),
            score,
            ...(Number.isNaN(vectorScore) ? {} : { vectorScore }),
            ...(Number.isNaN(keywordScore) ? {} : { keywordScore }),
          }
        })
      })
    })
  }

  get({ ids }: StoreCalls['get']['params']): Promise<StoreCalls['get']['result']> {
    return this.#place.exclusively(async (files) => {
      const opened = await this.#opened(files)
      return ids.map((id) => {
        const document = opened?.index.find(id)
        return opened === undefined || document === undefined
          ? undefined
          : contentOf(opened.index, opened.file, document)
      })
    })
  }

  clear(): Promise<StoreState> {
    return this.#place.exclusively(async (files) => {
      this.#forget()
      for (const generation of await files.list()) {
        this.#lastGeneration = Math.max(this.#lastGeneration, generation)
        await files.remove(generation)
      }
      return this.#stateOf(undefined)
    })
  }

  async close(): Promise<null> {
    await this.#place.exclusively(async () => this.#forget())
    await this.#place.close()
    return null
  }

  #stateOf(opened: Opened | undefined): StoreState {
    const damaged = opened?.index.damaged() ?? 0
    const caution = damaged > 0 ? damage(damaged) : this.#caution
    return {
      count: opened?.index.live() ?? 0,
      dimensions: opened?.index.dimensions() ?? this.#settings.dimensions,
      isPersistent: this.#place.isPersistent,
      ...(caution === undefined ? {} : { caution }),
    }
  }

  #forget(): void {
    this.#known?.index.free()
    this.#known = undefined
  }

  #withFilter<T>(filter: PlainFilter, use: (conditions: Conditions) => T): T {
    const conditions = new this.#search.Conditions()
    try {
      for (const part of filter) pushCondition(conditions, part)
      return use(conditions)
    } finally {
      conditions.free()
    }
  }

  /** Opens the newest complete file and indexes all its records; undefined if there is none. */
  async #opened(files: Files): Promise<Opened | undefined> {
    if (this.#known !== undefined) {
      const { index, generation } = this.#known
      const file = await files.open(generation, false)
      if (file !== undefined && file.size() >= index.end()) {
        if (file.size() > index.end()) readOn(index, file)
        return { index, file, generation }
      }
      // Another tab compacted or cleared the store.
      this.#forget()
    }
    const generations = (await files.list()).sort((one, other) => other - one)
    this.#lastGeneration = Math.max(this.#lastGeneration, ...generations)
    while (generations.length > 0) {
      const generation = generations.shift() as number
      const opened = await this.#openFile(files, generation, generations.length > 0)
      if (opened === undefined) await files.remove(generation)
      else {
        this.#known = opened
        for (const older of generations) await files.remove(older)
        return opened
      }
    }
    return undefined
  }

  /** Opens a file as a store; undefined if it never was one, or if it is an incomplete compaction. */
  async #openFile(files: Files, generation: number, hasOlder: boolean): Promise<Opened | undefined> {
    const file = await files.open(generation, false)
    if (file === undefined) return undefined
    const size = file.size()
    const first = readAt(file, 0, Math.min(size, this.#search.Index.header_bytes()))
    let index: Index | undefined
    try {
      index = this.#search.Index.open(first, size)
    } catch (thrown) {
      if (hasOlder && isDamage(thrown)) return undefined
      throw thrown
    }
    if (index === undefined) return undefined
    try {
      const { dimensions, isInt8, embedder } = this.#settings
      index.expect(dimensions, isInt8, embedder)
      const promise = index.promise()
      if (promise > size) {
        index.free()
        return undefined
      }
      readOn(index, file)
      if (hasOlder && (index.damaged() > 0 || index.end() < promise)) {
        index.free()
        return undefined
      }
      return { index, file, generation }
    } catch (thrown) {
      index.free()
      throw thrown
    }
  }

  async #create(files: Files, dimensions: number): Promise<Opened> {
    const { isInt8 = true, embedder = '' } = this.#settings
    const index = this.#search.Index.create(dimensions, isInt8, embedder, salt())
    // An unused number: a tab that knew another file with this number would mistake this one for it.
    const generation = Math.max(this.#lastGeneration + 1, Date.now())
    this.#lastGeneration = generation
    try {
      const file = (await files.open(generation, true)) as StoreFile
      writeAll(file, index.header(), 0)
      this.#known = { index, generation }
      return { index, file, generation }
    } catch (thrown) {
      index.free()
      await files.remove(generation).catch(() => {})
      throw thrown
    }
  }

  /** Appends records. All of them are on disk when this returns; if it throws, the file is unchanged. */
  async #write(
    files: Files,
    { index, file, generation }: Opened,
    records: () => Generator<Uint8Array<ArrayBufferLike>, void, undefined>,
  ): Promise<void> {
    const before = index.end()
    try {
      for (const record of records()) {
        const at = index.end()
        writeAll(file, record, at)
        // Before the next record, because only the last record of a file may be torn.
        file.flush()
        feed(index, at + record.length, (from, length) => record.subarray(from - at, from - at + length))
      }
    } catch (thrown) {
      const isEmpty = before === index.start()
      this.#forget()
      if (isEmpty) await files.remove(generation)
      else {
        file.truncate(before)
        file.flush()
      }
      throw thrown
    }
  }

  /** Rewrites the file if much of it is deleted or it has many small records. On failure it stays unchanged. */
  async #compacted(files: Files, opened: Opened): Promise<Opened> {
    const { index } = opened
    const live = index.live()
    const deleted = index.documents() - live
    const isWorthIt =
      (deleted > fewDeleted && deleted > live) || index.records() > fewRecords + Math.floor(index.documents() / 16)
    return isWorthIt ? await this.#compact(files, opened).catch(() => opened) : opened
  }

  async #compact(files: Files, { index, file, generation }: Opened): Promise<Opened> {
    const target = this.#lastGeneration + 1
    const own = salt()
    const headed = (promise: number): Index => index.successor(own, promise)
    const copy = headed(unfinished)
    try {
      const into = (await files.open(target, true)) as StoreFile
      into.truncate(0)
      writeAll(into, copy.header(), 0)
      for (let document = 0; document < index.documents();) {
        const batch = copy.batch()
        for (let bytes = 0; document < index.documents(); document++) {
          if (batch.count() === batchDocuments || bytes > batchBytes) break
          if (index.place_of(document).length === 0) continue
          const { text, metadata } = contentOf(index, file, document)
          index.carry(document, text, wordsOf(text), metadata, batch)
          bytes += text.length
        }
        const record = copy.record_of(batch) as Uint8Array<ArrayBuffer>
        batch.free()
        const at = copy.end()
        writeAll(into, record, at)
        feed(copy, at + record.length, (from, length) => record.subarray(from - at, from - at + length))
      }
      into.flush()
      const finished = headed(copy.end())
      writeAll(into, finished.header(), 0)
      finished.free()
      into.flush()
    } catch (thrown) {
      copy.free()
      await files.remove(target).catch(() => {})
      throw thrown
    }
    this.#forget()
    this.#lastGeneration = target
    this.#known = { index: copy, generation: target }
    await files.remove(generation)
    const kept = (await files.open(target, false)) as StoreFile
    return { index: copy, file: kept, generation: target }
  }
}

/** Groups documents into records of a bounded size. */
function* batches(documents: readonly PlainDocument[]): Generator<PlainDocument[], void, undefined> {
  let batch: PlainDocument[] = []
  let bytes = 0
  for (const document of documents) {
    batch.push(document)
    bytes += document.text.length
    if (batch.length < batchDocuments && bytes < batchBytes) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

function pushDocument(batch: Documents, { id, text, metadata, fields, vector }: PlainDocument): void {
  batch.push(id, text, wordsOf(text), metadata, vector)
  for (const [name, values] of fields) {
    if (values.length === 0) batch.empty_field(name)
    for (const value of values) {
      if (value === null) batch.null_field(name)
      else if (typeof value === 'boolean') batch.bool_field(name, value)
      else if (typeof value === 'number') batch.number_field(name, value)
      else batch.text_field(name, value)
    }
  }
}

/** Returns the text for keyword search, if different: composed and decomposed letters are equal. */
function wordsOf(text: string): string | undefined {
  const normal = text.normalize()
  return normal === text ? undefined : normal
}

function pushCondition(conditions: Conditions, part: PlainFilter[number]): void {
  if ('all' in part) conditions.all(part.all)
  else if ('any' in part) conditions.any(part.any)
  else if ('not' in part) conditions.not()
  else if ('exists' in part) conditions.exists(part.exists)
  else {
    for (const value of part.values) {
      if (value === null) conditions.null_value()
      else if (typeof value === 'boolean') conditions.bool_value(value)
      else if (typeof value === 'number') conditions.number_value(value)
      else conditions.text_value(value)
    }
    conditions.compare(part.compare, comparisons[part.how])
  }
}

/** Indexes a file of this size up to its end. */
function feed(index: Index, size: number, read: (at: number, length: number) => Uint8Array): void {
  index.grow(size)
  for (;;) {
    const [at, length] = index.wanted()
    if (at === undefined || length === undefined) return
    index.feed(read(at, length))
  }
}

/** Reads appended records, and cuts off an incomplete one. */
function readOn(index: Index, file: StoreFile): void {
  const size = file.size()
  feed(index, size, (at, length) => readAt(file, at, length))
  if (index.end() === size) return
  file.truncate(index.end())
  file.flush()
}

function readKeywords(index: Index, file: StoreFile): void {
  for (;;) {
    const [at, length] = index.unread_keywords()
    if (at === undefined || length === undefined) return
    index.feed_keywords(readAt(file, at, length))
  }
}

const decoder = new TextDecoder()

function contentOf(index: Index, file: StoreFile, document: number): Omit<PlainHit, 'score'> {
  const [at = 0, text = 0, metadata = 0] = index.place_of(document)
  const bytes = readAt(file, at, text + metadata)
  return {
    id: index.id_of(document) ?? '',
    text: decoder.decode(bytes.subarray(0, text)),
    metadata: decoder.decode(bytes.subarray(text)),
  }
}

/** A reusable buffer for reads of up to a mebibyte: allocating one for each would take as long as reading. */
const scratch = new Uint8Array(1 << 20)

/** Returns bytes that are valid until the next read. */
function readAt(file: StoreFile, at: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = length <= scratch.length ? scratch.subarray(0, length) : new Uint8Array(length)
  if (file.read(bytes, at) !== length) throw new DOMException('a read was cut short', 'NotReadableError')
  return bytes
}

function writeAll(file: StoreFile, bytes: Uint8Array, at: number): void {
  if (file.write(bytes as Uint8Array<ArrayBuffer>, at) !== bytes.length)
    throw new DOMException('a write was cut short', 'QuotaExceededError')
}

/** A seed that makes this file's checksums differ from those of any other. */
function salt(): bigint {
  return (BigInt(Date.now()) << 20n) ^ BigInt(Math.floor(Math.random() * 2 ** 52))
}

function isDamage(thrown: unknown): boolean {
  return typeof thrown === 'string' && (JSON.parse(thrown) as Failure).code === 'STORE_DAMAGED'
}

function damage(bytes: number): Failure {
  return {
    status: 'DATA_LOSS',
    code: 'STORE_DAMAGED',
    message: `${bytes} bytes of the store's file were damaged and left out; add its documents again`,
  }
}
