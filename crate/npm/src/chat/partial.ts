/** Continues a stored answer that broke off. */

import { Continuation, withPartial } from '../answer/continuation.js'
import { Chunk, Response } from '../answer/response.js'
import { Feed, streamOf } from '../answer/stream.js'
import { loadPage } from '../border/wasm.js'
import type {
  ChatEntry,
  GenerateChunk,
  GenerateOptions,
  GenerateRequest,
  GenerateResponse,
  GenerateStream,
  Message,
  Model,
  Part,
} from '../types.js'

/** An answer of a chat that was stopped or failed and contains only text. */
export interface Begun {
  readonly content: readonly Part[]
  readonly branch: string | undefined
}

/** Returns the answer to continue; undefined if there is none, or if it contains tool calls. */
export function begunIn(entry: ChatEntry | undefined): Begun | undefined {
  if (entry?.message.role !== 'model' || (entry.state !== 'aborted' && entry.state !== 'failed')) return undefined
  const content = entry.message.content.filter((part) => part.text !== '')
  const isText = content.length > 0 && content.every((part) => part.text !== undefined)
  return isText ? { content, branch: entry.branch } : undefined
}

/**
 * Returns a model whose first answer continues a partial one: its stream contains the new part, its response the
 * whole.
 */
export function goingOnFrom(model: Model, begun: Begun): Model {
  let isFirst = true
  const generateStream = (request: string | GenerateRequest, options: GenerateOptions = {}): GenerateStream => {
    if (!isFirst || typeof request === 'string') return model.generateStream(request, options)
    isFirst = false
    const feed = new Feed<GenerateChunk>(() => {})
    const response = goOn(model, begun, request, options, (chunk) => feed.push(chunk))
    response.then(
      () => feed.close(),
      (error: unknown) => feed.fail(error),
    )
    return streamOf(feed, response)
  }
  // Outputs are typed by the caller's schema, which is unknown here.
  return { name: model.name, info: model.info, generateStream } as Model
}

async function goOn(
  model: Model,
  { content, branch: from }: Begun,
  request: GenerateRequest,
  options: GenerateOptions,
  push: (chunk: GenerateChunk) => void,
): Promise<GenerateResponse> {
  const page = await loadPage()
  const isExact = model.info.supports.prefix === true
  const continuation = new Continuation(content, (before) => new page.Seam(before, isExact))
  try {
    // Messages of a chat are stored, so their media are URLs.
    const messages = withPartial((request.messages ?? []) as Message[], content)
    const answer = model.generateStream({ ...request, messages }, options)
    let next = 0
    const show = (added: Part[], { branch, logprobs }: Pick<GenerateChunk, 'branch' | 'logprobs'>): void => {
      if (added.length > 0) push(new Chunk({ index: next++, content: added, logprobs, branch, outputSoFar: undefined }))
    }
    for await (const chunk of answer.stream) show(continuation.add(chunk.content), chunk)
    const response = await answer.response
    continuation.see(response.message.content)
    show(continuation.end(), { branch: response.branch })
    const at = content.reduce((length, part) => length + (part.text ?? '').length, 0)
    const continued = from === undefined ? {} : { continued: { from, at } }
    const message = {
      ...response.message,
      content: continuation.whole(response.message.content),
      metadata: { ...response.message.metadata, ...continued },
    }
    return new Response({ ...response, message }, { ...response, json: false })
  } finally {
    continuation.end()
  }
}
