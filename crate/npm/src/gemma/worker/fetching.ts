/** Runs the steps of core's download planner for one file: requests, writes, the digest. */

import type { Failure } from '../protocol.js'
import { requestPart, routeTo, type Route } from '../request-part.js'
import { Refusal, stopped } from './refusal.js'
import type { Sink } from './sink.js'
import type { Digest, Download } from './wasm.js'

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
  /** Called once, when the host has confirmed the file's size. May throw to refuse it. */
  onSize(): Promise<void>
  /** Called once with the file's first bytes, while the rest is being downloaded. May throw to refuse it. */
  onHead(head: Uint8Array<ArrayBuffer>): Promise<void>
  onBytes(): void
  /** Called when the bytes so far belong to another file, which is then downloaded from the start. */
  onRestart(): void
  onVerified(bytes: number): void
}

/** More than everything before the vocabulary. */
const headBytes = 32 << 10

/** The minimum interval at which bytes and their journal are flushed to disk together. */
const noteEveryMs = 200

/** How long a request whose bytes have all arrived may take to end before it is cancelled. */
const endMs = 250

/** Downloads until the file is complete. The bytes received are kept in any case. */
export async function fetchFile(fetching: Fetching): Promise<void> {
  const { download, sink, signal } = fetching
  const requests = new Map<number, AbortController>()
  const waiters: Array<() => void> = []
  const running = new Set<Promise<void>>()
  const route = routeTo(fetching.url, fetching.headers)
  let failure: unknown
  const abortAll = async (): Promise<void> => {
    for (const request of requests.values()) request.abort()
    await Promise.allSettled(running)
  }
  const wakeWaiters = (): void => waiters.splice(0).forEach((wake) => wake())
  signal.addEventListener('abort', wakeWaiters)
  let hashed = 0
  let isSized = false
  let isAdmitted = false
  try {
    for (;;) {
      if (signal.aborted) throw stopped()
      if (failure !== undefined) throw failure as unknown
      const size = download.confirmedSize()
      if (!isSized && size >= 0 && fetching.mayDownload) {
        isSized = true
        await fetching.onSize()
      }
      // A complete file is checked when it is opened.
      isAdmitted ||= download.size() >= 0 && download.held() >= download.size()
      if (!isAdmitted && fetching.mayDownload && size >= 0 && download.prefix() >= Math.min(size, headBytes)) {
        isAdmitted = true
        const head = new Uint8Array(Math.min(size, headBytes))
        sink.read(head, 0)
        await fetching.onHead(head)
      }
      const next = JSON.parse(download.step()) as Next
      switch (next.act) {
        case 'done':
          sink.finish(download.size())
          sink.note(download.journal())
          return
        case 'fail':
          throw new Refusal(next.error)
        case 'restart':
          await abortAll()
          fetching.onRestart()
          sink.empty()
          fetching.digest.finish()
          hashed = 0
          break
        case 'pause':
          await pause(next.pauseMs, signal)
          break
        case 'wait':
          await new Promise<void>((wake) => waiters.push(wake))
          break
        case 'verify':
          if (download.wantsDigest()) {
            while (hashed < download.size()) {
              if (signal.aborted) throw stopped()
              hashed = hashSome(fetching, hashed, 8 << 20)
              fetching.onVerified(hashed)
              await yieldToEventLoop()
            }
            download.digested(fetching.digest.finish())
            hashed = 0
          } else download.unchecked()
          break
        case 'fetch': {
          if (!fetching.mayDownload)
            throw new Refusal({
              status: 'UNAVAILABLE',
              code: 'MODEL_ABSENT',
              message: 'the model is not on this device; load it first',
            })
          const request = new AbortController()
          requests.set(next.flight, request)
          const work = fetchRange(fetching, route, next, request, () => {
            // Bytes that arrive in order are hashed at once.
            if (download.wantsDigest() && download.prefix() - hashed < 16 << 20)
              hashed = hashSome(fetching, hashed, 4 << 20)
            wakeWaiters()
          })
            .catch((thrown: unknown) => {
              failure ??= thrown
            })
            .finally(() => {
              requests.delete(next.flight)
              running.delete(work)
              wakeWaiters()
            })
          running.add(work)
        }
      }
    }
  } finally {
    signal.removeEventListener('abort', wakeWaiters)
    await abortAll()
    sink.note(download.journal())
  }
}

/** When a file's journal was last written. */
const notedAt = new WeakMap<Sink, number>()

