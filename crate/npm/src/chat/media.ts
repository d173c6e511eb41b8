/** Requests with images and audio, for a model that does not support them. */

import { addUsage } from '../agent/stream-tools.js'
import type { ModelRequest } from '../border/request.js'
import type { MediaPolicy, MediaReport, Message, Part, Usage } from '../types.js'

/** Describes an image in words; undefined if no branch may or can. */
export type Describe = (media: Media, signal: AbortSignal) => Promise<Description | undefined>

export interface Description {
  text: string
  by: string
  /** The usage of the description; absent if it was cached. */
  usage?: Usage
}

type Media = Extract<Part, { media: unknown }>['media']

/** Returns the request as text only, and how its media were handled. */
export async function withoutMedia(
  request: ModelRequest,
  policy: MediaPolicy,
  describe: Describe | undefined,
  signal: AbortSignal,
): Promise<{ request: ModelRequest; report?: MediaReport }> {
  const newest = request.messages.findLastIndex(({ role }) => role === 'user')
  const concerned = (index: number): boolean => policy !== 'drop-earlier' || index < newest
  const report = { dropped: 0, described: 0 }
  let by: string | undefined
  let usage: Usage | undefined
  const inWords = async (part: Part): Promise<Part> => {
    if (part.media === undefined) return part
    const kind = kindOf(part.media)
    const seen = typeof policy === 'object' && kind === 'picture' ? await describe?.(part.media, signal) : undefined
    if (seen === undefined) {
      report.dropped++
      return { text: `[a ${kind} that cannot be shown here]` }
    }
    report.described++
    by = seen.by
    if (seen.usage !== undefined) usage = addUsage(usage ?? {}, seen.usage)
    return { text: `[a picture: ${seen.text}]` }
  }
  const messages: Message[] = []
  for (const [index, message] of request.messages.entries()) {
    const isConcerned = concerned(index) && message.content.some((part) => part.media !== undefined)
    if (!isConcerned) {
      messages.push(message)
      continue
    }
    const content: Part[] = []
    for (const part of message.content) content.push(await inWords(part))
    messages.push({ ...message, content })
  }
  if (report.dropped + report.described === 0) return { request }
  return {
    request: { ...request, messages },
    report: { ...report, ...(by === undefined ? {} : { by }), ...(usage === undefined ? {} : { usage }) },
  }
}

function kindOf({ url, contentType }: Media): 'picture' | 'sound' | 'file' {
  const type = contentType ?? /^data:([^;,]*)/i.exec(url)?.[1] ?? ''
  if (/^image\//i.test(type) || (type === '' && /\.(png|jpe?g|gif|webp|avif)$/i.test(url))) return 'picture'
  return /^audio\//i.test(type) ? 'sound' : 'file'
}
