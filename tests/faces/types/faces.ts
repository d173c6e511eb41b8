/** The faces with the types of the clients themselves, under TypeScript's strictest settings. Compiled, never run. */

import type { EmbeddingModelV4, LanguageModelV4, ProviderV4 } from '@ai-sdk/provider'
import * as api from '@opentelemetry/api'
import { embedMany, generateText, ToolLoopAgent } from 'ai'
import { genkit } from 'genkit'
import OpenAI from 'openai'
import { defineModel, gemmaEmbedder, gemmaModel, type Model } from 'hybridge'
import { aiSdkEmbeddingModel, aiSdkModel, downloadStore, hybridgeProvider } from 'hybridge/ai-sdk'
import { connectDevUI, genkitModel, hybridgePlugin } from 'hybridge/genkit'
import { openAIClient, openAIFetch } from 'hybridge/openai'
import { responses } from 'hybridge/openai/responses'
import { openTelemetry, otlpExporter, withTelemetry } from 'hybridge/otel'
import { installPromptApi, promptApi } from 'hybridge/prompt-api'
import { useChat, useLoadProgress, useModel } from 'hybridge/react'

const model = defineModel({ name: 'm', generate: () => 'x' })
const gemma = gemmaModel({ model: 'gemma-3-270m-it' })
const embedder = gemmaEmbedder({ model: 'embeddinggemma-300m' })

export const languageModel: LanguageModelV4 = aiSdkModel(model, { modelId: 'a', provider: 'b' })
export const embeddingModel: EmbeddingModelV4 = aiSdkEmbeddingModel(embedder)
export const provider: ProviderV4 = hybridgeProvider({ models: { model }, embedders: { embedder } })
export const text: Promise<{ text: string }> = generateText({ model: hybridgeProvider(model)('m'), prompt: 'x' })
export const vectors = embedMany({ model: aiSdkEmbeddingModel(embedder), values: ['a'] })
export const agent = new ToolLoopAgent({ model: aiSdkModel(gemma) })
export const status: 'unavailable' | 'downloadable' | 'downloading' | 'ready' | 'failed' =
  downloadStore(gemma).getSnapshot().status

export const official = new OpenAI({
  apiKey: 'none',
  fetch: openAIFetch({ models: { model }, embedders: { embedder }, responses }),
})
const client = openAIClient(model)
export async function chat(): Promise<string | null | undefined> {
  for await (const { choices } of await client.chat.completions.create({ model: 'm', messages: [], stream: true }))
    return choices[0]?.delta.content
  return (await client.chat.completions.create({ model: 'm', messages: [] })).choices[0]?.message.content
}

export const ai = genkit({ plugins: [hybridgePlugin({ models: { model }, embedders: { embedder } })] })
export const branch: Model = genkitModel(ai, 'hybridge/model', { inferenceSource: 'in_cloud' })
export const devUI = connectDevUI({ models: { model }, url: 'ws://localhost:3200' })

export const traced: typeof gemma = withTelemetry(gemma, { sink: openTelemetry(api) })
export const sent = withTelemetry(model, { sink: otlpExporter({ url: 'http://localhost:4318' }), content: true })

// The face is assignable to the browser's own types, too.
export const Class: Pick<typeof LanguageModel, 'availability'> = promptApi(model)
export async function prompted(): Promise<string> {
  const session: Pick<
    LanguageModel,
    'prompt' | 'append' | 'measureContextUsage' | 'promptStreaming' | 'contextUsage' | 'contextWindow' | 'destroy'
  > = await promptApi(model, { download: gemma }).create({ initialPrompts: [{ role: 'system', content: 'x' }] })
  return await session.prompt('x')
}
export const remove: () => void = installPromptApi(model, { force: true })

export function Component(): number | undefined {
  const { load } = useModel(gemma)
  const { messages, send } = useChat({ model, tools: { a: async () => 1 } })
  void load()
  void send(messages[0]?.text ?? '')
  return useLoadProgress(gemma)?.fraction
}
