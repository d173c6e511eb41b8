/** Finds names with the tiny model in its worker, in the world of its training. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
const html = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { defineModel, gemmaModel, redacting } from '/hybridge/dist/index.js'
  import { tinyModel } from '/hybridge/dist/tiny.js'
  const gemma = gemmaModel({ model: tinyModel, device: 'cpu', contextWindow: 512 })
  await gemma.load()
  const field = { type: 'string' }
  const schema = { type: 'object', properties: { name: field, date: field, amount: { type: 'integer' } } }
  // It was trained to extract one name from a sentence.
  const names = defineModel({
    name: 'names',
    info: { inferenceSource: 'on_device' },
    async generate({ messages }, { signal }) {
      const prompt = 'Extract as JSON by ' + JSON.stringify(schema) + ': ' + messages.at(-1).content[0].text
      const config = { temperature: 0, maxOutputTokens: 96 }
      const { output } = await gemma.generate({ prompt, config, output: { schema } }, { signal })
      return JSON.stringify({ persons: [output.name], places: [], organisations: [] })
    },
  })
  const sent = []
  const echo = defineModel({
    name: 'echo',
    generate({ messages }) {
      const { text } = messages.at(-1).content[0]
      sent.push(text)
      return text
    },
  })
  const ai = redacting(echo, { names, detectors: [] })
  Object.assign(globalThis, { ai, sent, isReady: true })
</script>`

test(
  'names that the engine extracts are replaced, and restored in the answer',
  {
    skip: !existsSync(join(npm, 'dist/worker.js')) && 'SKIP the worker is not built',
  },
  async () => {
    const server = await serve({ '/hybridge/': npm }, { pages: { '/': { type: 'text/html', body: html } } })
    const browser = await launch({ gpu: false })
    try {
      const { page, problems } = await openPage(browser, `${server.origin}/`)
      await page.waitForFunction('globalThis.isReady === true')
      const names = ['Tarvin Moler', 'Selka Dorin', 'Velmar Tosik', 'Ronal Perik', 'Mirta Solen', 'Karvel Nodin']
      const sentences = names.map((name, at) =>
        at % 2 === 0
          ? `${name} paid ${at + 12} euros on 3 May 2021.`
          : `Invoice for ${name}, 7 June 2019: ${at + 40} euros.`,
      )
      const { answers, sent } = await page.evaluate(async (sentences) => {
        const answers = []
        for (const sentence of sentences) answers.push((await ai.generate(sentence)).text)
        return { answers, sent }
      }, sentences)
      assert.deepEqual(answers, sentences)
      const hidden = names.filter((name, at) => !sent[at].includes(name) && /\[PERSON_\d+\]/.test(sent[at]))
      assert.ok(hidden.length >= names.length - 1, `${hidden.length} of ${names.length} names: ${sent.join('\n')}`)
      assert.deepEqual(problems, [])
    } finally {
      await browser.close()
      await server.close()
    }
  },
)
