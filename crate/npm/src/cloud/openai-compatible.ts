/** Any server with OpenAI's chat completions API. */

import { invalid } from '../border/errors.js'
import { optionsArgument } from '../border/json.js'
import { defineModel } from '../model/model.js'
import type { GeminiOptions, Model } from '../types.js'
import { callArguments, callCloud, type Service } from './call.js'

/** Options of `openAICompatibleModel`. */
export interface OpenAICompatibleOptions {
  model: string
  /** The base address, to which `/chat/completions` is appended, for example `http://localhost:8000/v1`. */
  baseUrl: string
  apiKey?: GeminiOptions['apiKey']
  headers?: GeminiOptions['headers']
  fetch?: typeof fetch
  retries?: number
  name?: string
}

/**
 * Creates a model for a server with the chat completions API: self-hosted NIM, vLLM, llama.cpp, Ollama. The server
 * must allow this page by CORS; several hosted services do not and need a proxy.
 *
 * @example
 * const local = openAICompatibleModel({ model: 'gemma3:1b', baseUrl: 'http://localhost:11434/v1' })
 */
export function openAICompatibleModel(options: OpenAICompatibleOptions): Model {
  const {
    model,
    baseUrl,
    apiKey,
    headers,
    fetch,
    retries,
    name = model,
  } = optionsArgument(options, 'openAICompatibleModel')
  if (typeof model !== 'string' || model === '') throw invalid('openAICompatibleModel needs the name of a model')
  if (typeof baseUrl !== 'string' || baseUrl === '')
    throw invalid('openAICompatibleModel needs the `baseUrl` of a server')
  callArguments({ fetch, retries, apiKey, headers })
  const service: Service = { dialect: 'openai', model, baseUrl }
  const credentials = { apiKey, headers, keyNeeded: false }
  return defineModel({
    name,
    info: {
      supports: { multiturn: true, systemRole: true, tools: true, media: true, json: 'constrained', prefix: true },
      inferenceSource: 'in_cloud',
    },
    generate: (request, run) =>
      callCloud({ service, task: run.streaming ? 'stream' : 'generate', request, credentials, fetch, retries }, run),
  })
}
