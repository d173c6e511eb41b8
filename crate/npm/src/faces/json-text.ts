/** The text of an answer that clients parse as JSON themselves. */

import type { GenerateRequest, GenerateResponse } from '../index.js'

/** Models that are only asked for JSON may wrap it in a code fence. Where `output` could be read and the text can't, the value is printed. */
export function jsonTextOf({ output }: GenerateRequest, response: GenerateResponse): string {
  const { text } = response
  if (output?.format !== 'json' || response.output === undefined || isJson(text)) return text
  return JSON.stringify(response.output)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
