/** Converts histories from outside, and histories for a model. */

import { invalid } from '../border/errors.js'
import { isArray, isObject, toJson } from '../border/json.js'
import { normaliseRequest } from '../border/request.js'
import { loadPage } from '../border/wasm.js'
import type { ChatEntry, ChatSnapshot, Message, Part } from '../types.js'

/** A snapshot with every part checked and copied. */
export function snapshotArgument(snapshot: unknown): ChatSnapshot {
  const { version, entries } = (snapshot ?? {}) as Partial<ChatSnapshot>
  if (version !== 1 || !Array.isArray(entries))
    throw invalid(
      typeof version === 'number' && version > 1
        ? 'the conversation was written by a newer version of hybridge'
        : 'this is not a stored conversation',
    )
  if (entries.length === 0) return { version: 1, entries: [] }
  const { messages } = normaliseRequest({
    messages: entries.map((entry) => (entry as Partial<ChatEntry>)?.message as Message),
  })
  for (const [index, { allow, usage }] of entries.entries()) {
    // An unreadable list of branches would be no pin.
    if (allow !== undefined && !(isArray(allow) && allow.every((key) => typeof key === 'string')))
      throw invalid(`\`entries[${index}].allow\` must be a list of branch keys`)
    if (usage !== undefined && !isObject(usage)) throw invalid(`\`entries[${index}].usage\` must be an object`)
  }
  return {
    version: 1,
    entries: entries.map((entry, index) => ({ ...structuredClone(entry), message: messages[index] as Message })),
  }
}

/**
 * Returns the history in the form that models accept: a call without a result gets a placeholder, a result without a
 * call and empty answers are left out, and consecutive user messages are merged.
 */
export async function repaired(messages: readonly Message[]): Promise<Message[]> {
  const closed = await withResults(messages)
  const sent: Message[] = []
  for (const message of closed) {
    const last = sent.at(-1)
    if (
      message.role === 'model' &&
      message.content.every((part) => ('text' in part && part.text === '') || 'reasoning' in part)
    )
      continue
    if (message.role === 'user' && last?.role === 'user')
      sent[sent.length - 1] = { ...last, content: [...last.content, { text: '\n' }, ...message.content] }
    else sent.push(message)
  }
  return sent
}

/** Adds a result to each call without one, stating that there is none, and leaves out results without a call. */
export async function withResults(messages: readonly Message[]): Promise<readonly Message[]> {
  if (!messages.some(({ content }) => content.some((part) => 'toolRequest' in part || 'toolResponse' in part)))
    return messages
  const page = await loadPage()
  const found = JSON.parse(page.danglingCalls(toJson(messages, 'the history'))) as Array<{
    kind: 'call' | 'result'
    message: number
    part: number
  }>
  const drop = new Set(found.filter(({ kind }) => kind === 'result').map(({ message, part }) => `${message}/${part}`))
  const open = new Map<number, Part[]>()
  for (const { kind, message, part } of found) {
    const call = messages[message]?.content[part]
    if (kind !== 'call' || call === undefined || !('toolRequest' in call)) continue
    const { name, ref } = call.toolRequest
    const result: Part = {
      toolResponse: {
        name,
        output: { error: 'this call was not run: the answer was stopped' },
        ...(ref === undefined ? {} : { ref }),
      },
    }
    open.set(message, [...(open.get(message) ?? []), result])
  }
  return messages.flatMap((message, index) => {
    const content = message.content.filter((_, part) => !drop.has(`${index}/${part}`))
    const kept = content.length === 0 && message.content.length > 0 ? [] : [{ ...message, content }]
    const results = open.get(index)
    // Existing results follow in a message of their own; services accept several.
    return results === undefined ? kept : [...kept, { role: 'tool' as const, content: results }]
  })
}
