/**
 * The way back of a tool's result: which branch called, under which reference, and what it wrote beside the call.
 *
 * The clients of the faces have no metadata on messages. What they do carry unchanged is an id or an opaque record, so
 * that is where this travels: nothing is remembered, and a conversation survives reloading and storing.
 */

import type { Message, Metadata, Part } from '../index.js'

/** What a call needs to find its way back. */
export interface WayBack {
  /** The reference that the model itself gave the call. */
  ref?: string
  /** `message.metadata.branches` of the message that called: signed by each router that it came through. */
  branches?: string[]
  /** `part.metadata` of the call, for example Gemini's thought signature. */
  metadata?: Metadata
  /** The same of the words and thoughts before the call, where a client's messages have no place for it. */
  signed?: Signed
}

/** `part.metadata` by kind of part. */
export type Signed = Partial<Record<'text' | 'reasoning', Metadata>>

/** A call of a model as faces pass it on: arguments as a value, an id that no other call has, and its way back. */
export interface Call {
  id: string
  name: string
  input: unknown
  wayBack: WayBack
}

/** The calls of a finished answer. Models may count their references from 0 in each turn, so ids are drawn anew. */
export function callsOf(message: Message, makeId: (wayBack: WayBack) => string): Call[] {
  const branches = stringsOf(message.metadata?.['branches'])
  return message.content.flatMap((part) => {
    if (!('toolRequest' in part)) return []
    const { name, input, ref } = part.toolRequest
    const wayBack: WayBack = {
      ...(ref === undefined ? {} : { ref }),
      ...(branches === undefined ? {} : { branches }),
      ...(part.metadata === undefined ? {} : { metadata: part.metadata }),
    }
    return [{ id: makeId(wayBack), name, input: input ?? {}, wayBack }]
  })
}

/** A call as the model wrote it. Without a reference of its own it goes by the id, as its result does. */
export function callPart({ id, name, input, wayBack: { ref = id, metadata } }: Call): Part {
  return { toolRequest: { name, input, ref }, ...(metadata === undefined ? {} : { metadata }) }
}

/** A record that came from outside, as far as it is a way back. */
export function wayBackOf(value: unknown): WayBack {
  if (!isObject(value)) return {}
  const { ref, branches, metadata, signed } = value
  const known = stringsOf(branches)
  return {
    ...(typeof ref === 'string' ? { ref } : {}),
    ...(known === undefined ? {} : { branches: known }),
    ...(isObject(metadata) ? { metadata: metadata } : {}),
    ...(isObject(signed) && Object.values(signed).every(isObject) ? { signed: signed } : {}),
  }
}

/** The calls of an answer for clients that carry ids alone: the first one's has what stands beside other parts. */
export function sealedCallsOf(message: Message): Call[] {
  let signed: Signed | undefined
  for (const part of message.content)
    for (const kind of ['text', 'reasoning'] as const)
      if (kind in part && part.metadata !== undefined) signed = { ...signed, [kind]: part.metadata }
  return callsOf(message, (wayBack) => {
    const id = sealedId(signed === undefined ? wayBack : { ...wayBack, signed })
    signed = undefined
    return id
  })
}

/** Gives the words and thoughts of an answer that came back what stood beside them: the last of each kind has it. */
export function signParts(parts: Part[], calls: readonly Call[]): Part[] {
  for (const [kind, metadata] of Object.entries(calls[0]?.wayBack.signed ?? {})) {
    const at = parts.findLastIndex((part) => kind in part)
    if (at >= 0) parts[at] = { ...(parts[at] as Part), metadata }
  }
  return parts
}

/** A model's message, signed again where its calls carry a signature. */
export function modelMessage(content: Part[], calls: readonly Call[]): Message {
  const branches = calls.find(({ wayBack }) => wayBack.branches !== undefined)?.wayBack.branches
  return { role: 'model', content, ...(branches === undefined ? {} : { metadata: { branches } }) }
}

/** 16 hexadecimal digits of chance. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

const sealed = /^call_[0-9a-f]{16}_([\w-]+)$/

/** An id that carries its way back. Clients treat ids as opaque and return them unchanged. */
function sealedId(wayBack: WayBack): string {
  const id = `call_${randomId()}`
  if (Object.keys(wayBack).length === 0) return id
  return `${id}_${toBase64Url(JSON.stringify(wayBack))}`
}

/** The contents of an id; empty if it was made elsewhere. */
export function openedId(id: string): WayBack {
  const packed = sealed.exec(id)?.[1]
  if (packed === undefined) return {}
  try {
    return wayBackOf(JSON.parse(fromBase64Url(packed)))
  } catch {
    return {}
  }
}

function toBase64Url(text: string): string {
  let binary = ''
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

function fromBase64Url(packed: string): string {
  const binary = atob(packed.replaceAll('-', '+').replaceAll('_', '/'))
  return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)))
}

/** An object that is no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function stringsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined
}
