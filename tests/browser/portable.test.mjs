/**
 * Features that must work in every engine, tested in the system's Firefox and WebKitGTK: the router, both clouds, the
 * CPU engine with the included model, downloads, the store, a model's life cycle, and the demo. A browser that is not
 * installed is skipped; with HYBRIDGE_REQUIRE_BROWSERS=1 it is a failure.
 */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startGemini } from '../emulator/gemini.mjs'
import { startOpenAI } from '../emulator/openai.mjs'
import { startDemo } from '../support/demo.mjs'
import { launchFirefox } from '../support/firefox.mjs'
import { modelHost, sha256 } from '../support/model-host.mjs'
import { serve } from '../support/server.mjs'
import { launchWebKit, webKitPath } from '../support/webkit.mjs'
import { calm, keptDigest, lifePage } from './life/page.mjs'

const root = join(import.meta.dirname, '../..')
const npm = join(root, 'crate/npm')
const bytes = readFileSync(join(npm, 'tiny/tiny.gguf'))

const has = (command) => {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', command], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const engines = [
  { name: 'Firefox', isThere: has(process.env.FIREFOX ?? 'firefox-esr'), launch: launchFirefox, keepsFiles: true },
  // Its automation has no private file system, so nothing is stored.
  {
    name: 'WebKitGTK',
    isThere: has('WebKitWebDriver') && existsSync(webKitPath()) && (process.env.DISPLAY !== undefined || has('Xvfb')),
    launch: launchWebKit,
    keepsFiles: false,
  },
]

