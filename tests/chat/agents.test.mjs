/** Agents and flows with fake models. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { calling, hybridge, recorder, textOf } from './setting.mjs'

const { defineAgent, defineFlow, streamTools, HybridError } = hybridge
const never = () => new Promise(() => {})

/** A model that calls once and then repeats the results it received. */
const caller = (...calls) =>
  recorder('caller', {
    reply: ({ messages }) =>
      messages.at(-1).role === 'tool'
        ? JSON.stringify(messages.at(-1).content.map((part) => part.toolResponse.output))
        : calling(...calls),
  })

const outputs = async (model, tools, options = {}) => {
  const { response } = await streamTools({ model, request: 'go', tools, ...options }).result
  return JSON.parse(response.text)
}

test('events arrive in order', async () => {
  const model = recorder('caller', {
    reply: ({ messages }, { sendChunk }) => {
      if (messages.at(-1).role !== 'tool') return calling(['f', { x: 1 }, 'a'])
      sendChunk('it is ')
      sendChunk('two')
      return {}
    },
  })
  const run = streamTools({ model, request: 'go', tools: { f: { description: 'f', execute: ({ x }) => x + 1 } } })
  const seen = []
  for await (const event of run) seen.push(event.type === 'text' ? event.text : event.type)
  assert.deepEqual(seen, ['step', 'toolCall', 'toolResult', 'it is ', 'two', 'step'])
  const { status, steps, messages } = await run.result
  assert.deepEqual([status, steps, messages.length], ['done', 2, 4])
})

test('the model gets a result for every outcome of a tool', async () => {
  const cycle = {}
  cycle.self = cycle
  const table = [
    [
      {
        execute: () => {
          throw new Error('no network')
        },
      },
      { error: 'the tool failed: no network' },
    ],
    [
      {
        execute: () => {
          throw null
        },
      },
      { error: 'the tool failed: it threw something that is not an Error' },
    ],
    [{ execute: () => cycle }, { error: 'the tool failed: its result has no JSON form (a cycle or a bigint)' }],
    [{ execute: () => 1n }, { error: 'the tool failed: its result has no JSON form (a cycle or a bigint)' }],
    [{ execute: () => undefined }, null],
    [{ execute: () => () => 1 }, null],
    [{ execute: never, timeoutMs: 20 }, { error: 'the tool took longer than 20 ms' }],
    [
      { inputSchema: { type: 'object', required: ['city'] }, execute: () => 'ran' },
      { error: 'the arguments are wrong: expected an object with `city`' },
    ],
  ]
  for (const [tool, expected] of table) {
    const [output] = await outputs(caller(['f', {}, 'a']), { f: { description: 'f', ...tool } })
    if (tool.inputSchema === undefined) assert.deepEqual(output, expected)
    else assert.match(output.error, /^the arguments are wrong/)
  }
})

test('calls of one step run in parallel up to the limit', async () => {
  let running = 0
  let most = 0
  const f = {
    description: 'f',
    execute: async (input) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      return input
    },
  }
  const calls = Array.from({ length: 9 }, (_, index) => ['f', { index }, `${index}`])
  const results = await outputs(caller(...calls), { f }, { parallel: 3 })
  assert.equal(most, 3)
  assert.deepEqual(
    results.map(({ index }) => index),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  )
})

test('an abort ends the run at once, even if a tool ignores its signal', async () => {
  const stop = new AbortController()
  const run = streamTools({
    model: caller(['f', {}, 'a']),
    request: 'go',
    signal: stop.signal,
    tools: { f: { description: 'f', execute: () => (setTimeout(() => stop.abort(), 5), never()) } },
  })
  await assert.rejects(run.result, { status: 'CANCELLED' })
  await assert.rejects(
    (async () => {
      for await (const _ of run) {
        /* read to the end */
      }
    })(),
    { status: 'CANCELLED' },
  )
})

test('leaving the loop stops the work', async () => {
  let aborted = false
  const f = {
    description: 'f',
    execute: (_, { signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          aborted = true
          reject(signal.reason)
        }),
      ),
  }
  const run = streamTools({ model: caller(['f', {}, 'a']), request: 'go', tools: { f } })
  for await (const { type } of run) if (type === 'toolCall') break
  await assert.rejects(run.result, { status: 'CANCELLED' })
  assert.equal(aborted, true)
})

test('a model that calls tools endlessly is stopped', async () => {
  const model = recorder('loop', { reply: () => calling(['f', {}, 'a']) })
  await assert.rejects(
    streamTools({ model, request: 'go', maxSteps: 3, tools: { f: { description: 'f', execute: () => 1 } } }).result,
    { status: 'ABORTED', code: 'TOOL_TURNS_EXCEEDED' },
  )
  assert.equal(model.seen.length, 4)
  const stopped = await streamTools({
    model,
    request: 'go',
    tools: { f: { description: 'f', execute: () => 1 } },
    stopWhen: ({ step }) => step === 1,
  }).result
  assert.equal(stopped.steps, 2)
})

test('a paused run is JSON and continues with the decisions, without repeating finished calls', async () => {
  const ran = []
  const tools = {
    read: { description: 'reads', execute: () => (ran.push('read'), 'text') },
    send: {
      description: 'sends',
      needsApproval: ({ to }) => to !== 'me',
      execute: ({ to }) => (ran.push(`send ${to}`), 'sent'),
    },
  }
  const model = caller(['read', {}, 'a'], ['send', { to: 'you' }, 'b'], ['send', { to: 'me' }, 'c'])
  const first = await streamTools({ model, request: 'go', tools }).result
  assert.equal(first.status, 'paused')
  assert.deepEqual(ran, ['read', 'send me'])
  const resume = JSON.parse(JSON.stringify(first.paused))
  const still = await streamTools({ model, tools, resume }).result
  assert.equal(still.status, 'paused')
  const done = await streamTools({ model, tools, resume, approvals: { b: true } }).result
  assert.deepEqual(JSON.parse(done.response.text), ['text', 'sent', 'sent'])
  assert.deepEqual(ran, ['read', 'send me', 'send you'])
})

