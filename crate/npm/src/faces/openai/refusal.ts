/** Errors in the format of OpenAI's service. */

import type { HybridError } from '../../index.js'
import { httpStatusOf, hybridErrorOf, retryDelayOf } from '../failure.js'

/** The body of an error. */
export interface OpenAIErrorBody {
  message: string
  type: string
  param: string | null
  code: string | null
}

/**
 * The error of a request that is rejected before a model runs. Two scripts of this package may each contain a copy of
 * the class.
 */
export class Refusal extends Error {
  override readonly name = 'OpenAIRefusal'
  constructor(
    readonly httpStatus: number,
    message: string,
    readonly param: string | null = null,
    readonly code: string | null = null,
  ) {
    super(message)
  }
}

/** Rejects an unsupported field of the body: `n`, `messages[2].content[0]`. `why` follows it in the message. */
export function unsupported(place: string, why = 'is not supported; leave it out'): Refusal {
  return at(place, why, 'unsupported_parameter')
}

/** Rejects an invalid field of the body. */
export function malformed(place: string, why: string): Refusal {
  return at(place, why, 'invalid_value')
}

/** Clients expect the name of the field separately. */
function at(place: string, why: string, code: string): Refusal {
  return new Refusal(400, `\`${place}\` ${why}`, place.replace(/[[.].*/, ''), code)
}

function isRefusal(thrown: unknown): thrown is Refusal {
  return thrown instanceof Error && thrown.name === 'OpenAIRefusal'
}

/** Converts a failure to status, headers and body. */
export interface Failure {
  status: number
  headers: Record<string, string>
  error: OpenAIErrorBody
}

export function failureOf(thrown: unknown): Failure {
  if (isRefusal(thrown)) {
    const { httpStatus, message, param, code } = thrown
    return {
      status: httpStatus,
      headers: { 'x-should-retry': 'false' },
      error: { message, type: typeOf(httpStatus), param, code },
    }
  }
  const error = hybridErrorOf(thrown)
  const status = httpStatusOf(error)
  const delay = retryDelayOf(error)
  return {
    status,
    headers: {
      'x-should-retry': String(delay !== undefined),
      ...(delay === undefined ? {} : { 'retry-after-ms': String(Math.ceil(delay)) }),
      ...(error.branch === undefined ? {} : { 'x-hybridge-branch': encodeURIComponent(error.branch) }),
      ...(error.routing === undefined ? {} : { 'x-request-id': error.routing.id }),
    },
    error: { message: error.message, type: typeOf(status), param: paramOf(error), code: error.code ?? error.status },
  }
}

/** Fields with different names in this API. */
const fields: Readonly<Record<string, string>> = {
  stopSequences: 'stop',
  maxOutputTokens: 'max_completion_tokens',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  toolChoice: 'tool_choice',
  output: 'response_format',
}

/** The core's message begins with the field; clients expect it separately. */
function paramOf({ status, message }: HybridError): string | null {
  const field = status === 'INVALID_ARGUMENT' ? /^`(?:config\.)?(\w+)/.exec(message)?.[1] : undefined
  return field === undefined ? null : (fields[field] ?? field)
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}
