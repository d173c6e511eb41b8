/** `redacting` in Node, with the built package: the sent requests, and the restored answers. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chunks, startGemini } from '../emulator/gemini.mjs'
import { deltas, startOpenAI, stream, chunk } from '../emulator/openai.mjs'

const hybridge = await import(join(import.meta.dirname, '../../crate/npm/dist/node.js'))
const {
  defineModel,
  FallbackStrategy,
  FirstMatch,
  geminiModel,
  hybridModel,
  openAICompatibleModel,
  PrivacyStrategy,
  redacting,
  runTools,
  SensitivityStrategy,
  tool,
  WithFallback,
  wrapModel,
} = hybridge

const mail = 'ann@example.org'
const card = '4111 1111 1111 1111'
let openai
let gemini

before(async () => {
  openai = await startOpenAI()
  gemini = await startGemini()
})
after(() => Promise.all([openai.close(), gemini.close()]))

const overOpenAI = (options) =>
  redacting(openAICompatibleModel({ model: 'm', baseUrl: `${openai.origin}/v1`, apiKey: 'k' }), options)
const overGemini = (options) =>
  redacting(geminiModel({ model: 'gemini-m', baseUrl: gemini.origin, apiKey: 'k' }), options)

/** A reply of OpenAI's in these chunks. */
const saying = (...pieces) =>
  deltas(...pieces.map((content) => chunk({ content })), chunk({}, { finish_reason: 'stop' }))

/** A model that answers by `answer(request)`, complete or in the chunks of a list, and records every request. */
function scripted(answer, info = {}) {
  const seen = []
  const model = defineModel({
    name: 'scripted',
    info,
    generate: async (request, { sendChunk }) => {
      seen.push(request)
      const said = await answer(request)
      if (!Array.isArray(said)) return said
      for (const text of said) sendChunk(text)
      return { finishReason: 'stop' }
    },
  })
  return Object.assign(model, { seen })
}
const echo = (info) =>
  scripted(({ messages }) => ({ message: { role: 'model', content: messages.at(-1).content } }), info)

async function streamed(model, request, options) {
  const { stream, response } = model.generateStream(request, options)
  const pieces = []
  for await (const { text } of stream) pieces.push(text)
  return { pieces, text: pieces.join(''), response: await response }
}

