/** Converts the AI SDK's call options to a request, with a warning for each unsupported option. */

import { HybridError } from '../../index.js'
import type { GenerateRequest, GenerationConfig, Message, Model, Part, ToolDefinition } from '../../index.js'
import { mediaUrl, wholeMediaType } from '../media.js'
import { callPart, isObject, modelMessage, wayBackOf, type Call } from '../way-back.js'
import type { CallOptions, FileData, GivenRecord, PromptMessage, PromptPart, ToolOutput, Warning } from './spec.js'

/** A request, the context for strategies, and what was left out. */
export interface Translated {
  request: GenerateRequest
  context?: Record<string, unknown>
  warnings: Warning[]
}

/** Only settings that were given are passed on, so that the branch's own defaults apply. */
export function translated(options: CallOptions, { supports }: Model['info']): Translated {
  const warnings: Warning[] = []
  const unsupported = (feature: string, details?: string): void => {
    warnings.push({ type: 'unsupported', feature, ...(details === undefined ? {} : { details }) })
  }
  for (const feature of ['presencePenalty', 'frequencyPenalty', 'reasoning'] as const) {
    if (options[feature] !== undefined && options[feature] !== 'provider-default') unsupported(feature)
  }
  const { context, config: extra } = oursOf(options.providerOptions)
  const { tools, toolChoice } = toolsOf(options, unsupported)
  const { responseFormat } = options
  if (responseFormat?.type === 'json' && supports.json === 'none')
    unsupported('responseFormat', 'no branch of this model supports JSON')
  if (tools.length > 0 && !supports.tools) unsupported('tools', 'no branch of this model supports tools')
  return {
    request: {
      messages: messagesOf(options.prompt, unsupported),
      config: configOf(options, extra),
      ...(tools.length === 0 ? {} : { tools }),
      ...(toolChoice === undefined ? {} : { toolChoice }),
      ...(responseFormat?.type === 'json'
        ? {
            output: {
              format: 'json',
              ...(isObject(responseFormat.schema) ? { schema: responseFormat.schema } : {}),
            },
          }
        : {}),
    },
    ...(isObject(context) ? { context: { ...context } } : {}),
    warnings,
  }
}

function configOf(options: CallOptions, extra: unknown): GenerationConfig {
  const config: Record<string, unknown> = {}
  for (const name of ['maxOutputTokens', 'temperature', 'topP', 'topK', 'seed', 'stopSequences'] as const) {
    if (options[name] !== undefined) config[name] = options[name]
  }
  return { ...config, ...(isObject(extra) ? extra : {}) }
}

/** A named tool choice keeps only that tool and requires a call, because no branch supports a finer choice. */
function toolsOf(
  { tools = [], toolChoice }: CallOptions,
  unsupported: (feature: string) => void,
): { tools: ToolDefinition[]; toolChoice: GenerateRequest['toolChoice'] | undefined } {
  const known = tools.flatMap((tool): ToolDefinition[] => {
    if (tool.type !== 'function') {
      unsupported(`provider-defined tool ${tool.id}`)
      return []
    }
    const { name, description = '', inputSchema } = tool
    return [{ name, description, ...(isObject(inputSchema) ? { inputSchema } : {}) }]
  })
  if (toolChoice?.type !== 'tool')
    return { tools: known, toolChoice: known.length === 0 ? undefined : toolChoice?.type }
  const { toolName } = toolChoice
  const only = known.filter(({ name }) => name === toolName)
  if (only.length === 0) throw invalid(`\`toolChoice\` names the tool \`${toolName}\`, which is not among \`tools\``)
  return { tools: only, toolChoice: 'required' }
}

// ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function messagesOf(prompt: PromptMessage[], unsupported: (feature: string) => void): Message[] {
  const messages: Message[] = []
  const references = new Map<string, string>()
  const addResults = (parts: Part[]): void => {
    const last = messages.at(-1)
    if (parts.length === 0) return
    if (last?.role === 'tool') last.content.push(...parts)
    else messages.push({ role: 'tool', content: parts })
  }
  for (const message of prompt) {
    if (message.role === 'system') {
      messages.push({ role: 'system', content: [{ text: message.content }] })
      continue
    }
    const calls: Call[] = []
    const content: Part[] = []
    const results: Part[] = []
    for (const part of message.content) {
      if (part.type === 'tool-call') {
        const call = {
          id: part.toolCallId,
          name: part.toolName,
          input: part.input ?? {},
          wayBack: wayBackOf(part.providerOptions?.['hybridge']),
        }
        calls.push(call)
        references.set(call.id, call.wayBack.ref ?? call.id)
        content.push(callPart(call))
      } else if (part.type === 'tool-result') {
        results.push({
          toolResponse: {
            name: part.toolName,
            output: outputOf(part.output, unsupported),
            ref: references.get(part.toolCallId) ?? part.toolCallId,
          },
        })
      } else {
        content.push(...partsOf(part))
      }
    }
    if (message.role === 'assistant') messages.push(modelMessage(content, calls))
    else if (message.role === 'user') messages.push({ role: 'user', content })
    addResults(results)
  }
  return messages
}

/** Parts that aren't for a model (approvals, parts of other providers) are left out. */
function partsOf(part: Exclude<PromptPart, { type: 'tool-call' | 'tool-result' }>): Part[] {
  const { metadata } = wayBackOf(part.providerOptions?.['hybridge'])
  const beside = metadata === undefined ? {} : { metadata }
  if (part.type === 'text') return [{ text: part.text, ...beside }]
  if (part.type === 'reasoning') return [{ reasoning: part.text, ...beside }]
  if (part.type === 'file') return [{ ...filePart(part.data, part.mediaType), ...beside }]
  return []
}

function filePart(data: FileData, mediaType: string): Part {
  switch (data.type) {
    case 'text':
      return { text: data.text }
    case 'data':
      return { media: { url: mediaUrl(data.data, mediaType), contentType: wholeMediaType(data.data, mediaType) } }
    case 'url': {
      const url = data.originalUrl ?? String(data.url)
      return { media: { url, ...(/^[^/]+\/[^/*]+$/.test(mediaType) ? { contentType: mediaType } : {}) } }
    }
    case 'reference':
      throw invalid('a file by reference belongs to the provider that stored it; pass its data or URL')
  }
}

/** An error stays recognisable, because a model must not read it as a result. */
function outputOf(output: ToolOutput, unsupported: (feature: string) => void): unknown {
  switch (output.type) {
    case 'error-text':
    case 'error-json':
      return { error: output.value }
    case 'execution-denied':
      return { error: output.reason ?? 'the user denied this call' }
    case 'content': {
      if (output.value.every(({ type }) => type === 'text')) return output.value.map(({ text }) => text).join('\n')
      unsupported('files in tool results')
      return output.value.flatMap(({ type, text }) => (type === 'text' ? [text] : []))
    }
    case 'text':
    case 'json':
      return output.value
  }
}

function oursOf(options: GivenRecord | undefined): Record<string, unknown> {
  return isObject(options?.['hybridge']) ? options['hybridge'] : {}
}

function invalid(message: string): HybridError {
  return new HybridError('INVALID_ARGUMENT', message)
}
