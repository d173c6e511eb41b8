/** The built package in Node, and models that record what they receive. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const npm = join(import.meta.dirname, '../../crate/npm')
export const hybridge = await import(join(npm, 'dist/index.js'))
hybridge.configure({ wasmUrl: readFileSync(join(npm, 'wasm/page/hybridge_page_bg.wasm')) })

/** Counts ten tokens per message and one per word, which tests can compute by hand. */
export const tokensOf = ({ messages }) =>
  messages.reduce(
    (sum, { content }) =>
      sum +
      10 +
      content.reduce((words, part) => words + ('text' in part ? part.text.split(/\s+/).filter(Boolean).length : 5), 0),
    0,
  )

/** A model that answers by `reply(request, run)` and records every request. */
export function recorder(name, { contextWindow, reply = () => 'ok', counts = true, inferenceSource = 'unknown' } = {}) {
  const seen = []
  const model = hybridge.defineModel({
    name,
    info: { inferenceSource, ...(contextWindow === undefined ? {} : { contextWindow }) },
    generate: async (request, run) => {
      seen.push(structuredClone(request))
      return await reply(request, run, seen.length)
    },
  })
  if (counts) Object.assign(model, { countTokens: async (request) => tokensOf(request) })
  return Object.assign(model, { seen })
}

export const textOf = ({ content }) => content.map((part) => part.text ?? '').join('')
export const user = (text) => ({ role: 'user', content: [{ text }] })
export const answered = (text) => ({ role: 'model', content: [{ text }] })

/** A model reply that calls tools. */
export const calling = (...calls) => ({
  message: {
    role: 'model',
    content: calls.map(([name, input, ref]) => ({
      toolRequest: { name, input, ...(ref === undefined ? {} : { ref }) },
    })),
  },
})

/** Waits until `is()` is true; fails after two seconds. */
export async function until(is) {
  for (let tries = 0; tries < 200; tries++) {
    if (await is()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('the condition did not become true within two seconds')
}
