/** Debian's Firefox over WebDriver BiDi, with the part of Playwright's page API that the portable tests use. */

import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import WebSocket from 'ws'
import { callOf, resultOf } from './remote-page.mjs'

const preferences = {
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.prefetch-next': false,
  'browser.safebrowsing.update.enabled': false,
  'extensions.systemAddon.update.enabled': false,
  'services.settings.server': 'http://127.0.0.1:9/',
  'toolkit.telemetry.enabled': false,
}

/** Starts Firefox. `gpu: true` enables its WebGPU. */
export async function launchFirefox({ gpu = false } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'hybridge-firefox-'))
  const all = { ...preferences, ...(gpu ? { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true } : {}) }
  await writeFile(
    join(profile, 'user.js'),
    Object.entries(all)
      .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
      .join(''),
  )
  const child = spawn(
    process.env.FIREFOX ?? 'firefox-esr',
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile, MOZ_DISABLE_SAFE_MODE_KEY: '1' } },
  )
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const address = await new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(reject, 120_000, new Error('Firefox did not open its port'))
    child.once('exit', () => reject(new Error(`Firefox ended: ${text}`)))
    child.once('error', reject)
    child.stderr.on('data', (piece) => {
      text += piece
      const found = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(text)
      if (found === null) return
      clearTimeout(timer)
      resolve(found[1])
    })
  })
  const wire = await connect(`${address}/session`)
  await wire.send('session.new', { capabilities: {} })
  await wire.send('session.subscribe', { events: ['log.entryAdded'] })
  const close = async () => {
    await wire.send('browser.close', {}).catch(() => {})
    wire.close()
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(timer)
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  return {
    name: 'firefox',
    newContext: () => newContext(wire),
    newPage: async () => await (await newContext(wire)).newPage(),
    close,
  }
}

/** One WebSocket: commands by number, events by name. */
async function connect(address) {
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const waiting = new Map()
  const listeners = new Set()
  let last = 0
  socket.on('message', (data) => {
    const message = JSON.parse(data)
    if (message.id === undefined || message.id === null) return void listeners.forEach((listener) => listener(message))
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.type === 'success') call?.resolve(message.result)
    else call?.reject(new Error(`${call.method}: ${message.error}: ${message.message}`))
  })
  socket.on('close', () => waiting.forEach(({ reject, method }) => reject(new Error(`${method}: Firefox is gone`))))
  return {
    listeners,
    send: (method, params) =>
      new Promise((resolve, reject) => {
        const id = ++last
        waiting.set(id, { resolve, reject, method })
        socket.send(JSON.stringify({ id, method, params }))
      }),
    close: () => socket.close(),
  }
}

async function newContext(wire) {
  const { userContext } = await wire.send('browser.createUserContext', {})
  const context = {
    newPage: () => newPage(wire, context, userContext),
    close: () => wire.send('browser.removeUserContext', { userContext }),
  }
  return context
}

async function newPage(wire, owner, userContext) {
  const { context } = await wire.send('browsingContext.create', { type: 'tab', userContext })
  const handlers = { console: [], pageerror: [] }
  wire.listeners.add(({ method, params }) => {
    if (method !== 'log.entryAdded' || params.source.context !== context) return
    if (params.type === 'javascript') handlers.pageerror.forEach((handler) => handler(new Error(params.text)))
    else handlers.console.forEach((handler) => handler({ type: () => params.level, text: () => params.text }))
  })
  const evaluate = async (work, argument) => {
    const found = await wire.send('script.callFunction', {
      functionDeclaration: `async () => { ${callOf(work, argument)} }`,
      awaitPromise: true,
      target: { context },
    })
    if (found.type === 'exception') throw new Error(found.exceptionDetails.text)
    return resultOf(found.result.value)
  }
  const page = {
    evaluate,
    context: () => owner,
    on: (event, handler) => handlers[event]?.push(handler),
    goto: (url) => wire.send('browsingContext.navigate', { context, url, wait: 'complete' }),
    reload: () => wire.send('browsingContext.reload', { context, wait: 'complete' }),
    addInitScript: (work, argument) =>
      wire.send('script.addPreloadScript', {
        functionDeclaration: `() => { (${work})(${JSON.stringify(argument)}) }`,
        contexts: [context],
      }),
    waitForFunction: (condition, argument) => until(evaluate, condition, argument),
    setDefaultTimeout() {},
    close: () => wire.send('browsingContext.close', { context }),
  }
  return page
}

async function until(evaluate, condition, argument) {
  for (let looked = 0; looked < 1200; looked++) {
    if (await evaluate(condition, argument)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`it never came: ${condition}`)
}
