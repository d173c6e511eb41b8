'use client'
/** Hooks for React 18 and later: a model's download, and a conversation. Importing this has no effect. */

import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'
import type { LoadProgress, Message, Part } from '../../index.js'
import { downloadStore, type DownloadState, type Loadable } from '../download-store.js'
import { ChatStore, type Approvals, type ChatOptions, type ChatState } from './chat-store.js'

export type { DownloadState, Loadable } from '../download-store.js'
export { downloadStore, type DownloadStore } from '../download-store.js'
export type { Approvals, ChatMessage, ChatOptions, ChatState } from './chat-store.js'

/**
 * Returns a device model's download. All components share one state; nothing is downloaded before `load`, which should
 * be called from a click. On a server the status is `downloadable`.
 *
 * @example
 * const { status, progress, error, load } = useModel(gemma)
 * if (status === 'downloadable') return <button onClick={load}>Download</button>
 */
export function useModel(model: Loadable): DownloadState & { load: () => Promise<void>; cancel: () => void } {
  const { subscribe, getSnapshot, getServerSnapshot, load, cancel } = downloadStore(model)
  return { ...useSyncExternalStore(subscribe, getSnapshot, getServerSnapshot), load, cancel }
}

/**
 * Returns the progress of a model's load; undefined if none is running.
 *
 * @example
 * const progress = useLoadProgress(gemma)
 * return progress && <progress value={progress.fraction} />
 */
export function useLoadProgress(model: Loadable): LoadProgress | undefined {
  const { status, report } = useModel(model)
  return status === 'downloading' ? report : undefined
}

/**
 * Returns a conversation with a model, streamed into state. Unmounting the component aborts the answer.
 *
 * @example
 * const { messages, status, send, stop } = useChat({ model: hybrid, system: 'Answer briefly.' })
 */
export function useChat(options: ChatOptions): ChatState & {
  send: (content: string | Part[]) => Promise<void>
  regenerate: () => Promise<void>
  /** Decides about the calls of `paused`, by `ref` or name, and continues. */
  approve: (approvals: Approvals) => Promise<void>
  stop: () => void
  setMessages: (messages: readonly Message[]) => void
} {
  const [store] = useState(() => new ChatStore(options))
  // The options of the latest render are used, without a new `send` for each.
  const [latest] = useState(() => ({ options }))
  useEffect(() => {
    latest.options = options
    return undefined
  })
  useEffect(() => store.stop, [store])
  const send = useCallback((content: string | Part[]) => store.send(content, latest.options), [store, latest])
  const regenerate = useCallback(() => store.regenerate(latest.options), [store, latest])
  const approve = useCallback((approvals: Approvals) => store.approve(approvals, latest.options), [store, latest])
  return {
    ...useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot),
    send,
    regenerate,
    approve,
    stop: store.stop,
    setMessages: store.setMessages,
  }
}
