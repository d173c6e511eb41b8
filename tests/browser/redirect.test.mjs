/** A cloud service that redirects, in a real browser: the target gets neither key nor prompt. */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { launch, openPage } from '../support/chromium.mjs'
import { serve } from '../support/server.mjs'

const open = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }
const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`)))

const reached = []
const elsewhere = createServer((request, response) => {
  reached.push([request.method, request.headers['x-goog-api-key'], request.headers.authorization])
  response
    .writeHead(200, { ...open, 'content-type': 'application/json' })
    .end('{"candidates":[{"content":{"parts":[{"text":"evil"}]},"finishReason":"STOP"}]}')
})
const place = await listen(elsewhere)
const asked = []
const service = createServer((request, response) => {
  asked.push(request.method)
  if (request.method === 'OPTIONS') return response.writeHead(204, open).end()
  response.writeHead(307, { ...open, location: `${place}/stolen` }).end()
})
const baseUrl = await listen(service)
const server = await serve(
  { '/npm/': join(import.meta.dirname, '../../crate/npm') },
  {
    pages: {
      '/': { type: 'text/html', body: '<!doctype html><title>redirect</title><link rel="icon" href="data:,">' },
    },
  },
)
const browser = await launch({ gpu: false })
after(async () => {
  await browser.close()
  await server.close()
  for (const each of [elsewhere, service]) {
    each.closeAllConnections()
    each.close()
  }
})

test('neither key nor prompt follows a redirect', async () => {
  const { page } = await openPage(browser, `${server.origin}/`)
  const failures = await page.evaluate(async (baseUrl) => {
    const { geminiModel, openAICompatibleModel } = await import('/npm/dist/index.js')
    const found = []
    for (const model of [
      geminiModel({ model: 'm', apiKey: 'secret', baseUrl }),
      openAICompatibleModel({ model: 'm', apiKey: 'secret', baseUrl }),
    ]) {
      for (const run of [() => model.generate('x'), () => model.generateStream('x').response]) {
        const { status, message } = await run().then(
          () => ({ status: 'answered' }),
          (error) => error,
        )
        found.push([status, /redirect/.test(message)])
      }
    }
    return found
  }, baseUrl)
  assert.deepEqual(
    failures,
    Array.from({ length: 4 }, () => ['UNAVAILABLE', true]),
  )
  assert.equal(asked.filter((method) => method === 'POST').length, 4)
  assert.deepEqual(reached, [])
})