for (const engine of engines) {
  const reason = `SKIP ${engine.name} is not installed: run pkg-scripts/setup`
  if (!engine.isThere && process.env.HYBRIDGE_REQUIRE_BROWSERS !== '1') console.log(reason)
  describe(
    `in ${engine.name}`,
    { skip: engine.isThere || process.env.HYBRIDGE_REQUIRE_BROWSERS === '1' ? false : reason },
    () => {
      let browser, site, host, gemini, openai
      before(async () => {
        host = await modelHost({})
        gemini = await startGemini({ keys: ['key'] })
        openai = await startOpenAI({ keys: ['key'] })
        site = await serve(
          {
            '/hybridge/': npm,
            '/router/': join(import.meta.dirname, 'router'),
            '/life/': join(import.meta.dirname, 'life'),
            '/test/': join(import.meta.dirname, 'cloud'),
          },
          { pages: { '/': { type: 'text/html', body: lifePage }, '/fault': { type: 'text/plain', body: '' } } },
        )
        browser = await engine.launch()
      })
      after(async () => {
        await browser?.close()
        await Promise.all([site, host, gemini, openai].map((it) => it?.close()))
      })

      const open = async (beside) => {
        const context = beside?.context() ?? (await browser.newContext())
        const page = await context.newPage()
        await page.goto(`${site.origin}/`)
        await page.waitForFunction('globalThis.isReady === true')
        return page
      }
      const url = () => `${host.origin}/tiny.gguf`
      const begin = () => calm(host, { '/tiny.gguf': bytes })

      test('the router: every scenario', async () => {
        const page = await open()
        const failures = await page.evaluate(async (patience) => {
          const hybridge = await import('/hybridge/dist/index.js')
          const failures = []
          addEventListener('unhandledrejection', ({ reason }) => failures.push(`unhandled rejection: ${reason}`))
          let played = 0
          for (const file of ['model', 'hybrid', 'strategies', 'policy', 'hostile']) {
            const { scenarios } = await import(`/router/${file}.scenarios.mjs`)
            for (const [name, run] of Object.entries(scenarios(hybridge))) {
              played++
              const late = new Promise((_, reject) => setTimeout(reject, patience, new Error('it hangs')))
              await Promise.race([run(), late]).catch((error) =>
                failures.push(`${file}, ${name}: ${error?.message ?? error}`),
              )
            }
          }
          if (played < 50) failures.push(`only ${played} scenarios were played`)
          return failures
        }, 20_000)
        assert.deepEqual(failures, [])
        await page.context().close()
      })

      test('both clouds answer, stream, abort and fail correctly', async () => {
        const page = await open()
        const found = await page.evaluate(
          async ({ gemini, openai }) => {
            const { told, streamed } = await import('/test/page.mjs')
            const found = []
            for (const make of [
              (apiKey) => hybridge.geminiModel({ model: 'gemini-x', baseUrl: gemini, apiKey }),
              (apiKey) => hybridge.openAICompatibleModel({ model: 'm', baseUrl: `${openai}/v1`, apiKey }),
            ]) {
              const model = make('key')
              const stop = new AbortController()
              const whole = await told(model.generate('Hello there'))
              const pieces = await streamed(model.generateStream('Hello there'))
              const stopped = await streamed(model.generateStream('Hello there', { signal: stop.signal }), () =>
                stop.abort(),
              )
              const refused = await told(make('wrong').generate('x'))
              found.push([
                whole.text.includes('Hello there'),
                pieces.texts.join('') === whole.text,
                stopped.error?.status,
                refused.error?.status,
              ])
            }
            return found
          },
          { gemini: gemini.origin, openai: openai.origin },
        )
        assert.deepEqual(found, Array(2).fill([true, true, 'CANCELLED', 'UNAUTHENTICATED']))
        await page.context().close()
      })

      test('the engine on the CPU answers, streams, aborts and continues', async () => {
        begin()
        const page = await open()
        const found = await page.evaluate(async (model) => {
          const gemma = hybridge.gemmaModel({ model, device: 'cpu', contextWindow: 512, ...impatient })
          const { status, kept } = await gemma.availability()
          const fractions = []
          await gemma.load({ onProgress: ({ fraction }) => fractions.push(fraction) })
          const config = { temperature: 0, maxOutputTokens: 96 }
          const sum = await gemma.generate({ prompt: '12 + 30 = ?', config })
          const chunks = []
          for await (const { text } of gemma.generateStream({ prompt: '12 + 30 = ?', config })) chunks.push(text)
          const stop = new AbortController()
          const stopped = await outcome(
            (async () => {
              for await (const _ of gemma.generateStream(
                { prompt: 'Tell me of the town.', config },
                { signal: stop.signal },
              ))
                stop.abort()
            })(),
          )
          const again = await gemma.generate({ prompt: '12 + 30 = ?', config })
          await gemma.dispose()
          return {
            status,
            kept,
            ends: [fractions[0], fractions.at(-1)],
            text: sum.text,
            device: sum.device,
            streamed: chunks.join(''),
            chunks: chunks.length,
            stopped: stopped.status,
            again: again.text,
            state: gemma.state,
          }
        }, url())
        assert.match(found.text, /42/)
        assert.ok(found.chunks > 1)
        assert.deepEqual(
          [found.status, found.kept, found.ends, found.device, found.streamed, found.stopped, found.again, found.state],
          ['downloadable', engine.keepsFiles, [0, 1], 'cpu', found.text, 'CANCELLED', found.text, 'disposed'],
        )
        await page.context().close()
      })

      test('downloads survive cuts, stalls and false headers, and reject files that aren’t models', async () => {
        for (const [moods, code, options = {}] of [
          [[{}, { cut: 1000 }, { cut: 1 }, { cut: 0 }], undefined],
          [[{}, { stall: 3000 }, { more: 500 }, { shift: 7 }], undefined],
          [[{ corrupt: true }], undefined, { sha256: sha256(bytes) }],
          [[{ status: 401 }], 'MODEL_GATED'],
          [[{ status: 404 }], 'MODEL_NOT_FOUND'],
          [Array(4).fill({ status: 502 }), 'MODEL_HTTP'],
        ]) {
          begin()
          host.moods = moods
          const page = await open()
          const found = await page.evaluate(
            async ({ url, options }) => {
              const gemma = hybridge.gemmaModel({
                model: { url, ...options },
                device: 'cpu',
                contextWindow: 64,
                ...impatient,
              })
              const load = await outcome(gemma.load())
              await gemma.dispose()
              return load
            },
            { url: url(), options },
          )
          assert.equal(found.code, code, `${JSON.stringify(moods)}: ${found.message}`)
          if (code === undefined && engine.keepsFiles) assert.deepEqual(await keptDigest(page), [sha256(bytes)])
          await page.context().close()
        }
      })

      test('the store: kept across a reload, listed, in use while another tab downloads, removed', async () => {
        begin()
        const page = await open()
        const load = (page) =>
          page.evaluate(async (model) => {
            const gemma = hybridge.gemmaModel({ model, device: 'cpu', contextWindow: 64, ...impatient })
            const found = await outcome(gemma.load())
            await gemma.dispose()
            return found.code
          }, url())
        assert.equal(await load(page), undefined)
        host.requests.length = 0
        await page.reload()
        await page.waitForFunction('globalThis.isReady === true')
        assert.equal(await load(page), undefined)
        const listed = await page.evaluate(() => hybridge.listCachedModels())
        if (!engine.keepsFiles) {
          const { notKeptReason } = await page.evaluate(
            (model) => hybridge.gemmaModel({ model, device: 'cpu' }).availability(),
            url(),
          )
          assert.ok(host.requests.length > 0 && listed.length === 0 && notKeptReason.length > 10, notKeptReason)
          return await page.context().close()
        }
        assert.equal(host.requests.length, 0, 'the second load sends no request')
        assert.deepEqual(
          listed.map(({ name, bytes, complete }) => [name, bytes, complete]),
          [['tiny', bytes.length, true]],
        )
        await page.evaluate((key) => hybridge.removeCached(key), listed[0].key)
        assert.deepEqual(await page.evaluate(() => hybridge.listCachedModels()), [])

        host.rule = ({ range }) => (/=0-/.test(range ?? '') ? undefined : { stall: 100 })
        const other = await open(page)
        await other.evaluate((model) => {
          globalThis.gemma = hybridge.gemmaModel({ model, device: 'cpu', contextWindow: 64, ...impatient })
          globalThis.loading = outcome(gemma.load())
        }, url())
        await other.waitForFunction('hybridge.listCachedModels().then(([kept]) => kept?.bytes > 0)')
        const inUse = await page.evaluate((model) => outcome(hybridge.gemmaModel({ model }).remove()), url())
        assert.equal(inUse.code, 'MODEL_IN_USE')
        const stopped = await other.evaluate(async () => {
          await gemma.dispose()
          return (await loading).code
        })
        assert.equal(stopped, 'DISPOSED')
        host.rule = undefined
        host.requests.length = 0
        assert.equal(await load(page), undefined)
        assert.ok(!host.requests.some(({ range }) => /=0-/.test(range ?? '')), 'it begins where it was')
        await page.context().close()
      })

      test('after its worker ends a model gets a new engine, and a hybrid falls back to its cloud', async () => {
        begin()
        const page = await open()
        const found = await page.evaluate(async (model) => {
          const gemma = hybridge.gemmaModel({
            model,
            device: 'cpu',
            contextWindow: 128,
            workerUrl: '/life/faulty-worker.mjs',
            ...impatient,
          })
          await gemma.load()
          const cloud = hybridge.defineModel({ name: 'sky', generate: async () => 'from the cloud' })
          const ai = hybridge.hybridModelOnDeviceCloud({
            onDevice: gemma,
            cloud,
            strategy: new hybridge.FallbackStrategy(['onDevice', 'cloud']),
          })
          const channel = new BroadcastChannel('faults')
          const first = (await ai.generate({ prompt: 'hi', config: { maxOutputTokens: 2 } })).branch
          const running = ai.generate({ prompt: 'hi', config: { maxOutputTokens: 90 } })
          channel.postMessage('trap')
          const second = (await running).branch
          for (let left = 400; gemma.state === 'loading' && left > 0; left--)
            await new Promise((resolve) => setTimeout(resolve, 25))
          return { first, second, state: gemma.state }
        }, url())
        assert.equal(found.first, 'onDevice')
        assert.ok(['onDevice', 'cloud'].includes(found.second))
        // Without storage it cannot be restored without a download.
        assert.ok((engine.keepsFiles ? ['ready'] : ['ready', 'failed', 'absent']).includes(found.state), found.state)
        await page.context().close()
      })

      test('the demo answers from its cloud and from this device', async () => {
        const demo = await startDemo({ root })
        const page = await (await browser.newContext()).newPage()
        await page.goto(`${demo.origin}/`)
        await page.waitForFunction("document.querySelector('body[data-ready]') !== null")
        await page.evaluate(() => {
          const prompt = document.querySelector('#prompt')
          prompt.value = 'Hello there'
          prompt.dispatchEvent(new Event('input', { bubbles: true }))
          document.querySelector('#send').click()
        })
        await page.waitForFunction("document.querySelector('.badge') !== null")
        assert.match(await page.evaluate(() => document.querySelector('#log').textContent), /Hello there/)
        await page.context().close()
        await demo.close()
      })
    },
  )
}
