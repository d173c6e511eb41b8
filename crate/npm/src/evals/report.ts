/**
 * Renders a report as one HTML file without scripts or external files. It contains the data for the next comparison.
 */

import { compareReports, reportFromJSON, type ReportChange } from './compare.js'
import type { Curve } from './curve.js'
import type { EvalReport, EvalResult } from './evaluate.js'

const style = `
:root{color-scheme:light dark;--ink:#1c2024;--soft:#60646c;--line:#d9d9e0;--page:#fcfcfd;--card:#fff;--one:#0d74ce;--two:#ad5700;--good:#218358;--bad:#ce2c31}
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--soft:#b0b4ba;--line:#363a3f;--page:#111113;--card:#18191b;--one:#70b8ff;--two:#ffa057;--good:#3dd68c;--bad:#ff9592}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2.5rem 0 .75rem}p{margin:.25rem 0 .75rem;color:var(--soft)}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.5rem .75rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child>td{border-bottom:0}th{font-weight:600;font-size:.82rem;color:var(--soft)}
.number{text-align:right;white-space:nowrap}.good{color:var(--good)}.bad{color:var(--bad)}.soft{color:var(--soft)}.bad,.good{font-weight:600}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace;max-height:16rem;overflow:auto}svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font:12px system-ui,sans-serif}
details{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:.4rem 0}summary{cursor:pointer;padding:.5rem .75rem}details>div{padding:0 .75rem .75rem}`

/**
 * Renders a report as one self-contained HTML file. With `before`, it starts with the cases that became worse.
 *
 * @example
 * await writeFile('report.html', renderReport(report, { before: reportFromJSON(await readFile('main.html', 'utf8')) }))
 */
