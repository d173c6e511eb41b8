/** Gemini's REST API on 127.0.0.1. It echoes the prompt unless a script replaces the answer. */

import { json, startLoopback } from './loopback.mjs'
import { refused } from './gemini-wire.mjs'
import { sampleOf } from './schema.mjs'

export { errorInfo, quotaFailure, refusal, refusals, retryInfo } from './gemini-wire.mjs'
export { gate, json } from './loopback.mjs'

/**
 * `answers`: its answers to some prompts; others are echoed. `keys`: the accepted keys; by default any. `models`: the
 * available models; by default all named gemini-…. `next(reply)` answers the next request; `chunks(…)` and
 * `refusals` create replies.
 */
export async function startGemini({
  keys,
  models,
  answers = {},
  cors = ['content-type', 'x-goog-api-key'],
  port,
} = {}) {
  const isModel = (model) =>
    models === undefined ? /(^|\/)gemini[\w.-]*$/.test(model) : models.some((it) => model.endsWith(it))
  return startLoopback({ cors, port, answer: (request) => answer(request, { keys, isModel, answers }) })
}

const address = /^\/v1(?:beta|alpha)?\/((?:[\w.-]+\/)*[\w.%~@-]+):(generateContent|streamGenerateContent|countTokens)$/

function answer({ method: verb, path, headers, body }, options) {
  const url = new URL(path, 'http://127.0.0.1')
  const [, model, method] = address.exec(url.pathname) ?? []
  if (verb !== 'POST' || method === undefined)
    return {
      status: 404,
      headers: { 'content-type': 'text/html; charset=UTF-8' },
      steps: ['<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>'],
    }
  const no = refused({ method, model, query: url.searchParams, headers, body }, options)
  if (no !== undefined) return no
  const request = body.generateContentRequest ?? body
  if (method === 'countTokens')
    return json({
      totalTokens: tokensOf(request),
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: tokensOf(request) }],
    })
  return inTheFormOf(path, imagine(request, options.answers))
}

/** Returns a reply of these chunks, in the requested form: complete, as events, or as the elements of an array. */
export function chunks(...list) {
  return (request) => inTheFormOf(request.path, list)
}

/**
 * Returns chunks with steps (`'cut'`, `gate()`) between them. Only for event streams, where cuts matter.
 */
export function stream(...list) {
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream' },
    steps: list.map((it) => (isStep(it) ? it : event(it))),
  }
}

const isStep = (it) => typeof it === 'string' || Buffer.isBuffer(it) || it.wait !== undefined
export const event = (chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`

function inTheFormOf(path, list) {
  if (!path.includes(':streamGenerateContent')) return json(list.reduce(merged))
  if (path.includes('alt=sse')) return stream(...list)
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=UTF-8' },
    steps: list
      .map((chunk, index) => `${index === 0 ? '[' : ',\r\n'}${JSON.stringify(chunk, null, 2)}`)
      .concat(list.length === 0 ? '[]' : ']'),
  }
}

function merged(whole, chunk) {
  const [one, other] = [whole.candidates?.[0], chunk.candidates?.[0]]
  if (one === undefined || other === undefined)
    return { ...whole, ...chunk, ...((one ?? other) ? { candidates: [one ?? other] } : {}) }
  const parts = [...(one.content?.parts ?? []), ...(other.content?.parts ?? [])].reduce(joined, [])
  return { ...whole, ...chunk, candidates: [{ ...one, ...other, content: { role: 'model', parts } }] }
}

/** Merges adjacent texts of a complete answer, and drops empty ones. */
function joined(parts, part) {
  const isPlain = (it) => it !== undefined && Object.keys(it).join() === 'text'
  if (!isPlain(part)) return [...parts, part]
  const last = parts.at(-1)
  if (isPlain(last)) return [...parts.slice(0, -1), { text: last.text + part.text }]
  return part.text === '' ? parts : [...parts, part]
}

/** Returns one chunk. `rest` is added beside the candidate's content, `beside` beside the candidates. */
export function chunk(parts, rest = {}, beside = {}) {
  const content =
    parts === undefined
      ? {}
      : { content: { role: 'model', parts: typeof parts === 'string' ? [{ text: parts }] : parts } }
  return {
    candidates: [{ ...content, index: 0, ...rest }],
    modelVersion: 'gemini-emulator',
    responseId: 'emulated',
    ...beside,
  }
}

export const usage = (prompt, candidates, thoughts = 0) => ({
  promptTokenCount: prompt,
  candidatesTokenCount: candidates,
  totalTokenCount: prompt + candidates + thoughts,
  ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
})

/** Estimates tokens: about four characters each. */
function tokensOf({ contents = [], systemInstruction, tools }) {
  const text =
    [...contents, systemInstruction ?? {}]
      .flatMap(({ parts = [] }) => parts.map((part) => part.text ?? JSON.stringify(part)))
      .join('') + (tools === undefined ? '' : JSON.stringify(tools))
  return Math.max(1, Math.ceil(text.length / 4))
}

/** Returns the answer without a script. */
function imagine(request, answers) {
  const { contents, generationConfig = {}, tools = [], toolConfig } = request
  const { parts } = contents.at(-1)
  const told = parts
    .map(
      (part) =>
        part.text ??
        (part.functionResponse
          ? JSON.stringify(part.functionResponse.response)
          : part.inlineData
            ? `[${part.inlineData.mimeType}]`
            : ''),
    )
    .join(' ')
  const functions = tools.flatMap((tool) => tool.functionDeclarations ?? [])
  const called =
    toolConfig?.functionCallingConfig?.mode === 'ANY'
      ? functions[0]
      : functions.find(({ name }) => toolConfig?.functionCallingConfig?.mode !== 'NONE' && told.includes(name))
  const schema = generationConfig.responseJsonSchema ?? generationConfig.responseSchema
  const thoughts = generationConfig.thinkingConfig?.includeThoughts
    ? [{ text: 'They told me something; I say it back.', thought: true }]
    : []
  const said =
    called !== undefined
      ? undefined
      : generationConfig.responseMimeType === 'application/json'
        ? JSON.stringify(sampleOf(schema ?? { type: 'object' }, told))
        : Object.hasOwn(answers, told)
          ? answers[told]
          : `You said: ${told}`
  const words = said?.match(/\S+\s*/g) ?? []
  const limit = generationConfig.maxOutputTokens ?? Infinity
  const shown = words.slice(0, limit)
  const counts = (count) => ({ usageMetadata: usage(tokensOf(request), count, thoughts.length === 0 ? 0 : 8) })
  const call =
    called === undefined
      ? []
      : [
          chunk(
            [
              {
                functionCall: {
                  name: called.name,
                  args: sampleOf(called.parametersJsonSchema ?? called.parameters ?? { type: 'object' }, told),
                },
                thoughtSignature: 'ZW11bGF0ZWQ=',
              },
            ],
            {},
            counts(4),
          ),
        ]
  return [
    ...(thoughts.length === 0 ? [] : [chunk(thoughts, {}, counts(0))]),
    ...call,
    ...shown.map((word, index) => chunk(word, {}, counts(index + 1))),
    chunk(
      [{ text: '' }],
      { finishReason: shown.length < words.length ? 'MAX_TOKENS' : 'STOP' },
      counts(Math.max(shown.length, call.length * 4)),
    ),
  ]
}
