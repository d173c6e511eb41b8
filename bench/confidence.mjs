/**
 * Measures how well log-probabilities separate a model's right answers from its wrong ones, with and without a
 * calibration.
 *
 *   cargo run --release --manifest-path crate/tiny/Cargo.toml -- answers crate/npm/tiny/tiny.gguf --seed 3 --count 60
 * > answers.jsonl
 *   node bench/confidence.mjs answers.jsonl
 *
 * A line is `{ "task", "right", "refusal", "logprobs" }`. One half of the lines is used for calibration and the other
 * for evaluation, then the reverse, so no answer evaluates a threshold that it helped to choose. The cloud counts as
 * always right.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const { auroc, calibrate } = await import(join(import.meta.dirname, '../crate/npm/dist/learn.js'))

const files = process.argv.slice(2)
if (files.length === 0) throw new Error('node bench/confidence.mjs ANSWERS.jsonl …')
const lines = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).flatMap((text) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line)),
)

// Shuffled by a seed, because lines are sorted by task.
let state = 1
const below = (bound) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) % bound
for (let end = lines.length - 1; end > 0; end--) {
  const other = below(end + 1)
  ;[lines[end], lines[other]] = [lines[other], lines[end]]
}

const percent = (share) => `${(100 * share).toFixed(1)} %`
const scores = ['mean', 'min', 'p10', 'p25', 'p50', 'first']

function table(title, samples) {
  const right = samples.filter((it) => it.right).length
  console.log(`\n${title}: ${samples.length} answers, ${percent(right / samples.length)} right\n`)
  console.log(
    '| score | AUROC | kept on the device at 98 % (held out) | quality reached (held out) |\n|---|---:|---:|---:|',
  )
  const halves = [samples.filter((_, at) => at % 2 === 0), samples.filter((_, at) => at % 2 === 1)]
  for (const score of [...scores, undefined]) {
    let [kept, good, count] = [0, 0, 0]
    const areas = []
    const chosen = new Set()
    for (const [fitted, judged] of [halves, [...halves].reverse()]) {
      const found = calibrate({ samples: fitted, target: { quality: 0.98 }, ...(score === undefined ? {} : { score }) })
      chosen.add(typeof found.score === 'string' ? found.score : 'combined')
      const signals = judged.map((it) => ({ signal: signalOf(found.score, it.logprobs), right: it.right }))
      areas.push(auroc(signals) ?? NaN)
      for (const { signal, right } of signals) {
        const isKept = signal >= found.threshold
        kept += isKept ? 1 : 0
        good += isKept && !right ? 0 : 1
        count++
      }
    }
    const area = areas.reduce((sum, it) => sum + it) / areas.length
    console.log(
      `| ${score ?? `calibrated: ${[...chosen].join(', ')}`} | ${area.toFixed(3)} | ${percent(kept / count)} | ${percent(good / count)} |`,
    )
  }
}

/** The definition of each score, independent of the package. */
function signalOf(score, logprobs) {
  const sorted = [...logprobs].sort((a, b) => a - b)
  const rank = (parts) => sorted[Math.ceil(sorted.length / parts) - 1]
  const values = {
    mean: sorted.reduce((sum, it) => sum + it, 0) / sorted.length,
    min: sorted[0],
    p10: rank(10),
    p25: rank(4),
    p50: rank(2),
    first: logprobs[0],
  }
  if (typeof score === 'string') return values[score]
  const features = [...scores.map((name) => Math.max(-25, values[name])), 1 / sorted.length]
  return features.reduce((sum, feature, at) => sum + feature * score[at + 1], score[0])
}

const known = lines.filter(({ logprobs }) => logprobs.length > 0)
table('Every answer', known)
if (known.some(({ refusal }) => refusal)) {
  table(
    'A refusal counts as no answer, as a cascade sees it',
    known.map((it) => ({ ...it, right: it.right && !it.refusal })),
  )
  table(
    'Without refusals',
    known.filter(({ refusal }) => !refusal),
  )
}
for (const task of process.env.TASKS === '1' ? new Set(known.map((it) => it.task)) : [])
  table(
    task,
    known.filter((it) => it.task === task),
  )
