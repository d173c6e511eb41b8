/** Who called a tool: written beside the call, so that its result finds the way back through any router. */

import type { ModelRequest } from '../border/request.js'
import type { Message } from '../types.js'

/** A message with calls, signed by the branch it came from. Routers inside of routers sign one after the other. */
export function calledBy(message: Message, branch: string): Message {
  if (!hasCalls(message)) return message
  return { ...message, metadata: { ...message.metadata, branches: [...signaturesOf(message), branch] } }
}

/** The branch of these whose calls the request answers; undefined where it answers none. */
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
