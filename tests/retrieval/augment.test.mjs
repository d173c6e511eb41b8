/** Retrieval as a tool and as a step before generation, with models that record their requests. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hybridge, retrieval, wordEmbedder } from './setting.mjs'

const { augment, retriever, vectorStore, withRetrieval } = retrieval
const { defineModel, hybridModel, PreRoutingStrategy, runTools, streamTools } = hybridge

const documents = [
  { id: 'parking', text: 'Visitors park in the north yard.', metadata: { page: 3 } },
  { id: 'lunch', text: 'Lunch is served at noon.', metadata: { page: 7 } },
]

async function handbook(options = {}) {
  const store = vectorStore({ embedder: wordEmbedder(), ...options })
  await store.add(documents)
  return store
}

/** Answers with a text and records the request. */
function recorder(answer, info = { inferenceSource: 'on_device' }) {
  const seen = []
  const model = defineModel({
    name: 'recorder',
    info,
    generate: async (request, { sendChunk }) => {
      seen.push(request)
      const reply = typeof answer === 'function' ? answer(request) : answer
      if (typeof reply === 'string') sendChunk(reply)
      return typeof reply === 'string' ? {} : reply
    },
  })
  return Object.assign(model, { seen })
}

const lastText = ({ messages }) =>
  messages
    .at(-1)
    .content.map((part) => part.text ?? '')
    .join('')

test('passages precede the last question, and citations refer to them', async () => {
  const store = await handbook()
  const { request, citations, hits } = await augment(
    {
      system: 'Be brief.',
      messages: [{ role: 'user', content: [{ text: 'hi' }] }],
      prompt: 'Where do visitors park?',
      config: { seed: 1 },
    },
    { store, topK: 1 },
  )
  assert.deepEqual(
    request.messages.map(({ role }) => role),
    ['system', 'user', 'user'],
  )
  assert.deepEqual(request.config, { seed: 1 })
  assert.match(lastText(request), /\[1\] Visitors park in the north yard\.\n\nWhere do visitors park\?$/)
  assert.equal(request.prompt, undefined)
  assert.equal(hits[0].id, 'parking')
  assert.deepEqual(citations, [{ index: 1, id: 'parking', score: hits[0].score, metadata: { page: 3 } }])
  const none = await augment('zzz', { store, minScore: 2 })
  assert.deepEqual([none.hits, none.request.messages], [[], [{ role: 'user', content: [{ text: 'zzz' }] }]])
  const other = await augment('zzz', { store, topK: 1, query: 'lunch at noon', instruction: 'Use:' })
  assert.match(lastText(other.request), /^Use:\n\n\[1\] Lunch/)
  for (const options of [null, {}, { store: {} }, { store, topK: 0 }, { store, query: 5 }, { store, minScore: 'x' }])
    await assert.rejects(augment('x', options), { status: 'INVALID_ARGUMENT' })
  await assert.rejects(augment(5, { store }), { status: 'INVALID_ARGUMENT' })
  await store.close()
})

test('a model with retrieval returns citations in the metadata of its answer', async () => {
  const store = await handbook()
  const model = recorder('In the north yard [1].')
  const expert = withRetrieval(model, { store, topK: 2 })
  const { text, message } = await expert.generate('Where do visitors park?')
  assert.equal(text, 'In the north yard [1].')
  assert.deepEqual(
    message.metadata.citations.map(({ index, id, isCited }) => [index, id, isCited]),
    [
      [1, 'parking', true],
      [2, 'lunch', false],
    ],
  )
  assert.match(lastText(model.seen[0]), /\[1\] Visitors park/)
  const stream = expert.generateStream('When is lunch?')
  assert.equal((await stream.response).message.metadata.citations[0].id, 'lunch')
  // Parallel requests do not mix.
  const questions = ['lunch at noon', 'visitors park', 'lunch at noon', 'visitors park']
  const answers = await Promise.all(questions.map((question) => expert.generate(question)))
  assert.deepEqual(
    answers.map(({ message }) => message.metadata.citations[0].id),
    ['lunch', 'parking', 'lunch', 'parking'],
  )
  await store.close()
})

test('a model calls the store as a tool', async () => {
  const store = await handbook()
  const model = recorder((request) => {
    const last = request.messages.at(-1)
    if (last.role !== 'tool')
      return {
        message: {
          role: 'model',
          content: [{ toolRequest: { name: 'handbook', input: { query: 'lunch' }, ref: 'a' } }],
        },
      }
    return last.content[0].toolResponse.output.passages[0].text
  })
  const handbookTool = retriever({ store, topK: 1, description: 'the handbook' })
  const { text } = await runTools({ model, request: { prompt: 'When is lunch?' }, tools: { handbook: handbookTool } })
  assert.equal(text, 'Lunch is served at noon.')
  assert.deepEqual(model.seen[0].tools[0].inputSchema.required, ['query'])
  const { response } = await streamTools({ model, request: 'When is lunch?', tools: { handbook: handbookTool } }).result
  assert.equal(response.text, 'Lunch is served at noon.')
  for (const options of [null, {}, { store: 5 }, { store, topK: -1 }])
    assert.throws(() => retriever(options), { status: 'INVALID_ARGUMENT' })
  await store.close()
})

test('a custom store is supported', async () => {
  const seen = []
  const store = {
    search: async (query, options) => {
      seen.push([query, options.topK])
      return [{ id: 'x', text: 'From elsewhere.', score: 1, metadata: {} }]
    },
  }
  const { citations } = await augment('anything', { store, topK: 2 })
  assert.deepEqual([citations[0].id, seen], ['x', [['anything', 2]]])
})

test('pinned requests are not embedded in the cloud', async () => {
  const embedder = { ...wordEmbedder(), info: { inferenceSource: 'in_cloud' } }
  const store = await handbook({ embedder, allowCloud: true })
  const embedded = embedder.seen.length
  const model = recorder('Here [1].')
  const pinned = hybridModel({
    branches: { here: model, there: recorder('never') },
    strategy: new PreRoutingStrategy(() => ({ order: ['here'], allow: ['here'] })),
  })
  const free = hybridModel({
    branches: { here: model },
    strategy: new PreRoutingStrategy(() => ({ order: ['here'] })),
  })
  const { message } = await withRetrieval(pinned, { store, topK: 1 }).generate('Where do visitors park?')
  assert.equal(message.metadata.citations[0].id, 'parking')
  assert.equal(embedder.seen.length, embedded, 'the pinned question was embedded')
  await withRetrieval(free, { store, topK: 1 }).generate('Where do visitors park?', { allow: ['here'] })
  assert.equal(embedder.seen.length, embedded, 'the question of a pinned conversation was embedded')
  const queries = []
  const foreign = { search: async (query) => (queries.push(query), []) }
  await withRetrieval(pinned, { store: foreign }).generate('secret')
  assert.deepEqual(queries, [])
  await withRetrieval(free, { store, topK: 1 }).generate('Where do visitors park?')
  assert.equal(embedder.seen.length, embedded + 1)
  await store.close()
})
