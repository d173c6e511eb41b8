/** Text of answers that clients parse as JSON themselves. */

import type { GenerateRequest, GenerateResponse } from '../index.js'

/**
 * Returns JSON text. Models without constraints may wrap JSON in a code fence. If `output` is valid but the text
 * doesn't parse, the value is serialised.
 */
export function jsonTextOf({ output }: GenerateRequest, response: GenerateResponse): string {
  const { text } = response
  if (output?.format !== 'json' || response.output === undefined || isJson(text)) return text
  return JSON.stringify(response.output)
}

/**
 * Removes the code fence of JSON while it streams, because clients parse each state of it. Other text passes
 * unchanged.
 */
export class Unfenced {
  #held = ''
  #state: 'start' | 'fenced' | 'plain'

  constructor({ output }: GenerateRequest) {
    this.#state = output?.format === 'json' ? 'start' : 'plain'
  }

  /** Returns the part of the text so far that can be shown. */
  add(text: string): string {
    this.#held += text
    if (this.#state === 'start') {
      const head = this.#held.trimStart()
      const line = head.indexOf('\n')
      if ('```'.startsWith(head) || (head.startsWith('```') && line < 0)) return ''
      this.#state = head.startsWith('```') ? 'fenced' : 'plain'
      if (this.#state === 'fenced') this.#held = head.slice(line + 1)
    }
    // The possible beginning of the closing fence is held back.
    const end = this.#state === 'plain' ? this.#held.length : this.#held.search(/\s*`{0,3}\s*$/)
    const shown = this.#held.slice(0, end)
    this.#held = this.#held.slice(end)
    return shown
  }

  /** Returns the held text at the end of the answer. */
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