export function renderReport(report: EvalReport, { before }: { before?: EvalReport } = {}): string {
  const it = reportFromJSON(report)
  const title = `${it.name}: ${it.cases.length} cases`
  // Characters that could end the element are escaped, which JSON parses alike.
  const data = JSON.stringify(it).replace(/</g, '\\u003c')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${safe(title)}</title><style>${style}</style></head>
<body><main><h1>${safe(it.name)}</h1><p>${it.cases.length} cases, ${safe(it.createdAt)}. Intervals hold the true figure in 95 of 100 cases.</p>
${before === undefined ? '' : changes(compareReports(before, it))}
<h2>Models</h2>${models(it)}
${it.comparisons.length === 0 ? '' : `<h2>Compared with ${safe(it.baseline)}, case by case</h2>${comparisons(it)}`}
${it.curve === undefined ? '' : `<h2>Quality against cloud calls</h2><p>The least sure answers of the device go to the cloud first.</p>${chart(it.curve, hybridPoints(it))}`}
<h2>Cases</h2><p>Those that a model got wrong stand first.</p>${cases(it)}
</main><script type="application/json" id="hybridge-eval">${data}</script></body></html>
`
}

function changes(all: readonly ReportChange[]): string {
  const worse = all.filter(({ verdict }) => verdict === 'worse')
  const summary =
    worse.length === 0
      ? '<p class="good">No model became worse, as far as these cases show.</p>'
      : `<p class="bad">${worse.length} ${worse.length === 1 ? 'regression' : 'regressions'}</p>`
  const row = (it: ReportChange): string =>
    `<tr><td>${safe(it.model)}</td><td>${safe(it.tag ?? 'all cases')}</td><td class="number">${it.cases}</td><td class="number">${percent(it.before)}</td><td class="number">${percent(it.after)}</td><td class="number">${signed(it.difference.mean)}<br><span class="soft">${signed(it.difference.low)} to ${signed(it.difference.high)}</span></td><td class="${toneOf(it.verdict)}">${it.verdict}</td><td>${it.lost
      .slice(0, 8)
      .map((lost) => safe(lost.case))
      .join(', ')}${it.lost.length > 8 ? ` and ${it.lost.length - 8} more` : ''}</td></tr>`
  return `<h2>Since the report before</h2>${summary}${table(['Model', 'Cases', '#Count', '#Before', '#After', '#Change', 'Verdict', 'Lost'], all.map(row))}`
}

function models({ models: all }: EvalReport): string {
  return table(
    ['Model', '#Quality', '#Failures', '#Cloud calls', '#Mean latency', '#Tokens in', '#Tokens out'],
    Object.entries(all).map(
      ([name, it]) =>
        `<tr><td>${safe(name)}</td><td class="number">${percent(it.quality.mean)}<br><span class="soft">${percent(it.quality.low)} to ${percent(it.quality.high)}</span></td><td class="number">${it.failures}</td><td class="number">${percent(it.cloudShare)}</td><td class="number">${Math.round(it.meanLatencyMs)} ms</td><td class="number">${it.inputTokens}</td><td class="number">${it.outputTokens}</td></tr>`,
    ),
  )
}

function comparisons({ comparisons: all }: EvalReport): string {
  return table(
    ['Model', '#Difference', '#Better', '#Same', '#Worse', 'Verdict'],
    all.map(
      (it) =>
        `<tr><td>${safe(it.model)}</td><td class="number">${signed(it.difference.mean)}<br><span class="soft">${signed(it.difference.low)} to ${signed(it.difference.high)}</span></td><td class="number">${it.better}</td><td class="number">${it.same}</td><td class="number">${it.worse}</td><td class="${toneOf(it.verdict)}">${it.verdict}</td></tr>`,
    ),
  )
}

function cases(report: EvalReport): string {
  const results = (id: string): Array<[string, EvalResult]> =>
    Object.entries(report.models).flatMap(([model, { results }]) =>
      results.filter((it) => it.case === id).map((it): [string, EvalResult] => [model, it]),
    )
  const all = report.cases.map((it) => ({ ...it, results: results(it.id) }))
  const worst = (it: (typeof all)[number]): number => Math.min(...it.results.map(([, { score }]) => score))
  return [...all]
    .sort((a, b) => worst(a) - worst(b))
    .map((it) => {
      const scores = it.results
        .map(
          ([model, { score }]) =>
            `${safe(model)} <span class="${score === 1 ? 'good' : score === 0 ? 'bad' : ''}">${percent(score)}</span>`,
        )
        .join(' · ')
      const expected =
        it.expected === undefined ? '' : `<p>Expected</p><pre>${safe([it.expected].flat().join('\n'))}</pre>`
      const answers = it.results.map(
        ([model, { text, error, judges, branch, latencyMs }]) =>
          `<p>${safe(model)}${branch === '' ? '' : `, by ${safe(branch)} in ${Math.round(latencyMs)} ms`}: ${
            error === undefined
              ? Object.entries(judges)
                  .map(([judge, score]) => `${safe(judge)} ${percent(score)}`)
                  .join(', ')
              : `failed, ${safe(error)}`
          }</p><pre>${safe(text)}</pre>`,
      )
      return `<details><summary>${safe(it.id)}${it.tags.length === 0 ? '' : ` <span class="soft">${safe(it.tags.join(', '))}</span>`}: ${scores}</summary><div><p>Prompt</p><pre>${safe(it.prompt)}</pre>${expected}${answers.join('')}</div></details>`
    })
    .join('')
}

/** Hybrids and their results, for the chart. */
function hybridPoints({ models: all }: EvalReport): Array<{ name: string; cloudShare: number; quality: number }> {
  return Object.entries(all).flatMap(([name, it]) =>
    it.cloudShare > 0 && it.cloudShare < 1 ? [{ name, cloudShare: it.cloudShare, quality: it.quality.mean }] : [],
  )
}

function chart({ byConfidence, best, blind }: Curve, points: ReturnType<typeof hybridPoints>): string {
  const [width, height, left, bottom, top, right] = [720, 330, 52, 44, 16, 20]
  const lowest = Math.max(
    0,
    Math.floor(Math.min(...[...byConfidence, ...best, ...blind].map(({ quality }) => quality)) * 20) / 20 - 0.05,
  )
  const highest = Math.min(
    1,
    Math.ceil(Math.max(...[...byConfidence, ...best, ...blind].map(({ quality }) => quality)) * 20) / 20 + 0.05,
  )
  const x = (share: number): string => (left + share * (width - left - right)).toFixed(1)
  const y = (quality: number): string =>
    (top + ((highest - quality) / (highest - lowest)) * (height - top - bottom)).toFixed(1)
  const line = (all: ReadonlyArray<{ cloudShare: number; quality: number }>, colour: string, dash = ''): string =>
    `<polyline fill="none" stroke="${colour}" stroke-width="2" ${dash === '' ? '' : `stroke-dasharray="${dash}"`} points="${all.map((it) => `${x(it.cloudShare)},${y(it.quality)}`).join(' ')}"/>`
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
  const across = ticks.map(
    (it) =>
      `<line x1="${x(it)}" x2="${x(it)}" y1="${top}" y2="${height - bottom}" stroke="var(--line)"/><text x="${x(it)}" y="${height - bottom + 18}" text-anchor="middle">${percent(it, 0)}</text>`,
  )
  const up = ticks
    .map((it) => lowest + it * (highest - lowest))
    .map(
      (it) =>
        `<line x1="${left}" x2="${width - right}" y1="${y(it)}" y2="${y(it)}" stroke="var(--line)"/><text x="${left - 8}" y="${Number(y(it)) + 4}" text-anchor="end">${percent(it, 0)}</text>`,
    )
  const marks = points.map(
    (it) =>
      `<circle cx="${x(it.cloudShare)}" cy="${y(it.quality)}" r="5" fill="var(--good)"/><text x="${Number(x(it.cloudShare)) + 9}" y="${Number(y(it.quality)) + 4}">${safe(it.name)}</text>`,
  )
  // The legend is at the lower right, where no curve passes.
  const legend = [
    ['by confidence', 'var(--one)', ''],
    ['best possible', 'var(--two)', '6 4'],
    ['blind', 'var(--soft)', '2 4'],
  ].map(([name, colour, dash], at) => {
    const here = height - bottom - 58 + at * 18
    return `<line x1="${width - right - 150}" x2="${width - right - 120}" y1="${here}" y2="${here}" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/><text x="${width - right - 112}" y="${here + 4}">${name}</text>`
  })
  return `<div class="wide"><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Quality against the share of answers from the cloud">${across.join('')}${up.join('')}${line(blind, 'var(--soft)', '2 4')}${line(best, 'var(--two)', '6 4')}${line(byConfidence, 'var(--one)')}${marks.join('')}${legend.join('')}<text x="${(width + left) / 2}" y="${height - 6}" text-anchor="middle">answers from the cloud</text></svg></div>`
}

function table(heads: readonly string[], rows: readonly string[]): string {
  const head = (it: string): string =>
    it.startsWith('#') ? `<th class="number">${it.slice(1)}</th>` : `<th>${it}</th>`
  return `<div class="wide"><table><thead><tr>${heads.map(head).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

function toneOf(verdict: string): string {
  return verdict === 'worse' ? 'bad' : verdict === 'better' ? 'good' : 'soft'
}

function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`
}

function signed(share: number): string {
  return `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)}`
}

function safe(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
