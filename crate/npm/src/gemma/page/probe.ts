/** What a model's file says of itself in its first bytes: how large it is, and the shape of its network. No weight is fetched for it. */

import type { EngineHost } from './host.js'
import { folder, hasStore, journalName, readJson, readKept, weightsName, type JournalView } from '../layout.js'

/** Everything that stands before the vocabulary, and more. */
const headerBytes = 32 << 10

/** A host that thinks for longer tells nothing; the question must be answered in well under a second. */
const patienceMs = 700

export interface Probe {
  /** The size of all files together. */
  readonly bytes: number | undefined
  readonly header: Uint8Array<ArrayBuffer>
  /** The HTTP status of a host that gives nothing. */
  readonly refused: number | undefined
}

const nothing: Probe = { bytes: undefined, header: new Uint8Array(), refused: undefined }

/** What hosts said is asked for once for each model object. */
const answers = new WeakMap<EngineHost, Probe>()

/** Looks into the caller's file or into the store; asks the host only where it `mayAsk` and nobody else knows. */
export async function probe(host: EngineHost, key: string | undefined, mayAsk: boolean): Promise<Probe> {
  const { source, options } = host
  if (source.kind === 'blob') return { ...nothing, bytes: source.blob.size, header: await firstBytes(source.blob).catch(() => nothing.header) }
  const kept = key === undefined || options.cache === 'none' ? undefined : await keptHeader(key)
  if (kept !== undefined) return { ...nothing, ...kept, bytes: source.files.length === 1 ? kept.bytes : undefined }
  if (source.shape !== undefined || !mayAsk) return nothing
  const known = answers.get(host)
  if (known !== undefined) return known
  const found = await ask(host).catch(() => nothing)
  if (found.bytes !== undefined) answers.set(host, found)
  return found
}

async function firstBytes(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.slice(0, headerBytes).arrayBuffer())
}

async function keptHeader(key: string): Promise<Pick<Probe, 'header' | 'bytes'> | undefined> {
  const directory = hasStore() ? await folder(key, false).catch(() => undefined) : undefined
  const journal = directory && (await readJson<JournalView>(directory, journalName(0)))
  const [start = 1, end = 0] = journal?.held[0] ?? []
  if (directory === undefined || start > 0 || end < headerBytes) return undefined
  const header = await readKept(directory, weightsName(0), firstBytes)
  return header && { header, bytes: journal?.size }
}

async function ask({ source, options }: EngineHost): Promise<Probe> {
  if (source.kind === 'blob') return nothing
  const { headers, origin } = { headers: (await options.headers?.()) ?? {}, origin: new URL(source.files[0]?.url ?? '').origin }
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), patienceMs)
  try {
    const parts = await Promise.all(source.files.map(({ url }, part) => askFor(url, { headers: new URL(url).origin === origin ? headers : {}, wanted: part === 0 ? headerBytes : 1, signal: silence.signal })))
    const refused = parts.find((part) => part.refused !== undefined)?.refused
    const sizes = parts.map(({ bytes }) => bytes)
    const bytes = sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined
    return { bytes, header: parts[0]?.header ?? nothing.header, refused }
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

async function askFor(url: string, { headers, wanted, signal }: { headers: Record<string, string>; wanted: number; signal: AbortSignal }): Promise<Probe> {
  const response = await fetch(url, { headers: { ...headers, range: `bytes=0-${wanted - 1}` }, signal, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' })
  if (response.status !== 200 && response.status !== 206) {
    // A host in trouble may give it later; one that says no will say it again.
    return { ...nothing, refused: [401, 403, 404, 410].includes(response.status) ? response.status : undefined }
  }
  const whole = response.status === 200 ? response.headers.get('content-length') : /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  const header = new Uint8Array(wanted)
  let length = 0
  const reader = response.body?.getReader()
  while (reader !== undefined && length < wanted) {
    const { done, value } = await reader.read()
    if (done) break
    const piece = value.subarray(0, wanted - length)
    header.set(piece, length)
    length += piece.byteLength
  }
  // A host without ranges would send everything.
  void reader?.cancel().catch(() => {})
  return { bytes: whole === null || whole === undefined ? undefined : Number(whole), header: header.slice(0, length), refused: undefined }
}
