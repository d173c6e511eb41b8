/** Images in conversations, and branches that do not support them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { hybridge, textOf } from './setting.mjs'

const { chat, defineModel, FallbackStrategy, FirstMatch, hybridModel, PreRoutingStrategy } = hybridge

const picture = (letter) => ({ media: { url: `data:image/png;base64,${letter}AAA`, contentType: 'image/png' } })
const sound = { media: { url: 'data:audio/wav;base64,AAAA', contentType: 'audio/wav' } }

/** A branch without image support, and one that describes images. */
function pair({ describe = () => 'a red door', strategy = new FallbackStrategy(['blind', 'seeing']), ...more } = {}) {
  const seen = { blind: [], seeing: [] }
  const branch = (name, media, reply) =>
    defineModel({
      name,
      info: { supports: { multiturn: true, systemRole: true, tools: true, media, json: 'prompted' } },
      generate: async (request) => {
        seen[name].push(structuredClone(request))
        return await reply(request)
      },
    })
  const blind = branch('blind', false, () => 'fine')
  const seeing = branch('seeing', true, (request) =>
    textOf(request.messages.at(-1)).startsWith('Describe this picture') ? describe(request) : 'seen',
  )
  return { ai: hybridModel({ branches: { blind, seeing }, strategy, ...more }), seen, blind, seeing }
}

const asked = (...parts) => ({ messages: [{ role: 'user', content: [...parts, { text: 'What is it?' }] }] })

test('without a policy the branch receives the media', async () => {
  const { ai, seen } = pair()
  await ai.generate(asked(picture('a')))
  assert.deepEqual(seen.blind[0].messages[0].content[0], picture('a'))
  for (const media of ['describe', {}, { describe: true }, { describe: { branch: 1 } }, null, 7]) {
    await assert.rejects(ai.generate('x', { media }), { status: 'INVALID_ARGUMENT' })
    assert.throws(() => chat(ai, { media }), { status: 'INVALID_ARGUMENT' })
  }
})

test('dropped media are replaced by a note, and the trace counts them', async () => {
  const { ai, seen, blind } = pair()
  const { routing } = await ai.generate(asked(picture('a'), sound), { media: 'drop' })
  assert.equal(JSON.stringify(seen.blind[0]).includes('data:'), false)
  assert.match(textOf(seen.blind[0].messages[0]), /^\[a picture that[^\]]*\]\[a sound that[^\]]*\]What is it\?$/)
  assert.deepEqual(routing.attempts[0].media, { dropped: 2, described: 0 })
  const alone = await blind.generate(asked(picture('a')), { media: 'drop' })
  assert.deepEqual(alone.routing.attempts[0].media, { dropped: 1, described: 0 })
})

test('a branch with image support describes each image once', async () => {
  let count = 0
  const { ai, seen } = pair({ describe: () => `door ${++count}` })
  const media = { describe: { branch: 'seeing' } }
  const first = await ai.generate(asked(picture('a'), picture('b')), { media })
  await ai.generate(asked(picture('b'), picture('a')), { media })
  assert.equal(textOf(seen.blind[0].messages[0]), '[a picture: door 1][a picture: door 2]What is it?')
  assert.equal(textOf(seen.blind[1].messages[0]), '[a picture: door 2][a picture: door 1]What is it?')
  assert.equal(seen.seeing.length, 2)
  assert.deepEqual(first.routing.attempts[0].media, { dropped: 0, described: 2, by: 'seeing' })
  assert.deepEqual(seen.seeing[0].messages[0].content[0], picture('a'))
})

