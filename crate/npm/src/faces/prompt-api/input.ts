/** Converts prompts to messages, with the platform's coercions. */

import type { Message, Part } from '../../index.js'
import { base64Of, wholeMediaType } from '../media.js'
import { exception, notSupported } from './errors.js'

/**
 * A part of a message: text, an image or audio (a Blob, bytes, or an image of the page), a call `{ callID, name,
 * arguments }`, or its result `{ callID, name, result }` or `{ callID, name, errorMessage }`. As lenient as the
 * platform's own type.
 */
export interface PromptContent {
  type: 'text' | 'image' | 'audio' | 'tool-call' | 'tool-response'
  value: unknown
}

/** A message of a conversation. `prefix` marks a partial answer that is to be continued. */
export interface PromptMessage {
  role: 'system' | 'user' | 'assistant'
  content: string | PromptContent[]
  prefix?: boolean
}

/** Text, or messages. */
export type PromptInput = string | PromptMessage[]

/** The session's state for reading input. */
export interface Reading {
  inputs: ReadonlySet<string>
  /** Only initial prompts may begin with a system message. */
  isInitial: boolean
  /** Returns the model's own reference for a call that was passed to the page. */
  refOf: (callID: string) => string
}

/**
 * Reads input synchronously, so that later changes by the page have no effect. Images and audio are encoded later, in
 * order.
 */
export function readInput(input: unknown, reading: Reading): Array<Message | Promise<Message>> {
  const isList = typeof input === 'object' && input !== null && Symbol.iterator in input
  if (!isList) {
    // The platform's conversion to a string, which throws for a symbol.
    const text = `${input as string}`
    return text === '' ? [] : [{ role: 'user', content: [{ text }] }]
  }
  const list = [...(input as Iterable<Partial<PromptMessage> | null>)]
  return list.map((message, index) => messageOf(message, { index, isLast: index === list.length - 1, reading }))
}

function messageOf(
  message: Partial<PromptMessage> | null,
  { index, isLast, reading }: { index: number; isLast: boolean; reading: Reading },
): Message | Promise<Message> {
  const { role, content, prefix = false } = message ?? {}
  if (role !== 'system' && role !== 'user' && role !== 'assistant')
    throw new TypeError(`the message at ${index} has an unknown role: ${String(role)}`)
  if (content === undefined) throw new TypeError(`the message at ${index} has no content`)
  const isList = typeof content === 'object' && content !== null && Symbol.iterator in content
  const items = isList ? [...content] : [{ type: 'text' as const, value: `${content}` }]
  if (role === 'system') {
    if (!reading.isInitial) throw new TypeError('a system message belongs to the initial prompts')
    if (index > 0) throw new TypeError('a system message must come first')
  }
  if (prefix && (role !== 'assistant' || !isLast || reading.isInitial))
    throw exception('SyntaxError', '`prefix` belongs to the last message of a prompt, by the assistant')
  const parts = items.map((item) => partOf(item, role, reading))
  const made = (whole: Part[]): Message => {
    const isResult = whole.some((part) => 'toolResponse' in part)
    return {
      role: isResult ? 'tool' : role === 'assistant' ? 'model' : role,
      content: joined(whole),
      ...(prefix && { metadata: { prefix: true } }),
    }
  }
  return parts.some((part) => part instanceof Promise) ? Promise.all(parts).then(made) : made(parts as Part[])
}

function partOf(
  item: PromptContent | null,
  role: PromptMessage['role'],
  { inputs, refOf }: Reading,
): Part | Promise<Part> {
  switch (item?.type) {
    case 'text':
      if (typeof item.value !== 'string') throw new TypeError('text content must have a string as its value')
      return { text: item.value }
    case 'image':
    case 'audio': {
      const { type, value } = item
      if (!isSource(value)) throw new TypeError(`${type} content must have a picture, a sound or bytes as its value`)
      if (role !== 'user' || !inputs.has(type))
        throw notSupported(
          role === 'user' ? `${type} input must be named in expectedInputs` : `only the user may send ${type} content`,
        )
      return encoded(value, type).then((media) => ({ media }))
    }
    case 'tool-call': {
      const { callID, callId, name, arguments: input } = objectOf(item.value)
      if (role !== 'assistant') throw new TypeError('only the assistant calls tools')
      return { toolRequest: { name: String(name), input: argumentsOf(input), ref: refOf(String(callID ?? callId)) } }
    }
    case 'tool-response': {
      if (role !== 'user') throw new TypeError('only the user sends results of tools')
      if (!inputs.has('tool-response')) throw notSupported('results of tools need expectedOutputs with tool-call')
      const { callID, callId, name, result, errorMessage } = objectOf(item.value)
      // eslint-disable-next-line @typescript-eslint/no-base-to-string -- a page may pass an Error
      const output = errorMessage === undefined ? resultOf(result) : { error: String(errorMessage) }
      return { toolResponse: { name: String(name), output, ref: refOf(String(callID ?? callId)) } }
    }
    case undefined:
    default:
      throw new TypeError(`content has an unknown type: ${String((item as { type?: unknown } | null)?.type)}`)
  }
}

