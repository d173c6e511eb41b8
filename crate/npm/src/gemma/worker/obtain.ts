/** Obtains a model's bytes as blobs: from the caller, from the store, or over the network into the store. */

import { openFile } from '../../border/sync-handle.js'
import {
  cardName,
  downloadChannel,
  downloadLock,
  fileIn,
  folder,
  hasStore,
  heldOf,
  isNamed,
  journalName,
  weightsName,
  type Card,
} from '../layout.js'
import type { LoadParams, RemoteFile, Step } from '../protocol.js'
import { Arriving } from './arriving.js'
import { fetchFile } from './fetching.js'
import { Refusal, stopped } from './refusal.js'
import { DiskSink, MemorySink, type Sink } from './sink.js'
import type { Engine } from './wasm.js'

interface Run {
  readonly signal: AbortSignal
  report: (step: Step) => void
  /** Called when the file can be read, though most of it is still being downloaded. */
  onArriving: (file: Arriving) => void
}

/** For smaller files an early start gains nothing. */
const worthOverlapping = 16 << 20

type Remote = Extract<LoadParams['source'], { key: string }>

/** `options` are the engine's, for its check of a model's first bytes; a companion's file has none. */
export async function obtain(
  engine: Engine,
  params: LoadParams,
  options: string | undefined,
  run: Run,
): Promise<readonly Blob[]> {
  const { source, cache } = params
  if ('blobs' in source) return source.blobs
  const inMemory = (): Promise<Blob[]> => collect(engine, params, options, source, run, async () => new MemorySink())
  if (cache !== 'opfs' || !(await canStore())) return await inMemory()
  return await withDownloadLock(source.key, run, async (run) => {
    try {
      const directory = await folder(source.key, true)
      if (directory === undefined) throw new Error('a folder that was to be made is missing')
      try {
        // Written before the bytes, so that a partial model can be listed and deleted.
        await writeCard(directory, { name: source.name, files: source.files.length, lastUsed: Date.now() })
        return await collect(engine, params, options, source, run, (part) =>
          DiskSink.open(directory, weightsName(part), journalName(part)),
        )
      } catch (thrown) {
        await removeIfEmpty(source.key, directory, source.files.length)
        throw thrown
      }
    } catch (thrown) {
      throw storeFailure(thrown)
    }
  })
}

/** Private windows of some browsers have the file system's API, and refuse to open it. */
async function canStore(): Promise<boolean> {
  if (!hasStore()) return false
  return await navigator.storage.getDirectory().then(
    () => true,
    () => false,
  )
}

/** A load that received nothing leaves nothing behind. */
async function removeIfEmpty(key: string, directory: FileSystemDirectoryHandle, files: number): Promise<void> {
  try {
    if ((await heldOf(directory, files)).bytes > 0) return
    await (await folder(undefined, false))?.removeEntry(key, { recursive: true })
  } catch {
    // Otherwise it is listed as a model of 0 bytes, and can be removed.
  }
}

/**
 * Downloads one file after the other. Each is fetched by several requests at once, so parallel files would gain
 * nothing.
 */
