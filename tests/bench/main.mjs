/** How fast this machine runs Gemma, natively or in headless Chromium: a table, a drawing, and with --json one line of it. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chart } from './chart.mjs'
import { inBrowser } from './browser.mjs'
import { natively } from './native.mjs'
import { peersOf } from './peers.mjs'
import { table } from './table.mjs'

const help = `bench [--native | --browser] [--shape mini|270m|1b|4b] [--device gpu|cpu] [--peers] [--json]

  --native             the kernels through Vulkan or Metal; otherwise --browser, the built package in headless Chromium
  --shape NAME         a synthetic model of these sizes (mini; 4b natively only)
  --device NAME        where the package runs it (gpu)
  --precision NAME     exact or fast (exact)
  --body ENCODING      of the layers (q4_0); the head is q8_0
  --prompts N,..       prompts to read (128)
  --contexts N,..      positions to decode at (128)
  --tokens N           tokens to decode at each (16)
  --threads            serves the page cross-origin isolated, so that peers may use threads
  --peers              wllama in the same browser, in turn, medians of three
  --json               ends with one line of JSON
`

const lists = new Set(['prompts', 'contexts'])
const flags = new Set(['native', 'browser', 'peers', 'json', 'threads', 'help'])

function parse(words) {
  const plan = { native: false, browser: false, peers: false, json: false, threads: false, help: false, shape: 'mini', device: 'gpu', precision: 'exact', body: 'q4_0', prompts: [128], contexts: [128], tokens: 16 }
  for (let i = 0; i < words.length; i++) {
    const name = words[i].replace(/^--/, '')
    if (!words[i].startsWith('--') || !Object.hasOwn(plan, name)) throw new Error(`unknown option ${words[i]}\n${help}`)
    if (flags.has(name)) plan[name] = true
    else {
      const value = words[++i]
      if (value === undefined) throw new Error(`${words[i - 1]} needs a value`)
      plan[name] = lists.has(name) ? value.split(',').filter(Boolean).map(Number) : name === 'tokens' ? Number(value) : value
    }
  }
  if (!['mini', '270m', '1b', '4b'].includes(plan.shape)) throw new Error('--shape is mini, 270m, 1b or 4b')
  if (plan.shape === '4b' && !plan.native) throw new Error('the 4B shape is measured with --native only')
  if (plan.native && plan.device === 'cpu') throw new Error('--native measures the GPU; the CPU natively: cargo bench -p hybridge-gemma --no-default-features --bench cpu')
  return plan
}

const plan = parse(process.argv.slice(2))
if (plan.help) console.log(help)
else {
  const report = plan.native ? natively(plan) : await inBrowser(plan)
  report.peers = plan.peers && !plan.native ? await peersOf(plan) : {}
  console.log(table(report))
  const folder = join(import.meta.dirname, '../../bench-results')
  mkdirSync(folder, { recursive: true })
  const drawing = join(folder, `${plan.native ? 'native' : 'browser'}-${plan.device}-${plan.shape}.svg`)
  writeFileSync(drawing, chart(report))
  console.log(`drawn in ${drawing}`)
  if (plan.json) console.log(JSON.stringify(report))
}
