'use client'

import { useRef, useState } from 'react'
import { FallbackStrategy, defineModel, gemmaModel, hybridModelOnDeviceCloud, kCloud, kOnDevice } from 'hybridge'
import { tinyModel } from 'hybridge/tiny'

// Creating models fetches nothing, so this is safe while Next renders on the server.
const gemma = gemmaModel({ model: tinyModel })
// The page's cloud is the route handler beside it, which has the key.
const cloud = defineModel({
  name: 'route-handler',
  info: { inferenceSource: 'in_cloud' },
  async generate({ messages }, { signal }) {
    const response = await fetch('/api/answer', { method: 'POST', body: JSON.stringify({ messages }), signal })
    if (!response.ok) throw Object.assign(new Error(`the server answered ${response.status}`), { status: 'UNAVAILABLE' })
    return await response.text()
  },
})
const ai = hybridModelOnDeviceCloud({ onDevice: gemma, cloud, strategy: new FallbackStrategy([kOnDevice, kCloud]) })

export default function Page() {
  const [answer, setAnswer] = useState('')
  const [status, setStatus] = useState('')
  const running = useRef(undefined)

  async function ask(event) {
    event.preventDefault()
    running.current = new AbortController()
    setAnswer('')
    try {
      const stream = ai.generateStream(new FormData(event.target).get('prompt'), { signal: running.current.signal })
      for await (const { text } of stream) setAnswer((before) => before + text)
      setStatus(`answered by ${(await stream.response).branch}`)
    } catch (error) {
      setStatus(error.status === 'CANCELLED' ? 'stopped' : error.message)
    }
  }

  return (
    <main>
      <button onClick={() => gemma.load().then(() => setStatus('loaded'), (error) => setStatus(error.message))}>Load the model (2 MB)</button>
      <form onSubmit={ask}>
        <label>Prompt <input name="prompt" defaultValue="What is 12 + 30?" /></label>
        <button>Ask</button>
        <button type="button" onClick={() => running.current?.abort()}>Stop</button>
      </form>
      <p aria-live="polite">{answer}</p>
      <p role="status">{status}</p>
    </main>
  )
}
