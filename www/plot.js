// Plots lines as SVG; a table with the same data is beside them, for screen readers.

const create = (name, attributes, text) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  if (text !== undefined) element.textContent = text
  return element
}

export const brief = (value) =>
  value === undefined ? '–' : value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2)

let made = 0

const [width, height, left, right, top, bottom] = [360, 220, 48, 16, 28, 34]

/**
 * `points` are `{ x, value }`, joined by a line; `limit`, `{ name, value }`, is an upper bound, drawn dashed. Both
 * axes begin at zero.
 */
export function linePlot({ title, unit, axis, points, limit }) {
  const id = `plot-${++made}`
  const known = points.filter(({ value }) => value !== undefined)
  const farthest = Math.max(...points.map(({ x }) => x), 1)
  // A limit far above all values would flatten the line, so it is only named.
  const measured = Math.max(...known.map(({ value }) => value), Number.MIN_VALUE)
  const isNear = limit !== undefined && limit.value < measured * 4
  const highest = 1.1 * Math.max(measured, isNear ? limit.value : 0)
  const at = (x) => left + (x / farthest) * (width - left - right)
  const up = (value) => height - bottom - (value / highest) * (height - top - bottom)
  const hidden = { 'aria-hidden': 'true' }
  const svg = create('svg', {
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-labelledby': `${id}-title ${id}-words`,
  })
  const words = points.map(({ x, value }) => `${x} ${axis}: ${brief(value)}`)
  if (limit) words.push(`${limit.name}: ${brief(limit.value)}`)
  svg.append(
    create('title', { id: `${id}-title` }, `${title}, ${unit}`),
    create('desc', { id: `${id}-words` }, words.join('; ')),
    create('text', { x: 0, y: 14, class: 'value', ...hidden }, `${title}, ${unit}`),
    create('line', { x1: left, y1: up(0), x2: width - right, y2: up(0), class: 'axis' }),
  )
  for (const share of [0, 0.5, 1]) {
    const value = share * measured
    svg.append(
      create(
        'text',
        { x: left - 6, y: up(value) + 4, 'text-anchor': 'end', ...hidden },
        value === 0 ? '0' : brief(value),
      ),
    )
  }
  for (const x of [points[0]?.x ?? 0, farthest])
    svg.append(create('text', { x: at(x), y: height - bottom + 16, 'text-anchor': 'middle', ...hidden }, String(x)))
  svg.append(create('text', { x: (left + width - right) / 2, y: height - 4, 'text-anchor': 'middle', ...hidden }, axis))
  if (isNear) {
    const y = up(limit.value)
    svg.append(
      create('line', { x1: left, y1: y, x2: width - right, y2: y, class: 'limit' }),
      create('text', { x: width - right, y: y - 5, 'text-anchor': 'end', class: 'limit-name', ...hidden }, limit.name),
    )
  }
  svg.append(
    create('polyline', { points: known.map(({ x, value }) => `${at(x)},${up(value)}`).join(' '), class: 'line' }),
    ...known.map(({ x, value }) => create('circle', { cx: at(x), cy: up(value), r: 3.5, class: 'dot' })),
  )
  return svg
}

/** Creates a table of `rows`, each an array of cells that begins with the row's name. */
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
