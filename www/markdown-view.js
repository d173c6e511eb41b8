// Renders Markdown. Elements and text nodes are created one by one, so no answer is ever parsed as HTML.
import { parse } from './markdown.js'

const element = (tag, children = [], properties = {}) => {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

const tags = { strong: 'strong', em: 'em', struck: 's', plain: 'span' }

const inlines = (nodes) =>
  nodes.map((node) => {
    if (typeof node === 'string') return node
    const { kind, content, text, href } = node
    if (kind === 'break') return element('br')
    if (kind === 'code') return element('code', [text])
    if (kind !== 'link') return element(tags[kind], inlines(content))
    return element('a', inlines(content), { href, target: '_blank', rel: 'noopener noreferrer nofollow' })
  })

/** Renders code with a copy button. */
function code({ language, text }) {
  const copy = element('button', ['Copy code'], { type: 'button', className: 'quiet small copy-code' })
  copy.addEventListener('click', () => void copyText(text, copy))
  const block = element('pre', [element('code', [text])], { tabIndex: 0 })
  block.setAttribute('role', 'region')
  block.setAttribute('aria-label', language ? `Code, ${language}` : 'Code')
  return element('div', [block, copy], { className: 'code' })
}

function table({ align, head, rows }) {
  const row = (tag, cells) =>
    element(
      'tr',
      cells.map((cell, column) => element(tag, inlines(cell), { className: `to-${align[column]}` })),
    )
  const made = element('table', [
    element('thead', [row('th', head)]),
    element(
      'tbody',
      rows.map((cells) => row('td', cells)),
    ),
  ])
  const frame = element('div', [made], { className: 'scrolls', tabIndex: 0 })
  frame.setAttribute('role', 'region')
  frame.setAttribute('aria-label', 'Table')
  return frame
}

function blockElement(block) {
  switch (block.kind) {
    case 'code':
      return code(block)
    case 'table':
      return table(block)
    case 'rule':
      return element('hr')
    // The page's own headings use the first two levels.
    case 'heading':
      return element(`h${Math.min(6, block.level + 2)}`, inlines(block.content))
    case 'quote':
      return element('blockquote', block.content.map(blockElement))
    case 'list': {
      const made = element(block.start === undefined ? 'ul' : 'ol', block.items.map(itemElement))
      if (block.start > 1) made.start = block.start
      return made
    }
    default:
      return element('p', inlines(block.content))
  }
}

/** An item of one paragraph is rendered without the paragraph. */
function itemElement(blocks) {
  return element(
    'li',
    blocks.flatMap((block, index) =>
      block.kind === 'paragraph' && index === 0 ? inlines(block.content) : [blockElement(block)],
    ),
  )
}

const shown = new WeakMap()

/** Renders `text` in `root`. A later call with a longer text keeps the elements of unchanged blocks. */
export function showMarkdown(root, text) {
  const before = shown.get(root) ?? []
  const blocks = parse(text)
  let same = 0
  while (same < before.length && before[same].source === blocks[same]?.source) same++
  // The last block of the same source may have been cut by another rule; rebuilding it is cheap.
  same = Math.min(same, blocks.length - 1, before.length - 1)
  for (const { made } of before.slice(Math.max(same, 0))) made.remove()
  const now = blocks.map(({ source, ...block }, index) => ({
    source,
    made: index < same ? before[index].made : blockElement(block),
  }))
  root.append(...now.slice(Math.max(same, 0)).map(({ made }) => made))
  shown.set(root, now)
}

/** Copies text, and shows on the button for a moment whether that worked. */
export async function copyText(text, button) {
  const label = (button.dataset.label ??= button.textContent)
  try {
    await navigator.clipboard.writeText(text)
    button.textContent = 'Copied'
  } catch {
    button.textContent = 'Copying is not allowed here'
  }
  setTimeout(() => (button.textContent = label), 1500)
}
