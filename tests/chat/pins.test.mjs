/** Random conversations with a device and a cloud: private content never reaches the cloud. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { calling, hybridge } from './setting.mjs'

const { chat, chatFromJSON, defineModel, FirstMatch, HybridError, hybridModelOnDeviceCloud } = hybridge
const { PreRoutingStrategy, PrivacyStrategy } = hybridge

const conversations = Number(process.env.HYBRIDGE_CASES ?? 400)
const secret = 'ada.lovelace@example.org'
const picture = { media: { url: 'data:image/png;base64,AAAA', contentType: 'image/png' } }

/** Returns random integers from 0 on, determined by a seed. */
function chance(seed) {
  let state = seed * 2_654_435_761 + 1
  return (most) => {
    state = (state ^ (state << 13)) >>> 0
    state = (state ^ (state >>> 17)) >>> 0
    state = (state ^ (state << 5)) >>> 0
    return state % most
  }
}

/** A branch that answers, fails, breaks off or calls a tool, and often repeats its prompt. */
function branch(name, random, onRequest) {
  return defineModel({
    name,
    info: {
      inferenceSource: name === 'device' ? 'on_device' : 'in_cloud',
      contextWindow: name === 'device' ? 300 : 5000,
      supports: { multiturn: true, systemRole: true, tools: true, media: name === 'cloud', json: 'prompted' },
    },
    generate: (request, { sendChunk }) => {
      onRequest(request)
      const said = JSON.stringify(request.messages).includes(secret) && random(2) === 0 ? ` ${secret} said` : ''
      const outcome = random(8)
      if (outcome === 0) throw new HybridError('UNAVAILABLE', 'down')
      sendChunk(`${name} ${random(1000)}${said}`)
      if (outcome === 1) throw new HybridError('UNAVAILABLE', 'broke off')
      if (outcome === 2 && request.messages.at(-1).role === 'user')
        return calling(['look', { at: said }, `c${random(1e6)}`])
      return { finishReason: 'stop' }
    },
  })
}

async function converse(seed) {
  const random = chance(seed)
  const leaks = []
  const device = branch('device', random, () => {})
  const cloud = branch('cloud', random, (request) => {
    if (JSON.stringify(request).includes(secret)) leaks.push(request.messages.map(({ role }) => role).join(' '))
  })
  const strategy = new FirstMatch([
    new PrivacyStrategy(),
    new PreRoutingStrategy(() => (random(2) === 0 ? ['cloud', 'onDevice'] : ['onDevice', 'cloud'])),
  ])
  const ai = hybridModelOnDeviceCloud({ onDevice: device, cloud, strategy })
  const options = {
    ...(random(2) === 0 && { continueFrom: 'partial' }),
    ...(random(2) === 0 && { window: { summarise: { branch: random(2) === 0 ? 'cloud' : 'onDevice' } } }),
    ...(random(2) === 0 && { media: { describe: {} } }),
    ...(random(2) === 0 && {
      tools: { look: { description: 'looks', execute: async () => (random(2) === 0 ? secret : 'nothing') } },
    }),
  }
  let talk = chat(ai, options)
  const quietly = (stream) => stream.response.catch(() => {})
  for (let turn = 0; turn < 8; turn++) {
    const words = random(4) === 0 ? `write to ${secret}` : 'tell me more '.repeat(1 + random(20))
    const length = talk.messages.length
    switch (random(8)) {
      case 0:
        await quietly(talk.regenerate())
        break
      case 1:
        talk.rewindTo(random(length + 1))
        break
      case 2:
        talk = talk.fork(random(length + 1))
        break
      case 3:
        talk = chatFromJSON(ai, JSON.parse(JSON.stringify(talk)), options)
        break
      default:
        await quietly(talk.send(random(5) === 0 ? [picture, { text: words }] : words))
    }
  }
  return leaks
}

test(`nothing private reaches the cloud in ${conversations} random conversations`, async () => {
  for (let seed = 1; seed <= conversations; seed++) {
    const leaks = await converse(seed)
    assert.deepEqual(leaks, [], `seed ${seed}`)
  }
})
