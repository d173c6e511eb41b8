// Parses Markdown to plain data, without access to the page: markdown-view.js creates the elements. Time and depth are
// limited for every text, because the text comes from a model.

/** Deeper quotes and lists remain text. */
const deepest = 6
/** The maximum of open emphasis and brackets; the oldest becomes text. */
const mostOpen = 16
const mostColumns = 32

/**
 * Returns the blocks of `text`, in order: `{ kind, source, … }`. `source` is the block's text, so that a view can
 * keep the element of an unchanged block.
 */
export function parse(text, depth = 0) {
  const lines = text.replace(/\r\n?/g, '\n').split('\n')
  const blocks = []
  let at = 0
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      at++
      continue
    }
    const from = at
    const { next, ...block } =
      fence(lines, at) ??
      heading(lines, at) ??
      rule(lines, at) ??
      (depth < deepest ? (quote(lines, at, depth) ?? list(lines, at, depth)) : undefined) ??
      table(lines, at) ??
      paragraph(lines, at, depth)
    at = next
    blocks.push({ ...block, source: lines.slice(from, at).join('\n') })
  }
  return blocks
}

const isBlank = (line) => line.trim() === ''
const openFence = /^ {0,3}(`{3,}(?!.*`)|~{3,})/
const isRule = (line) => /^ {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$/.test(line)
const item = /^( *)([-*+]|\d{1,9}[.)])( +|$)(.*)$/

/** Parses fenced code. Without the closing fence, as during streaming, everything that follows is code. */
function fence(lines, at) {
  const [start, mark] = openFence.exec(lines[at]) ?? []
  if (mark === undefined) return undefined
  const [language] = lines[at].slice(start.length).trim().split(/\s/, 1)
  const isEnd = (line) => {
    const trimmed = line.trim()
    return trimmed.length >= mark.length && trimmed === mark[0].repeat(trimmed.length)
  }
  let end = at + 1
  while (end < lines.length && !isEnd(lines[end])) end++
  return { kind: 'code', language, text: lines.slice(at + 1, end).join('\n'), next: Math.min(end + 1, lines.length) }
}

