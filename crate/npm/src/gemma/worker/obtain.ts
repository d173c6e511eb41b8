/** A model's bytes as blobs: out of the caller's hand, out of the store, or over the network into the store. */

import type { Engine } from './wasm.js'
import { cardName, downloadChannel, downloadLock, folder, hasStore, journalName, weightsName, type Card } from '../layout.js'
import type { LoadParams, RemoteFile, Step } from '../protocol.js'
import { Arriving } from './arriving.js'
import { fetchFile } from './fetching.js'
import { Refusal, stopped } from './refusal.js'
import { DiskSink, MemorySink, type Sink, type SyncHandle } from './sink.js'

interface Run {
  readonly signal: AbortSignal
  report(step: Step): void
  /** The file can be read from now on, though most of it is still to come. */
  onArriving(file: Arriving): void
}

/** Smaller files are there before anything could be gained. */
const worthOverlapping = 16 << 20

type Remote = Extract<LoadParams['source'], { key: string }>

export async function obtain(engine: Engine, params: LoadParams, run: Run): Promise<readonly Blob[]> {
  const { source, cache } = params
  if ('blobs' in source) return source.blobs
  const isKept = cache === 'opfs' && hasStore()
  if (!isKept) return await collect(engine, params, source, run, async () => new MemorySink())
  return await alone(source.key, run, async (run) => {
    const directory = await folder(source.key, true)
    if (directory === undefined) throw new Error('a folder that was to be made is missing')
    // Before the bytes too, so that half a model can be found and deleted.
    await writeCard(directory, { name: source.name, files: source.files.length, lastUsed: Date.now() })
    return await collect(engine, params, source, run, (part) => DiskSink.open(directory, weightsName(part), journalName(part)))
  })
}

/** One file after the other. Each is fetched by several requests at once, so that more files at once would gain nothing. */
async function collect(engine: Engine, { policy = {}, mayDownload, contextWindow, device, precision, kind, gpuIsRight }: LoadParams, { files, headers }: Remote, { signal, report, onArriving }: Run, open: (part: number) => Promise<Sink>): Promise<Blob[]> {
  const sizes = files.map(({ bytes }) => bytes ?? 0)
  const origin = new URL(files[0]?.url ?? '').origin
  const blobs: Blob[] = []
  let before = 0
  for (const [part, file] of files.entries()) {
    const sink = await open(part)
    const download = new engine.Download(JSON.stringify(policy), JSON.stringify(expectedOf(file)), sink.journal)
    const digest = new engine.Digest()
    const total = (): number => {
      sizes[part] = Math.max(download.size(), 0)
      return sizes.reduce((sum, size) => sum + size, 0)
    }
    let told = 0
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
          // A part says little about the whole; a GPU's room is judged when the weights go there.
          if (files.length === 1 && device !== 'gpu') await engine.Model.admit(head, download.size(), JSON.stringify({ contextWindow, device, precision, kind, gpuIsRight }))
          // The engine opens all parts before it reads the weights of any.
          if (files.length > 1 || download.size() < worthOverlapping) return
          arriving = new Arriving(download.size(), (into, at) => sink.read(into, at))
          arriving.reach(download.prefix())
          onArriving(arriving)
        },
        onRestart: () => arriving?.lose(),
        onBytes: () => {
          arriving?.reach(download.prefix())
          // Chunks come by the hundred a second; nobody looks that often.
          const now = performance.now()
          if (now - told < 40) return
          told = now
          report({ phase: 'download', loadedBytes: before + download.held(), totalBytes: total() })
        },
        onVerified: (bytes) => report({ phase: 'verify', loadedBytes: before + bytes, totalBytes: total() }),
      })
      report({ phase: 'download', loadedBytes: before + download.held(), totalBytes: total() })
      before += Math.max(download.size(), 0)
    } catch (thrown) {
      throw isQuota(thrown) ? quotaExceeded(download.size() - download.held(), await freeBytes()) : thrown
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

/** Under the model's lock. Who must wait hears how far the other tab is, and finds everything there when its turn comes. */
async function alone<T>(key: string, run: Run, act: (run: Run) => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks
  if (locks === undefined) return await act(run)
  const channel = new BroadcastChannel(downloadChannel(key))
  channel.onmessage = ({ data }: MessageEvent<Step>) => run.report(data)
  try {
    return (await locks.request(downloadLock(key), { signal: run.signal }, () => {
      channel.onmessage = null
      const report = (step: Step): void => {
        run.report(step)
        channel.postMessage(step)
      }
      return act({ ...run, report })
    })) as T
  } catch (thrown) {
    throw run.signal.aborted ? stopped() : thrown
  } finally {
    channel.close()
  }
}

async function writeCard(directory: FileSystemDirectoryHandle, card: Card): Promise<void> {
  const file = await directory.getFileHandle(cardName, { create: true })
  const handle = await (file as unknown as { createSyncAccessHandle(): Promise<SyncHandle> }).createSyncAccessHandle()
  const text = new TextEncoder().encode(`${JSON.stringify(card)}\n`)
  handle.write(text, { at: 0 })
  handle.truncate(text.byteLength)
  handle.close()
}

function isQuota(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'QuotaExceededError'
}

async function freeBytes(): Promise<number> {
  const { quota, usage = 0 } = await navigator.storage.estimate()
  return quota === undefined ? Infinity : Math.max(quota - usage, 0)
}

function quotaExceeded(needed: number, free: number): Refusal {
  // Chrome's estimate is the same on every machine, so that a store may be full while it speaks of gigabytes.
  const grants = free < needed ? `the browser grants ${free}` : `and the store is full, though the browser spoke of ${free}`
  const message = `the model needs ${needed} more bytes of storage, ${grants}; free some, or load with cache: 'none'`
  return new Refusal({ status: 'FAILED_PRECONDITION', code: 'QUOTA_EXCEEDED', message })
}
