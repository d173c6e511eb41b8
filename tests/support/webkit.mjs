/**
 * WebKitGTK over WebDriver, with the part of Playwright's page API that the portable tests use. Each context is a
 * separate session.
 */

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { callOf, resultOf } from './remote-page.mjs'

/** Starts WebKitGTK through its driver, with its own display if there is none. */
export async function launchWebKit() {
  const display = process.env.DISPLAY === undefined ? await startDisplay() : undefined
  const env = {
    ...process.env,
    ...(display === undefined ? {} : { DISPLAY: display.name }),
    WEBKIT_DISABLE_COMPOSITING_MODE: '1',
    LIBGL_ALWAYS_SOFTWARE: '1',
    GDK_BACKEND: 'x11',
    NO_AT_BRIDGE: '1',
  }
  const contexts = new Set()
  const newContext = async () => {
    const context = await openContext(env, () => contexts.delete(context))
    contexts.add(context)
    return context
  }
  const close = async () => {
    await Promise.all([...contexts].map((context) => context.close()))
    await display?.stop()
  }
  return { name: 'webkit', newContext, newPage: async () => await (await newContext()).newPage(), close }
}

/** A driver serves one session at a time, so each context has its own. */
async function startDriver(env) {
  const port = await freePort()
  const child = spawn('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], { stdio: 'ignore', env })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const origin = `http://127.0.0.1:${port}`
  for (let looked = 0; ; looked++) {
    if (
      await fetch(`${origin}/status`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break
    if (looked === 300) throw new Error('WebKitWebDriver did not open its port')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { origin, stop: async () => (child.kill(), await ended) }
}

async function startDisplay() {
  const child = spawn('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const name = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('Xvfb ended')))
    child.stdout.once('data', (text) => resolve(`:${String(text).trim()}`))
  })
  return { name, stop: async () => (child.kill(), await ended) }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function openContext(env, onClose) {
  const { origin, stop } = await startDriver(env)
  const send = async (method, path, body) => {
    const response = await fetch(`${origin}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const { value } = await response.json()
    if (!response.ok) throw new Error(`${path}: ${value?.error}: ${value?.message}`)
    return value
  }
  const capabilities = { alwaysMatch: { 'webkitgtk:browserOptions': { binary: webKitPath(), args: ['--automation'] } } }
  const { sessionId } = await send('POST', '/session', { capabilities })
  const session = (method, path, body) => send(method, `/session/${sessionId}${path}`, body)
  await session('POST', '/timeouts', { script: 300_000, pageLoad: 60_000 })
  // Commands go to one window of a session at a time.
  let turn = Promise.resolve()
  const inTurn = (handle, act) => {
    const result = turn.then(async () => {
      await session('POST', '/window', { handle })
      return await act()
    })
    turn = result.catch(() => {})
    return result
  }
  const first = await session('GET', '/window')
  let isFirst = true
  const context = {
    async newPage() {
      const handle = isFirst
        ? first
        : (await inTurn(first, () => session('POST', '/window/new', { type: 'tab' }))).handle
      isFirst = false
      return pageOf(context, (act) => inTurn(handle, act), session)
    },
    close: async () => {
      onClose()
      await session('DELETE', '').catch(() => {})
      await stop()
    },
  }
  return context
}

/** The browser that the driver starts. */
export function webKitPath() {
  return process.env.WEBKIT ?? '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'
}

let lastCall = 0

function pageOf(owner, inTurn, session) {
  const execute = (script) => inTurn(() => session('POST', '/execute/sync', { script, args: [] }))
  // Started by one command and polled by others, so that two pages of a session can run at the same time.
  const evaluate = async (work, argument) => {
    const name = `hybridgeCall${++lastCall}`
    const code = `globalThis.${name} = {}; (async () => { ${callOf(work, argument)} })().then((text) => { globalThis.${name}.text = text }, (error) => { globalThis.${name}.error = String(error) })`
    await execute(code)
    for (let looked = 0; ; looked++) {
      const { text, error } = (await execute(`return globalThis.${name} ?? { error: 'the page was left' }`)) ?? {}
      if (error !== undefined && error !== null) throw new Error(error)
      if (text !== undefined && text !== null) return resultOf(text)
      await new Promise((resolve) => setTimeout(resolve, Math.min(5 * looked, 100)))
    }
  }
  return {
    evaluate,
    context: () => owner,
    on() {},
    goto: (url) => inTurn(() => session('POST', '/url', { url })),
    reload: () => inTurn(() => session('POST', '/refresh', {})),
    async waitForFunction(condition, argument) {
      for (let looked = 0; looked < 1200; looked++) {
        if (await evaluate(condition, argument)) return
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(`it never came: ${condition}`)
    },
    setDefaultTimeout() {},
    close: () => inTurn(() => session('DELETE', '/window')),
  }
}
