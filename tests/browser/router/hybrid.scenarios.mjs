// The router's guarantees, with the real wasm.

import { assert, fake, never, read, rejection, same, turn } from './fakes.mjs'

export function scenarios(hybridge) {
  const { defineModel, FallbackStrategy, HybridError, hybridModelOnDeviceCloud, kCloud, kOnDevice } = hybridge
  const down = () => new HybridError('UNAVAILABLE', 'down')
  const pair = (device, cloud, more = {}) => {
    const onDevice = fake(defineModel, 'd', device)
    const inCloud = fake(defineModel, 'c', cloud)
    const ai = hybridModelOnDeviceCloud({
      onDevice,
      cloud: inCloud,
      strategy: new FallbackStrategy([kOnDevice, kCloud]),
      ...more,
    })
    return { ai, device: onDevice.seen, cloud: inCloud.seen }
  }
  const story = ({ attempts }) =>
    attempts.map(({ branch, outcome, status }) => [branch, outcome, status].filter(Boolean).join(' ')).join(', ')
  return {
    'the first branch answers': async () => {
      const { ai, cloud } = pair({ text: 'hi', info: { inferenceSource: 'on_device' } }, { text: 'no' })
      const response = await ai.generate('x')
      same(
        [response.text, response.branch, response.inferenceSource, story(response.routing), cloud.calls],
        ['hi', 'onDevice', 'on_device', 'onDevice answered', 0],
      )
    },
    'the next branch answers after a transient failure': async () => {
      const { ai } = pair({ error: down() }, { text: 'hi' })
      const response = await ai.generate('x')
      same(
        [response.text, response.branch, story(response.routing)],
        ['hi', 'cloud', 'onDevice failed UNAVAILABLE, cloud answered'],
      )
    },
    'a permanent failure is final': async () => {
      const { ai, cloud } = pair({ error: new HybridError('UNAUTHENTICATED', 'bad key') }, { text: 'hi' })
      const error = await rejection(ai.generate('x'))
      same(
        [error.status, error.message, error.branch, story(error.routing), cloud.calls],
        ['UNAUTHENTICATED', 'bad key', 'onDevice', 'onDevice failed UNAUTHENTICATED', 0],
      )
    },
    'if all branches fail, the last error is thrown': async () => {
      const last = new HybridError('RESOURCE_EXHAUSTED', 'quota')
      const { ai } = pair({ error: down() }, { error: last })
      const error = await rejection(ai.generate('x'))
      assert(error === last, 'the very error')
      same(
        [error.branch, story(error.routing)],
        ['cloud', 'onDevice failed UNAVAILABLE, cloud failed RESOURCE_EXHAUSTED'],
      )
    },
    'chunks stream through with their branch': async () => {
      const { ai } = pair({ error: down() }, { chunks: ['a', 'b'] })
      const stream = ai.generateStream('x')
      const seen = []
      for await (const { index, text, branch } of stream) seen.push([index, text, branch])
      same(seen, [
        [0, 'a', 'cloud'],
        [1, 'b', 'cloud'],
      ])
      same((await stream.response).text, 'ab')
    },
    'chunks before the first content are held back, and dropped if the branch fails': async () => {
      const { ai } = pair({ chunks: ['', ''], error: down() }, { chunks: ['', 'b'] })
      same(await read(ai.generateStream('x')), { texts: ['', 'b'] })
    },
    'after the first content no other branch runs': async () => {
      const { ai, cloud } = pair({ chunks: ['a'], error: down() }, { chunks: ['b'] })
      const { texts, error } = await read(ai.generateStream('x'))
      same(
        [texts, error.status, story(error.routing), cloud.calls],
        [['a'], 'UNAVAILABLE', 'onDevice failed UNAVAILABLE', 0],
      )
    },
    'if chunks are not read, another branch may run after content': async () => {
      const { ai } = pair({ chunks: ['a'], error: down() }, { text: 'hi' })
      same((await ai.generate('x')).text, 'hi')
    },
    'an abort stops the branch, without a fallback': async () => {
      const { ai, device, cloud } = pair({ chunks: ['a'], hang: true }, { text: 'hi' })
      const controller = new AbortController()
      const reading = read(ai.generateStream('x', { signal: controller.signal }))
      await turn()
      await turn()
      controller.abort()
      const { texts, error } = await reading
      same(
        [texts, error.status, story(error.routing), device.stopped, cloud.calls],
        [['a'], 'CANCELLED', 'onDevice stopped', 1, 0],
      )
    },
    'leaving the loop stops the branch, without a fallback': async () => {
      const { ai, device, cloud } = pair({ chunks: ['a', 'b'], hang: true }, { text: 'hi' })
      const stream = ai.generateStream('x')
      for await (const chunk of stream) if (chunk.text === 'a') break
      same([(await rejection(stream.response)).status, device.stopped, cloud.calls], ['CANCELLED', 1, 0])
    },
    'the next branch runs after a stop that is not the caller’s': async () => {
      for (const error of [
        new DOMException('x', 'AbortError'),
        new HybridError('CANCELLED', 'stopped by the service', { code: 'CLIENT_CLOSED' }),
      ]) {
        const { ai, cloud } = pair({ error }, { text: 'hi' })
        const { text, routing } = await ai.generate('x')
        same([text, cloud.calls, routing.attempts[0].status], ['hi', 1, 'UNAVAILABLE'])
      }
    },
    'neither touched': async () => {
      pair({ error: down() }, { error: down() }).ai.generateStream('x')
      await turn()
    },
    'a hanging branch does not delay an abort': async () => {
      const ai = hybridModelOnDeviceCloud({
        onDevice: defineModel({ name: 'd', generate: () => never }),
        cloud: fake(defineModel, 'c', { text: '' }),
        strategy: new FallbackStrategy([kOnDevice, kCloud]),
      })
      const controller = new AbortController()
      const failed = rejection(ai.generate('x', { signal: controller.signal }))
      await turn()
      controller.abort()
      same((await failed).status, 'CANCELLED')
    },
  }
}
