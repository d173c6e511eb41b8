/** The names that a real model in the page finds, through `redacting` as an app calls it: see `bench/names.mjs`. */

import { defineModel, gemmaModel, redacting } from '/hybridge/dist/index.js'

let gemma
let ai
let sent

/** Loads the model that reads, with a model behind it that keeps what it is sent. `asks`: 'base' or 'chat'. */
export async function load({ source, asks, device = 'cpu' }) {
  gemma = gemmaModel({ model: source, device, precision: 'fast', contextWindow: 2048, template: 'none' })
  await gemma.load()
  const names =
    asks === 'base'
      ? gemma
      : // The words that a model with turns is asked in, joined to one text.
        defineModel({
          name: 'joined',
          info: { inferenceSource: 'on_device' },
          generate: ({ messages, ...rest }, { signal }) =>
            gemma.generate(
              { ...rest, prompt: messages.map(({ content }) => content.map(({ text }) => text).join('')).join('\n\n') },
              { signal },
            ),
        })
  const spy = defineModel({
    name: 'spy',
    generate: ({ messages }) => {
      sent = messages.at(-1).content[0].text
      return 'ok'
    },
  })
  ai = redacting(spy, { names, detectors: [] })
}

/** What would have been sent of one text, and how long finding its names took. */
export async function send(text) {
  const start = performance.now()
  sent = undefined
  try {
    await ai.generate(text)
  } catch (error) {
    return {
      code: error.code ?? error.status,
      cause: String(error.cause?.message ?? error.cause),
      ms: performance.now() - start,
    }
  }
  return { sent, ms: performance.now() - start }
}
