/** Replaces the models of `examples/react-chat` in tests: the page's `test` controls their steps. */

import { defineModel } from 'hybridge'

const test = (globalThis.test = { loads: [], stopped: 0 })

export const device = {
  state: 'absent',
  availability: async () => ({ status: 'downloadable' }),
  load: ({ onProgress, signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      test.loads.push({ onProgress, resolve })
    }),
}

export const model = defineModel({
  name: 'm',
  async generate({ messages }, { sendChunk, signal }) {
    const { text } = messages.at(-1).content[0]
    sendChunk('You said ')
    if (text === 'wait') {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      test.stopped++
    }
    sendChunk(text)
    return {}
  },
})
