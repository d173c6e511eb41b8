/** Reads JSON that models write: inside a code fence, or not finished yet. */

/** The value of a whole answer, or undefined where it is not JSON. */
export function parseJson(text: string): unknown {
  return attempt(unfenced(text)) ?? attempt(fenced(text))
}

/** The best value of an answer so far: what is open is closed, half a key or word is left out. Undefined until there is something to show. */
export function parsePartialJson(text: string): unknown {
  const body = unfenced(text)
  // What closes the open brackets, innermost first; and the last place where the text could be cut and closed.
  let closers = ''
  let cut = { at: 0, closers: '' }
  let isInString = false
  // In an object a string is a key unless a colon came since the last comma or brace.
  let isKeyNext = false
  for (let at = 0; at < body.length; at++) {
    const char = body[at]
    if (isInString) {
      if (char === '\\') at++
      else if (char === '"') {
        isInString = false
        if (!isKeyNext) cut = { at: at + 1, closers }
      }
    } else if (char === '"') isInString = true
    else if (char === ':') isKeyNext = false
    else if (char === ',') {
      cut = { at, closers }
      isKeyNext = closers.startsWith('}')
    } else if (char === '{' || char === '[') {
      closers = (char === '{' ? '}' : ']') + closers
      cut = { at: at + 1, closers }
      isKeyNext = char === '{'
    } else if (char === '}' || char === ']') {
      closers = closers.slice(1)
      cut = { at: at + 1, closers }
    }
  }
  // A string shows as it grows, without half an escape; a number or word shows once it parses.
  const open = isInString && !isKeyNext ? `${withoutHalves(body)}"` : body
  return attempt(open + closers) ?? attempt(body.slice(0, cut.at) + cut.closers)
}

/** Without half an escape, and without half of a character that is written as two, at the end. */
function withoutHalves(text: string): string {
  const at = text.lastIndexOf('\\')
  let backslashes = 0
  while (at >= backslashes && text[at - backslashes] === '\\') backslashes++
  // An even number of them are escaped ones.
  const isHalf = backslashes % 2 === 1 && /^\\(u([0-9a-f]{0,3}|d[89ab][0-9a-f]{2}))?$/i.test(text.slice(at, at + 7))
  return isHalf ? withoutHalves(text.slice(0, at)) : text.replace(/[\ud800-\udbff]$/, '')
}

function attempt(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** The first fenced block inside a longer text. */
function fenced(text: string): string {
  const [, , block = ''] = text.split(/```(json)?/, 3)
  return block
}

function unfenced(text: string): string {
  return text.replace(/^\s*```(?:json)?[^\S\n]*\n?/, '').replace(/\n?```\s*$/, '')
}
