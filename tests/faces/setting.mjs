/** The built package and its faces in Node, and models with scripted answers. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const dist = join(import.meta.dirname, '../../crate/npm')

/** Imports an entry of the package by its name in `exports`, like Node: `.` or `./openai`. */
export async function entry(name) {
  const { exports } = JSON.parse(await readFile(join(dist, 'package.json'), 'utf8'))
  return import(join(dist, exports[name].node ?? exports[name].default))
}

export const hybridge = await entry('.')

/**
 * A model that runs one script per call, repeating the last one. A script is a list of steps: parts to send (an array,
 * or a string), `{ reply }` to end with, `{ fail }` to throw, `{ wait }` to wait for a promise, `{ hang: true }` to
 * wait for the signal. `model.seen` records the input of each run.
 */
export function scripted(name, ...scripts) {
  const seen = []
  const model = hybridge.defineModel({
    name,
    info: { inferenceSource: 'on_device' },
    async generate(request, run) {
      const record = { request, context: run.context, signal: run.signal, streaming: run.streaming }
      seen.push(record)
      for (const step of scripts[Math.min(seen.length, scripts.length) - 1] ?? []) {
        if (typeof step === 'string') run.sendChunk([{ text: step }])
        else if (Array.isArray(step))
          run.sendChunk(step, step.logprobs === undefined ? {} : { logprobs: step.logprobs })
        else if (step.wait !== undefined) await step.wait
        else if (step.hang === true)
          await new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason)))
        else if (step.fail !== undefined) throw step.fail
        else if (step.reply !== undefined) return step.reply
        else throw new Error(`unknown step ${JSON.stringify(step)}`)
      }
      return { finishReason: 'stop' }
    },
  })
  return Object.assign(model, { seen })
}

/** A hybrid of two scripted branches, in this order. */
export function hybrid(onDevice, cloud) {
  return hybridge.hybridModelOnDeviceCloud({
    onDevice,
    cloud,
    strategy: new hybridge.FallbackStrategy([hybridge.kOnDevice, hybridge.kCloud]),
  })
}

export const failure = (status, options) => new hybridge.HybridError(status, `scripted ${status}`, options)

export const weather = {
  name: 'weather',
  description: 'The weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

/** A call of `weather`, with a reference that starts at 0 in each turn and a signature. */
export const weatherCall = (city, ref = '0') => [
  { toolRequest: { name: 'weather', input: { city }, ref }, metadata: { thoughtSignature: `signed-${city}` } },
]

/** Embeds each text as its length and its first letter. */
export function lengthEmbedder() {
  const seen = []
  return {
    seen,
    availability: async () => ({ status: 'available' }),
    load: async () => {},
    dispose: async () => {},
    remove: async () => {},
    async embed(texts, options) {
      seen.push({ texts, options })
      return [texts].flat().map((text) => Float32Array.of(text.length, text.codePointAt(0) ?? 0, 0.5))
    },
  }
}

export async function collect(iterable) {
  const items = []
  for await (const item of iterable) items.push(item)
  return items
}
