/** Records which branch called a tool, so that the result is sent back to it through any router. */

import type { ModelRequest } from '../border/request.js'
import type { Message } from '../types.js'

/** Signs a message that contains calls with the branch it came from. Nested routers sign one after the other. */
export function calledBy(message: Message, branch: string): Message {
  if (!hasCalls(message)) return message
  return { ...message, metadata: { ...message.metadata, branches: [...signaturesOf(message), branch] } }
}

/** Returns which of these branches made the calls that the request answers; undefined if it answers none. */
export function callerOf({ messages }: ModelRequest, branches: ReadonlyMap<string, unknown>): string | undefined {
  if (messages.at(-1)?.role !== 'tool') return undefined
  const message = messages.findLast(({ role }) => role === 'model')
  return message === undefined || !hasCalls(message)
    ? undefined
    : signaturesOf(message).findLast((branch) => branches.has(branch))
}

function hasCalls({ content }: Message): boolean {
  return content.some((part) => 'toolRequest' in part)
}

function signaturesOf({ metadata }: Message): string[] {
  const branches = metadata?.['branches']
  return Array.isArray(branches) ? branches.filter((branch) => typeof branch === 'string') : []
}