async function collect(
  engine: Engine,
  { policy = {}, mayDownload, device }: LoadParams,
  options: string | undefined,
  { files, headers }: Remote,
  { signal, report, onArriving }: Run,
  open: (part: number) => Promise<Sink>,
): Promise<Blob[]> {
  const sizes = files.map(({ bytes }) => bytes ?? 0)
  const origin = new URL(files[0]?.url ?? '').origin
  const blobs: Blob[] = []
  let before = 0
  let hasFetched = false
  for (const [part, file] of files.entries()) {
    const sink = await open(part)
    const download = new engine.Download(
      JSON.stringify(policy),
      JSON.stringify(expectedOf(file)),
      sink.journal,
      sink.length,
    )
    const digest = new engine.Digest()
    const total = (): number => {
      sizes[part] = Math.max(download.size(), 0)
      return sizes.reduce((sum, size) => sum + size, 0)
    }
    const reportBytes = (): void =>
      report({ phase: 'download', loadedBytes: before + download.held(), totalBytes: total() })
    let reportedAt = 0
    let arriving: Arriving | undefined
    try {
      await fetchFile({
        url: file.url,
        // The caller's headers are for the host that was named first, not for every host of a list.
        headers: new URL(file.url).origin === origin ? headers : {},
        download,
        digest,
        sink,
        signal,
        mayDownload,
        onSize: async () => {
          const missing = download.size() - download.held()
          const free = sink instanceof DiskSink ? await freeBytes() : Infinity
          if (missing > free) throw quotaExceeded(missing, free)
        },
        onHead: async (head) => {
          // A part reveals little about the whole; the GPU's memory is checked when the weights are uploaded.
          if (options !== undefined && files.length === 1 && device !== 'gpu')
            await engine.Model.admit(head, download.size(), options)
          // The engine opens all parts before it reads the weights of any.
          if (options === undefined || files.length > 1 || download.size() < worthOverlapping) return
          arriving = new Arriving(download.size(), (into, at) => sink.read(into, at))
          arriving.reach(download.prefix())
          onArriving(arriving)
        },
        onRestart: () => arriving?.lose(),
        onBytes: () => {
          hasFetched = true
          arriving?.reach(download.prefix())
          // Hundreds of chunks arrive per second, more than can be rendered.
          const now = performance.now()
          if (now - reportedAt < 40) return
          reportedAt = now
          reportBytes()
        },
        onVerified: (bytes) => report({ phase: 'verify', loadedBytes: before + bytes, totalBytes: total() }),
      })
      // A file that was stored already is not a download.
      if (hasFetched) reportBytes()
      before += Math.max(download.size(), 0)
    } catch (thrown) {
      throw isNamed(thrown, 'QuotaExceededError')
        ? quotaExceeded(download.size() - download.held(), await freeBytes())
        : thrown
    } finally {
      arriving?.hold()
      download.free()
      digest.free()
      sink.close()
    }
    const blob = await sink.blob()
    arriving?.complete(blob)
    blobs.push(blob)
  }
  return blobs
}

function expectedOf({ bytes, sha256 }: RemoteFile): { bytes?: number; sha256?: string } {
  return { ...(bytes === undefined ? {} : { bytes }), ...(sha256 === undefined ? {} : { sha256 }) }
}

/**
 * Runs under the model's lock. While another tab holds it, that tab's progress is reported; afterwards its files are
 * stored.
 */
async function withDownloadLock<T>(key: string, run: Run, act: (run: Run) => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks
  if (locks === undefined) return await act(run)
  const channel = new BroadcastChannel(downloadChannel(key))
  channel.onmessage = ({ data }: MessageEvent<Step>) => run.report(data)
  try {
    return await locks.request(downloadLock(key), { signal: run.signal }, () => {
      channel.onmessage = null
      const report = (step: Step): void => {
        run.report(step)
        channel.postMessage(step)
      }
      return act({ ...run, report })
    })
  } catch (thrown) {
    throw run.signal.aborted ? stopped() : thrown
  } finally {
    channel.close()
  }
}

async function writeCard(directory: FileSystemDirectoryHandle, card: Card): Promise<void> {
  const handle = await openFile(await fileIn(directory, cardName))
  try {
    const text = new TextEncoder().encode(`${JSON.stringify(card)}\n`)
    handle.write(text, { at: 0 })
    handle.truncate(text.byteLength)
  } finally {
    handle.close()
  }
}

/** Converts a file system error to a failure that names it. Other errors pass unchanged. */
function storeFailure(thrown: unknown): unknown {
  if (!(thrown instanceof DOMException)) return thrown
  if (isNamed(thrown, 'QuotaExceededError')) return quotaExceeded(0, 0)
  const isHeld = isNamed(thrown, 'NoModificationAllowedError', 'InvalidStateError')
  return new Refusal(
    isHeld
      ? {
          status: 'UNAVAILABLE',
          code: 'MODEL_IN_USE',
          message: 'another tab is using this model’s files; try again when it is done',
        }
      : {
          status: 'UNAVAILABLE',
          code: 'STORE_FAILED',
          message: `the browser’s file system failed (${thrown.name}); try again, remove the model, or load with cache: 'none'`,
        },
  )
}

async function freeBytes(): Promise<number> {
  try {
    const { quota, usage = 0 } = await navigator.storage.estimate()
    return quota === undefined ? Infinity : Math.max(quota - usage, 0)
  } catch {
    return Infinity
  }
}

function quotaExceeded(needed: number, free: number): Refusal {
  // Chrome's estimate is the same on every machine, so storage may be full although it promises gigabytes.
  const grants =
    free < needed ? `the browser grants ${free}` : `and the store is full, though the browser promised ${free}`
  const message = `the model needs ${needed} more bytes of storage, ${grants}; free some, or load with cache: 'none'`
  return new Refusal({ status: 'FAILED_PRECONDITION', code: 'QUOTA_EXCEEDED', message })
}
