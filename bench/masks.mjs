/** The mask benchmark, as wasm in Node: `rustup target add wasm32-wasip1`, then `node bench/masks.mjs`. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'

const build = spawnSync(
  'cargo',
  [
    'build',
    '--release',
    '--target',
    'wasm32-wasip1',
    '-p',
    'hybridge-gemma',
    '--no-default-features',
    '--bench',
    'masks',
    '--message-format',
    'json',
  ],
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 },
)
if (build.status !== 0) process.exit(1)
const messages = build.stdout
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
const file = messages.find((message) => message.target?.name === 'masks' && message.executable)?.executable
const wasi = new WASI({ version: 'preview1' })
const { instance } = await WebAssembly.instantiate(readFileSync(file), wasi.getImportObject())
wasi.start(instance)
