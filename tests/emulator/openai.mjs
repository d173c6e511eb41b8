/**
 * Chat completions on 127.0.0.1, like a self-hosted server. It echoes the prompt unless a script replaces the answer.
 */

import { json, startLoopback } from './loopback.mjs'
import { sampleOf } from './schema.mjs'

export { gate, json } from './loopback.mjs'

const known = [
  'model',
  'messages',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'seed',
  'max_tokens',
  'max_completion_tokens',
  'stop',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'response_format',
  'logprobs',
  'top_logprobs',
  'n',
  'user',
  'presence_penalty',
  'frequency_penalty',
  'parallel_tool_calls',
  'reasoning_effort',
  'store',
  'metadata',
]

/** `keys`: the accepted bearer keys; by default none is required. Pages may send two headers only. */
export async function startOpenAI({ keys, models, answers = {}, cors, port } = {}) {
  return startLoopback({ cors, port, answer: (request) => answer(request, { keys, models, answers }) })
}

/** Returns an error in OpenAI's format. */
export function refusal(status, message, type, code = null, param = null) {
  return json({ error: { message, type, param, code } }, { status })
}

export const refusals = {
  badKey: () =>
    refusal(
      401,
      'Incorrect API key provided. You can find your API key in your account settings.',
      'invalid_request_error',
      'invalid_api_key',
    ),
  noModel: (model) =>
    refusal(404, `The model \`${model}\` does not exist.`, 'invalid_request_error', 'model_not_found'),
  rate: () => refusal(429, 'Rate limit reached for requests', 'requests', 'rate_limit_exceeded'),
  noCredit: () =>
    refusal(
      429,
      'You exceeded your current quota, please check your plan and billing details.',
      'insufficient_quota',
      'insufficient_quota',
    ),
  tooLong: () =>
    refusal(
      400,
      "This model's maximum context length is 4096 tokens.",
      'invalid_request_error',
      'context_length_exceeded',
    ),
  loading: () => json({ error: { code: 503, message: 'Loading model', type: 'unavailable_error' } }, { status: 503 }),
}

function answer({ method, path, headers, body }, { keys, models, answers }) {
  if (method !== 'POST' || !path.endsWith('/chat/completions')) return json({ detail: 'Not Found' }, { status: 404 })
  if (keys !== undefined && !keys.some((key) => headers.authorization === `Bearer ${key}`)) return refusals.badKey()
  const invalid = (message, param) => refusal(400, message, 'invalid_request_error', null, param)
  if (typeof body !== 'object' || body === null) return invalid('We could not parse the JSON body of your request.')
  if (models !== undefined && !models.includes(body.model)) return refusals.noModel(body.model)
  const strange = Object.keys(body).find((name) => !known.includes(name))
  if (strange !== undefined) return invalid(`Unrecognized request argument supplied: ${strange}`, strange)
  if (typeof body.model !== 'string') return invalid('you must provide a model parameter', 'model')
  if (!body.messages?.length) return invalid("[] is too short - 'messages'", 'messages')
  const open = new Set()
  for (const { role, content, tool_calls: calls, tool_call_id: id } of body.messages) {
    if (!['system', 'developer', 'user', 'assistant', 'tool'].includes(role))
      return invalid(`'${role}' is not one of ['system', 'assistant', 'user', 'tool']`, 'messages')
    if (role === 'tool' && !open.delete(id))
      return invalid(
        "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
        'messages',
      )
    if (role !== 'assistant' && role !== 'tool' && !content?.length)
      return invalid("Invalid value for 'content': expected a string, got null.", 'messages')
    if (role !== 'tool' && open.size > 0)
      return invalid(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.",
        'messages',
      )
    for (const call of calls ?? []) open.add(call.id)
  }
  return inTheFormOf(body, imagine(body, answers))
}

/** Returns a reply of these deltas, complete or as events, as requested. */
export function deltas(...list) {
  return ({ body }) => inTheFormOf(body, list)
}

/** Returns deltas with steps (`'cut'`, `gate()`) among them, as events. */
export function stream(...list) {
  const isStep = (it) => typeof it === 'string' || it.wait !== undefined
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    steps: list.map((it) => (isStep(it) ? it : `data: ${JSON.stringify(it)}\n\n`)),
  }
}

/** Returns one chunk of a stream. */
export function chunk(delta, rest = {}) {
  return {
    id: 'chatcmpl-emulated',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'emulator',
    choices: [{ index: 0, delta, finish_reason: null, ...rest }],
  }
}

function inTheFormOf(body, list) {
  const usage = {
    prompt_tokens: 7,
    completion_tokens: list.length,
    total_tokens: 7 + list.length,
    prompt_tokens_details: { cached_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 1 },
  }
  if (body.stream) {
    const counts = body.stream_options?.include_usage ? [{ ...chunk({}), choices: [], usage }] : []
    return stream(...list, ...counts, 'data: [DONE]\n\n')
  }
  const message = { role: 'assistant', content: null }
  let finish
  let logprobs
  for (const {
    choices: [{ delta, finish_reason: reason, logprobs: some }],
  } of list) {
    if (typeof delta.content === 'string') message.content = (message.content ?? '') + delta.content
    if (typeof delta.reasoning_content === 'string')
      message.reasoning_content = (message.reasoning_content ?? '') + delta.reasoning_content
    for (const { index, ...call } of delta.tool_calls ?? []) {
      message.tool_calls ??= []
      const known = message.tool_calls[index]
      if (known === undefined) message.tool_calls[index] = { ...call, function: { ...call.function } }
      else known.function.arguments += call.function.arguments
    }
    if (some) logprobs = { content: [...(logprobs?.content ?? []), ...some.content] }
    finish = reason ?? finish
  }
  return json({
    ...chunk({}),
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: logprobs ?? null, finish_reason: finish }],
    usage,
  })
}

/** Returns the answer without a script. Arguments of calls are split in two, as by real servers. */
function imagine(
  { messages, tools = [], tool_choice: choice, response_format: format, logprobs, max_tokens: limit = Infinity },
  answers,
) {
  const { content } = messages.at(-1)
  const told =
    typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? `[${part.type}]`).join(' ')
  const called =
    choice === 'required'
      ? tools[0]?.function
      : choice === 'none'
        ? undefined
        : tools.find((it) => told.includes(it.function.name))?.function
  if (called !== undefined) {
    const text = JSON.stringify(sampleOf(called.parameters ?? { type: 'object' }, told))
    const half = Math.ceil(text.length / 2)
    return [
      chunk({
        role: 'assistant',
        content: null,
        tool_calls: [
          { index: 0, id: 'call_emulated', type: 'function', function: { name: called.name, arguments: '' } },
        ],
      }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: text.slice(0, half) } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: text.slice(half) } }] }),
      chunk({}, { finish_reason: 'tool_calls' }),
    ]
  }
  const said =
    format === undefined || format.type === 'text'
      ? Object.hasOwn(answers, told)
        ? answers[told]
        : `You said: ${told}`
      : JSON.stringify(sampleOf(format.json_schema?.schema ?? { type: 'object' }, told))
  const words = said.match(/\S+\s*/g) ?? []
  const shown = words.slice(0, limit)
  const likely = (word) =>
    logprobs
      ? {
          logprobs: {
            content: [{ token: word, logprob: -0.25, bytes: [...Buffer.from(word)], top_logprobs: [] }],
            refusal: null,
          },
        }
      : {}
  return [
    chunk({ role: 'assistant', content: '' }),
    ...shown.map((word) => chunk({ content: word }, likely(word))),
    chunk({}, { finish_reason: shown.length < words.length ? 'length' : 'stop' }),
  ]
}
