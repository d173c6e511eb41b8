/** Requests that Gemini rejects, with Google's messages and formats. */

import { json } from './loopback.mjs'
import { refusedKeyword } from './schema.mjs'

const fields = {
  request: [
    'contents',
    'systemInstruction',
    'tools',
    'toolConfig',
    'safetySettings',
    'generationConfig',
    'cachedContent',
    'labels',
    'serviceTier',
    'store',
    'model',
  ],
  generationConfig: [
    'temperature',
    'topP',
    'topK',
    'candidateCount',
    'maxOutputTokens',
    'stopSequences',
    'seed',
    'presencePenalty',
    'frequencyPenalty',
    'responseLogprobs',
    'logprobs',
    'responseMimeType',
    'responseSchema',
    'responseJsonSchema',
    '_responseJsonSchema',
    'responseModalities',
    'thinkingConfig',
    'mediaResolution',
    'speechConfig',
    'enableEnhancedCivicAnswers',
  ],
  content: ['role', 'parts'],
  part: [
    'text',
    'thought',
    'thoughtSignature',
    'inlineData',
    'fileData',
    'functionCall',
    'functionResponse',
    'executableCode',
    'codeExecutionResult',
    'videoMetadata',
  ],
  declaration: [
    'name',
    'description',
    'parameters',
    'parametersJsonSchema',
    'response',
    'responseJsonSchema',
    'behavior',
  ],
}

/** Returns a `google.rpc.Status` with its details. */
export function refusal(code, status, message, details = []) {
  return json({ error: { code, message, status, ...(details.length === 0 ? {} : { details }) } }, { status: code })
}

export const errorInfo = (reason) => ({
  '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
  reason,
  domain: 'googleapis.com',
  metadata: { service: 'generativelanguage.googleapis.com' },
})
export const retryInfo = (retryDelay) => ({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay })
export const quotaFailure = (quotaId) => ({
  '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
  violations: [
    {
      quotaMetric: 'generativelanguage.googleapis.com/generate_content_free_tier_requests',
      quotaId,
      quotaDimensions: { location: 'global', model: 'gemini' },
      quotaValue: '20',
    },
  ],
})

/** Named errors for tests. */
export const refusals = {
  badKey: () =>
    refusal(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [errorInfo('API_KEY_INVALID')]),
  noKey: () =>
    refusal(
      403,
      'PERMISSION_DENIED',
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    ),
  location: () => refusal(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'),
  noModel: (model) =>
    refusal(404, 'NOT_FOUND', `${model} is not found for API version v1beta, or is not supported for generateContent.`),
  tooLong: () =>
    refusal(
      400,
      'INVALID_ARGUMENT',
      'The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).',
    ),
  rate: (delay = '34.4s') =>
    refusal(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota, please check your plan and billing details.', [
      quotaFailure('GenerateRequestsPerMinutePerProjectPerModel-FreeTier'),
      retryInfo(delay),
    ]),
  daily: () =>
    refusal(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota, please check your plan and billing details.', [
      quotaFailure('GenerateRequestsPerDayPerProjectPerModel-FreeTier'),
      retryInfo('9s'),
    ]),
  overloaded: () => refusal(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'),
  internal: () => refusal(500, 'INTERNAL', 'An internal error has occurred.'),
  deadline: () => refusal(504, 'DEADLINE_EXCEEDED', 'Deadline expired before operation could complete.'),
}

/** Returns the error for a request that Google would reject, or undefined. */
export function refused({ method, model, query, headers, body }, { keys, isModel }) {
  const key = headers['x-goog-api-key'] ?? query.get('key') ?? headers.authorization
  if (!key) return refusals.noKey()
  if (keys !== undefined && !keys.includes(key)) return refusals.badKey()
  if (!isModel(model)) return refusals.noModel(model)
  if (typeof body !== 'object' || body === null) return invalid('Invalid JSON payload received.')
  const request = method === 'countTokens' ? (body.generateContentRequest ?? body) : body
  if (method === 'countTokens' && body.generateContentRequest !== undefined && request.model === undefined)
    return invalid('* GenerateContentRequest.model: unexpected model name format')
  return refusedRequest(request)
}

