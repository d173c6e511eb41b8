/** Finds names with a real model in the page, through `redacting` as an app uses it: see `bench/names.mjs`. */

import { defineModel, gemmaModel, redacting } from '/hybridge/dist/index.js'

let gemma
let ai
let sent

/** Loads the model that finds names, and a second model that records its request. `asks`: 'base' or 'chat'. */
export async function load({ source, asks, device = 'cpu' }) {
  gemma = gemmaModel({ model: source, device, precision: 'fast', contextWindow: 2048, template: 'none' })
  await gemma.load()
  const names =
    asks === 'base'
      ? gemma
      : // Joins the messages for a model with turns into one text.
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

/** Returns what would be sent for a text, and the time to find its names. */
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
