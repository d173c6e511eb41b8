/** JSON and tools on the device, in the real worker: a random network that can generate only the requested form. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calm, setUp } from './life/page.mjs'

const schema = {
  type: 'object',
  properties: {
    words: { type: 'array', items: { type: 'string', pattern: '^[a-z]{1,5}$' }, minItems: 1, maxItems: 2 },
    sky: { enum: ['blue', 'grey'] },
    degrees: { type: 'integer', minimum: -40, maximum: 50 },
  },
  required: ['words', 'sky', 'degrees'],
}
const tools = [
  {
    name: 'weather',
    description: 'the weather of a city',
    inputSchema: { type: 'object', properties: { city: { enum: ['Bonn', 'Rome'] } }, required: ['city'] },
  },
]

for (const device of ['cpu', 'gpu']) {
  test(`on the ${device}`, async (context) => {
    const it = await setUp({ gpu: device === 'gpu' })
    const open = async (name) => {
      const page = await it.open()
      await page.evaluate(
        async ({ url, device }) => {
          globalThis.gemma = hybridge.gemmaModel({
            model: { url },
            device,
            contextWindow: 512,
            cache: 'none',
            ...impatient,
          })
          await gemma.load()
        },
        { url: `${it.host.origin}/${name}.gguf`, device },
      )
      return page
    }
    try {
      calm(it.host, { '/tiny.gguf': it.models.read('no_window'), '/function.gguf': it.models.read('function_gemma') })
      await context.test('JSON matches its schema, and grows while it streams', async () => {
        const page = await open('tiny')
        const found = await page.evaluate(async (schema) => {
          const answer = gemma.generateStream({
            prompt: 'What is the weather?',
            output: { schema },
            config: { temperature: 1, seed: 3 },
          })
          let partial
          for await (const chunk of answer) partial = chunk.output ?? partial
          const { text, output, outputError, finishReason } = await answer.response
          const cut = await gemma.generate({
            prompt: 'What is the weather?',
            output: { schema },
            config: { temperature: 0, maxOutputTokens: 3 },
          })
          const refused = await outcome(gemma.generate({ prompt: 'x', output: { schema: { not: {} } } }))
          return {
            text,
            output,
            partial,
            error: outputError?.message,
            finishReason,
            cut: [cut.finishReason, String(cut.output), cut.outputError.code],
            refused: [refused.status, refused.message],
          }
        }, schema)
        assert.equal(found.error, undefined)
        assert.equal(found.finishReason, 'stop')
        assert.deepEqual(found.partial, found.output)
        assert.deepEqual(Object.keys(JSON.parse(found.text)), ['words', 'sky', 'degrees'])
        assert.deepEqual(found.cut, ['length', 'undefined', 'OUTPUT_INCOMPLETE'])
        assert.equal(found.refused[0], 'INVALID_ARGUMENT')
        assert.match(found.refused[1], /"not"/)
        await page.context().close()
      })
      for (const name of ['tiny', 'function']) {
        await context.test(`a required call is made, and the answer follows (${name})`, async () => {
          const page = await open(name)
          const found = await page.evaluate(async (tools) => {
            const asked = []
            const turns = []
            const ended = await outcome(
              hybridge.runTools({
                model: gemma,
                request: {
                  prompt: 'Is it raining?',
                  tools,
                  toolChoice: 'required',
                  config: { seed: 1, maxOutputTokens: 200 },
                },
                tools: { weather: ({ city }, { ref }) => asked.push([city, ref]) && { rain: true } },
                maxTurns: 2,
                onTurn: ({ toolRequests, finishReason }) => turns.push([toolRequests.length, finishReason]),
              }),
            )
            return { asked, turns, code: ended.code }
          }, tools)
          assert.ok(found.asked.length > 0)
          assert.ok(found.asked.every(([city]) => ['Bonn', 'Rome'].includes(city)))
          assert.equal(
            new Set(found.asked.map(([, ref]) => ref)).size,
            found.asked.length,
            'every call has an id of its own',
          )
          assert.equal(found.turns[0][1], 'stop')
          await page.context().close()
        })
      }
    } finally {
      await it.close()
    }
  })
}
