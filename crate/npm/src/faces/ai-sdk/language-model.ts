/** A hybridge model as a language model of the AI SDK. */

import type { GenerateRequest, GenerateResponse, Model } from '../../index.js'
import { jsonTextOf, Unfenced } from '../json-text.js'
import { openStream, type Opened } from '../opening.js'
import { isModel } from '../served.js'
import { HybridError } from '../../index.js'
import { Blocks, callParts, contentOf, finishOf, metadataOf, responseMetadata, usageOf } from './answer.js'
import { AiSdkCallError } from './error.js'
import { translated } from './prompt.js'
import type { AiSdkLanguageModel, CallOptions, StreamPart, Warning } from './spec.js'

/** Options of `aiSdkModel`. */
export interface AiSdkModelOptions {
  /** Default `'hybridge'`. */
  provider?: string
  /** Default: the model's name. */
  modelId?: string
}

/**
 * Wraps any model as a language model of the AI SDK: for `generateText`, `streamText`, agents and, with
 * `DirectChatTransport`, `useChat` in the page.
 *
 * `providerMetadata.hybridge` of an answer has `branch`, `inferenceSource`, `device`, `routing` and `confidence`.
 * `providerOptions.hybridge` of a call accepts `context`, for strategies, and `config`, for settings that the SDK
 * lacks.
 *
 * @example
 * const { text, providerMetadata } = await generateText({ model: aiSdkModel(hybrid), prompt: 'Hello' })
 * console.log(text, providerMetadata?.hybridge?.branch)
 */
export function aiSdkModel(
  model: Model,
  { provider = 'hybridge', modelId }: AiSdkModelOptions = {},
): AiSdkLanguageModel {
  if (!isModel(model)) throw new HybridError('INVALID_ARGUMENT', 'aiSdkModel needs a model')
  const id = modelId ?? model.name
  return {
    specificationVersion: 'v4',
    provider,
    modelId: id,
    // Branches do not fetch URLs in general, so the SDK downloads files.
    supportedUrls: {},
    async doGenerate(options) {
      return settled(options, async () => {
        const { request, context, warnings } = translated(options, model.info)
        const signal = options.abortSignal
        const response = await model.generate(request, {
          ...(signal === undefined ? {} : { signal }),
          ...(context === undefined ? {} : { context }),
        })
        const json = jsonTextOf(request, response)
        return {
          content: contentOf(response),
          ...(json === response.text ? {} : { structuredOutputText: json }),
          finishReason: finishOf(response),
          usage: usageOf(response),
          warnings,
          providerMetadata: metadataOf(response),
          response: responseMetadata(response, id),
        }
      })
    },
    async doStream(options) {
      return settled(options, async () => {
        const { request, context, warnings } = translated(options, model.info)
        const opened = await openStream(model, request, { signal: options.abortSignal, context })
        return { stream: streamOf(partsOf(opened, { id, request, warnings }), opened, options.abortSignal) }
      })
    },
  }
}

/** An abort rejects with the caller's own reason, anything else with an error that the SDK recognises. */
async function settled<T>({ abortSignal }: CallOptions, work: () => Promise<T>): Promise<T> {
  abortSignal?.throwIfAborted()
  try {
    return await work()
  } catch (thrown) {
    abortSignal?.throwIfAborted()
    throw new AiSdkCallError(thrown)
  }
}

async function* partsOf(
  opened: Opened,
  { id, request, warnings }: { id: string; request: GenerateRequest; warnings: Warning[] },
): AsyncGenerator<StreamPart, void, undefined> {
  yield { type: 'stream-start', warnings }
  yield { type: 'response-metadata', ...responseMetadata({}, id) }
  const blocks = new Blocks()
  const json = new Unfenced(request)
  let response: GenerateResponse
  try {
    for await (const { content } of opened.chunks)
      for (const part of content)
        yield* blocks.add(part.text === undefined ? part : { ...part, text: json.add(part.text) })
    response = await opened.response
    yield* blocks.add({ text: json.end() })
  } catch (thrown) {
    yield* blocks.end()
    yield { type: 'error', error: new AiSdkCallError(thrown) }
    yield { type: 'finish', finishReason: { unified: 'error', raw: undefined }, usage: usageOf({ usage: {} }) }
    return
  }
  // A foreign model may stream nothing and return a complete answer.
  if (!blocks.hasText) yield* blocks.add({ text: jsonTextOf(request, response) })
  yield* blocks.end()
  yield* callParts(response)
  yield {
    type: 'finish',
    finishReason: finishOf(response),
    usage: usageOf(response),
    providerMetadata: metadataOf(response),
  }
}

/**
 * Pulled by the reader, so that nothing is buffered. Cancelling aborts the work; an abort errors the stream with its
 * own reason.
 */
function streamOf(
  parts: AsyncGenerator<StreamPart, void, undefined>,
  { stop }: Opened,
  signal: AbortSignal | undefined,
): ReadableStream<StreamPart> {
  let onAbort: (() => void) | undefined
  const settle = (): void => {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
  }
  return new ReadableStream<StreamPart>(
    {
      start(controller) {
        onAbort = () => {
          stop()
          controller.error(signal?.reason)
        }
        if (signal?.aborted === true) onAbort()
        else signal?.addEventListener('abort', onAbort, { once: true })
      },
      async pull(controller) {
        const { done, value } = await parts.next()
        if (signal?.aborted === true) return
        if (done !== true) return controller.enqueue(value)
        settle()
        controller.close()
      },
      cancel() {
        settle()
        stop()
      },
    },
    { highWaterMark: 0 },
  )
}