test('descriptions are part of the usage, once', async () => {
  const spent = { inputTokens: 300, outputTokens: 7 }
  const described = () => ({ message: { role: 'model', content: [{ text: 'a door' }] }, usage: spent })
  const { ai } = pair({ describe: described })
  const media = { describe: { branch: 'seeing' } }
  const first = await ai.generate(asked(picture('a'), picture('b')), { media })
  assert.deepEqual(first.usage, { inputTokens: 600, outputTokens: 14 })
  assert.deepEqual(first.routing.attempts[0].media.usage, { inputTokens: 600, outputTokens: 14 })
  const again = await ai.generate(asked(picture('a'), picture('c')), { media })
  assert.deepEqual([again.usage, again.routing.attempts[0].media.usage], [spent, spent])
  const kept = await ai.generate(asked(picture('c')), { media })
  assert.deepEqual([kept.usage, kept.routing.attempts[0].media.usage], [{}, undefined])
})

test('media that cannot be described are dropped', async () => {
  const failing = pair({
    describe: () => {
      throw new Error('no')
    },
  })
  const { routing } = await failing.ai.generate(asked(picture('a')), { media: { describe: {} } })
  assert.deepEqual(routing.attempts[0].media, { dropped: 1, described: 0 })
  const { ai } = pair()
  const unknown = await ai.generate(asked(picture('a')), { media: { describe: { branch: 'nobody' } } })
  assert.deepEqual(unknown.routing.attempts[0].media, { dropped: 1, described: 0 })
})

test('a pinned image is described by no branch outside the pin', async () => {
  const pin = new PreRoutingStrategy(() => ({ order: ['blind'], allow: ['blind'] }))
  const { ai, seen } = pair({ strategy: new FirstMatch([pin]) })
  const { routing } = await ai.generate(asked(picture('a')), { media: { describe: { branch: 'seeing' } } })
  assert.deepEqual(routing.attempts[0].media, { dropped: 1, described: 0 })
  assert.equal(seen.seeing.length, 0)
  const open = pair()
  await open.ai.generate(asked(picture('a')), { media: { describe: {} }, allow: ['blind'] })
  assert.equal(open.seen.seeing.length, 0)
})

test('an abort during a description aborts the request', async () => {
  const stop = new AbortController()
  const { ai, seen } = pair({ describe: () => new Promise(() => stop.abort()) })
  await assert.rejects(ai.generate(asked(picture('a')), { media: { describe: {} }, signal: stop.signal }), {
    status: 'CANCELLED',
  })
  assert.equal(seen.blind.length, 0)
})

test('a chat falls back to a branch without images: earlier ones are dropped, the history stays complete', async () => {
  let branch = 'seeing'
  const { ai, seen } = pair({ strategy: new PreRoutingStrategy(() => branch) })
  const talk = chat(ai)
  await talk.send([picture('a'), { text: 'Look.' }]).response
  branch = 'blind'
  const { routing } = await talk.send('And now?').response
  assert.deepEqual(routing.attempts[0].media, { dropped: 1, described: 0 })
  assert.equal(JSON.stringify(seen.blind[0]).includes('data:'), false)
  assert.deepEqual(talk.messages[0].content[0], picture('a'))
  // The newest message is left to the routing.
  await talk.send([picture('b'), { text: 'And this?' }]).response
  assert.deepEqual(seen.blind[1].messages.at(-1).content[0], picture('b'))
  branch = 'seeing'
  await talk.send('Again?').response
  assert.deepEqual(seen.seeing.at(-1).messages[0].content[0], picture('a'))
  const described = chat(ai, { media: { describe: { branch: 'seeing' } } })
  branch = 'blind'
  await described.send([picture('c'), { text: 'What is it?' }]).response
  assert.equal(textOf(seen.blind.at(-1).messages[0]), '[a picture: a red door]What is it?')
})

test('a nested hybrid uses the describer of the outer one', async () => {
  const { blind, seeing, seen } = pair()
  const inner = hybridModel({ branches: { blind }, strategy: new FallbackStrategy(['blind']) })
  const outer = hybridModel({ branches: { inner, seeing }, strategy: new FallbackStrategy(['inner', 'seeing']) })
  await outer.generate(asked(picture('a')), { media: { describe: {} } })
  assert.equal(textOf(seen.blind[0].messages[0]), '[a picture: a red door]What is it?')
})
