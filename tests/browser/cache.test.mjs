/** Several conversations with one model on this device: each turn processes only new tokens. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

let it
before(async () => {
  it = await setUp()
  calm(it.host, { '/tiny.gguf': it.models.read('q8_0') })
})
after(() => it?.close())

test('two alternating chats, an edit and a fork process only new tokens', async (t) => {
  const page = await it.open()
  const found = await page.evaluate(async (url) => {
    const open = () =>
      hybridge.gemmaModel({ model: { url }, device: 'cpu', precision: 'exact', contextWindow: 4096, ...impatient })
    const gemma = open()
    await gemma.load()
    const config = { temperature: 0, maxOutputTokens: 8 }
    const said = (role, text) => ({ role, content: [{ text }] })
    const ask = async (model, messages) => {
      const startedAt = performance.now()
      let firstMs
      const stream = model.generateStream({ messages, config })
      for await (const _ of stream) firstMs ??= performance.now() - startedAt
      const { text, usage } = await stream.response
      return { firstMs, text, fed: usage.inputTokens - usage.cachedContentTokens, whole: usage.inputTokens }
    }
    const chats = ['Paris', 'Rome'].map((city) => ({ city, messages: [said('system', 'Be brief. '.repeat(20))] }))
    const turns = []
    for (let turn = 0; turn < 10; turn++) {
      for (const { city, messages } of chats) {
        messages.push(said('user', `${turn}. ${city} is the capital. `.repeat(12)))
        const answer = await ask(gemma, messages)
        messages.push(said('model', answer.text))
        turns.push(answer)
      }
    }
    const [{ messages }] = chats
    const edited = [...messages.slice(0, -2), said('user', 'What is the weather?')]
    const forked = [...messages.slice(0, 9), said('user', 'What is the weather?')]
    const edits = [await ask(gemma, edited), await ask(gemma, forked), await ask(gemma, edited)]
    // The same conversation without any cached tokens: its first words differ.
    const [system, ...rest] = messages.slice(0, -1)
    const cold = await ask(gemma, [said('system', `Now. ${system.content[0].text}`), ...rest])
    await gemma.dispose()
    return { turns, edits, cold }
  }, `${it.host.origin}/tiny.gguf`)
  const told = JSON.stringify(found)
  const last = found.turns.at(-1)
  const ms = (number) => Math.round(number)
  t.diagnostic(`first token of turn 10 in ${ms(last.firstMs)} ms, of a cold start in ${ms(found.cold.firstMs)} ms`)
  assert.ok(last.whole > 1000, told)
  assert.ok(found.cold.fed > 0.95 * found.cold.whole, told)
  assert.ok(last.fed <= 0.15 * last.whole, told)
  // The tokens of the turn, and those of the previous answer if it is tokenized again.
  const [first] = found.turns
  for (const { fed } of found.turns.slice(2)) assert.ok(fed < first.whole, told)
  for (const { fed } of found.edits) assert.ok(fed < 40, told)
  assert.equal(found.edits.at(-1).fed, 1, told)
  assert.equal(found.edits[2].text, found.edits[0].text)
})
