/** A request with its shorthands resolved: what strategies judge and models run. */

import { HybridError } from './errors.js'
import type { GenerateRequest, GenerationConfig, Message, Part, ToolDefinition } from '../types.js'

/** A request as a model's function gets it. */
export interface ModelRequest {
  messages: Message[]
  config: GenerationConfig
  tools: ToolDefinition[]
  toolChoice?: 'auto' | 'required' | 'none'
  output?: NonNullable<GenerateRequest['output']>
}

const roles: ReadonlySet<unknown> = new Set(['system', 'user', 'model', 'tool'])

/** Resolves the shorthands: `system` comes first, `prompt` last. What is malformed is INVALID_ARGUMENT before anything runs. */
export function normaliseRequest(request: string | GenerateRequest): ModelRequest {
  if (typeof request === 'string') return { messages: [said('user', request)], config: {}, tools: [] }
  if (typeof request !== 'object' || request === null) throw invalid(`expected a prompt or a request object, found ${request === null ? 'null' : typeof request}`)
  const { system, prompt, messages = [], config = {}, tools = [], toolChoice, output } = request
  if (system !== undefined && typeof system !== 'string') throw invalid(`\`system\` must be a string, found ${typeof system}`)
  if (prompt !== undefined && typeof prompt !== 'string' && !Array.isArray(prompt)) throw invalid('`prompt` must be a string or an array of parts')
  if (!Array.isArray(messages)) throw invalid('`messages` must be an array')
  if (!Array.isArray(tools)) throw invalid('`tools` must be an array')
  messages.forEach((message, index) => {
    if (!roles.has(message?.role) || !Array.isArray(message.content)) {
      throw invalid(`messages[${index}] must have a role (system, user, model or tool) and an array of parts as content`)
    }
  })
  if ((config.stopSequences?.length ?? 0) > 5) throw invalid(`at most five stop sequences are possible, found ${config.stopSequences?.length}`)
  return {
    messages: [
      ...(system === undefined ? [] : [said('system', system)]),
      ...messages,
      ...(prompt === undefined ? [] : [said('user', prompt)]),
    ],
    config,
    tools,
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(output === undefined ? {} : { output }),
  }
}

/** Whether the answer must be JSON: where it is said, or where a schema is given and nothing else is said. */
export function wantsJson({ output }: ModelRequest): boolean {
  return output?.format === 'json' || (output?.format === undefined && output?.schema !== undefined)
}

function said(role: Message['role'], content: string | Part[]): Message {
  return { role, content: typeof content === 'string' ? [{ text: content }] : content }
}

function invalid(message: string): HybridError {
  return new HybridError('INVALID_ARGUMENT', message)
}
