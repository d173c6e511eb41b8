/** A real model in the page, through the public API, as `bench/real.mjs` drives it. */

import { gemmaModel } from '/hybridge/dist/index.js'

const config = { temperature: 0 }

/** Loads once; returns the time it took, and the continuation of each prompt. */
export async function complete({ source, precision, prompts, tokens, cache = 'opfs' }) {
  const model = source === 'file' ? document.querySelector('input').files[0] : source
  const gemma = gemmaModel({ model, precision, cache, device: 'cpu', contextWindow: 1024, template: 'none' })
  const start = performance.now()
  await gemma.load()
  const load = performance.now() - start
  const answers = []
  for (const prompt of prompts) {
    answers.push((await gemma.generate({ prompt, config: { ...config, maxOutputTokens: tokens } })).text)
  }
  await gemma.dispose()
  return { load_s: load / 1000, answers }
}

/** Measures the speed of prefill and decode. */
export async function speed({ source, precision, prompt, tokens, threads = 1 }) {
  const gemma = gemmaModel({ model: source, precision, device: 'cpu', threads, contextWindow: 1024, template: 'none' })
  const start = performance.now()
  await gemma.load()
  const load = performance.now() - start
  const asked = performance.now()
  const stream = gemma.generateStream({ prompt, config: { ...config, maxOutputTokens: tokens } })
  let first
  for await (const chunk of stream) if (chunk.text !== '') first ??= performance.now()
  const ended = performance.now()
  const { usage } = await stream.response
  await gemma.dispose()
  return {
    load_s: load / 1000,
    prefill_tps: usage.inputTokens / ((first - asked) / 1000),
    decode_tps: (usage.outputTokens - 1) / ((ended - first) / 1000),
    prompt_tokens: usage.inputTokens,
  }
}
