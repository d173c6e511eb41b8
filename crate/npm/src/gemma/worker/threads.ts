/**
 * Threads of the CPU's engine, on pages that are cross-origin isolated: this worker leads, workers of its own help. All
 * run the same script and the same wasm in one memory. A helper stays inside the wasm, where it sleeps between jobs.
 *
 * The one file that knows the glue of that build.
 */

import init, * as glue from '../../../wasm/threads/hybridge_threads.js'
import type { ThreadsWish } from '../protocol.js'

/** By its name a worker knows that it is one of the helpers. */
const helperName = 'hybridge-thread'

/** More would compete with the page's own work, and with each other for memory. */
const most = 4

/** How long a load waits for helpers: those that come later help from then on. */
const patienceMs = 3000

/** Enough for kernels, which hold their tiles on it. */
const stackBytes = 256 * 1024

interface Start {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
}

type FromHelper = 'ready' | 'lost'

/** The build for threads, once it was started. */
export const sharedEngine = glue
export const sharedAddress = (): string => new URL('../wasm/threads/hybridge_threads_bg.wasm', import.meta.url).href

export const isHelper = self.name === helperName

/** How many threads a load uses; one where the page is not isolated. */
export function threadsFor(wish: ThreadsWish): number {
  if ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== true) return 1
  const cores = navigator.hardwareConcurrency || 1
  // The page's own thread keeps a core, unless there are but two.
  return Math.min(wish === 'auto' ? (cores <= 2 ? cores : cores - 1) : wish, most)
}

const helpers: Worker[] = []

/**
 * Starts the wasm with so many threads. Fewer are no error: the leader computes what no helper takes. `onLost` is
 * called if a helper broke off in the middle of its work, after which nothing in the memory can be trusted.
 */
export async function startThreads(module: WebAssembly.Module, count: number, onLost: () => void): Promise<void> {
  const { memory } = await init({ module_or_path: module })
  glue.lead_threads(count)
  const start: Start = { module, memory }
  const ready = Array.from({ length: count - 1 }, () => startHelper(start, onLost))
  await Promise.race([Promise.all(ready), new Promise((resolve) => setTimeout(resolve, patienceMs))])
}

/** Resolves when it is at work, or never will be. */
function startHelper(start: Start, onLost: () => void): Promise<void> {
  return new Promise((resolve) => {
    let helper: Worker
    try {
      helper = new Worker(self.location.href, { type: scriptType(), name: helperName })
    } catch {
      // A policy of the page's forbids it.
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

/** Bundlers make scripts of either kind out of modules; only the old kind may call this. */
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

/** What a helper does with its life. */
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
