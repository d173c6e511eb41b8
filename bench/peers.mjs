/**
 * Measures other packages and this one in the same browser, alternating, medians of three. They are installed outside
 * the checkout.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openBench, runWorker } from './browser.mjs'
import { cache, wholeFile } from './model.mjs'
import { exported } from './onnx.mjs'

const versions = { '@wllama/wllama': '3.13.0', '@huggingface/transformers': '4.3.1' }

/** Returns the `node_modules` that contains a package. */
export function installed(name, version = versions[name]) {
  const prefix = join(cache, 'peers', name.split('/').at(-1))
  const modules = join(prefix, 'node_modules')
  if (existsSync(join(modules, name))) return modules
  mkdirSync(prefix, { recursive: true })
  try {
    execFileSync(
      'npm',
      ['install', '--prefix', prefix, '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`],
      { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
    )
  } catch (error) {
    const cause =
      String(error.stderr ?? error.message)
        .split('\n')
        .find((line) => line.includes('error')) ?? error.message
    throw new Error(`npm could not install ${name}@${version}: ${cause.trim()}`)
  }
  return modules
}

const inPage = (script, name) => async (page, plan) =>
  await page.evaluate(async ({ script, name, plan }) => (await import(script))[name](plan), { script, name, plan })

/** This package under the same conditions as the others: loading, one prompt, one answer. */
async function ours(page, plan) {
  const [length] = plan.prompts
  const report = await runWorker(page, '/bench/worker.mjs', {
    ...plan,
    prompts: [length],
    contexts: [length],
    turns: 1,
    isBrief: true,
  })
  return {
    load_s: report.load_s,
    prefill_tps: report.prefill_tps[length],
    decode_tps: report.decode_tps[length],
    prompt_tokens: length,
  }
}

/**
 * Each with the files it needs served, and a function that runs it once; creating one may throw the reason why it
 * cannot run.
 */
const contestants = {
  hybridge: () => ({ run: ours }),
  wllama: () => ({
    version: versions['@wllama/wllama'],
    mounts: { '/wllama/': join(installed('@wllama/wllama'), '@wllama/wllama') },
    run: inPage('/bench/wllama.mjs', 'wllama'),
  }),
  transformers: ({ onnx }) => {
    if (onnx === undefined) throw new Error('left out: --onnx names the folder of a model exported for it')
    const dtype = exported(onnx)
    const modules = installed('@huggingface/transformers')
    return {
      version: versions['@huggingface/transformers'],
      mounts: {
        '/transformers/': join(modules, '@huggingface/transformers/dist'),
        '/ort/': join(modules, 'onnxruntime-web/dist'),
        '/onnx/exported/': onnx,
      },
      run: async (page, plan) => await inPage('/bench/transformers.mjs', 'transformers')(page, { ...plan, dtype }),
    }
  },
}

const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

function summary({ version, turns, error }) {
  if (error !== undefined) return { error }
  const of = (key) => Number(middle(turns.map((it) => it[key])).toPrecision(4))
  return {
    ...(version !== undefined && { version }),
    load_s: of('load_s'),
    prefill_tps: of('prefill_tps'),
    decode_tps: of('decode_tps'),
    prompt_tokens: of('prompt_tokens'),
  }
}

const firstLine = (error) => String(error.message).split('\n')[0]

/**
 * Returns each result, or why it did not run. Three rounds, one package after the other, so that all meet the same
 * load.
 */
export async function peersOf(plan) {
  const field = Object.entries(contestants).map(([name, make]) => {
    try {
      return { name, turns: [], ...make(plan) }
    } catch (error) {
      return { name, error: firstLine(error) }
    }
  })
  const mounts = Object.assign({ '/model/': dirname(wholeFile(plan)) }, ...field.map((it) => it.mounts ?? {}))
  const bench = await openBench(plan, mounts)
  try {
    for (let turn = 0; turn < 3; turn++) {
      for (const it of field.filter(({ error }) => error === undefined)) {
        try {
          it.turns.push(await it.run(bench.page, plan))
        } catch (error) {
          it.error = firstLine(error)
        }
      }
    }
  } finally {
    await bench.close()
  }
  return Object.fromEntries(field.map((it) => [it.name, summary(it)]))
}
