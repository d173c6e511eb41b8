// The conversation: `ai.chat` of the package, a list of the stored ones, and the form.
import { HybridError, chatFromJSON } from 'hybridge'
import { button, element, entryList, questionOf } from './entries.js'
import { deleteTalk, listTalks, newName, notesOf } from './talks.js'

const openKey = 'hybridge-demo-open'
const empty = { version: 1, entries: [] }

const session = {
  get: () => {
    try {
      return sessionStorage.getItem(openKey) ?? undefined
    } catch {
      return undefined
    }
  },
  set: (name) => {
    try {
      if (name === undefined) sessionStorage.removeItem(openKey)
      else sessionStorage.setItem(openKey, name)
    } catch {
      // A reload then starts a new conversation.
    }
  },
}

const wordsOf = (content) => content.map(({ text }) => text ?? '').join('')
const lastAsked = (messages) => messages.findLast(({ role }) => role === 'user') ?? { content: [] }

const titleOf = (text) => (text.length > 48 ? `${text.slice(0, 47).trimEnd()}…` : text)
const dates = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })

/**
 * Connects the form to `current()`, the current hybrid. `onShow` gets the messages, or undefined during an answer;
 * `boundsOf(text)` returns what pins a message to some branches.
 */
export function chat({ find, current, cloud, onTrace, onShow, boundsOf, tools }) {
  const [form, stop] = ['ask', 'stop'].map(find)
  const view = entryList(find('log'))
  let name
  let notes
  let talk
  /** The hybrid and the tools that `talk` uses. */
  let over
  let withTools
  let stopper
  let failure
  let editing

  const follow = () => (find('scroll').scrollTop = find('scroll').scrollHeight)

  function show() {
    const entries = talk?.entries ?? []
    const isBusy = stopper !== undefined
    view.show(entries, (index) => ({
      isLast: index === entries.length - 1,
      isBusy,
      note: notes?.at(index),
      failure: index === entries.length - 1 ? failure : undefined,
      act,
      cloud,
    }))
    const waits = isBusy && entries.at(-1)?.state !== 'streaming'
    find('log').querySelector('.until-first')?.remove()
    if (waits) {
      const item = element('li', { className: 'model waiting until-first' }, element('span', { className: 'words' }))
      item.ariaBusy = 'true'
      find('log').append(item)
    }
    find('fresh').hidden = find('share').hidden = entries.length === 0
    if (entries.length === 0) find('share').open = false
    find('talk-title').textContent = notes?.title || 'New conversation'
    const caution = talk?.caution
    find('caution').textContent = caution ? `This conversation is kept in this window only: ${caution.message}.` : ''
    const answered = entries.filter(({ branch }) => branch !== undefined)
    const here = answered.filter(({ branch }) => branch === 'onDevice').length
    find('score').textContent =
      answered.length === 0
        ? ''
        : `${here} of ${answered.length} answered on this device${here > 0 ? ', at no cost' : ''}.`
    onShow(isBusy ? undefined : (talk?.messages ?? []))
  }

  /** Returns a chat with the current hybrid and the same history. */
  async function renew() {
    if (over === current() && withTools === tools() && talk !== undefined) return
    over = current()
    withTools = tools()
    const snapshot = talk?.toJSON() ?? empty
    talk?.close()
    name ??= newName()
    notes ??= notesOf(name)
    const made = (talk = chatFromJSON(over, snapshot, { persist: { name }, tools: withTools }))
    await made.ready
    made.onChange(() => {
      if (made !== talk) return
      show()
      if (stopper) follow()
    })
  }

  /** Opens a stored conversation, or an empty one. */
  async function open(stored) {
    stopper?.abort()
    talk?.close()
    talk = over = stopper = failure = undefined
    stop.hidden = true
    find('send').disabled = false
    name = stored
    notes = stored === undefined ? undefined : notesOf(stored)
    session.set(stored)
    edit(undefined)
    view.clear()
    if (stored !== undefined) await renew()
    if (name !== stored) return
    show()
    follow()
  }

  /** Runs one turn, which `begin` starts on the chat. */
  async function turn(begin, text) {
    if (stopper) return
    const mine = (stopper = new AbortController())
    failure = undefined
    stop.hidden = false
    find('send').disabled = true
    let its
    try {
      await renew()
      its = talk
      session.set(name)
      const { allow, pinned } = text === undefined ? {} : await boundsOf(text)
      mine.signal.throwIfAborted()
      const answer = begin(its, { signal: mine.signal, ...(allow && { allow }) })
      show()
      follow()
      const response = await answer.response
      if (its === talk) notes.put(its.entries.length - 1, { ...response, pinned })
      onTrace(response.routing)
    } catch (error) {
      const isStopped = HybridError.isInstance(error) && error.status === 'CANCELLED'
      if (its === talk && !isStopped) failure = error
      if (error.routing) onTrace(error.routing)
    } finally {
      if (stopper === mine) {
        stopper = undefined
        if (document.activeElement === stop) form.prompt.focus()
        stop.hidden = true
        find('send').disabled = false
        show()
        follow()
        void list()
      }
    }
  }

  /** `passages` are texts sent with the message, `source` is where they come from; `picture` is media. */
  const ask = (text, passages = [], source, picture, deviceSees) => {
    const seen = picture ? [{ media: picture }] : []
    const parts = [...seen, ...passages.map((it) => ({ text: `${it} `, metadata: { source } })), { text }]
    return turn((chat, options) => {
      if (editing !== undefined) {
        chat.rewindTo(editing)
        notes.cut(editing)
        edit(undefined)
      }
      if (chat.entries.length === 0) notes.title = titleOf(text)
      // A device model that supports no pictures would refuse this one. What is kept here stays here.
      const goesOut = picture && !deviceSees && !options.allow
      return chat.send(parts, goesOut ? { ...options, allow: ['cloud'] } : options)
    }, wordsOf(parts))
  }

  /** Puts a message back into the form; sending it replaces the message and everything after it. */
  function edit(index, text) {
    editing = index
    find('editing').hidden = index === undefined
    if (index === undefined) return
    put(text)
    form.prompt.focus()
  }

  const act = {
    edit,
    regenerate: () =>
      void turn(
        (chat, options) => {
          notes.cut(chat.entries.findLastIndex(({ message }) => message.role === 'user') + 1)
          return chat.regenerate(options)
        },
        wordsOf(lastAsked(talk.messages).content),
      ),
    approve: ({ ref, name }, isAllowed) =>
      void turn((chat, options) => chat.approve({ [ref ?? name]: isAllowed }, options)),
  }

  /** The stored conversations, each with a delete button. */
  async function list() {
    const talks = await listTalks()
    find('talks-count').textContent = talks.length === 0 ? '' : ` (${talks.length})`
    find('talks').hidden = talks.length === 0
    find('talk-list').replaceChildren(
      ...talks.map(({ name: stored, title, updatedAt, messages }) => {
        const opener = button(
          title,
          () => {
            find('talks').open = false
            void open(stored)
          },
          'quiet small talk',
        )
        if (stored === name) opener.setAttribute('aria-current', 'true')
        const remover = button('Delete', async () => {
          if (stored === name) await open(undefined)
          await deleteTalk(stored)
          await list()
          find('talks').querySelector('summary').focus()
        })
        remover.setAttribute('aria-label', `Delete “${title}”`)
        const about = `${dates.format(updatedAt)} · ${messages} messages`
        return element('li', {}, opener, element('span', { className: 'hint', textContent: about }), remover)
      }),
    )
  }

  const put = (text) => {
    form.prompt.value = text
    form.prompt.dispatchEvent(new Event('input', { bubbles: true }))
  }

  form.prompt.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      stopper?.abort()
      if (editing !== undefined) edit(undefined)
    }
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  stop.addEventListener('click', () => stopper?.abort())
  find('edit-cancel').addEventListener('click', () => {
    edit(undefined)
    put('')
    form.prompt.focus()
  })
  find('fresh').addEventListener('click', () => {
    void open(undefined)
    form.prompt.focus()
  })
  find('talks').addEventListener('toggle', () => {
    if (find('talks').open) void list()
  })

  return {
    put,
    ask,
    isBusy: () => stopper !== undefined,
    /** Returns the answers that a link may show: those with known figures, each with its question. */
    turns: () =>
      (talk?.messages ?? []).flatMap(({ role, content }, index, messages) => {
        const note = notes?.at(index)
        if (role !== 'model' || note === undefined) return []
        return [{ question: questionOf(lastAsked(messages.slice(0, index))), answer: wordsOf(content), note }]
      }),
    /** Continues the conversation that this tab showed before a reload. */
    async restore() {
      await list()
      await open(session.get())
    },
    /** Updates the meters, too, after the branches changed. */
    refresh: () => onShow(stopper ? undefined : (talk?.messages ?? [])),
  }
}
