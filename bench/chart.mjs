/** Draws tokens per second over the context as SVG. */

export function chart({ decode_tps: decode, adapter, shape, where, device }) {
  const points = Object.entries(decode)
    .map(([context, tps]) => [Number(context), tps])
    .sort(([a], [b]) => a - b)
  const [width, height, edge] = [480, 280, 48]
  const most = Math.max(...points.map(([, tps]) => tps)) * 1.15 || 1
  const [first, last] = [points[0]?.[0] ?? 1, points.at(-1)?.[0] ?? 2]
  // A logarithmic scale: contexts are 128, 1024, 8192.
  const across = (context) =>
    edge + (last === first ? 0.5 : Math.log2(context / first) / Math.log2(last / first)) * (width - 2 * edge)
  const up = (tps) => height - edge - (tps / most) * (height - 2 * edge)
  const at = ([context, tps]) => `${across(context).toFixed(1)},${up(tps).toFixed(1)}`
  const text = (x, y, words, anchor = 'middle') => `<text x="${x}" y="${y}" text-anchor="${anchor}">${words}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11" fill="#444">
<title>tokens a second over the context</title>
${text(edge, 20, `${shape}, ${where}, ${device}: ${String(adapter).replace(/[<&]/g, ' ')}`, 'start')}
<path d="M${edge} ${edge}V${height - edge}H${width - edge}" fill="none" stroke="#999"/>
<polyline points="${points.map(at).join(' ')}" fill="none" stroke="#2a6" stroke-width="2"/>
${points.map(([context, tps]) => `<circle cx="${across(context).toFixed(1)}" cy="${up(tps).toFixed(1)}" r="3" fill="#2a6"/>${text(across(context).toFixed(1), (up(tps) - 8).toFixed(1), tps)}${text(across(context).toFixed(1), height - edge + 16, context)}`).join('\n')}
${text(width / 2, height - 12, 'tokens in the context')}
</svg>
`
}