describe('the wire', () => {
  for (const [name, server, model] of [
    ['OpenAI', () => openai, overOpenAI],
    ['Gemini', () => gemini, overGemini],
  ]) {
    test(`${name}: no value is sent, and the answer contains it again, streamed and complete`, async () => {
      const prompt = `Write to ${mail} about card ${card}, then to ${mail}.`
      const ai = model()
      const { text, routing } = await ai.generate({ system: `I am ${mail}`, prompt })
      assert.equal(text.includes(mail) && text.includes(card), true, text)
      assert.deepEqual(routing.attempts[0].redacted, { email: 1, 'credit-card': 1 })
      const again = await streamed(ai, prompt)
      assert.equal(again.text, again.response.text)
      assert.ok(again.text.includes(mail) && again.text.includes(card))
      for (const { text: body } of server().requests.splice(0)) {
        assert.ok(body.includes('[EMAIL_1]') && body.includes('[CREDIT_CARD_1]'), body)
        assert.ok(!body.includes('ann@') && !body.includes('4111'), body)
      }
    })

    test(`${name}: tokens are counted without the values`, async () => {
      const { countTokens } = model()
      if (countTokens === undefined) return
      assert.ok((await countTokens(`mail ${mail}`)) > 0)
      for (const { text: body } of server().requests.splice(0)) assert.ok(!body.includes('ann@'), body)
    })
  }

  test('a placeholder is restored wherever the stream is cut', async () => {
    const answer = 'To **[EMAIL_1]**, \\[email\\_1\\] and EMAIL 1: 😀!'
    const characters = [...answer]
    for (let cut = 0; cut <= characters.length; cut++) {
      openai.next(saying(characters.slice(0, cut).join(''), characters.slice(cut).join('')))
      const { text, response } = await streamed(overOpenAI(), mail)
      assert.equal(text, `To **${mail}**, ${mail} and ${mail}: 😀!`)
      assert.equal(response.text, text)
    }
  })

  test('Gemini: calls in a stream contain restored values', async () => {
    // prettier-ignore
    gemini.next(chunks({ candidates: [{ content: { role: 'model', parts: [{ text: 'I call [EM' }, { text: 'AIL_1].' }, { functionCall: { name: 'send', args: { to: ['[ EMAIL_1 ]'] } } }] }, finishReason: 'STOP' }] }))
    const tools = [{ name: 'send', description: 'Sends', inputSchema: { type: 'object' } }]
    const { text, response } = await streamed(overGemini(), { prompt: mail, tools })
    assert.equal(text, `I call ${mail}.`)
    assert.deepEqual(response.toolRequests[0].input, { to: [mail] })
  })

  test('tools run with restored values, and their results are redacted', async () => {
    const calls = [
      { index: 0, id: 'c1', type: 'function', function: { name: 'find', arguments: '{"who":"[email 1]"}' } },
    ]
    openai.requests.splice(0)
    openai.next(deltas(chunk({ tool_calls: calls }), chunk({}, { finish_reason: 'tool_calls' })))
    openai.next(saying('Call [PHONE_1], or write to [EMAIL_1].'))
    const asked = []
    const find = tool({
      description: 'Finds a number',
      inputSchema: { type: 'object', properties: { who: { type: 'string' } }, required: ['who'] },
      execute: ({ who }) => (asked.push(who), { phone: '+49 151 23456789' }),
    })
    const { text } = await runTools({ model: overOpenAI(), request: { prompt: `Find ${mail}` }, tools: { find } })
    assert.deepEqual(asked, [mail])
    assert.equal(text, `Call +49 151 23456789, or write to ${mail}.`)
    const [, second] = openai.requests.splice(0)
    assert.ok(second.text.includes('[PHONE_1]') && second.text.includes('[EMAIL_1]'), second.text)
    assert.ok(!second.text.includes('23456789') && !second.text.includes('ann@'), second.text)
  })

  test('JSON is restored with escapes, in output and in partial output', async () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----'
    const schema = {
      type: 'object',
      properties: { key: { type: 'string' }, to: { type: 'string' } },
      required: ['key', 'to'],
    }
    const model = scripted(({ messages }) => {
      const [placeholder] = messages[0].content[0].text.match(/\[API_KEY_\d+\]/)
      return [`{"key": "${placeholder.slice(0, 4)}`, `${placeholder.slice(4)}", "to":`, ' "[email 1]"}']
    })
    const { response } = await streamed(redacting(model), { prompt: `${key}\n${mail}`, output: { schema } })
    assert.equal(response.outputError, undefined)
    assert.deepEqual(response.output, { key, to: mail })
  })

  test('a stream that breaks off keeps its partial answer, restored', async () => {
    openai.next(stream(chunk({ content: 'To [EMAIL_1] and [EMA' }), 'cut'))
    const { stream: pieces, response } = overOpenAI().generateStream(mail)
    let text = ''
    await assert.rejects(async () => {
      for await (const piece of pieces) text += piece.text
    })
    assert.equal(text, `To ${mail} and [EMA`)
    const error = await response.catch((it) => it)
    assert.equal(error.partial.content[0].text, text)
    assert.ok(!JSON.stringify([error, error.routing, error.message]).includes('ann@'))
  })
})

describe('conversations', () => {
  test('a value has one placeholder in all turns', async () => {
    const model = scripted(({ messages }) => `Noted: ${messages.at(-1).content[0].text}`)
    const chat = redacting(model).chat()
    await chat.send(`I am ${mail}`).response
    await chat.send('My friend is bob@example.com').response
    const { text } = await chat.send(`Write to bob@example.com and ${mail}`).response
    assert.equal(text, `Noted: Write to bob@example.com and ${mail}`)
    const said = model.seen.at(-1).messages.map(({ content }) => content[0].text)
    assert.deepEqual(said, [
      'I am [EMAIL_1]',
      'Noted: I am [EMAIL_1]',
      'My friend is [EMAIL_2]',
      'Noted: My friend is [EMAIL_2]',
      'Write to [EMAIL_2] and [EMAIL_1]',
    ])
  })

  test('another conversation cannot obtain the values of this one', async () => {
    const ai = redacting(scripted(() => 'Is it [EMAIL_1] or [EMAIL_2]?'))
    await ai.generate(mail)
    assert.equal((await ai.generate('bob@example.com')).text, 'Is it [EMAIL_1] or bob@example.com?')
    assert.equal((await ai.generate('hello')).text, 'Is it [EMAIL_1] or [EMAIL_2]?')
  })
})

