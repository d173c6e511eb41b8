/** Converts answers to chat completions, complete and streamed. */

import type { GenerateChunk, GenerateResponse, Model } from '../../index.js'
import { jsonTextOf, Unfenced } from '../json-text.js'
import { openStream } from '../opening.js'
import { countedTokens } from '../usage.js'
import { randomId, sealedCallsOf } from '../way-back.js'
import { unsupported } from './refusal.js'
import type { CompletionWish } from './request.js'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  CompletionFinish,
  CompletionUsage,
  HybridgeField,
  TokenLogprob,
  ToolCall,
} from './wire.js'

/** An answer for a client: complete, or as events. */
export type Outcome<Whole, Event> =
  | { kind: 'whole'; body: Whole; branch: string; requestId: string }
  | {
      kind: 'events'
      events: AsyncGenerator<Event, void, undefined>
      stop: () => void
      branch: string | undefined
      requestId: string
    }

/** Runs a chat completion until its first content. */
export async function complete(
  name: string,
  model: Model,
  wish: CompletionWish,
  signal: AbortSignal | undefined,
): Promise<Outcome<ChatCompletion, ChatCompletionChunk>> {
  const { request, context, streams, wantsLogprobs } = wish
  if (!streams && !wantsLogprobs) {
    const response = await model.generate(request, {
      ...(signal === undefined ? {} : { signal }),
      ...(context === undefined ? {} : { context }),
    })
    return {
      kind: 'whole',
      body: completionOf(name, response, wish, null),
      branch: response.branch,
      requestId: response.routing.id,
    }
  }
  // Only chunks have log-probabilities, so an answer that needs them is streamed internally even for a client that
  // waits.
  const opened = await openStream(model, request, { signal, context })
  if (wantsLogprobs && opened.first !== undefined && opened.first.logprobs === undefined) {
    opened.stop()
    throw unsupported('logprobs', `is not supported by the branch that answers (${opened.first.branch}); leave it out`)
  }
  const requestId = `req_${randomId()}`
  if (streams)
    return {
      kind: 'events',
      events: chunksOf(name, opened, wish),
      stop: opened.stop,
      branch: opened.first?.branch,
      requestId,
    }
  const logprobs: TokenLogprob[] = []
  for await (const chunk of opened.chunks) logprobs.push(...logprobsOf(chunk))
  const response = await opened.response
  return {
    kind: 'whole',
    body: completionOf(name, response, wish, { content: logprobs, refusal: null }),
    branch: response.branch,
    requestId: response.routing.id,
  }
}

function completionOf(
  model: string,
  response: GenerateResponse,
  { request }: CompletionWish,
  logprobs: ChatCompletion['choices'][0]['logprobs'],
): ChatCompletion {
  const calls = toolCallsOf(response)
  const text = jsonTextOf(request, response)
  return {
    id: `chatcmpl-${randomId()}`,
    object: 'chat.completion',
    created: seconds(),
    model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && calls.length > 0 ? null : text,
          refusal: null,
          ...(response.reasoning === '' ? {} : { reasoning_content: response.reasoning }),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        },
        logprobs,
        finish_reason: finishOf(response),
      },
    ],
    usage: usageOf(response),
    hybridge: fieldOf(response),
  }
}

/**
 * The role is sent once, text as it arrives, and calls last, when the branch has signed them and the turn can no
 * longer fail.
 */
async function* chunksOf(
  model: string,
  { chunks, response: pending }: { chunks: AsyncIterable<GenerateChunk>; response: Promise<GenerateResponse> },
  { request, wantsUsage, wantsLogprobs }: CompletionWish,
): AsyncGenerator<ChatCompletionChunk, void, undefined> {
  const shared = { id: `chatcmpl-${randomId()}`, object: 'chat.completion.chunk', created: seconds(), model } as const
  type Choice = ChatCompletionChunk['choices'][0]
  const event = (
    delta: Choice['delta'],
    finish: CompletionFinish | null = null,
    logprobs: TokenLogprob[] = [],
  ): ChatCompletionChunk => ({
    ...shared,
    choices: [
      {
        index: 0,
        delta,
        logprobs: wantsLogprobs && logprobs.length > 0 ? { content: logprobs, refusal: null } : null,
        finish_reason: finish,
      },
    ],
    ...(wantsUsage ? { usage: null } : {}),
  })
  yield event({ role: 'assistant' })
  let hasText = false
  const json = new Unfenced(request)
  for await (const chunk of chunks) {
    const reasoning = chunk.content.map((part) => ('reasoning' in part ? part.reasoning : '')).join('')
    if (reasoning !== '') yield event({ reasoning_content: reasoning })
    if (chunk.text === '') continue
    hasText = true
    yield event({ content: json.add(chunk.text) }, null, logprobsOf(chunk))
  }
  const response = await pending
  // A foreign model may stream nothing and return a complete answer.
  const rest = hasText ? json.end() : jsonTextOf(request, response)
  if (rest !== '') yield event({ content: rest })
  for (const [index, call] of toolCallsOf(response).entries()) yield event({ tool_calls: [{ index, ...call }] })
  const hybridge = fieldOf(response)
  yield { ...event({}, finishOf(response)), hybridge }
  if (wantsUsage) yield { ...shared, choices: [], usage: usageOf(response), hybridge }
}

function toolCallsOf({ message }: GenerateResponse): ToolCall[] {
  return sealedCallsOf(message).map(({ id, name, input }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
  }))
}

/** hybridge ends with `stop` when a model calls tools; OpenAI's clients expect a separate reason. */
function finishOf({ finishReason, toolRequests }: GenerateResponse): CompletionFinish {
  if (finishReason === 'length') return 'length'
  if (finishReason === 'blocked') return 'content_filter'
  return toolRequests.length > 0 ? 'tool_calls' : 'stop'
}

function usageOf({ usage }: GenerateResponse): CompletionUsage {
  const { input = 0, output = 0, cached = 0, thoughts = 0, total } = countedTokens(usage)
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: total ?? input + output,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: thoughts },
  }
}

/** The branch that answered, where it ran, and the trace. */
export function fieldOf({ branch, inferenceSource, device, routing }: GenerateResponse): HybridgeField {
  return { branch, inferenceSource, ...(device === undefined ? {} : { device }), routing }
}

/**
 * Tokens that arrive in one chunk share its text: the first entry has it and the others are empty, so that joined they
 * give the text.
 */
function logprobsOf({ text, logprobs = [] }: GenerateChunk): TokenLogprob[] {
  return logprobs.map((logprob, index) => {
    const token = index === 0 ? text : ''
    // OpenAI uses -9999 for minus infinity, because JSON has no infinity.
    return {
      token,
      logprob: Number.isFinite(logprob) ? logprob : -9999,
      bytes: [...new TextEncoder().encode(token)],
      top_logprobs: [],
    }
  })
}

export function seconds(): number {
  return Math.floor(Date.now() / 1000)
}
