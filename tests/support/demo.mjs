/** The demo as it is served: the page, the built package under its own path, and two loopback services as its clouds. */

import { join } from 'node:path'
import { startGemini } from '../emulator/gemini.mjs'
import { startOpenAI } from '../emulator/openai.mjs'
import { serve } from './server.mjs'

/** Serves until `close()`. The emulators answer every prompt by saying it back. */
export async function startDemo({ root, port = 0 }) {
  const gemini = await startGemini()
  const openai = await startOpenAI()
  const config = {
    gemini: { baseUrl: gemini.origin, model: 'gemini-emulator', apiKey: 'emulator', label: 'Gemini emulator on this machine' },
    openai: { baseUrl: `${openai.origin}/v1`, model: 'gpt-emulator', apiKey: 'emulator', label: 'chat-completions emulator on this machine' },
  }
  const server = await serve(
    { '/': join(root, 'www'), '/hybridge/': join(root, 'crate/npm') },
    { port, compress: true, pages: { '/demo.json': { type: 'application/json', body: JSON.stringify(config) } } },
  )
  return {
    origin: server.origin,
    requests: server.requests,
    gemini,
    /** How often the cloud was asked. */
    asked: () => gemini.requests.length + openai.requests.length,
    close: () => Promise.all([server.close(), gemini.close(), openai.close()]),
  }
}