describe('options', () => {
  test('kinds, custom detectors, placeholders', async () => {
    const model = echo()
    const ai = redacting(model, {
      detectors: ['email'],
      custom: { customer: /\bC-\d{4}\b/, project: ['Bluebird'], plate: (text) => text.match(/[A-Z]{2} \d{3}/g) ?? [] },
      placeholder: (kind, n) => `<${kind}:${n}>`,
    })
    const prompt = `C-1234 of Bluebird (Bluebirds), KA 123, ${mail}, ${card}`
    const { text, routing } = await ai.generate(prompt)
    assert.equal(text, prompt)
    assert.equal(
      model.seen[0].messages[0].content[0].text,
      `<customer:1> of <project:1> (Bluebirds), <plate:1>, <email:1>, ${card}`,
    )
    assert.deepEqual(routing.attempts[0].redacted, { email: 1, customer: 1, project: 1, plate: 1 })
    assert.deepEqual(ai.info.redacts, ['email', 'customer', 'project', 'plate'])
    const listed = redacting(echo(), { custom: [/C-\d+/, 'Bluebird'] })
    assert.deepEqual((await listed.generate('C-1 of Bluebird')).routing.attempts[0].redacted, { custom: 2 })
    const other = redacting(model, { placeholder: '{{{kind}-{n}}}' })
    assert.equal((await other.generate(mail)).text, mail)
    assert.equal(model.seen[1].messages[0].content[0].text, '{{EMAIL-1}}')
  })

  test('invalid options are rejected', () => {
    const model = echo()
    for (const options of [
      { detectors: ['mail'] },
      { custom: { 'a b': /x/ } },
      { custom: { a: ['x'] } },
      { custom: { a: 1 } },
      { placeholder: 'EMAIL' },
      { placeholder: 7 },
      { names: {} },
      { names: echo({ inferenceSource: 'in_cloud' }) },
    ])
      assert.throws(() => redacting(model, options), { status: 'INVALID_ARGUMENT' }, JSON.stringify(options))
    assert.throws(() => redacting({}), { status: 'INVALID_ARGUMENT' })
  })

  test('placeholders that could not be found again are rejected at the first request', async () => {
    const ai = redacting(echo(), { placeholder: '{kind}_{n}' })
    await assert.rejects(ai.generate('hello'), { status: 'INVALID_ARGUMENT' })
  })

  test('exceptions of a detector go to the caller, and nothing is sent', async () => {
    const model = echo()
    const fault = new Error('mine')
    // prettier-ignore
    const thrown = await redacting(model, { custom: { a: () => { throw fault } } }).generate('hello').catch((it) => it)
    assert.equal(thrown, fault)
    assert.equal(model.seen.length, 0)
  })

  test('other members of a model are unchanged, and hooks around it see the values', async () => {
    const ai = redacting(Object.assign(echo(), { load: () => 'loaded' }))
    assert.equal(ai.load(), 'loaded')
    const seen = []
    const hooked = wrapModel(ai, { onResponse: ({ message }) => void seen.push(message.content[0].text) })
    await hooked.generate(mail)
    assert.deepEqual([seen, hooked.info.redacts.includes('email')], [[mail], true])
  })
})

