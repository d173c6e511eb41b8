/** Other packages in the same browser, in turn, medians of three. They are installed outside the checkout. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openBench } from './browser.mjs'
import { cache, wholeFile } from './model.mjs'

const versions = { '@wllama/wllama': '3.8.1' }

function installed(name) {
  const prefix = join(cache, 'peers')
  const folder = join(prefix, 'node_modules', name)
  if (!existsSync(folder)) {
    mkdirSync(prefix, { recursive: true })
    execFileSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', `${name}@${versions[name]}`], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return folder
}

const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1]

/** What each peer reached, or why it did not run. */
export async function peersOf(plan) {
  const folder = installed('@wllama/wllama')
  const bench = await openBench(plan, { '/model/': dirname(wholeFile(plan)), '/wllama/': folder })
  try {
    const turns = []
    for (let turn = 0; turn < 3; turn++) {
      turns.push(await bench.page.evaluate(async (plan) => (await import('/bench/wllama.mjs')).wllama(plan), plan))
    }
    const of = (key) => Number(middle(turns.map((it) => it[key])).toPrecision(4))
    return { wllama: { version: versions['@wllama/wllama'], load_s: of('load_s'), prefill_tps: of('prefill_tps'), decode_tps: of('decode_tps'), prompt_tokens: of('prompt_tokens') } }
  } catch (error) {
    return { wllama: { error: String(error.message).split('\n')[0] } }
  } finally {
    await bench.close()
  }
}