async function fetchRange(
  fetching: Fetching,
  route: Route,
  { flight, from, to }: Extract<Next, { act: 'fetch' }>,
  request: AbortController,
  onProgress: () => void,
): Promise<void> {
  const { download, sink } = fetching
  let timer: ReturnType<typeof setTimeout> | undefined
  let isStalled = false
  // Written by hand, because the oldest supported browsers lack `AbortSignal.any` and `AbortSignal.timeout`.
  const restartTimer = (milliseconds = download.stallMs()): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      isStalled = true
      request.abort()
    }, milliseconds)
  }
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined
  // While this is set, failures are not caused by the network.
  let isOurs = false
  try {
    restartTimer()
    const { response, isResolved, isStripped } = await requestPart(
      route,
      to === undefined ? undefined : `bytes=${from}-${to - 1}`,
      request.signal,
    )
    if (isStripped && (response.status === 401 || response.status === 403)) {
      isOurs = true
      throw redirected()
    }
    const body = JSON.parse(download.answered(flight, JSON.stringify(headOf(response, isResolved)))) as
      'take' | 'drop' | 'resolve'
    if (body === 'resolve') route.resolved = undefined
    if (body !== 'take') {
      await response.body?.cancel()
      return
    }
    reader = response.body?.getReader()
    for (let isLast = reader === undefined; !isLast && reader !== undefined;) {
      restartTimer()
      const { done, value } = await reader.read()
      if (done) break
      const slot = JSON.parse(download.slot(flight, value.byteLength)) as { at: number; length: number; last: boolean }
      isOurs = true
      if (slot.length > 0) {
        sink.write(slot.length === value.byteLength ? value : value.subarray(0, slot.length), slot.at)
        download.written(flight, slot.length)
        noteSometimes(sink, download)
      }
      onProgress()
      fetching.onBytes()
      isOurs = false
      isLast = slot.last
      // A request that is cancelled just before its end looks like a failure in the network panel.
      if (isLast) await endOf(reader)
    }
    download.ended(flight)
  } catch (thrown) {
    if (isOurs) throw thrown
    download.failed(flight, isStalled)
    reader?.cancel().catch(() => {})
  } finally {
    clearTimeout(timer)
  }
}

function noteSometimes(sink: Sink, download: Download): void {
  const now = performance.now()
  if (now - (notedAt.get(sink) ?? -Infinity) < noteEveryMs) return
  notedAt.set(sink, now)
  sink.note(download.journal())
}

/** Reads the end of a body whose bytes have all arrived, or cancels it if it sends more, or nothing. */
async function endOf(reader: ReadableStreamDefaultReader<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<{ done: boolean }>((resolve) => {
    timer = setTimeout(resolve, endMs, { done: false })
  })
  const { done } = await Promise.race([reader.read(), late]).catch(() => ({ done: true }))
  clearTimeout(timer)
  if (!done) await reader.cancel().catch(() => {})
}

function redirected(): Refusal {
  return new Refusal({
    status: 'PERMISSION_DENIED',
    code: 'MODEL_REDIRECTED',
    message:
      'the model’s address redirects, and `headers` other than `authorization` are not sent to where it leads; name the final address, or use `authorization`',
  })
}

function headOf({ status, headers }: Response, redirected: boolean): Record<string, unknown> {
  const number = (name: string): number | undefined => {
    const value = headers.get(name)
    return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined
  }
  return {
    status,
    redirected,
    contentRange: headers.get('content-range'),
    // A response with a content encoding has a different length than the file.
    contentLength: headers.has('content-encoding') ? undefined : number('content-length'),
    contentType: headers.get('content-type'),
    etag: headers.get('etag'),
    retryAfter: number('retry-after') ?? secondsUntil(headers.get('retry-after')),
  }
}

/** `Retry-After` may be a date. */
function secondsUntil(date: string | null): number | undefined {
  const milliseconds = date === null ? Number.NaN : Date.parse(date) - Date.now()
  return Number.isNaN(milliseconds) ? undefined : Math.max(Math.ceil(milliseconds / 1000), 0)
}

/** Hashes the bytes stored without a gap, at most `most` of them; returns the new offset. */
function hashSome({ download, digest, sink }: Fetching, hashed: number, most: number): number {
  const end = Math.min(download.prefix(), hashed + most)
  const buffer = new Uint8Array(Math.max(Math.min(end - hashed, 1 << 20), 0))
  for (let at = hashed; at < end; at += buffer.byteLength) {
    const part = buffer.subarray(0, Math.min(buffer.byteLength, end - at))
    sink.read(part, at)
    digest.update(part)
  }
  return Math.max(hashed, end)
}

/** Yields to the event loop, so that an abort need not wait for the end of a long loop. */
function yieldToEventLoop(): Promise<void> {
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