function heading(lines, at) {
  const [, marks, rest] = /^ {0,3}(#{1,6})[ \t]+(.*)$/.exec(lines[at]) ?? []
  if (marks === undefined) return undefined
  return { kind: 'heading', level: marks.length, content: inline(rest.replace(/[ \t]#+[ \t]*$/, '')), next: at + 1 }
}

const rule = (lines, at) => (isRule(lines[at]) ? { kind: 'rule', next: at + 1 } : undefined)

function quote(lines, at, depth) {
  const inside = /^ {0,3}> ?/
  if (!inside.test(lines[at])) return undefined
  let end = at
  while (end < lines.length && inside.test(lines[end])) end++
  const text = lines.slice(at, end).map((line) => line.replace(inside, ''))
  return { kind: 'quote', content: parse(text.join('\n'), depth + 1), next: end }
}

/** A list contains the items of one kind at one indentation; deeper lines belong to their item. */
function list(lines, at, depth) {
  const [, indent, first] = item.exec(lines[at]) ?? []
  if (first === undefined) return undefined
  const isOrdered = /\d/.test(first)
  const items = []
  let current
  let end = at
  for (; end < lines.length; end++) {
    const line = lines[end]
    const [, spaces, mark, , rest] = item.exec(line) ?? []
    const isNext = mark !== undefined && spaces.length <= indent.length + 1 && !isRule(line)
    if (isNext) {
      if (/\d/.test(mark) !== isOrdered || spaces.length < indent.length) break
      current = [rest]
      items.push(current)
    } else if (isBlank(line)) {
      // A blank line ends the list unless another item follows.
      const following = lines[end + 1]
      if (following === undefined || isBlank(following)) break
      const [, further, another] = item.exec(following) ?? []
      const goesOn = another === undefined ? indentOf(following) > indent.length + 1 : further.length >= indent.length
      if (!goesOn || isRule(following)) break
      current.push('')
    } else if (indentOf(line) > indent.length || !isBlank(lines[end - 1])) {
      if (mark === undefined && indentOf(line) <= indent.length && startsBlock(line)) break
      current.push(line.slice(Math.min(indentOf(line), indent.length + (isOrdered ? 3 : 2))))
    } else break
  }
  return {
    kind: 'list',
    start: isOrdered ? Number.parseInt(first, 10) : undefined,
    items: items.map((it) => parse(it.join('\n'), depth + 1)),
    next: end,
  }
}

const indentOf = (line) => line.length - line.trimStart().length
const startsBlock = (line) => openFence.test(line) || /^ {0,3}(?:#{1,6}[ \t]|>)/.test(line) || isRule(line)

const cellsOf = (line) =>
  line
    .trim()
    .replace(/^\||(?<!\\)\|$/g, '')
    .split(/(?<!\\)\|/)
    .slice(0, mostColumns)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))

function table(lines, at) {
  const [head, line] = [lines[at], lines[at + 1]]
  if (!head.includes('|') || line === undefined || !/^[\s|:-]+$/.test(line) || !line.includes('|')) return undefined
  const marks = cellsOf(line)
  const names = cellsOf(head)
  if (marks.length !== names.length || !marks.every((it) => /^:?-+:?$/.test(it))) return undefined
  let end = at + 2
  while (end < lines.length && !isBlank(lines[end]) && lines[end].includes('|')) end++
  const rows = lines.slice(at + 2, end).map(cellsOf)
  return {
    kind: 'table',
    align: marks.map((it) => (/^:.*:$/.test(it) ? 'center' : it.endsWith(':') ? 'right' : 'left')),
    head: names.map(inline),
    rows: rows.map((cells) => names.map((_, column) => inline(cells[column] ?? ''))),
    next: end,
  }
}

function paragraph(lines, at, depth) {
  let end = at + 1
  while (end < lines.length && !isBlank(lines[end]) && !startsBlock(lines[end])) {
    // A number at the start of a line inside a sentence begins a list only if it is 1.
    if (depth < deepest && /^ {0,3}(?:[-*+]|1[.)]) /.test(lines[end])) break
    if (table(lines, end)) break
    end++
  }
  return { kind: 'paragraph', content: inline(lines.slice(at, end).join('\n').trim()), next: end }
}

const piece =
  /\\[!-/:-@[-`{-~]|`+|\*+|_+|~~|!?\[|\]|<https?:\/\/[^\s<>]+>|https?:\/\/[^\s<>`*]+| +\n?|\\?\n|[^\\`*_~[\]<!hH\n ]+|[^]/gy
const target = /\(\s*<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+(?:"[^"\n]*"|'[^'\n]*'))?\s*\)/y

/** Returns the URL if it is safe to follow; other URLs don't become links. */
export function safeAddress(text) {
  try {
    const { protocol, href } = new URL(text)
    return ['http:', 'https:', 'mailto:'].includes(protocol) ? href : undefined
  } catch {
    return undefined
  }
}

/** Parses a line into strings and `{ kind, content | text, href }`. */
export function inline(text) {
  const out = []
  /** Open delimiters: `{ mark, at }`, where `at` is the index in `out`. */
  const open = []
  const ticks = tickRuns(text)
  const push = (mark) => {
    if (open.length === mostOpen) open.shift()
    open.push({ mark, at: out.length })
    out.push(mark)
  }
  /** Makes everything after the opener its content; delimiters opened in between become text. */
  const wrap = (index, node) => {
    const { at } = open[index]
    const content = merged(out.splice(at).slice(1))
    open.length = index
    out.push({ ...node, content })
  }
  piece.lastIndex = 0
  for (let at = 0; at < text.length; at = piece.lastIndex) {
    piece.lastIndex = at
    const [found] = piece.exec(text)
    const end = at + found.length
    if (found[0] === '\\' && found.length === 2 && found[1] !== '\n') out.push(found[1])
    else if (found.endsWith('\n')) out.push(found.length > 2 || found[0] === '\\' ? { kind: 'break' } : '\n')
    else if (found[0] === '`') {
      const close = ticks.closing(at, found.length)
      if (close === undefined) out.push(found)
      else {
        out.push({ kind: 'code', text: text.slice(end, close).replaceAll('\n', ' ') })
        piece.lastIndex = close + found.length
      }
    } else if (/^(?:\*+|_+|~~)$/.test(found)) emphasis(found, text, at, { out, open, push, wrap })
    else if (found === '[' || found === '![') push(found)
    else if (found === ']') {
      const index = open.findLastIndex(({ mark }) => mark === '[' || mark === '![')
      target.lastIndex = end
      const [whole, address] = index < 0 ? [] : (target.exec(text) ?? [])
      const href = address === undefined ? undefined : safeAddress(address)
      if (whole === undefined) {
        out.push(found)
        if (index >= 0) open.splice(index, 1)
      } else {
        // If the URL is rejected, its text stays. An image becomes a link, so nothing is fetched automatically.
        const kind = href === undefined ? 'plain' : 'link'
        wrap(index, { kind, ...(href && { href }) })
        piece.lastIndex = end + whole.length
      }
    } else if (/^<?https?:\/\/./i.test(found)) {
      const shown = found[0] === '<' ? found.slice(1, -1) : withoutFullStop(found)
      const href = safeAddress(shown)
      out.push(href === undefined ? shown : { kind: 'link', href, content: [shown] })
      if (found[0] !== '<') piece.lastIndex = at + shown.length
    } else out.push(found)
  }
  return merged(out)
}

function emphasis(run, text, at, { out, open, push, wrap }) {
  const [before, after] = [text[at - 1] ?? ' ', text[at + run.length] ?? ' ']
  const isWord = (letter) => /[\p{L}\p{N}]/u.test(letter)
  const mayOpen = !/\s/.test(after) && !(run[0] === '_' && isWord(before))
  const mayClose = !/\s/.test(before) && !(run[0] === '_' && isWord(after))
  let left = run.length > 3 ? 0 : run.length
  while (mayClose && left > 0) {
    const index = open.findLastIndex(({ mark }) => mark[0] === run[0] && mark.length <= left)
    if (index < 0 || open[index].at === out.length - 1) break
    const { mark } = open[index]
    wrap(index, { kind: mark === '~~' ? 'struck' : mark.length === 2 ? 'strong' : 'em' })
    left -= mark.length
  }
  if (left === 0 && run.length <= 3) return
  if (!mayOpen || left === 0) out.push(run.slice(run.length > 3 ? 0 : run.length - left))
  else {
    if (left >= 2) push(run.slice(0, 2))
    if (left !== 2) push(run[0])
  }
}

/** Finds the closing run of backticks, without examining any run twice. */
function tickRuns(text) {
  const byLength = new Map()
  for (const { index, 0: run } of text.matchAll(/`+/g)) {
    if (!byLength.has(run.length)) byLength.set(run.length, { places: [], next: 0 })
    byLength.get(run.length).places.push(index)
  }
  return {
    closing(at, length) {
      const runs = byLength.get(length)
      if (runs === undefined) return undefined
      while (runs.places[runs.next] <= at) runs.next++
      return runs.places[runs.next]
    },
  }
}

/** Punctuation after a URL isn't part of it. */
function withoutFullStop(address) {
  let end = address.length
  while (/[.,:;!?'")\]]/.test(address[end - 1])) end--
  return address.slice(0, end)
}

/** Merges adjacent texts. */
function merged(nodes) {
  const out = []
  for (const node of nodes) {
    if (typeof node === 'string' && typeof out.at(-1) === 'string') out[out.length - 1] += node
    else out.push(node)
  }
  return out
}
