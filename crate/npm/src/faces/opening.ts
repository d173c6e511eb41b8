/** Runs a stream until its first content, so that an early failure rejects the call instead of the stream. */

import type { GenerateChunk, GenerateRequest, GenerateResponse, Model, Part } from '../index.js'

/** An answer in progress. */
export interface Opened {
  /** The first chunk with content; undefined if the answer ended without one. */
  readonly first: GenerateChunk | undefined
  /** All chunks, including the first. */
  readonly chunks: AsyncGenerator<GenerateChunk, void, undefined>
  readonly response: Promise<GenerateResponse>
  /** Aborts the work; pending promises settle. */
  readonly stop: () => void
}

/** Starts an answer and waits for its first content. Rejects with the signal's own reason if it is aborted. */
export async function openStream(
  model: Model,
  request: GenerateRequest,
  { signal, context }: { signal?: AbortSignal | undefined; context?: Record<string, unknown> | undefined },
): Promise<Opened> {
  signal?.throwIfAborted()
  const work = new AbortController()
  const onAbort = (): void => work.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const { stream, response } = model.generateStream(request, {
    signal: work.signal,
    ...(context === undefined ? {} : { context }),
  })
  const stop = (): void => work.abort(new DOMException('the stream was left', 'AbortError'))
  const settle = (): void => signal?.removeEventListener('abort', onAbort)
  response.then(settle, settle)
  const source = stream[Symbol.asyncIterator]()
  const held: GenerateChunk[] = []
  let first: GenerateChunk | undefined
  try {
    while (first === undefined) {
      const next = await source.next()
      if (next.done === true) break
      held.push(next.value)
      if (next.value.content.some(hasContent)) first = next.value
    }
    if (first === undefined) await response
  } catch (thrown) {
    signal?.throwIfAborted()
    throw thrown
  }
  async function* chunks(): AsyncGenerator<GenerateChunk, void, undefined> {
    let isOver = false
    try {
      yield* held
      for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value
      isOver = true
    } catch (thrown) {
      signal?.throwIfAborted()
      throw thrown
    } finally {
      if (!isOver) stop()
    }
  }
  return { first, chunks: chunks(), response, stop }
}

function hasContent(part: Part): boolean {
  if ('text' in part) return part.text !== ''
  return !('reasoning' in part) || part.reasoning !== ''
}
