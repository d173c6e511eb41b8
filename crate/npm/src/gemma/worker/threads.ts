/**
 * Threads of the CPU's engine, on pages that are cross-origin isolated: this worker leads, and further workers help.
 * All run the same script and the same wasm in one memory. A helper stays inside the wasm, where it sleeps between
 * jobs.
 *
 * The only file that imports the glue of that build.
 */

import init, * as glue from '../../../wasm/threads/hybridge_threads.js'
import type { ThreadsWish } from '../protocol.js'

/** The name by which a worker detects that it is a helper. */
const helperName = 'hybridge-thread'

/** More would compete with the page's own work, and with each other for memory. */
const most = 4

/** How long a load waits for helpers; later ones help from then on. */
const patienceMs = 3000

/** Enough for kernels, which store their tiles on it. */
const stackBytes = 256 * 1024

interface Start {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
}

type FromHelper = 'ready' | 'lost'

/** The build for threads, once started. */
export const sharedEngine = glue
export const sharedAddress = (): string => new URL('../wasm/threads/hybridge_threads_bg.wasm', import.meta.url).href

export const isHelper = self.name === helperName

/** Returns the number of threads of a load; one if the page is not isolated. */
export function threadsFor(wish: ThreadsWish): number {
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== true) return 1
  const cores = navigator.hardwareConcurrency || 1
  // The page's own thread keeps a core, unless there are only two.
  return Math.min(wish === 'auto' ? (cores <= 2 ? cores : cores - 1) : wish, most)
}

const helpers: Worker[] = []

/**
 * Starts the wasm with this many threads. Fewer are no error: the leader computes the parts that no helper takes.
 * `onLost` is called if a helper broke off during its work, after which the memory cannot be trusted.
 */
export async function startThreads(module: WebAssembly.Module, count: number, onLost: () => void): Promise<void> {
  const { memory } = await init({ module_or_path: module })
  glue.lead_threads(count)
  const start: Start = { module, memory }
  const ready = Array.from({ length: count - 1 }, () => startHelper(start, onLost))
  await Promise.race([Promise.all(ready), new Promise((resolve) => setTimeout(resolve, patienceMs))])
}

/** Resolves when the helper runs, or never will. */
function startHelper(start: Start, onLost: () => void): Promise<void> {
  return new Promise((resolve) => {
    let helper: Worker
    try {
      helper = new Worker(self.location.href, { type: scriptType(), name: helperName })
    } catch {
      // The page's policy forbids it.
      resolve()
      return
    }
    helpers.push(helper)
    let isReady = false
    helper.addEventListener('message', ({ data }: MessageEvent<FromHelper>) => {
      if (data === 'ready') {
        isReady = true
        resolve()
      } else onLost()
    })
    helper.addEventListener('error', (event) => {
      event.preventDefault()
      if (isReady) onLost()
      resolve()
    })
    helper.postMessage(start)
  })
}

/** Bundlers convert modules to scripts of either kind; only classic scripts may call this. */
function scriptType(): 'classic' | 'module' {
  try {
    ;(globalThis as unknown as { importScripts: () => void }).importScripts()
    return 'classic'
  } catch {
    return 'module'
  }
}

/** Whether the engine stopped because a helper was lost. */
export const isThreadLost = (): boolean => helpers.length > 0 && glue.is_thread_lost()

/** Runs a helper. */
export function help(): void {
  const say = (message: FromHelper): void => self.postMessage(message)
  self.addEventListener('message', ({ data: { module, memory } }: MessageEvent<Start>) => {
    void init({ module_or_path: module, memory, thread_stack_size: stackBytes }).then(() => {
      say('ready')
      try {
        glue.help_leader()
      } catch (thrown) {
        console.error(thrown)
        glue.lose_thread()
        say('lost')
      }
    })
  })
}
