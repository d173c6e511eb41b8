/** The text of an answer that clients parse as JSON themselves. */

import type { GenerateRequest, GenerateResponse } from '../index.js'

/**
 * Models that are only asked for JSON may wrap it in a code fence. Where `output` could be read and the text can't, the
 * value is printed.
 */
export function jsonTextOf({ output }: GenerateRequest, response: GenerateResponse): string {
  const { text } = response
  if (output?.format !== 'json' || response.output === undefined || isJson(text)) return text
  return JSON.stringify(response.output)
}

/**
 * Takes the code fence off JSON while it streams, because clients parse each state of it. Text that is not JSON passes
 * unchanged.
 */
export class Unfenced {
  #held = ''
  #state: 'start' | 'fenced' | 'plain'

  constructor({ output }: GenerateRequest) {
    this.#state = output?.format === 'json' ? 'start' : 'plain'
  }

  /** What of the text so far can be shown. */
  add(text: string): string {
    this.#held += text
    if (this.#state === 'start') {
      const head = this.#held.trimStart()
      const line = head.indexOf('\n')
      if ('```'.startsWith(head) || (head.startsWith('```') && line < 0)) return ''
      this.#state = head.startsWith('```') ? 'fenced' : 'plain'
      if (this.#state === 'fenced') this.#held = head.slice(line + 1)
    }
    // What may be the beginning of the closing fence waits.
    const end = this.#state === 'plain' ? this.#held.length : this.#held.search(/\s*`{0,3}\s*$/)
    const shown = this.#held.slice(0, end)
    this.#held = this.#held.slice(end)
    return shown
  }

  /** What is left when the answer is over. */
  end(): string {
    return this.#state === 'fenced' ? '' : this.#held.replace(/^\s*```(?:json)?|```\s*$/g, '')
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
