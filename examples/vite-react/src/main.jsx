import { StrictMode, useRef, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { ai, gemma } from './ai.js'

function Chat() {
  const [messages, setMessages] = useState([])
  const [progress, setProgress] = useState(gemma.state)
  const running = useRef(undefined)

  async function load() {
    try {
      await gemma.load({ onProgress: ({ fraction }) => setProgress(`${Math.round(fraction * 100)} %`) })
      setProgress('ready')
    } catch (error) {
      setProgress(error.message)
    }
  }

  async function send(event) {
    event.preventDefault()
    const text = new FormData(event.target).get('prompt')
    const history = [...messages, { role: 'user', content: [{ text }] }]
    const show = (answer, branch) => setMessages([...history, { role: 'model', content: [{ text: answer }], metadata: { branch } }])
    running.current = new AbortController()
    let answer = ''
    try {
      // The tiny model handles single turns only; give a larger one the whole history.
      const stream = ai.generateStream(text, { signal: running.current.signal })
      for await (const chunk of stream) show((answer += chunk.text), chunk.branch)
    } catch (error) {
      show(error.status === 'CANCELLED' ? `${answer} (stopped)` : error.message)
    }
  }

  return (
    <main>
      <button onClick={load} disabled={gemma.state === 'ready'}>Load the model (2 MB)</button> <span role="status">{progress}</span>
      <ol>
        {messages.map(({ role, content, metadata }, index) => (
          <li key={index} className={role}>{content[0].text} {metadata?.branch && <small>{metadata.branch}</small>}</li>
        ))}
      </ol>
      <form onSubmit={send}>
        <label>Prompt <input name="prompt" defaultValue="What is 12 + 30?" /></label>
        <button>Send</button>
        <button type="button" onClick={() => running.current?.abort()}>Stop</button>
      </form>
    </main>
  )
}

createRoot(document.getElementById('root')).render(<StrictMode><Chat /></StrictMode>)