function refusedRequest(request) {
  const { contents, generationConfig = {}, tools = [] } = request
  const strange =
    unknown('', request, fields.request) ??
    unknown('generation_config', generationConfig, fields.generationConfig) ??
    contents
      ?.map(
        (content, index) =>
          unknown(`contents[${index}]`, content, fields.content) ??
          content.parts?.map((part, at) => unknown(`contents[${index}].parts[${at}]`, part, fields.part)).find(Boolean),
      )
      .find(Boolean) ??
    tools
      .flatMap((tool) => tool.functionDeclarations ?? [])
      .map((it, at) => unknown(`tools[0].function_declarations[${at}]`, it, fields.declaration))
      .find(Boolean)
  if (strange) return strange
  if (!contents?.length) return invalid('* GenerateContentRequest.contents: contents is not specified')
  let calls = 0
  for (const { role = 'user', parts } of contents) {
    if (!['user', 'model', 'function'].includes(role)) return invalid('Please use a valid role: user, model.')
    if (!parts?.length) return invalid('* GenerateContentRequest.contents: contents.parts must not be empty.')
    if (
      parts.some(
        ({ text, thoughtSignature, ...rest }) =>
          text === '' && thoughtSignature === undefined && Object.keys(rest).length === 0,
      )
    )
      return invalid('Unable to submit request because it has an empty text parameter.')
    const responses = parts.filter((part) => part.functionResponse).length
    if (responses > 0 && responses !== calls)
      return invalid(
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      )
    if (
      parts.some(
        ({ functionResponse: it }) =>
          it && (typeof it.response !== 'object' || it.response === null || Array.isArray(it.response)),
      )
    )
      return invalid(
        "Invalid value at 'contents.parts.function_response.response' (type.googleapis.com/google.protobuf.Struct)",
      )
    calls = role === 'model' ? parts.filter((part) => part.functionCall).length : 0
  }
  for (const { name, parameters, parametersJsonSchema } of tools.flatMap((tool) => tool.functionDeclarations ?? [])) {
    if (!/^[A-Za-z_][\w.:-]{0,127}$/.test(name ?? ''))
      return invalid('* GenerateContentRequest.tools[0].function_declarations[0].name: Invalid function name.')
    if (parameters !== undefined && parametersJsonSchema !== undefined)
      return invalid('parameters and parameters_json_schema are mutually exclusive.')
    const keyword = refusedKeyword(parametersJsonSchema)
    if (keyword !== undefined)
      return invalid(
        `Unknown name "${keyword}" at 'tools[0].function_declarations[0].parameters_json_schema': Cannot find field.`,
      )
  }
  const {
    responseSchema,
    responseJsonSchema,
    responseMimeType,
    candidateCount = 1,
    stopSequences = [],
  } = generationConfig
  if (responseSchema !== undefined && responseJsonSchema !== undefined)
    return invalid('response_schema and response_json_schema are mutually exclusive.')
  if ((responseSchema ?? responseJsonSchema) !== undefined && responseMimeType !== 'application/json')
    return invalid('Response schema requires response_mime_type to be application/json.')
  const keyword = refusedKeyword(responseJsonSchema)
  if (keyword !== undefined)
    return invalid(`Unknown name "${keyword}" at 'generation_config.response_json_schema': Cannot find field.`)
  if (stopSequences.length > 5) return invalid('The number of stop sequences must be at most 5.')
  if (candidateCount > 8) return invalid('Only up to 8 candidates can be specified.')
  return undefined
}

function unknown(path, object, names) {
  const name = Object.keys(object ?? {}).find((it) => !names.includes(it))
  return name === undefined
    ? undefined
    : invalid(
        `Invalid JSON payload received. Unknown name "${name}"${path === '' ? '' : ` at '${path}'`}: Cannot find field.`,
      )
}

function invalid(message) {
  return refusal(400, 'INVALID_ARGUMENT', message)
}
