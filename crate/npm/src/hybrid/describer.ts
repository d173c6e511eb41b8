/** Pictures in words, by a branch that sees them: for branches that do not. */

import type { Describe } from '../chat/media.js'
import type { Branch } from './drive.js'
import type { RunOptions } from '../model/runner.js'

/** Descriptions that are kept. The picture's address is their key, which may be the picture itself. */
const mostKept = 16
const mostTokens = 200
const question = [
  'Describe this picture in at most eighty words, for someone who cannot see it:',
  'what it shows, every text in it word for word, and numbers and colours where they matter.',
].join(' ')

/** One for each hybrid, so that a picture is described once for all of its conversations. */
export class Describer {
  readonly #branches: ReadonlyMap<string, Branch>
  /** By branch and address, the one used last at the end. */
  readonly #kept = new Map<string, string>()

  constructor(branches: ReadonlyMap<string, Branch>) {
    this.#branches = branches
  }

  /** Describes for one request; undefined where no branch that sees may have its pictures. */
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
      if (text === undefined) {
        const request = {
          messages: [{ role: 'user' as const, content: [{ media }, { text: question }] }],
          config: { maxOutputTokens: mostTokens },
          tools: [],
        }
        const run = { streaming: false, sendChunk: () => {}, signal, context, isNested: isNested ?? true }
        try {
          const { message } = await runner(request, run)
          text = message.content
            .map((part) => part.text ?? '')
            .join('')
            .trim()
        } catch (error) {
          if (signal.aborted) throw error
          // Without a description the picture is left out, which the trace shows.
          text = ''
        }
      }
      if (text === '') return undefined
      this.#kept.delete(name)
      this.#kept.set(name, text)
      for (const oldest of this.#kept.keys()) if (this.#kept.size > mostKept) this.#kept.delete(oldest)
      return { text, by: key }
    }
  }

  #sees(key: string): boolean {
    return this.#branches.get(key)?.model.info?.supports?.media === true
  }
}
