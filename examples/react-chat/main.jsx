/** The page: a button that downloads the model, and a conversation that streams. */

import { StrictMode, useState, useSyncExternalStore } from 'react'
import { createRoot } from 'react-dom/client'
import { useChat } from '@ai-sdk/react'
import { DirectChatTransport, ToolLoopAgent } from 'ai'
import { aiSdkModel, downloadStore } from 'hybridge/ai-sdk'
import { device, model } from './model.js'

// Both exist as long as the page: the agent stores no conversation, and all components share the download.
const transport = new DirectChatTransport({ agent: new ToolLoopAgent({ model: aiSdkModel(model), instructions: 'Answer in a few words.' }) })
const download = downloadStore(device)

function Download() {
  const { status, progress, error } = useSyncExternalStore(download.subscribe, download.getSnapshot, download.getServerSnapshot)
  if (status === 'ready') return <p role="status">The model is on this device.</p>
  if (status === 'unavailable') return <p role="status">The cloud answers: {error?.message}</p>
  if (status === 'downloading') return <p><progress value={progress} /> <button onClick={download.cancel}>Pause</button></p>
  return <p>{error && <span role="alert">{error.message} </span>}<button onClick={download.load}>Download the model</button></p>
}

function Chat() {
  const { messages, sendMessage, status, stop, error } = useChat({ transport })
  const [words, setWords] = useState('')
  const isBusy = status === 'submitted' || status === 'streaming'
  const send = (event) => {
    event.preventDefault()
    void sendMessage({ text: words })
    setWords('')
  }
  return (
    <>
      <ol aria-live="polite">
        {messages.map(({ id, role, parts }) => (
          <li key={id}>{role === 'user' ? 'You' : 'Model'}: {parts.map((part, index) => part.type === 'text' && <span key={index}>{part.text}</span>)}</li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={send}>
        <label>Words <input value={words} onChange={(event) => setWords(event.target.value)} /></label>
        {isBusy ? <button type="button" onClick={stop}>Stop</button> : <button disabled={words === ''}>Send</button>}
      </form>
    </>
  )
}

createRoot(document.getElementById('app')).render(<StrictMode><Download /><Chat /></StrictMode>)
