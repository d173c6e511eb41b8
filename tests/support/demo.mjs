/** Serves the demo: the page, the built package under its own path, and two loopback services as its clouds. */

import { join } from 'node:path'
import { startGemini } from '../emulator/gemini.mjs'
import { startOpenAI } from '../emulator/openai.mjs'
import { serviceWorkerFiles } from '../../pkg-scripts/demo-site.mjs'
import { serve } from './server.mjs'

/** The emulators' answers to the demo's samples. */
const answers = {
  'Why is the sky blue?':
    'Air scatters short wavelengths of sunlight more than long ones, so blue light reaches your eyes from all over the sky.',
  'What is 47 + 38?': '47 + 38 = 85.',
  'Write "lemon" in capitals.': 'LEMON',
  '{"output":"It rings in 60 seconds."}': 'The timer is set.',
  'Write to ada@example.com that I am late.': 'Dear Ada, I am running late and will be with you shortly.',
}

/** Serves until `close()`. The emulators answer the samples in a sentence, and echo every other prompt. */
export async function startDemo({ root, port = 0 }) {
  const gemini = await startGemini({ answers })
  const openai = await startOpenAI({ answers })
  const config = {
    gemini: {
      baseUrl: gemini.origin,
      model: 'gemini-emulator',
      apiKey: 'emulator',
      label: 'Gemini emulator on this machine',
    },
    openai: {
      baseUrl: `${openai.origin}/v1`,
      model: 'gpt-emulator',
      apiKey: 'emulator',
      label: 'chat-completions emulator on this machine',
    },
  }
  const server = await serve(
    { '/': join(root, 'www'), '/hybridge/': join(root, 'crate/npm') },
    {
      port,
      compress: true,
      pages: {
        '/demo.json': { type: 'application/json', body: JSON.stringify(config) },
        '/sw-files.js': { type: 'text/javascript', body: serviceWorkerFiles(root) },
      },
    },
  )
  return {
    origin: server.origin,
    requests: server.requests,
    gemini,
    /** Returns the number of requests to the cloud. */
    asked: () => gemini.requests.length + openai.requests.length,
    close: () => Promise.all([server.close(), gemini.close(), openai.close()]),
  }
}
