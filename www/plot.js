// Bars as SVG, for the eye; the table beside them says the same to everybody.

const create = (name, attributes, text) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  if (text !== undefined) element.textContent = text
  return element
}

export const brief = (value) =>
  value === undefined ? '–' : value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)

let made = 0

/** One bar for each of `bars` (`{ label, value }`), lying, longest is the largest. */
export function barPlot({ title, unit, bars }) {
  const id = `plot-${++made}`
  const [width, left, step] = [360, 96, 30]
  const height = 28 + bars.length * step
  const largest = Math.max(...bars.map(({ value }) => value ?? 0), Number.MIN_VALUE)
  const svg = create('svg', {
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-labelledby': `${id}-title ${id}-words`,
  })
  svg.append(
    create('title', { id: `${id}-title` }, `${title}, ${unit}`),
    create('desc', { id: `${id}-words` }, bars.map(({ label, value }) => `${label}: ${brief(value)}`).join('; ')),
    create('text', { x: 0, y: 14, class: 'value', 'aria-hidden': 'true' }, `${title}, ${unit}`),
    create('line', { x1: left, y1: 22, x2: left, y2: height, class: 'axis' }),
  )
  for (const [index, { label, value }] of bars.entries()) {
    const y = 28 + index * step
    const length = ((value ?? 0) / largest) * (width - left - 56)
    svg.append(
      create('text', { x: left - 8, y: y + 15, 'text-anchor': 'end', 'aria-hidden': 'true' }, label),
      create('rect', { x: left, y, width: Math.max(length, 1), height: step - 10, rx: 3, class: 'bar' }),
      create(
        'text',
        { x: left + Math.max(length, 1) + 6, y: y + 15, class: 'value', 'aria-hidden': 'true' },
        brief(value),
      ),
    )
  }
  return svg
}

/** A table of `rows`, each an array of cells whose first names the row. */
export function table({ caption, columns, rows }) {
  const element = document.createElement('table')
  element.createCaption().textContent = caption
  const cell = (kind, text, attributes) =>
    Object.assign(document.createElement(kind), { textContent: text, ...attributes })
  element
    .createTHead()
    .insertRow()
    .append(...columns.map((text, index) => cell('th', text, { scope: 'col', className: index === 0 ? '' : 'number' })))
  const body = element.createTBody()
  for (const [name, ...values] of rows)
    body
      .insertRow()
      .append(cell('th', name, { scope: 'row' }), ...values.map((text) => cell('td', text, { className: 'number' })))
  return element
}
