/**
 * The tarball's types in strict projects without `skipLibCheck`, with common compilers and module resolutions, and the
 * results of package linters.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { publint } from 'publint'
import { installed, tarball, withConsumer } from './consumer.mjs'

const bin = join(import.meta.dirname, '../node_modules/.bin')

const strict = {
  target: 'es2022',
  lib: ['ES2022', 'DOM', 'DOM.Iterable'],
  types: [],
  strict: true,
  noEmit: true,
  skipLibCheck: false,
}
const projects = {
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
  'bundler, verbatim and exact': {
    module: 'esnext',
    moduleResolution: 'bundler',
    verbatimModuleSyntax: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    isolatedModules: true,
  },
  node16: { module: 'node16', moduleResolution: 'node16', exactOptionalPropertyTypes: true },
  nodenext: {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    verbatimModuleSyntax: true,
    exactOptionalPropertyTypes: true,
  },
  'ES2023 and DOM in one': { module: 'esnext', moduleResolution: 'bundler', lib: ['ES2023', 'DOM'] },
}

/** Uses of the public types in a typical project. */
const app = `
import { FallbackStrategy, HybridError, defineModel, geminiModel, gemmaModel, hybridModelOnDeviceCloud, kCloud, kOnDevice } from 'hybridge'
import type { GenerateRequest, GenerateResponse, HybridModel, Message, Part, RoutingStrategy, RoutingTrace } from 'hybridge'
import { tinyModel } from 'hybridge/tiny'

const strategy: RoutingStrategy = { route: ({ device }) => (device.online ? [kCloud, kOnDevice] : kOnDevice) }
const cloud = geminiModel({ model: 'gemini-flash-lite-latest', apiKey: async () => 'key' })
export const ai: HybridModel = hybridModelOnDeviceCloud({ onDevice: gemmaModel({ model: tinyModel }), cloud, strategy })
export const other = hybridModelOnDeviceCloud({ onDevice: defineModel({ name: 'echo', generate: () => 'hi' }), cloud, strategy: new FallbackStrategy([kOnDevice]) })

export async function ask(messages: Message[]): Promise<{ text: string; trace: RoutingTrace }> {
  const request: GenerateRequest = { messages, config: { temperature: 0 } }
  const stream = ai.generateStream(request)
  let text = ''
  for await (const chunk of stream) text += chunk.text
  const response: GenerateResponse = await stream.response
  return { text, trace: response.routing }
}
export const words = (parts: Part[]): string[] => parts.flatMap(({ text }) => text ?? [])
export const isStop = (error: unknown): boolean => HybridError.isInstance(error) && error.status === 'CANCELLED'
`

/** A consumer without its app, for tests with their own files. */
let folder
let done
before(
  () =>
    new Promise((resolve, reject) => {
      const finished = new Promise((finish) => (done = finish))
      withConsumer('node', (made) => {
        folder = made
        resolve()
        return finished
      }).catch(reject)
    }),
)
after(() => done())

/** Entries with types: their import name, and the text of the types. */
function entries() {
  const { exports } = JSON.parse(readFileSync(join(installed(folder), 'package.json'), 'utf8'))
  return Object.entries(exports).flatMap(([name, { types }]) =>
    types === undefined
      ? []
      : [{ name: name.replace('.', 'hybridge'), types, text: readFileSync(join(installed(folder), types), 'utf8') }],
  )
}

/** All entries, except those whose types come from packages that are not installed here. */
const everyEntry = () =>
  entries()
    .filter(({ text }) => !/^(import|export) .* from ['"](?!\.|hybridge)/m.test(text))
    .map(({ name }, index) => `export * as entry${index} from '${name}'\n`)
    .join('')

for (const [name, options] of Object.entries(projects)) {
  for (const compiler of ['typescript', '@typescript/typescript6']) {
    test(`${compiler}, ${name}`, () => {
      writeFileSync(join(folder, 'app.ts'), `${app}${everyEntry()}`)
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: { ...strict, ...options }, files: ['app.ts'] }),
      )
      const { status, stdout } = spawnSync(
        join(bin, '..', compiler, 'bin', compiler === 'typescript' ? 'tsc' : 'tsc6'),
        ['--project', folder],
        { encoding: 'utf8' },
      )
      assert.equal(status, 0, stdout)
    })
  }
}

test('the types refer to no generated code, and the core is one file', () => {
  assert.ok(entries().length >= 2)
  for (const { types, text } of entries()) {
    assert.ok(!/['"][^'"]*wasm\/(page|worker|cpu)\/hybridge_/.test(text), `${types} imports the generated glue`)
    if (types === './dist/index.d.ts') assert.ok(!/from ['"]\./.test(text), 'the core is one file')
  }
})

test('publint finds nothing', async () => {
  const { messages } = await publint({ pkgDir: installed(folder), pack: false, strict: true })
  assert.deepEqual(messages, [])
})

test('@arethetypeswrong/cli finds nothing', () => {
  // Files that aren't scripts have no types.
  const scripts = ['worker.js', 'retrieval-worker.js']
  const assets = ['tiny.gguf', 'page.wasm', 'worker.wasm', 'cpu.wasm', 'threads.wasm', 'search.wasm', ...scripts]
  const scratch = mkdtempSync(join(tmpdir(), 'hybridge-attw-'))
  const { status, stdout, stderr } = spawnSync(
    join(bin, 'attw'),
    [tarball, '--profile', 'esm-only', '--exclude-entrypoints', ...assets],
    { encoding: 'utf8', cwd: scratch },
  )
  rmSync(scratch, { recursive: true })
  assert.equal(status, 0, stdout + stderr)
})