describe('names', () => {
  const finding = (found) =>
    scripted(() => ({ text: JSON.stringify({ persons: [], places: [], organisations: [], ...found }) }))

  test('names that a model on the device finds are replaced with everything else', async () => {
    const model = echo()
    const names = finding({ persons: ['Ann Smith', 'Made Up'], places: ['karlsruhe'], organisations: ['ACME'] })
    const ai = redacting(model, { names })
    const prompt = `Ann Smith (${mail}) of ACME left Karlsruhe. ACME's Ann Smithson stays.`
    const { text, routing } = await ai.generate(prompt)
    assert.equal(text, prompt)
    assert.equal(
      model.seen[0].messages[0].content[0].text,
      "[PERSON_1] ([EMAIL_1]) of [ORGANISATION_1] left [PLACE_1]. [ORGANISATION_1]'s Ann Smithson stays.",
    )
    assert.deepEqual(routing.attempts[0].redacted, { email: 1, person: 1, place: 1, organisation: 1 })
    assert.equal(names.seen[0].output.schema.required.length, 3)
    await ai.generate(prompt)
    assert.equal(names.seen.length, 1, 'a text is read once')
  })

  test('a model without turns is shown examples, and chooses among candidates from the text', async () => {
    const model = echo()
    const base = scripted(() => ({ text: '{"persons":["Ann Smith"],"places":["Bonn"],"organisations":["none"]}' }), {
      inferenceSource: 'on_device',
      supports: { multiturn: false, systemRole: false },
    })
    const ai = redacting(model, { names: base })
    await ai.generate('Did Ann Smith go\nto Bonn, or none?')
    assert.equal(model.seen[0].messages[0].content[0].text, 'Did [PERSON_1] go\nto [PLACE_1], or none?')
    const [{ messages, output }] = base.seen
    assert.deepEqual(
      messages.map(({ role }) => role),
      ['user'],
    )
    assert.match(messages[0].content[0].text, /\n\nText: Did Ann Smith go to Bonn, or none\?\nNames:$/)
    const { items, maxItems } = output.schema.properties.persons
    assert.deepEqual(items.enum, [
      'none',
      'Did',
      'Did Ann',
      'Did Ann Smith',
      'Ann',
      'Ann Smith',
      'Smith',
      'Smith go to Bonn',
      'Bonn',
    ])
    assert.equal(maxItems, 4)
    await ai.generate('nothing here is written as a name')
    assert.equal(base.seen.length, 1)
  })

  test('if names cannot be searched, nothing is sent', async () => {
    for (const [about, names] of [
      ['throws', scripted(() => { throw new Error('Ann') })], // prettier-ignore
      ['no JSON', scripted(() => 'Ann')],
      ['another form', scripted(() => '{"persons":"Ann"}')],
    ]) {
      const model = echo()
      const error = await redacting(model, { names })
        .generate('Ann')
        .catch((it) => it)
      assert.deepEqual([error.status, error.code, model.seen.length], ['UNAVAILABLE', 'REDACTION_FAILED', 0], about)
      assert.ok(!error.message.includes('Ann'))
    }
  })

  test('an abort ends the search', async () => {
    const stop = new AbortController()
    const names = scripted(() => new Promise(() => stop.abort()))
    await assert.rejects(redacting(echo(), { names }).generate('Ann', { signal: stop.signal }), { status: 'CANCELLED' })
  })
})

