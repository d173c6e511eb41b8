/** Reads parts of messages: from callers in requests, and from branches in replies. */

import type { HybridError } from './errors.js'
import { isObject, kindOf, plainCopy, plainObject } from './json.js'
import { pendingMedia, type Pending } from './media.js'
import type { Part } from '../types.js'

/** Creates an error from a path and a description. */
export type RefuseAt = (path: string, problem: string) => HybridError

/** How parts are copied. */
export interface PartReader {
  readonly refuse: RefuseAt
  /** Whether text must be well-formed: a request's text is repaired, a chunk's may end inside a surrogate pair. */
  readonly readText: (text: string) => string
  /** Collects media that must be read before they can be sent; without this list they are rejected. */
  readonly pending?: Pending[]
}

const kinds = ['text', 'reasoning', 'media', 'toolRequest', 'toolResponse', 'data', 'custom'] as const

/** Copies and checks an array of parts. */
export function readParts(value: unknown, path: string, reader: PartReader): Part[] {
  if (!Array.isArray(value)) throw reader.refuse(path, `must be an array of parts, found ${kindOf(value)}`)
  return Array.from(value as unknown[], (part, index) => readPart(part, `${path}[${index}]`, reader))
}

function readPart(value: unknown, path: string, reader: PartReader): Part {
  const { refuse } = reader
  if (!isObject(value)) throw refuse(path, `must be a part such as { text }, found ${kindOf(value)}`)
  // Each member is read once: a getter might return a different value the second time.
  const found = kinds.flatMap((kind) => {
    const content = value[kind]
    return content === undefined ? [] : [{ kind, content }]
  })
  const [only, other] = found
  if (only === undefined) throw refuse(path, `must be a part with one of ${kinds.join(', ')}`)
  if (other !== undefined)
    throw refuse(path, `must hold one kind of content, found ${found.map(({ kind }) => kind).join(' and ')}`)
  const { kind, content } = only
  const metadata = value['metadata'] ?? undefined
  const at = `${path}.${kind}`
  const part = readContent(kind, content, at, reader)
  return metadata === undefined
    ? part
    : { ...part, metadata: plainObject(metadata, (problem) => refuse(`${path}.metadata`, problem)) }
}

function readContent(
  kind: (typeof kinds)[number],
  content: unknown,
  at: string,
  { refuse, readText, pending }: PartReader,
): Part {
  const text = (value: unknown, path: string): string => {
    if (typeof value !== 'string') throw refuse(path, `must be a string, found ${kindOf(value)}`)
    return readText(value)
  }
  const maybeText = (value: unknown, path: string): string | undefined =>
    value === undefined || value === null ? undefined : text(value, path)
  const members = (): Record<string, unknown> => {
    if (!isObject(content)) throw refuse(at, `must be an object, found ${kindOf(content)}`)
    return content
  }
  switch (kind) {
    case 'text':
      return { text: text(content, at) }
    case 'reasoning':
      return { reasoning: text(content, at) }
    case 'media': {
      const media = pending === undefined ? undefined : pendingMedia(content, at, refuse)
      if (media !== undefined) {
        pending?.push(media)
        return { media: media.target }
      }
      const { url, contentType } = members()
      const type = maybeText(contentType, `${at}.contentType`)
      return { media: { url: text(url, `${at}.url`), ...(type === undefined ? {} : { contentType: type }) } }
    }
    case 'toolRequest': {
      const { name, input, ref } = members()
      return {
        toolRequest: {
          name: text(name, `${at}.name`),
          ...optional('input', input, `${at}.input`, refuse),
          ...reference(maybeText(ref, `${at}.ref`)),
        },
      }
    }
    case 'toolResponse': {
      const { name, output, ref } = members()
      return {
        toolResponse: {
          name: text(name, `${at}.name`),
          ...optional('output', output, `${at}.output`, refuse),
          ...reference(maybeText(ref, `${at}.ref`)),
        },
      }
    }
    case 'data':
      return { data: plainCopy(content, (problem) => refuse(at, problem)) }
    case 'custom':
      return { custom: plainObject(content, (problem) => refuse(at, problem)) }
  }
}

function optional<K extends string>(key: K, value: unknown, path: string, refuse: RefuseAt): { [key in K]?: unknown } {
  const copy = plainCopy(value, (problem) => refuse(path, problem))
  return (copy === undefined ? {} : { [key]: copy }) as { [key in K]?: unknown }
}

function reference(ref: string | undefined): { ref?: string } {
  return ref === undefined ? {} : { ref }
}
