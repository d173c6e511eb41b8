/**
 * Extracts the texts of a request, everything that a branch could send, and puts them back:
 * `hybridge_core::redact::leaves`.
 */

import { isObject } from '../border/json.js'

/** One text, number or key of a request. */
export interface Leaf {
  pieces: Piece[]
  readonly form: Form
}

/** A piece of a leaf: its original text, or the number of the entry that replaces it. */
export type Piece = string | number

/** The form of a leaf in the request. `bytes` are not text, and cannot be changed. */
export type Form = { kind: 'text' } | { kind: 'number'; value: number } | { kind: 'address' | 'bytes'; address: string }

/** A text as scanned by a detector: numbers of leaves, and the text between them. */
export type Document = Array<number | string>

/**
 * A visitor of a request, used to extract its leaves and to put them back. Each method returns the new value.
 */
export interface Visitor {
  text(text: string): string
  number(value: number): unknown
  key(key: string): string
  /** Visits the text between two leaves. */
  between?(text: string): void
  /** The document is complete. */
  end?(): void
  /** The previous leaf is a text that services join with its neighbours. */
  joins?(): void
}

/** Ends a value: no number continues across it, and words before it still announce what follows. */
const endOfValue = '\n\u001e'

const types: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null'])

type Fields = Record<string, unknown>

/**
 * Visits every leaf of a request, always in the same order: messages first, so that a longer conversation begins like a
 * shorter one.
 */
export function visit(request: object, visitor: Visitor): void {
  const { messages, tools, output, config } = request as Fields
  for (const message of listOf(messages)) {
    for (const it of listOf(message['content'])) part(it, visitor)
    metadata(message, visitor)
  }
  for (const tool of listOf(tools))
    for (const name of ['name', 'description', 'inputSchema', 'outputSchema']) document(tool, name, visitor)
  if (isObject(output)) document(output, 'schema', visitor)
  if (!isObject(config)) return
  for (const [name, option] of Object.entries(config)) {
    // The numbers in the options are settings.
    if (typeof option === 'number') continue
    visitor.between?.(`${name}: `)
    document(config, name, visitor)
  }
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function part(part: Fields, visitor: Visitor): void {
  for (const [kind, content] of Object.entries(part)) {
    if (kind === 'metadata') metadata(part, visitor)
    else if (kind === 'toolRequest' || kind === 'toolResponse')
      for (const name of ['name', 'ref', 'input', 'output']) document(content as Fields, name, visitor)
    else if (kind === 'media') for (const name of ['contentType', 'url']) document(content as Fields, name, visitor)
    else {
      document(part, kind, visitor)
      if (typeof content === 'string') visitor.joins?.()
    }
  }
}

/** Services accept their own signatures only unchanged. A signature that isn't base64 is treated as text. */
function metadata(holder: Fields, visitor: Visitor): void {
  const found = holder['metadata']
  if (!isObject(found)) return
  const { thoughtSignature: signature, ...rest } = found
  const signed = signature === undefined ? {} : { thoughtSignature: signature }
  if (signature !== undefined && !(typeof signature === 'string' && /^[\w+/=-]*$/.test(signature)))
    document(signed, 'thoughtSignature', visitor)
  holder['metadata'] = { ...object(rest, visitor), ...signed }
  visitor.end?.()
}

/** Visits a member that forms its own document. */
function document(holder: Fields, name: string, visitor: Visitor): void {
  if (holder[name] === undefined) return
  holder[name] = valueOf(holder[name], visitor)
  visitor.end?.()
}

/** Visits values at any depth, so that a key announces its value: `dateOfBirth: 1985-03-12`. */
function valueOf(value: unknown, visitor: Visitor): unknown {
  if (Array.isArray(value)) return value.map((it) => valueOf(it, visitor))
  if (isObject(value)) {
    visitor.between?.(endOfValue)
    return object(value, visitor)
  }
  const made =
    typeof value === 'string' ? visitor.text(value) : typeof value === 'number' ? visitor.number(value) : value
  visitor.between?.(endOfValue)
  return made
}

function object(fields: Fields, visitor: Visitor): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      // Keywords of a schema.
      if (name === 'type' && types.has(value)) return [name, value]
      const key = visitor.key(name)
      visitor.between?.(': ')
      return [key, valueOf(value, visitor)]
    }),
  )
}

// ── Addresses ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Visits a text, or the content of a `data:` URL. Images and audio are skipped. */
export function leafOf(text: string): Leaf {
  const [, head, body] = /^(data:[^,]*),([^]*)$/i.exec(text) ?? []
  if (head === undefined || body === undefined) return { pieces: [text], form: { kind: 'text' } }
  const kind = head.toLowerCase()
  if (/^data:\s*(?:image|audio|video|font)\//.test(kind) && !kind.includes('svg'))
    return { pieces: [], form: { kind: 'bytes', address: text } }
  const bytes = kind.trimEnd().endsWith('base64') ? base64Decoded(latin1(percentDecoded(body))) : percentDecoded(body)
  const inside = /utf-?16/.test(kind) || bytes.includes(0) ? undefined : utf8(bytes)
  if (inside !== undefined) return { pieces: [inside], form: { kind: 'address', address: text } }
  // Zeros between the letters mean UTF-16 with ASCII text.
  const letters = new TextDecoder().decode(bytes.filter((it) => it !== 0))
  return { pieces: [letters], form: { kind: 'bytes', address: text } }
}

/** Returns a `data:` URL with another text inside. */
export function addressWith(address: string, inside: string): string {
  const head = address
    .slice(0, address.indexOf(','))
    .trimEnd()
    .replace(/;base64$/i, '')
  return `${head};base64,${btoa(latin1(new TextEncoder().encode(inside)))}`
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function latin1(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function percentDecoded(text: string): Uint8Array {
  const escaped = latin1(new TextEncoder().encode(text))
  const plain = escaped.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Uint8Array.from(plain, (it) => it.charCodeAt(0))
}

/** Characters outside the alphabet are skipped, and padding is optional. */
function base64Decoded(text: string): Uint8Array {
  const symbols = text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/[^A-Za-z0-9+/]/g, '')
  const whole = symbols.length % 4 === 1 ? symbols.slice(0, -1) : symbols
  return Uint8Array.from(atob(whole), (it) => it.charCodeAt(0))
}
