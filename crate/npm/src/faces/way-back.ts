/**
 * Leads a tool's result back to its branch: stores which branch called, its reference, and its metadata of the call.
 *
 * The faces' clients have no metadata on messages, but they return IDs and opaque records unchanged. This data is
 * stored there, so a conversation survives a reload or storage without any state here.
 */

import type { Message, Metadata, Part } from '../index.js'

/** The data that leads a call's result back. */
export interface WayBack {
  /** The model's own reference for the call. */
  ref?: string
  /** `message.metadata.branches` of the message that called: signed by each router that it passed. */
  branches?: string[]
  /** `part.metadata` of the call, for example Gemini's thought signature. */
  metadata?: Metadata
  /** The metadata of the text and reasoning before the call, if a client's messages have no field for it. */
  signed?: Signed
}

/** `part.metadata` by kind of part. */
export type Signed = Partial<Record<'text' | 'reasoning', Metadata>>

/** A model's call as faces pass it on: arguments as a value, a unique ID, and the data that leads its result back. */
export interface Call {
  id: string
  name: string
  input: unknown
  wayBack: WayBack
}

/**
 * Returns the calls of a finished answer. Models may count their references from 0 in each turn, so new IDs are drawn.
 */
export function callsOf(message: Message, makeId: (wayBack: WayBack) => string): Call[] {
  const branches = stringsOf(message.metadata?.['branches'])
  return message.content.flatMap((part) => {
    if (!('toolRequest' in part)) return []
    const { name, input, ref } = part.toolRequest
    // It is sent as JSON, which has no undefined.
    const wayBack = { ref, branches, metadata: part.metadata } as WayBack
    return [{ id: makeId(wayBack), name, input: input ?? {}, wayBack }]
  })
}

/** Returns a call as the model wrote it. Without a reference of its own it keeps the ID, as its result does. */
export function callPart({ id, name, input, wayBack: { ref = id, metadata } }: Call): Part {
  return { toolRequest: { name, input, ref }, ...(metadata === undefined ? {} : { metadata }) }
}

/** Reads a record from outside, as far as it is valid. */
export function wayBackOf(value: unknown): WayBack {
  if (!isObject(value)) return {}
  const { ref, branches, metadata, signed } = value
  return {
    ref: typeof ref === 'string' ? ref : undefined,
    branches: stringsOf(branches),
    metadata: isObject(metadata) ? metadata : undefined,
    signed: isObject(signed) && Object.values(signed).every(isObject) ? signed : undefined,
  } as WayBack
}

/**
 * Returns the calls of an answer for clients that return only IDs: the first call's ID contains the metadata of the
 * other parts.
 */
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

/** Restores the metadata of text and reasoning of a returned answer: the last part of each kind gets it. */
export function signParts(parts: Part[], calls: readonly Call[]): Part[] {
  for (const [kind, metadata] of Object.entries(calls[0]?.wayBack.signed ?? {})) {
    const at = parts.findLastIndex((part) => kind in part)
    if (at >= 0) parts[at] = { ...(parts[at] as Part), metadata }
  }
  return parts
}

/** Restores the signatures of a model's message from those of its calls. */
export function modelMessage(content: Part[], calls: readonly Call[]): Message {
  const branches = calls.find(({ wayBack }) => wayBack.branches !== undefined)?.wayBack.branches
  return { role: 'model', content, ...(branches === undefined ? {} : { metadata: { branches } }) }
}

/** Returns 16 random hexadecimal digits. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

const sealed = /^call_[0-9a-f]{16}_([\w-]+)$/

/** Returns an ID that contains the data. Clients treat IDs as opaque and return them unchanged. */
function sealedId(wayBack: WayBack): string {
  const id = `call_${randomId()}`
  const json = JSON.stringify(wayBack)
  return json === '{}' ? id : `${id}_${toBase64Url(json)}`
}

/** Returns the data in an ID; empty if it was created elsewhere. */
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

/** Whether a value is an object and not a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function stringsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined
}
