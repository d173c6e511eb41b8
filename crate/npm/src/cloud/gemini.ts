/** Gemini, through Google's API. */

import { invalid } from '../border/errors.js'
import { optionsArgument } from '../border/json.js'
import { defineModel } from '../model/model.js'
import { readOptions, readRequest } from '../border/request.js'
import { cancelled, fromThrown, unlessOurs } from '../border/thrown.js'
import type { CloudModel, GeminiOptions } from '../types.js'
import { callArguments, callCloud, type CloudTask, type Service } from './call.js'

/**
 * Creates a Gemini model. The key is sent in the header `x-goog-api-key` and nowhere else. A key in a page is public,
 * so use the visitor's own, or set `baseUrl` to your proxy.
 *
 * @example
 * const cloud = geminiModel({ model: 'gemini-flash-lite-latest', apiKey: () => askVisitorForKey() })
 * const { text } = await cloud.generate('Why is the sky blue?')
 */
export function geminiModel(options: GeminiOptions): CloudModel {
  const { model, apiKey, baseUrl, headers, fetch, safetySettings, retries } = optionsArgument(options, 'geminiModel')
  if (typeof model !== 'string' || model === '') throw invalid('geminiModel needs the name of a model')
  if (baseUrl !== undefined && (typeof baseUrl !== 'string' || baseUrl === ''))
    throw invalid('`baseUrl` must be an address')
  if (safetySettings !== undefined && !Array.isArray(safetySettings)) throw invalid('`safetySettings` must be an array')
  callArguments({ fetch, retries, apiKey, headers })
  const service: Service = {
    dialect: 'gemini',
    model,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(safetySettings === undefined ? {} : { safetySettings }),
  }
  const credentials = { apiKey, headers, keyNeeded: baseUrl === undefined && headers === undefined }
  const asking = (task: CloudTask['task'], request: CloudTask['request']): CloudTask => ({
    service,
    task,
    request,
    credentials,
    fetch,
    retries,
  })
  const face = defineModel({
    name: model,
    info: {
      supports: { multiturn: true, systemRole: true, tools: true, media: true, json: 'constrained', prefix: true },
      inferenceSource: 'in_cloud',
    },
    generate: (request, run) => callCloud(asking(run.streaming ? 'stream' : 'generate', request), run),
  })
  const countTokens: CloudModel['countTokens'] = async (request, options) => {
    const { signal = new AbortController().signal } = readOptions(options)
    if (signal.aborted) throw cancelled(signal.reason)
    try {
      const { usage } = await callCloud(asking('count', await readRequest(request)), { signal, sendChunk: () => {} })
      return usage?.inputTokens ?? 0
    } catch (thrown) {
      throw signal.aborted ? cancelled(signal.reason) : unlessOurs(fromThrown(thrown))
    }
  }
  return Object.assign(face, { countTokens })
}
