/** Describes images in words with a branch that supports them, for branches that do not. */

import type { Describe } from '../chat/media.js'
import type { Branch } from './drive.js'
import type { RunOptions } from '../model/runner.js'
import type { Usage } from '../types.js'

/** The maximum number of cached descriptions. The key is the image's URL, which may be the image itself. */
const mostKept = 16
const mostTokens = 200
const question = [
  'Describe this picture in at most eighty words, for someone who cannot see it:',
  'what it shows, every text in it word for word, and numbers and colours where they matter.',
].join(' ')

/** Caches descriptions. There is one per hybrid, so that an image is described once for all of its conversations. */
export class Describer {
  readonly #branches: ReadonlyMap<string, Branch>
  /** By branch and URL, the most recently used at the end. */
  readonly #kept = new Map<string, string>()

  constructor(branches: ReadonlyMap<string, Branch>) {
    this.#branches = branches
  }

  /** Returns the describer for one request; undefined if no branch that supports images may see them. */
  of(
    named: string | undefined,
    allow: readonly string[] | undefined,
    { context, isNested }: RunOptions,
  ): Describe | undefined {
    const key = [...this.#branches.keys()].find(
      (it) => (named ?? it) === it && (allow?.includes(it) ?? true) && this.#sees(it),
    )
    const runner = key === undefined ? undefined : this.#branches.get(key)?.runner
    if (key === undefined || runner === undefined) return undefined
    return async (media, signal) => {
      const name = `${key} ${media.url}`
      let text = this.#kept.get(name)
      let usage: Usage | undefined
      if (text === undefined) {
        const request = {
          messages: [{ role: 'user' as const, content: [{ media }, { text: question }] }],
          config: { maxOutputTokens: mostTokens },
          tools: [],
        }
        const run = { streaming: false, sendChunk: () => {}, signal, context, isNested: isNested ?? true }
        try {
          const { message, usage: spent } = await runner(request, run)
          if (Object.keys(spent).length > 0) usage = spent
          text = message.content
            .map((part) => part.text ?? '')
            .join('')
            .trim()
        } catch (error) {
          if (signal.aborted) throw error
          // Without a description the image is left out, which the trace shows.
          text = ''
        }
      }
      if (text === '') return undefined
      this.#kept.delete(name)
      this.#kept.set(name, text)
      for (const oldest of this.#kept.keys()) if (this.#kept.size > mostKept) this.#kept.delete(oldest)
      return { text, by: key, ...(usage === undefined ? {} : { usage }) }
    }
  }

  #sees(key: string): boolean {
    return this.#branches.get(key)?.model.info?.supports?.media === true
  }
}
