/** Refusals and failures in the shape of OpenAI's service. */

import type { HybridError } from '../../index.js'
import { httpStatusOf, hybridErrorOf, retryDelayOf } from '../failure.js'

/** The body of an error, as clients read it. */
export interface OpenAIErrorBody {
  message: string
  type: string
  param: string | null
  code: string | null
}

/** A request that is refused before a model runs. Two scripts of this package may each hold a copy of the class. */
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

/**
 * A place in the body that cannot be honoured: `n`, `messages[2].content[0]`. What follows it in the message is `why`.
 */
export function unsupported(place: string, why = 'is not supported; leave it out'): Refusal {
  return at(place, why, 'unsupported_parameter')
}

/** A place in the body that is wrong. */
export function malformed(place: string, why: string): Refusal {
  return at(place, why, 'invalid_value')
}

/** Clients want the name of the field apart. */
function at(place: string, why: string, code: string): Refusal {
  return new Refusal(400, `\`${place}\` ${why}`, place.replace(/[[.].*/, ''), code)
}

function isRefusal(thrown: unknown): thrown is Refusal {
  return thrown instanceof Error && thrown.name === 'OpenAIRefusal'
}

/** A failure as status, headers and body. */
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

/** Fields whose names differ on this wire. */
const fields: Readonly<Record<string, string>> = {
  stopSequences: 'stop',
  maxOutputTokens: 'max_completion_tokens',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  toolChoice: 'tool_choice',
  output: 'response_format',
}

/** The core's message begins with the place; clients want the field apart. */
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
