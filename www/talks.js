// What the demo stores of conversations beside their messages: titles, and the figures of each answer.
// The messages are the package's (`persist`); this is the page's own, in local storage, and may be lost.
import { deleteChat, storedChats } from 'hybridge'

const prefix = 'hybridge-demo-talk:'

/** Where storage is closed to the page, as in some private windows, everything stays in memory. */
function storage() {
  try {
    return localStorage
  } catch {
    return undefined
  }
}

function read(name) {
  try {
    const { title, notes } = JSON.parse(storage()?.getItem(prefix + name) ?? '{}')
    return { title: typeof title === 'string' ? title : '', notes: Array.isArray(notes) ? notes : [] }
  } catch {
    return { title: '', notes: [] }
  }
}

export const newName = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`

/** The conversations of this browser, newest first: `{ name, title, updatedAt, messages }`. */
export async function listTalks() {
  const stored = await storedChats().catch(() => [])
  return stored.map((it) => ({ ...it, title: read(it.name).title || 'Conversation' }))
}

export async function deleteTalk(name) {
  storage()?.removeItem(prefix + name)
  await deleteChat(name)
}

/** The title and the figures of one conversation. */
export function notesOf(name) {
  const talk = read(name)
  const keep = () => {
    try {
      storage()?.setItem(prefix + name, JSON.stringify(talk))
    } catch {
      // Full: the figures of this answer are gone after a reload, its words are not.
    }
  }
  return {
    get title() {
      return talk.title
    },
    set title(text) {
      talk.title = text
      keep()
    },
    /** The figures of the message at `index`: a response without its words. */
    at: (index) => talk.notes[index] ?? undefined,
    put(index, response) {
      const { branch, inferenceSource, device, confidence, latencyMs, usage, routing, finishReason, pinned } = response
      talk.notes[index] = {
        branch,
        inferenceSource,
        device,
        confidence,
        latencyMs,
        usage,
        routing,
        finishReason,
        pinned,
      }
      keep()
    },
    /** Forgets everything from `index` on. */
    cut(index) {
      talk.notes.length = Math.min(talk.notes.length, index)
      keep()
    },
  }
}
