/** The tiny model of the package, in its worker: here answers have to be right. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { tinyModel } from '../../crate/npm/dist/tiny.js'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const npm = join(import.meta.dirname, '../../crate/npm')
const html = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import * as hybridge from '/hybridge/dist/index.js'
  import { tinyModel } from '/hybridge/dist/tiny.js'
  const gemma = hybridge.gemmaModel({ model: tinyModel, device: 'cpu', contextWindow: 512 })
  await gemma.load()
  const config = { temperature: 0, maxOutputTokens: 96 }
  const ask = async (request) => (await gemma.generate({ config, ...request })).text
  Object.assign(globalThis, { hybridge, gemma, config, ask, isReady: true })
</script>`

let browser
let server
let page
before(async () => {
  server = await serve({ '/hybridge/': npm }, { pages: { '/': { type: 'text/html', body: html } } })
  browser = await launch({ gpu: false })
  const opened = await openPage(browser, `${server.origin}/`)
  page = opened.page
  await page.waitForFunction('globalThis.isReady === true')
  assert.deepEqual(opened.problems, [])
})
after(async () => {
  await browser?.close()
  await server?.close()
})

const text = 'Velmar is a town. The baker is Torvik. The bridge is 48 years old. The market is near the mill.'

test('the module names an existing file', () => {
  const file = readFileSync(join(npm, 'tiny/tiny.gguf'))
  const sha256 = createHash('sha256').update(file).digest('hex')
  assert.deepEqual([tinyModel.bytes, tinyModel.sha256], [file.length, sha256])
  assert.ok(tinyModel.url.endsWith('/tiny/tiny.gguf'))
  assert.ok(file.length <= 4 * 1024 * 1024)
})

test('the right answer streams in', async () => {
  for (const [question, answer] of [
    ['Who is the baker?', 'The baker is Torvik.'],
    ['How old is the bridge?', 'The bridge is 48 years old.'],
    ['Where is the market?', 'The market is near the mill.'],
  ]) {
    const chunks = await page.evaluate(async (prompt) => {
      const texts = []
      for await (const chunk of gemma.generateStream({ prompt, config })) texts.push(chunk.text)
      return texts
    }, `${text}\n${question}`)
    assert.equal(chunks.join(''), answer)
    assert.ok(chunks.length > 3, `in ${chunks.length} pieces`)
  }
})

test('sums, letters, and questions about the model', async () => {
  for (const [prompt, answer] of [
    ['What is 23 + 45?', '23 + 45 = 60 + 8 = 68.'],
    ['Write "garden" in capitals.', 'GARDEN'],
    ['Reverse "stone".', 'enots'],
    ['Is this request simple or complex? Explain step by step how gravity works.', 'Complex.'],
    ['Who are you?', "I am hybridge's tiny demonstration model."],
  ])
    assert.equal(await page.evaluate((prompt) => ask({ prompt }), prompt), answer)
})

test('a second question depends on the first', async () => {
  const part = (role, text) => ({ role, content: [{ text }] })
  for (const [first, second, answer] of [
    ['My name is Torvik.', 'What is my name?', 'Your name is Torvik.'],
    [`${text}\nWho is the baker?`, 'How old is the bridge?', 'The bridge is 48 years old.'],
    ['What is 20 + 14?', 'Add 5 to that.', '34 + 5 = 30 + 9 = 39.'],
  ]) {
    const found = await page.evaluate(
      async ({ first, second }) => {
        const said = await ask({ messages: [first] })
        return ask({ messages: [first, { role: 'model', content: [{ text: said }] }, second] })
      },
      { first: part('user', first), second: part('user', second) },
    )
    assert.equal(found, answer)
  }
})

test('questions it cannot answer go to the cloud', async () => {
  const asked = await page.evaluate(
    async (prompts) => {
      const cloud = hybridge.defineModel({
        name: 'cloud',
        inferenceSource: 'in_cloud',
        generate: async () => ({ text: 'from the cloud' }),
      })
      const ai = hybridge.confidenceCascade({ onDevice: gemma, cloud, threshold: -1 })
      const answers = []
      for (const prompt of prompts) {
        const { text, branch } = await ai.generate({ prompt, config })
        answers.push([text, branch])
      }
      return answers
    },
    [`${text}\nWho is the baker?`, 'Who wrote Velmar?', 'What is 20 + 14?', 'What is the capital of Torvik?'],
  )
  assert.deepEqual(asked, [
    ['The baker is Torvik.', 'onDevice'],
    ['from the cloud', 'cloud'],
    ['20 + 14 = 30 + 4 = 34.', 'onDevice'],
    ['from the cloud', 'cloud'],
  ])
})

test('JSON by a schema parses', async () => {
  const schema =
    '{"type":"object","properties":{"name":{"type":"string"},"date":{"type":"string"},"amount":{"type":"integer"}}}'
  const answer = await page.evaluate(
    (prompt) => ask({ prompt }),
    `Extract as JSON by ${schema}: Mira Torvik paid 45 euros on 7 May 2024.`,
  )
  assert.deepEqual(JSON.parse(answer), { name: 'Mira Torvik', date: '2024-05-07', amount: 45 })
})

test('a partial answer that ends between words is continued exactly', async () => {
  const whole = 'The bridge is 48 years old.'
  const answers = await page.evaluate(
    async ({ prompt, whole, config }) => {
      const { defineModel, FallbackStrategy, HybridError, hybridModel } = hybridge
      const answers = []
      for (const at of [3, 4, 10, 11, 13, 14, 16, 17, 22, 23, 26]) {
        const cloud = defineModel({
          name: 'cloud',
          generate: (_, { sendChunk }) => {
            sendChunk(whole.slice(0, at))
            throw new HybridError('UNAVAILABLE', 'the stream broke off')
          },
        })
        const ai = hybridModel({ branches: { cloud, gemma }, strategy: new FallbackStrategy(['cloud', 'gemma']) })
        const { text, message } = await ai.generateStream({ prompt, config }, { continueFrom: 'partial' }).response
        answers.push([text, message.metadata.continued.at])
      }
      return answers
    },
    { prompt: `${text}\nHow old is the bridge?`, whole, config: { temperature: 0, maxOutputTokens: 96 } },
  )
  for (const [answer] of answers) assert.equal(answer, whole)
  assert.deepEqual(
    answers.map(([, at]) => at),
    [3, 4, 10, 11, 13, 14, 16, 17, 22, 23, 26],
  )
})

test('confidence includes the margin of the first token and the entropy of all', async () => {
  const { confidence } = await page.evaluate(async (prompt) => {
    const { confidence } = await gemma.generate({ prompt, config })
    return { confidence }
  }, `${text}\nWho is the baker?`)
  assert.ok(confidence.firstMargin > 0, 'the likeliest token was chosen')
  // Entropy is at least that of a certain choice and at most that of a uniform one.
  assert.ok(confidence.meanEntropy >= 0 && confidence.meanEntropy < 5, String(confidence.meanEntropy))
})
