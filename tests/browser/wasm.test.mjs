// Where the page's wasm is loaded from, and the messages if that fails.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'

const dist = new URL('../../crate/npm/dist/', import.meta.url)
const wasm = await readFile(new URL('../../crate/npm/wasm/page/hybridge_page_bg.wasm', import.meta.url))
let copies = 0
/** A separate copy of the package that has loaded nothing. */
const fresh = (name = 'index.js') => import(`${new URL(name, dist)}?copy=${copies++}`)
const route = ({ defineModel, FallbackStrategy, hybridModel }) =>
  hybridModel({
    branches: { a: defineModel({ name: 'a', generate: async () => 'hi' }) },
    strategy: new FallbackStrategy(['a']),
  })

let server, origin
before(async () => {
  server = createServer(({ url }, response) => {
    if (url === '/page.wasm') response.end(wasm)
    else if (url === '/app') response.setHeader('content-type', 'text/html').end('<!doctype html>')
    else if (url === '/old.wasm') response.end(wasm.subarray(0, 100))
    else response.writeHead(404).end()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${server.address().port}`
})
after(() => {
  server.closeAllConnections()
  server.close()
})

test('the entry for Node and similar hosts needs nothing', async () => {
  const hybridge = await fresh('node.js')
  assert.equal((await route(hybridge).generate('x')).text, 'hi')
})

for (const [what, place, message] of [
  ['a missing file', '/gone.wasm', /\/gone\.wasm is not there \(the server answered 404\).*configure\(\{ wasmUrl \}\)/],
  ['a page of HTML', '/app', /\/app is not WebAssembly \(the server answered text\/html/],
  ['half a file', '/old.wasm', /does not compile/],
]) {
  test(`${what} is reported, and the next request retries`, async () => {
    const hybridge = await fresh()
    hybridge.configure({ wasmUrl: `${origin}${place}` })
    const ai = route(hybridge)
    await assert.rejects(ai.generate('x'), { status: 'UNAVAILABLE', code: 'WASM_UNAVAILABLE', message })
    hybridge.configure({ wasmUrl: new URL('/page.wasm', origin) })
    assert.equal((await ai.generate('x')).text, 'hi')
  })
}

test('an address without a server, and a file, are reported', async () => {
  const closed = createServer()
  await new Promise((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const { port } = closed.address()
  await new Promise((resolve) => closed.close(resolve))
  const hybridge = await fresh()
  hybridge.configure({ wasmUrl: `http://127.0.0.1:${port}/page.wasm` })
  await assert.rejects(route(hybridge).generate('x'), {
    code: 'WASM_UNAVAILABLE',
    message: /page\.wasm could not be fetched.*connect-src.*CORS/,
  })
  // The page's own entry, in a host that fetches no files.
  await assert.rejects(route(await fresh()).generate('x'), {
    code: 'WASM_UNAVAILABLE',
    message: /file:.*hybridge_page_bg\.wasm is a file.*configure/,
  })
})

test('a policy that forbids WebAssembly is reported', async () => {
  const kept = WebAssembly.instantiate
  try {
    WebAssembly.instantiate = async () => {
      throw new WebAssembly.CompileError(
        "WebAssembly.instantiate(): Refused to compile or instantiate WebAssembly module because 'unsafe-eval' is not an allowed source of script in the following Content Security Policy directive",
      )
    }
    await assert.rejects(route(await fresh('node.js')).generate('x'), {
      code: 'WASM_UNAVAILABLE',
      message: /'wasm-unsafe-eval'/,
    })
  } finally {
    WebAssembly.instantiate = kept
  }
})

test('one address configures a copy of all files', async () => {
  const copy = createServer(({ url }, response) =>
    url === '/copies/1/wasm/page/hybridge_page_bg.wasm' ? response.end(wasm) : response.writeHead(404).end(),
  )
  await new Promise((resolve) => copy.listen(0, '127.0.0.1', resolve))
  try {
    for (const slash of ['', '/']) {
      const hybridge = await fresh()
      hybridge.configure({ baseUrl: `http://127.0.0.1:${copy.address().port}/copies/1${slash}` })
      assert.equal((await route(hybridge).generate('x')).text, 'hi')
    }
    const { configure } = await fresh()
    for (const bad of [{ baseUrl: 'nowhere' }, { baseUrl: 7 }, null, 'x'])
      assert.throws(() => configure(bad), { status: 'INVALID_ARGUMENT' })
  } finally {
    copy.closeAllConnections()
    copy.close()
  }
})

test('an answer is returned even if the wasm cannot be loaded', async () => {
  const { configure, defineModel } = await fresh()
  configure({ wasmUrl: `${origin}/gone.wasm` })
  const { text, output, outputError } = await defineModel({ name: 'm', generate: async () => '{"a":1}' }).generate({
    prompt: 'x',
    output: { schema: { type: 'string' } },
  })
  assert.deepEqual([text, output, outputError], ['{"a":1}', { a: 1 }, undefined])
})

test('importing needs no class that a test environment may lack', async () => {
  const names = [
    'TextDecoder',
    'TextEncoder',
    'ReadableStream',
    'fetch',
    'FinalizationRegistry',
    'AbortController',
    'Blob',
  ]
  const kept = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)])
  for (const [name] of kept) delete globalThis[name]
  try {
    for (const entry of ['index.js', 'node.js', 'tiny.js']) await fresh(entry)
  } finally {
    for (const [name, descriptor] of kept) Object.defineProperty(globalThis, name, descriptor)
  }
})

test('a host without a navigator has no device model, and no error', async () => {
  const { deviceFacts, gemmaModel, listCachedModels, promptApiModel } = await fresh('node.js')
  const kept = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  delete globalThis.navigator
  try {
    assert.equal((await deviceFacts()).webgpu.available, false)
    assert.equal((await promptApiModel().availability()).status, 'unavailable')
    const gemma = gemmaModel({ model: 'gemma-3-270m-it' })
    assert.equal((await gemma.availability()).status, 'unavailable')
    await assert.rejects(gemma.load(), ({ status }) =>
      ['UNAVAILABLE', 'FAILED_PRECONDITION', 'UNIMPLEMENTED'].includes(status),
    )
    await assert.rejects(gemma.generate('x'), { status: 'UNAVAILABLE' })
    assert.deepEqual(await listCachedModels(), [])
    await gemma.dispose()
  } finally {
    if (kept !== undefined) Object.defineProperty(globalThis, 'navigator', kept)
  }
})
