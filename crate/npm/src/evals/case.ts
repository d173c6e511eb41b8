/** Cases: a prompt, and what the answer must satisfy. */

import { invalid } from '../border/errors.js'
import type { GenerateRequest, JsonSchema } from '../types.js'

/** One case. Each line of a .jsonl file contains one as JSON. */
export interface EvalCase extends Pick<
  GenerateRequest,
  'prompt' | 'system' | 'messages' | 'config' | 'output' | 'tools'
> {
  /** Names the case in reports. Default: its number. */
  id?: string
  /** The right answer, or several. */
  expected?: string | string[]
  /** The JSON Schema of the answer, sent with the request and checked by judges. */
  schema?: JsonSchema
  /** A regular expression that must match the answer. */
  pattern?: string
  flags?: string
  /** Tags of the case; reports compare each tag on its own. */
  tags?: string[]
}

/**
 * Reads cases from the text of a .jsonl file. Empty lines, and lines that begin with `//`, are skipped.
 *
 * @example
 * const cases = parseCases(await file.text())
 */
export function parseCases(text: string): EvalCase[] {
  const cases: EvalCase[] = []
  // Editors on Windows begin a file with a byte order mark.
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  lines.forEach((line, index) => {
    if (line.trim() === '' || line.trimStart().startsWith('//')) return
    let found: unknown
    try {
      found = JSON.parse(line)
    } catch {
      throw invalid(`line ${index + 1} is not JSON`)
    }
    cases.push(caseArgument(found, `line ${index + 1}`))
  })
  if (cases.length === 0) throw invalid('there is no case in the file')
  return cases
}

/** Checks a case and returns it unchanged. */
export function caseArgument(value: unknown, what: string): EvalCase {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} must be an object`)
  const it = value as EvalCase
  const { id, expected, pattern, flags, tags, schema, prompt, messages } = it
  const isText = (text: unknown): boolean => typeof text === 'string'
  if (prompt === undefined && messages === undefined) throw invalid(`${what} has neither a prompt nor messages`)
  if (id !== undefined && !isText(id)) throw invalid(`the id of ${what} must be a string`)
  if (
    expected !== undefined &&
    !(isText(expected) || (Array.isArray(expected) && expected.length > 0 && expected.every(isText)))
  )
    throw invalid(`\`expected\` of ${what} must be a string, or a list of strings`)
  if ((pattern !== undefined && !isText(pattern)) || (flags !== undefined && !isText(flags)))
    throw invalid(`pattern and flags of ${what} must be strings`)
  if (tags !== undefined && !(Array.isArray(tags) && tags.every(isText)))
    throw invalid(`tags of ${what} must be a list of strings`)
  if (schema !== undefined && (typeof schema !== 'object' || schema === null))
    throw invalid(`the schema of ${what} must be an object`)
  return it
}