/** A result is a list of content; a page may pass a plain value. It is copied, because the page may change it. */
function resultOf(result: unknown): unknown {
  const list = Array.isArray(result) ? (result as Array<{ type?: unknown; value?: unknown } | null>) : []
  if (list.some((item) => item?.type === 'image' || item?.type === 'audio'))
    throw notSupported('a result of a tool may hold no picture and no sound')
  const isText = Array.isArray(result) && list.every((item) => item?.type === 'text')
  if (!isText) return copied(result ?? null, 'a result')
  return list.map((item) => textOf(copied(item?.value, 'a result'))).join('')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Copies the arguments of a call, an object with a JSON form. */
function argumentsOf(given: unknown): object {
  const copy = copied(given ?? {}, 'the arguments of a call')
  if (typeof copy !== 'object' || copy === null || Array.isArray(copy))
    throw exception('DataError', 'the arguments of a call must be an object')
  return copy
}

/** Copies a value with a JSON form. A cycle, a function, a bigint or an object of the platform is a DataError. */
function copied(value: unknown, what: string): unknown {
  const isForeign = (it: unknown): boolean =>
    typeof it === 'function' ||
    typeof it === 'symbol' ||
    (typeof it === 'object' && it !== null && !/^\[object (Object|Array)\]$/.test(Object.prototype.toString.call(it)))
  let isWhole = true
  let json: string | undefined
  try {
    json = JSON.stringify(value, (_, it: unknown) => {
      isWhole &&= !isForeign(it)
      return it
    })
  } catch {
    json = undefined
  }
  if (json === undefined || !isWhole) throw exception('DataError', `${what} must be what JSON can hold, without cycles`)
  return JSON.parse(json)
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError('a call and its result are objects')
  return value as Record<string, unknown>
}

/** Merges adjacent texts. */
function joined(parts: Part[]): Part[] {
  const whole: Part[] = []
  for (const part of parts) {
    const last = whole.at(-1)
    if (last !== undefined && 'text' in last && 'text' in part)
      whole[whole.length - 1] = { text: last.text + part.text }
    else whole.push(part)
  }
  return whole
}

// ── Pictures and sounds ──────────────────────────────────────────────────────────────────────────────────────────────

function isSource(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.prototype.toString.call(value) !== '[object Object]' &&
    !Array.isArray(value)
  )
}

async function encoded(source: object, kind: 'image' | 'audio'): Promise<{ url: string; contentType: string }> {
  const isBytes = source instanceof ArrayBuffer || ArrayBuffer.isView(source)
  const blob = isBytes || source instanceof Blob ? source : kind === 'image' ? await drawn(source) : undefined
  if (blob === undefined) throw notSupported('a sound must be given encoded: as a Blob or bytes')
  const bytes =
    blob instanceof Blob
      ? new Uint8Array(await blob.arrayBuffer())
      : blob instanceof ArrayBuffer
        ? new Uint8Array(blob.slice(0))
        : new Uint8Array(blob.buffer, blob.byteOffset, blob.byteLength).slice()
  const contentType = wholeMediaType(
    bytes,
    (blob instanceof Blob && blob.type.startsWith(`${kind}/`) && blob.type) || kind,
  )
  return { url: `data:${contentType};base64,${base64Of(bytes)}`, contentType }
}

/** Encodes canvases, bitmaps, images and frames of this page as PNG. */
async function drawn(source: object): Promise<Blob> {
  if (typeof OffscreenCanvas === 'undefined')
    throw notSupported('a picture must be given encoded here: as a Blob or bytes')
  try {
    const bitmap = await createImageBitmap(source as ImageBitmapSource)
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0)
    bitmap.close()
    return await canvas.convertToBlob({ type: 'image/png' })
  } catch (cause) {
    throw cause instanceof TypeError ? cause : exception('NotSupportedError', 'the picture could not be read', cause)
  }
}
