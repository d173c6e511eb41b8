/**
 * Measures how fast this machine runs Gemma, natively or in headless Chromium; prints a table, a chart, and with
 * --json one line of JSON.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, cpus, platform, release } from 'node:os'
import { join, resolve } from 'node:path'
import { chart } from './chart.mjs'
import { inBrowser } from './browser.mjs'
import { natively } from './native.mjs'
import { exported } from './onnx.mjs'
import { peersOf } from './peers.mjs'
import { reportOf } from './report.mjs'
import { roundingLoss } from './rounding.mjs'
import { table } from './table.mjs'

const help = `bench [--native | --browser] [--shape NAME] [--device gpu|cpu] [--peers [--onnx DIR]] [--json]
      [--report FILE]

  --native             the kernels through Vulkan or Metal; otherwise --browser, the built package in headless Chromium
  --shape NAME         a synthetic model of these sizes (mini; 270m, 1b; natively also 4b, 3n-e2b,
                       4-e2b, 4-e4b)
  --device NAME        where the package runs it (gpu)
  --precision NAME     exact or fast (exact)
  --body ENCODING      of the layers (q4_0); the head is q8_0
  --prompts N,..       prompts to read (128,512)
  --contexts N,..      positions to decode at (128,2048)
  --tokens N           tokens to decode at each (16)
  --threads            serves the page cross-origin isolated, so that peers may use threads
  --patience S         leaves out prompts and contexts that would take longer to read (300)
  --peers              ours, wllama and Transformers.js in the same browser, in turn, medians of three
  --onnx DIR           with --peers: a model of the shape exported for Transformers.js, config.json and
                       onnx/model_q4.onnx or the like;
                       bench/random_onnx.py writes one
  --json               ends with one line of JSON
  --report FILE        writes adapter, kernels, counts and ratios to send with an issue
`

const shapes = ['mini', '270m', '1b', '4b', '3n-e2b', '4-e2b', '4-e4b']
const lists = new Set(['prompts', 'contexts'])
const numbers = new Set(['tokens', 'patience'])
const flags = new Set(['native', 'browser', 'peers', 'json', 'threads', 'help'])

function parse(words) {
  const plan = {
    native: false,
    browser: false,
    peers: false,
    json: false,
    threads: false,
    help: false,
    shape: 'mini',
    device: 'gpu',
    precision: 'exact',
    body: 'q4_0',
    prompts: [128, 512],
    contexts: [128, 2048],
    tokens: 16,
    patience: 300,
    onnx: undefined,
    report: undefined,
  }
  for (let i = 0; i < words.length; i++) {
    const name = words[i].replace(/^--/, '')
    if (!words[i].startsWith('--') || !Object.hasOwn(plan, name)) throw new Error(`unknown option ${words[i]}\n${help}`)
    if (flags.has(name)) plan[name] = true
    else {
      const value = words[++i]
      if (value === undefined) throw new Error(`${words[i - 1]} needs a value`)
      plan[name] = lists.has(name)
        ? value.split(',').filter(Boolean).map(Number)
        : numbers.has(name)
          ? Number(value)
          : value
    }
  }
  if (!shapes.includes(plan.shape)) throw new Error(`--shape is one of ${shapes.join(', ')}`)
  if (plan.shape === '4b' && !plan.native) throw new Error('the 4B shape is measured with --native only')
  if (plan.native && plan.device === 'cpu')
    throw new Error(
      '--native measures the GPU; the CPU natively: cargo bench -p hybridge-gemma --no-default-features --bench cpu',
    )
  if (plan.onnx !== undefined) {
    if (!plan.peers || plan.native)
      throw new Error('--onnx names what a peer runs: it goes with --peers, in the browser')
    plan.onnx = resolve(plan.onnx)
    exported(plan.onnx)
  }
  return plan
}

/** Parses the options; prints one sentence without a stack trace if they are wrong. */
function optionsOf(words) {
  try {
    return parse(words)
  } catch (error) {
    console.error(`bench: ${error.message}`)
    process.exit(1)
  }
}

const plan = optionsOf(process.argv.slice(2))
if (plan.help) console.log(help)
else {
  const report = plan.native ? natively(plan) : await inBrowser(plan)
  if (plan.precision === 'fast' && plan.device === 'gpu') Object.assign(report, roundingLoss())
  report.peers = plan.peers && !plan.native ? await peersOf(plan) : {}
  console.log(table(report))
  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  const drawing = join(folder, `${plan.native ? 'native' : 'browser'}-${plan.device}-${plan.shape}.svg`)
  writeFileSync(drawing, chart(report))
  console.log(`drawn in ${drawing}`)
  if (plan.report !== undefined) {
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, system: `${platform()} ${release()} ${arch()}` }
    writeFileSync(
      plan.report,
      `${JSON.stringify(reportOf(plan, report, machine, new Date().toISOString()), null, 2)}\n`,
    )
    console.log(`reported in ${plan.report}`)
  }
  if (plan.json) console.log(JSON.stringify(report))
}
