/** A page with the hooks, as `react.test.mjs` drives it: a download, a progress bar elsewhere, and a chat. */

import { StrictMode, createElement, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { defineModel } from 'hybridge'
import { useChat, useLoadProgress, useModel } from 'hybridge/react'

const loads = []
const device = {
  state: 'absent',
  availability: async () => ({ status: 'downloadable' }),
  load: ({ onProgress, signal }) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
    loads.push({ onProgress, resolve, reject })
  }),
}
const seen = []
const model = defineModel({
  name: 'm',
  async generate({ messages }, { sendChunk, signal }) {
    seen.push(messages.map(({ role, content }) => `${role}: ${content.map((part) => part.text ?? Object.keys(part)[0]).join('')}`))
    const text = messages.at(-1).content[0].text
    if (text === 'fail') throw Object.assign(new Error('x'), { status: 'UNAVAILABLE' })
    if (text === 'wrong') return { message: { role: 'model', content: [{ toolRequest: { name: 'count', input: { to: 'ten' }, ref: '0' } }, { toolRequest: { name: 'look', input: { a: 2 }, ref: '1' } }] } }
    if (text === 'erase') return { message: { role: 'model', content: ['erase', 'look'].map((name, at) => ({ toolRequest: { name, input: { a: 1 }, ref: String(at) } })) } }
    if (text === 'tool' || text === 'deaf') return { message: { role: 'model', content: [{ toolRequest: { name: 'look', input: { a: text === 'deaf' ? undefined : 1 }, ref: '0' } }] } }
    sendChunk('one ')
    if (text === 'wait') await new Promise((_, reject) => signal.addEventListener('abort', () => (globalThis.stopped = true, reject(signal.reason))))
    sendChunk('two')
    return {}
  },
})
const request = { tools: [{ name: 'look', description: 'Looks.' }] }
// Without its argument the tool ignores its signal and never ends.
const count = { description: 'Counts.', inputSchema: { type: 'object', properties: { to: { type: 'number' } } }, execute: () => (globalThis.hasCounted = true) }
const erase = { description: 'Erases.', needsApproval: true, execute: () => ((globalThis.erased = (globalThis.erased ?? 0) + 1), 'gone') }
const tools = { erase, look: (input) => (input.a === undefined ? ((globalThis.isLooking = true), new Promise(() => {})) : { found: input.a }), count }

function Bar() {
  const progress = useLoadProgress(device)
  return <p id="bar">{progress === undefined ? 'none' : progress.fraction}</p>
}

function Download() {
  const { status, progress, error, load, cancel } = useModel(device)
  return <><p id="download">{`${status} ${progress} ${error?.status ?? ''}`}</p><button id="load" onClick={load}>load</button><button id="cancel" onClick={cancel}>cancel</button></>
}

function Chat() {
  const { messages, status, error, paused, send, stop, regenerate, approve } = useChat({ model, system: 'brief', request, tools })
  Object.assign(globalThis, { send, stop, regenerate, approve, messages, paused })
  return <><p id="status">{`${status} ${error?.status ?? ''}${paused === undefined ? '' : 'waits'}`}</p><ol id="messages">{messages.map(({ id, role, text }) => <li key={id}>{`${role}: ${text}`}</li>)}</ol></>
}

function App() {
  const [isShown, setShown] = useState(true)
  globalThis.setShown = setShown
  return <StrictMode><Download /><Bar />{isShown && <Chat />}</StrictMode>
}

Object.assign(globalThis, { loads, seen })
createRoot(document.body.appendChild(document.createElement('main'))).render(createElement(App))
