/** Carries out what core's download planner decides for one file: its requests, its writes, its digest. */

import type { Digest, Download } from './wasm.js'
import type { Failure } from '../protocol.js'
import { Refusal, stopped } from './refusal.js'
import type { Sink } from './sink.js'

type Next =
  | { act: 'fetch'; flight: number; from: number; to?: number }
  | { act: 'wait' | 'restart' | 'verify' | 'done' }
  | { act: 'pause'; pauseMs: number }
  | { act: 'fail'; error: Failure }

export interface Fetching {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly download: Download
  readonly digest: Digest
  readonly sink: Sink
  readonly signal: AbortSignal
  readonly mayDownload: boolean
  /** Once, when the file's size is known. May refuse it. */
  onSize(): Promise<void>
  /** Once, with the file's first bytes, while most of it is still to come. May refuse it. */
  onHead(head: Uint8Array<ArrayBuffer>): Promise<void>
  onBytes(): void
  /** What has come is not what was asked for: all of it is fetched again. */
  onRestart(): void
  onVerified(bytes: number): void
}

/** Everything that stands before the vocabulary, and more. */
const headBytes = 32 << 10

/** Fetches until the file is whole. What has arrived is kept whatever happens. */
export async function fetchFile(fetching: Fetching): Promise<void> {
  const { download, sink, signal } = fetching
  const flights = new Map<number, AbortController>()
  const landed: Array<() => void> = []
  const running = new Set<Promise<void>>()
  const route: Route = { resolved: undefined }
  let failure: unknown
  const ground = async (): Promise<void> => {
    for (const flight of flights.values()) flight.abort()
    await Promise.allSettled(running)
  }
  const onAbort = (): void => landed.splice(0).forEach((wake) => wake())
  signal.addEventListener('abort', onAbort)
  let hashed = 0
  let isSized = false
  let isAdmitted = false
  try {
    for (;;) {
      if (signal.aborted) throw stopped()
      if (failure !== undefined) throw failure
      if (!isSized && download.size() >= 0 && fetching.mayDownload) {
        isSized = true
        await fetching.onSize()
      }
      // What is there already is judged when it is opened.
      isAdmitted ||= download.size() >= 0 && download.held() >= download.size()
      if (!isAdmitted && fetching.mayDownload && download.size() >= 0 && download.prefix() >= Math.min(download.size(), headBytes)) {
        isAdmitted = true
        const head = new Uint8Array(Math.min(download.size(), headBytes))
        sink.read(head, 0)
        await fetching.onHead(head)
      }
      const next = JSON.parse(download.step()) as Next
      switch (next.act) {
        case 'done':
          sink.note(download.journal())
          return
        case 'fail':
          sink.note(download.journal())
          throw new Refusal(next.error)
        case 'restart':
          await ground()
          fetching.onRestart()
          sink.empty()
          fetching.digest.finish()
          hashed = 0
          break
        case 'pause':
          await pause(next.pauseMs, signal)
          break
        case 'wait':
          await new Promise<void>((wake) => landed.push(wake))
          break
        case 'verify':
          if (download.wantsDigest()) {
            while (hashed < download.size()) {
              if (signal.aborted) throw stopped()
              hashed = hashSome(fetching, hashed, 8 << 20)
              fetching.onVerified(hashed)
              await turn()
            }
            download.digested(fetching.digest.finish())
            hashed = 0
          } else download.unchecked()
          break
        case 'fetch': {
          if (!fetching.mayDownload) throw new Refusal({ status: 'UNAVAILABLE', code: 'MODEL_ABSENT', message: 'the model is not on this device; load it first' })
          const flight = new AbortController()
          flights.set(next.flight, flight)
          const work = fly(fetching, route, next, flight.signal, () => {
            // While bytes come in order, they are digested as they come.
            if (download.wantsDigest() && download.prefix() - hashed < 16 << 20) hashed = hashSome(fetching, hashed, 4 << 20)
            landed.splice(0).forEach((wake) => wake())
          })
            .catch((thrown: unknown) => (failure ??= thrown))
            .finally(() => {
              flights.delete(next.flight)
              running.delete(work)
              landed.splice(0).forEach((wake) => wake())
            })
            .then(() => {})
          running.add(work)
        }
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    await ground()
    sink.note(download.journal())
  }
}

/** Where a redirect to another host led. Asked without the caller's headers, and forgotten once it refuses. */
interface Route {
  resolved: string | undefined
}

async function fly(fetching: Fetching, route: Route, { flight, from, to }: Extract<Next, { act: 'fetch' }>, signal: AbortSignal, onProgress: () => void): Promise<void> {
  const { download, sink } = fetching
  const silence = new AbortController()
  const both = AbortSignal.any([signal, silence.signal])
  let timer: ReturnType<typeof setTimeout> | undefined
  const listen = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(), download.stallMs())
  }
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined
  let isWriting = false
  try {
    listen()
    const redirected = route.resolved !== undefined
    const headers = new Headers(redirected ? {} : fetching.headers)
    if (to !== undefined) headers.set('range', `bytes=${from}-${to - 1}`)
    const response = await fetch(route.resolved ?? fetching.url, { headers, signal: both, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' })
    const body = JSON.parse(download.answered(flight, JSON.stringify(headOf(response, redirected)))) as 'take' | 'drop' | 'resolve'
    if (body === 'resolve') route.resolved = undefined
    if (body !== 'take' || response.body === null) {
      await response.body?.cancel()
      return
    }
    if (response.redirected && new URL(response.url).origin !== new URL(fetching.url).origin) route.resolved = response.url
    reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>
    for (;;) {
      listen()
      const { done, value } = await reader.read()
      if (done) break
      const slot = JSON.parse(download.slot(flight, value.byteLength)) as { at: number; length: number; last: boolean }
      isWriting = true
      if (slot.length > 0) {
        sink.write(slot.length === value.byteLength ? value : value.subarray(0, slot.length), slot.at)
        download.written(flight, slot.length)
        sink.note(download.journal())
      }
      onProgress()
      fetching.onBytes()
      isWriting = false
      if (slot.last) {
        await reader.cancel()
        break
      }
    }
    download.ended(flight)
  } catch (thrown) {
    if (isWriting) throw thrown
    download.failed(flight, silence.signal.aborted)
    reader?.cancel().catch(() => {})
  } finally {
    clearTimeout(timer)
  }
}

function headOf({ status, headers }: Response, redirected: boolean): Record<string, unknown> {
  const number = (name: string): number | undefined => {
    const value = headers.get(name)
    return value !== null && /^\d+$/.test(value) ? Number(value) : undefined
  }
  return {
    status,
    redirected,
    contentRange: headers.get('content-range'),
    // What was encoded on the way has another length than the file.
    contentLength: headers.has('content-encoding') ? undefined : number('content-length'),
    contentType: headers.get('content-type'),
    etag: headers.get('etag'),
    retryAfter: number('retry-after'),
  }
}

/** Digests what has come without a gap, at most `most` bytes of it; returns how far that is. */
function hashSome({ download, digest, sink }: Fetching, hashed: number, most: number): number {
  const end = Math.min(download.prefix(), hashed + most)
  const buffer = new Uint8Array(Math.min(end - hashed, 1 << 20))
  for (let at = hashed; at < end; at += buffer.byteLength) {
    const part = buffer.subarray(0, Math.min(buffer.byteLength, end - at))
    sink.read(part, at)
    digest.update(part)
  }
  return Math.max(hashed, end)
}

/** Lets messages in: an abort must not wait for the end of a long loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
  })
}
