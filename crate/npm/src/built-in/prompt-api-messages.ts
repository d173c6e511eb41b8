/** Converts a conversation to the form of the Prompt API. */

import { HybridError } from '../border/errors.js'
import { readDataUrl } from '../border/media.js'
import type { ModelRequest } from '../border/request.js'
import type { Message, Part } from '../types.js'
import type { LanguageModelMessage, LanguageModelOptions, LanguageModelPart } from './language-model.js'

/** The initial prompts of a session, and its question. */
export interface Conversation {
  initialPrompts: LanguageModelMessage[]
  input: LanguageModelMessage[]
  expectedInputs: NonNullable<LanguageModelOptions['expectedInputs']>
}

/** The system message comes first; the last message is the prompt, the others are history. */
export function conversationOf({ messages, tools }: ModelRequest): Conversation {
  if (tools.length > 0) throw unsupported('tools', 'TOOLS_UNSUPPORTED')
  const system = messages.filter(({ role }) => role === 'system').flatMap(({ content }) => content.map(systemText))
  const turns = messages
    .filter(({ role }) => role !== 'system')
    .map(turnOf)
    .filter(({ content }) => content.length > 0)
  const last = turns.pop()
  if (last === undefined)
    throw new HybridError('INVALID_ARGUMENT', "the request has no message with content besides the system's")
  const kinds = new Set(
    [...turns, last].flatMap(({ content }) => (typeof content === 'string' ? [] : content.map(({ type }) => type))),
  )
  return {
    initialPrompts: [
      ...(system.length === 0 ? [] : [{ role: 'system' as const, content: system.join('\n') }]),
      ...turns,
    ],
    // The model continues a partial answer.
    input: [last.role === 'assistant' ? { ...last, prefix: true } : last],
    expectedInputs: [...kinds].map((type) => ({ type })),
  }
}

function turnOf({ role, content }: Message): LanguageModelMessage {
  if (role === 'tool') throw unsupported('results of tools', 'TOOLS_UNSUPPORTED')
  return { role: role === 'model' ? 'assistant' : 'user', content: content.flatMap(partOf) }
}

function systemText(part: Part): string {
  if ('text' in part) return part.text
  throw new HybridError('INVALID_ARGUMENT', 'a system message may hold text only')
}

function partOf(part: Part): LanguageModelPart[] {
  if ('text' in part) return part.text === '' ? [] : [{ type: 'text', value: part.text }]
  if ('data' in part) return [{ type: 'text', value: JSON.stringify(part.data) ?? 'null' }]
  if ('reasoning' in part) return []
  if ('media' in part) return [mediaOf(part.media)]
  throw unsupported('tools and custom parts', 'TOOLS_UNSUPPORTED')
}

function mediaOf({ url, contentType }: { url: string; contentType?: string }): LanguageModelPart {
  const data = readDataUrl(url)
  const type = contentType ?? data?.type ?? ''
  const kind = /^(image|audio)\//i.exec(type)?.[1]?.toLowerCase()
  if (kind === undefined || data === undefined || data.bytes.length === 0)
    throw unsupported('media other than pictures and sounds as data: URLs', 'MEDIA_UNSUPPORTED')
  return { type: kind as 'image' | 'audio', value: new Blob([data.bytes], { type }) }
}

function unsupported(what: string, code: string): HybridError {
  return new HybridError('FAILED_PRECONDITION', `the built-in model does not support ${what}`, { code })
}
