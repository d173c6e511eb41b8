// What the demo stores of conversations besides their messages: titles, and the figures of each answer. The messages
// are stored by the package (`persist`); this data is in local storage, and may be lost.
import { deleteChat, storedChats } from 'hybridge'

const prefix = 'hybridge-demo-talk:'

/** Without storage, as in some private windows, everything stays in memory. */
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

/** Returns the conversations of this browser, newest first: `{ name, title, updatedAt, messages }`. */
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
      // Storage is full: the figures of this answer are lost after a reload, but not its text.
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
    /** The figures of the message at `index`: a response without its text. */
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
    /** Deletes everything from `index` on. */
    cut(index) {
      talk.notes.length = Math.min(talk.notes.length, index)
      keep()
    },
  }
}
