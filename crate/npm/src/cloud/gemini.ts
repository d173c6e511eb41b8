/** Gemini, by Google's own wire. */

import { HybridError } from '../border/errors.js'
import { defineModel } from '../answer/model.js'
import { normaliseRequest } from '../border/request.js'
import { cancelled } from '../border/thrown.js'
import type { CloudModel, GeminiOptions } from '../types.js'
import { callCloud, type CloudTask, type Service } from './call.js'

/**
 * A Gemini model. The key is sent in the header `x-goog-api-key` and nowhere else; a key in a page is public,
 * so give the visitor's own, or name your proxy in `baseUrl`.
 *
 * @example
 * const cloud = geminiModel({ model: 'gemini-flash-lite-latest', apiKey: () => askVisitorForKey() })
 * const { text } = await cloud.generate('Why is the sky blue?')
 */
export function geminiModel(options: GeminiOptions): CloudModel {
  const { model, apiKey, baseUrl, headers, fetch, safetySettings, retries } = options
  if (typeof model !== 'string' || model === '') throw new HybridError('INVALID_ARGUMENT', 'geminiModel needs the name of a model')
  const service: Service = {
    dialect: 'gemini',
    model,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(safetySettings === undefined ? {} : { safetySettings }),
  }
  const credentials = { apiKey, headers, keyNeeded: baseUrl === undefined && headers === undefined }
  const asking = (task: CloudTask['task'], request: CloudTask['request']): CloudTask => ({ service, task, request, credentials, fetch, retries })
  const face = defineModel({
    name: model,
    info: { supports: { multiturn: true, systemRole: true, tools: true, media: true, json: 'constrained' }, inferenceSource: 'in_cloud' },
    generate: (request, run) => callCloud(asking(run.streaming ? 'stream' : 'generate', request), run),
  })
  const countTokens: CloudModel['countTokens'] = async (request, { signal = new AbortController().signal } = {}) => {
    if (signal.aborted) throw cancelled(signal.reason)
    const { usage } = await callCloud(asking('count', normaliseRequest(request)), { signal, sendChunk: () => {} })
    return usage?.inputTokens ?? 0
  }
  return Object.assign(face, { countTokens })
}
