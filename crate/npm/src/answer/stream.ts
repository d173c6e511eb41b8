/** Delivers chunks to the loops that read them. */

import type { GenerateChunk, GenerateResponse, GenerateStream } from '../types.js'

/**
 * A list that grows while it is read. Every loop over it sees all of it from the start, so `stream` and the object
 * itself are the same. Concurrent `next()` calls are answered in the order in which they were made. Leaving a loop
 * early calls `abandon`.
 */
export class Feed<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  readonly #waiting = new Set<() => void>()
  readonly #abandon: () => void
  #end: { error?: unknown } | undefined

  constructor(abandon: () => void) {
    this.#abandon = abandon
  }

  push(item: T): void {
    if (this.#end !== undefined) return
    this.#items.push(item)
    this.#wake()
  }

  close(): void {
    this.#end ??= {}
    this.#wake()
  }

  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake()
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined> {
    const calls: Array<{
      at: number
      resolve: (result: IteratorResult<T, undefined>) => void
      reject: (error: unknown) => void
    }> = []
    let asked = 0
    let isLeft = false
    const done = { done: true, value: undefined } as const
    const answer = (): void => {
      for (let call = calls[0]; call !== undefined; call = calls[0]) {
        if (isLeft) call.resolve(done)
        else if (call.at < this.#items.length) call.resolve({ done: false, value: this.#items[call.at] as T })
        else if (this.#end === undefined) break
        // The call that reaches the end gets the failure; those behind it get the end.
        else if ('error' in this.#end && call.at === this.#items.length) call.reject(this.#end.error)
        else call.resolve(done)
        calls.shift()
      }
      if (calls.length === 0) this.#waiting.delete(answer)
      else this.#waiting.add(answer)
    }
    const leave = (): void => {
      isLeft = true
      answer()
      if (this.#end === undefined) this.#abandon()
    }
    return {
      next: () =>
        new Promise((resolve, reject) => {
          calls.push({ at: asked++, resolve, reject })
          answer()
        }),
      return: () => {
        leave()
        return Promise.resolve(done)
      },
      throw: (error: unknown) => {
        leave()
        return Promise.reject(error)
      },
    }
  }

  #wake(): void {
    for (const answer of [...this.#waiting]) answer()
  }
}

/** The public interface of a feed and its final answer. */
export function streamOf(feed: Feed<GenerateChunk>, response: Promise<GenerateResponse>): GenerateStream {
  const stream: GenerateStream = {
    stream: feed,
    response,
    [Symbol.asyncIterator]: () => feed[Symbol.asyncIterator](),
    get textStream() {
      return textOf(feed)
    },
    toReadableStream: () => readableOf(feed),
  }
  // Browsers of 2024 lack the symbol. Leaving the block stops the work, like leaving a loop.
  const dispose = (Symbol as { asyncDispose?: symbol }).asyncDispose
  if (dispose !== undefined)
    Object.defineProperty(stream, dispose, { value: async () => void (await feed[Symbol.asyncIterator]().return?.()) })
  return stream
}

/** Yields the text of each chunk that has some. */
async function* textOf(chunks: AsyncIterable<GenerateChunk>): AsyncGenerator<string, void, undefined> {
  for await (const { text } of chunks) if (text !== '') yield text
}

function readableOf(chunks: AsyncIterable<GenerateChunk>): ReadableStream<GenerateChunk> {
  const iterator = chunks[Symbol.asyncIterator]()
  return new ReadableStream<GenerateChunk>({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
