/**
 * Reads the first bytes of a model's file: its size, and the shape of its network. No weights are downloaded.
 */

import { unlessAborted } from '../../border/abort.js'
import { folder, hasStore, readJournal, readKept, weightsName } from '../layout.js'
import { requestPart, routeTo } from '../request-part.js'
import type { EngineHost } from './host.js'
import type { ModelSource } from './source.js'

/** More than everything before the vocabulary. */
const headerBytes = 32 << 10

/** Timeout of the request: availability must be known in well under a second. */
const patienceMs = 700

export interface Probe {
  /** The total size of all files. */
  readonly bytes: number | undefined
  readonly header: Uint8Array<ArrayBuffer>
  /** The result, in the form of `hybridge_core::device::Look`. */
  readonly look: 'none' | 'read' | 'page' | 'refused' | 'trouble' | 'unreachable'
  /** The HTTP status of a host that refuses the file. */
  readonly status: number | undefined
}

const nothing: Probe = { bytes: undefined, header: new Uint8Array(), look: 'none', status: undefined }

/** Each model object requests each source from the host once. */
const answers = new WeakMap<ModelSource, Probe>()

/** Looks into the caller's file or the store. Asks the host only with `mayAsk`, and if nothing else is known. */
export async function probe(
  source: ModelSource,
  options: EngineHost['options'],
  key: string | undefined,
  mayAsk: boolean,
): Promise<Probe> {
  if (source.kind === 'blob') {
    const header = await firstBytes(source.blob).catch(() => undefined)
    return { ...nothing, bytes: source.blob.size, ...(header === undefined ? {} : { header, look: 'read' }) }
  }
  const kept = key === undefined || options.cache === 'none' ? undefined : await keptHeader(key)
  if (kept !== undefined)
    return { ...nothing, ...kept, look: 'read', bytes: source.files.length === 1 ? kept.bytes : undefined }
  if (source.shape !== undefined || !mayAsk) return nothing
  const known = answers.get(source)
  if (known !== undefined) return known
  const found = await ask(source, options)
  if (found.bytes !== undefined && found.look === 'read') answers.set(source, found)
  return found
}

async function firstBytes(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.slice(0, headerBytes).arrayBuffer())
}

async function keptHeader(key: string): Promise<Pick<Probe, 'header' | 'bytes'> | undefined> {
  const directory = hasStore() ? await folder(key, false).catch(() => undefined) : undefined
  const journal = directory && (await readJournal(directory, 0))
  if (directory === undefined || journal === undefined) return undefined
  const [start = 1, end = 0] = journal.held[0] ?? []
  if (!journal.complete && (start > 0 || end < headerBytes)) return undefined
  const header = await readKept(directory, weightsName(0), firstBytes)
  return header && { header, bytes: journal.size }
}

async function ask(source: ModelSource, options: EngineHost['options']): Promise<Probe> {
  if (source.kind === 'blob') return nothing
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), patienceMs)
  try {
    const headers = (await unlessAborted(options.headers?.(), silence.signal)) ?? {}
    const origin = new URL(source.files[0]?.url ?? '').origin
    const parts = await Promise.all(
      source.files.map(({ url }, part) =>
        askFor(url, {
          headers: new URL(url).origin === origin ? headers : {},
          wanted: part === 0 ? headerBytes : 1,
          signal: silence.signal,
        }),
      ),
    )
    const failed = parts.find(({ look }) => look !== 'read')
    if (failed !== undefined) return failed
    const sizes = parts.map(({ bytes }) => bytes)
    const bytes = sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined
    return { ...nothing, bytes, header: parts[0]?.header ?? nothing.header, look: 'read' }
  } catch {
    return { ...nothing, look: silence.signal.aborted ? 'trouble' : 'unreachable' }
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

/** Statuses that may be temporary. */
const passing: ReadonlySet<number> = new Set([408, 425, 429])

async function askFor(
  url: string,
  { headers, wanted, signal }: { headers: Record<string, string>; wanted: number; signal: AbortSignal },
): Promise<Probe> {
  const { response } = await requestPart(routeTo(url, headers), `bytes=0-${wanted - 1}`, signal)
  const { status } = response
  // An empty file has no first byte.
  if (status === 416) return { ...nothing, bytes: 0, look: 'read' }
  if (status !== 200 && status !== 206) {
    void response.body?.cancel().catch(() => {})
    return { ...nothing, look: status >= 500 || passing.has(status) ? 'trouble' : 'refused', status }
  }
  if (/^\s*text\/html/i.test(response.headers.get('content-type') ?? '')) {
    void response.body?.cancel().catch(() => {})
    return { ...nothing, look: 'page' }
  }
  const whole = status === 200 ? lengthOf(response) : /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  const header = new Uint8Array(wanted)
  let length = 0
  const reader = response.body?.getReader()
  let isDone = reader === undefined
  // The range is read to its end, because a request cancelled just before it looks like a failure in the network panel.
  while (reader !== undefined && !isDone && (length < wanted || status === 206)) {
    const { done, value } = await reader.read()
    isDone = done
    if (value === undefined) continue
    const piece = value.subarray(0, wanted - length)
    header.set(piece, length)
    length += piece.byteLength
    if (piece.byteLength < value.byteLength) break
  }
  // A host without ranges would send the whole file.
  if (!isDone) void reader?.cancel().catch(() => {})
  return {
    bytes: whole === undefined ? undefined : Number(whole),
    header: header.slice(0, length),
    look: 'read',
    status: undefined,
  }
}

/** A response with a content encoding has a different length than the file. */
function lengthOf({ headers }: Response): string | undefined {
  return headers.has('content-encoding') ? undefined : (headers.get('content-length') ?? undefined)
}