describe('hybrids', () => {
  const models = (options) => ({
    onDevice: scripted(() => 'device', { inferenceSource: 'on_device' }),
    cloud: echo({ inferenceSource: 'in_cloud' }),
    redacted: redacting(echo({ inferenceSource: 'in_cloud' }), options),
  })
  const hybrid = (strategy, branches = models()) => hybridModel({ branches, strategy })

  test('a redacted branch satisfies the pin, others do not', async () => {
    const pin = new PrivacyStrategy({ redacted: 'redacted' })
    const ai = hybrid(new FirstMatch([pin, new FallbackStrategy(['cloud'])]))
    const { allow, order } = await ai.explain(mail)
    assert.deepEqual(
      [order, allow],
      [
        ['onDevice', 'redacted'],
        ['onDevice', 'redacted'],
      ],
    )
    // prettier-ignore
    const branches = { ...models(), onDevice: scripted(() => { throw Object.assign(new Error('x'), { status: 'UNAVAILABLE' }) }) }
    const tail = new WithFallback(pin, { fallbackOrder: ['cloud', 'redacted'] })
    const { branch, text, routing } = await hybrid(tail, branches).generate(`to ${mail}`)
    assert.deepEqual([branch, text], ['redacted', `to ${mail}`])
    assert.deepEqual(routing.attempts.at(-1).redacted, { email: 1 })
    assert.equal(branches.cloud.seen.length, 0)
    assert.ok(!JSON.stringify(routing).includes('ann@'))
    // It replaces no cards, so it must not receive one.
    const few = hybrid(pin, models({ detectors: ['email'] }))
    assert.deepEqual((await few.explain(card)).allow, ['onDevice'])
    assert.deepEqual((await few.explain(mail)).allow, ['onDevice', 'redacted'])
  })

  test('a branch named as `redacted` that does not redact fails at the first request', async () => {
    for (const strategy of [new PrivacyStrategy({ redacted: 'cloud' }), new SensitivityStrategy({ redacted: 'cloud' })])
      await assert.rejects(hybrid(strategy).generate('hello'), { status: 'FAILED_PRECONDITION', code: 'NOT_REDACTED' })
  })

  test('SensitivityStrategy chooses one of three ways', async () => {
    const ai = hybrid(new SensitivityStrategy({ redacted: 'redacted' }))
    assert.equal((await ai.generate('hello')).branch, 'cloud')
    assert.equal((await ai.generate(mail)).branch, 'redacted')
    assert.equal((await ai.generate('ssn 123-45-6789')).branch, 'onDevice')
    const own = hybrid(new SensitivityStrategy({ redacted: 'redacted', weights: { email: 1 } }))
    assert.equal((await own.generate(mail)).branch, 'onDevice')
    // Inside a custom strategy, and in a nested hybrid.
    const inner = new SensitivityStrategy({ redacted: 'redacted' })
    assert.equal((await hybrid({ route: (context) => inner.route(context) }).generate(mail)).branch, 'redacted')
    const { onDevice, redacted } = models()
    const nested = hybridModel({ branches: { onDevice, redacted }, strategy: new FallbackStrategy(['redacted']) })
    const outer = hybrid(inner, { ...models(), redacted: nested })
    assert.equal((await outer.generate(mail)).branch, 'redacted')
  })

  test('later turns of a pinned conversation stay pinned', async () => {
    const branches = models()
    const chat = hybrid(new FirstMatch([new SensitivityStrategy({ redacted: 'redacted' })]), branches).chat()
    await chat.send(mail).response
    await chat.send('hello').response
    assert.equal(branches.cloud.seen.length, 0)
    assert.equal(chat.lastBranch, 'redacted')
  })
})

describe('random streams', () => {
  const values = [mail, 'bob.miller@mail.example.com', '+49 151 23456789', card, 'DE89370400440532013000']
  values.push('123-45-6789', '203.0.113.77', '(555) 123-4567', '2001:db8::8a2e:370:7334')
  values.push('ghp_abcdefghijklmnopqrstuvwxyz0123456789')
  const words = ['hello', 'Grüße', '日本', '😀', '[x]', '**', 'email', 'the', '\n', '{', '"', '\\']
  const manglings = [
    (it) => it,
    (it) => it.toLowerCase(),
    (it) => it.replaceAll('_', ' '),
    (it) => it.replaceAll('_', '-'),
    (it) => `[ ${it.slice(1, -1)} ]`,
    (it) => it.replace(/[[\]_]/g, '\\$&'),
    (it) => `【${it.slice(1, -1)}】`,
    (it) => `［${it.slice(1, -1)}］`,
    (it) => `**${it}**`,
  ]
  let seed = 1
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n
  const pick = (list) => list[random(list.length)]

  test('no finding is sent, and every variant of a placeholder is restored', async () => {
    const ai = redacting(
      defineModel({
        name: 'mangler',
        generate: ({ messages }, { sendChunk }) => {
          const { text } = messages.at(-1).content[0]
          for (const value of values) assert.ok(!text.includes(value), text)
          const answer = text.replace(/\[[A-Z_]+_\d+\]/g, (it) => pick(manglings)(it))
          for (let at = 0; at < answer.length;) {
            const size = 1 + random(7)
            sendChunk(answer.slice(at, at + size))
            at += size
          }
          return { finishReason: 'stop' }
        },
      }),
    )
    for (let run = 0; run < 1500; run++) {
      const prompt = Array.from({ length: 1 + random(8) }, () => (random(2) === 0 ? pick(values) : pick(words))).join(
        ' ',
      )
      const { text, response } = await streamed(ai, `${prompt} .`)
      const plain = (it) => it.replaceAll('*', '')
      assert.equal(plain(text), plain(`${prompt} .`))
      assert.equal(response.text, text)
      assert.ok(!values.some((value) => JSON.stringify(response.routing).includes(value)))
    }
  })
})