test('invalid tools, limits and paused runs are rejected', async () => {
  const model = caller(['f', {}, 'a'])
  const table = [
    [{ tools: null }, /tools/],
    [{ tools: { f: {} } }, /tools\.f needs an `execute`/],
    [{ tools: { f: { execute: () => 1 } } }, /tools\.f needs a description/],
    [{ tools: {}, maxSteps: 0 }, /maxSteps/],
    [{ tools: {}, parallel: NaN }, /parallel/],
    [{ tools: {}, resume: {} }, /paused run/],
    [{ tools: {}, resume: { version: 1, messages: [], calls: [null], step: 0, usage: {} } }, /calls/],
  ]
  for (const [options, message] of table)
    await assert.rejects(streamTools({ model, request: 'go', ...options }).result, {
      status: 'INVALID_ARGUMENT',
      message,
    })
})

test('an agent is a tool of another agent', async () => {
  const inner = defineAgent({
    name: 'adder',
    description: 'adds',
    model: recorder('inner', { reply: ({ messages }) => `sum of ${textOf(messages.at(-1))}` }),
    system: 'Add.',
  })
  const model = caller(['adder', { task: '1 2' }, 'a'])
  const outer = defineAgent({ name: 'boss', description: 'delegates', model, tools: { adder: inner.asTool() } })
  const { response } = await outer.stream('go').result
  assert.deepEqual(JSON.parse(response.text), ['sum of 1 2'])
})

test('a flow validates input and output, and keeps finished steps across its retries', async () => {
  const traces = []
  let tries = 0
  let steps = 0
  const flow = defineFlow(
    {
      name: 'greet',
      inputSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      outputSchema: { type: 'string' },
      retries: 2,
      onTrace: (trace) => traces.push(trace),
    },
    async ({ name }, { run, sendChunk }) => {
      const long = await run('long', () => (steps++, name.toUpperCase()))
      sendChunk(long)
      return await run('flaky', () => {
        if (++tries < 3) throw new HybridError('UNAVAILABLE', 'down')
        return `hello ${long}`
      })
    },
  )
  assert.equal(await flow({ name: 'ada' }), 'hello ADA')
  assert.equal(steps, 1)
  assert.deepEqual(
    traces[0].steps.map(({ name, outcome, attempts }) => [name, outcome, attempts]),
    [
      ['long', 'reused', 1],
      ['flaky', 'done', 3],
    ],
  )
  await assert.rejects(flow({ name: 5 }), { status: 'INVALID_ARGUMENT', code: 'SCHEMA_MISMATCH', message: /name/ })
  const wrong = defineFlow({ name: 'wrong', outputSchema: { type: 'number' } }, () => 'text')
  await assert.rejects(wrong(1), { status: 'INTERNAL', code: 'SCHEMA_MISMATCH' })
})

test('a flow takes Standard Schemas', async () => {
  const even = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        value % 2 === 0 ? { value: value / 2 } : { issues: [{ message: 'must be even', path: ['x', { key: 1 }] }] },
    },
  }
  const flow = defineFlow({ name: 'half', inputSchema: even }, (input) => input)
  assert.equal(await flow(4), 2)
  await assert.rejects(flow(3), { status: 'INVALID_ARGUMENT', message: /at \/x\/1: must be even/ })
})

test('a flow streams, stops, and restricts its models to its branches', async () => {
  const flow = defineFlow({ name: 'count' }, async (to, { sendChunk, signal }) => {
    for (let at = 1; at <= to; at++) {
      sendChunk(at)
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (signal.aborted) return
    }
    return to
  })
  const seen = []
  const { stream, output } = flow.stream(3)
  for await (const chunk of stream) seen.push(chunk)
  assert.deepEqual([seen, await output], [[1, 2, 3], 3])
  const left = flow.stream(1000)
  for await (const _ of left.stream) break
  await assert.rejects(left.output, { status: 'CANCELLED' })

  const { hybridModelOnDeviceCloud, FallbackStrategy, kCloud, kOnDevice } = hybridge
  const cloud = recorder('cloud')
  const ai = hybridModelOnDeviceCloud({
    onDevice: recorder('device', { reply: () => 'here' }),
    cloud,
    strategy: new FallbackStrategy([kCloud, kOnDevice]),
  })
  const local = defineFlow(
    { name: 'local', allow: [kOnDevice] },
    async (input, it) => (await it.with(ai).generate(input)).text,
  )
  assert.equal(await local('x'), 'here')
  assert.equal(cloud.seen.length, 0)
})

test('a decision applies to the waiting call, not to a later one with the same ref', async () => {
  const sent = []
  const tools = { send: { description: 'sends', needsApproval: true, execute: ({ to }) => (sent.push(to), 'sent') } }
  let turn = 0
  const model = recorder('again', { reply: () => calling(['send', { to: `person ${++turn}` }, 'same']) })
  const first = await streamTools({ model, request: 'go', tools }).result
  const second = await streamTools({ model, tools, resume: first.paused, approvals: { same: true } }).result
  assert.equal(second.status, 'paused')
  assert.deepEqual(sent, ['person 1'])
})
