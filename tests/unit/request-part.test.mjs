/** Which headers a request to a model's host contains, for every kind of redirect. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { requestPart, routeTo } = await importSource('gemma/request-part.ts')

/**
 * Replaces `fetch` by hosts: address to its redirect, or to a status. As in a browser, only `authorization` is dropped
 * on the way to another origin.
 */
function pretend(hosts) {
  const seen = []
  globalThis.fetch = async (address, { headers, redirect }) => {
    let url = address
    let sent = new Headers(headers)
    for (let isRedirected = false; ; isRedirected = true) {
      seen.push([url, [...sent.keys()].filter((name) => name !== 'range')])
      const answer = hosts(url, sent)
      if (typeof answer === 'number')
        return { status: answer, ok: answer < 300, type: 'cors', url, redirected: isRedirected, body: null }
      if (redirect === 'manual')
        return { status: 0, ok: false, type: 'opaqueredirect', url, redirected: false, body: null }
      sent = new Headers(sent)
      if (new URL(answer).origin !== new URL(url).origin) sent.delete('authorization')
      url = answer
    }
  }
  return seen
}

const a = 'https://a.example/m.gguf'
const b = 'https://b.example/signed'

test('headers are sent to the named origin only', async () => {
  for (const [about, headers, hosts, requests, expected] of [
    [
      'a response without headers is no redirect',
      {},
      () => 206,
      2,
      [
        [a, []],
        [a, []],
      ],
    ],
    [
      'no redirect',
      { 'x-s': '1', authorization: 't' },
      () => 206,
      2,
      [
        [a, ['authorization', 'x-s']],
        [a, ['authorization', 'x-s']],
      ],
    ],
    [
      'no headers',
      {},
      (url) => (url === a ? b : 206),
      2,
      [
        [a, []],
        [b, []],
        [b, []],
      ],
    ],
    [
      'to another origin',
      { 'x-s': '1', authorization: 't' },
      (url) => (url === a ? b : 206),
      2,
      [
        [a, ['authorization', 'x-s']],
        [a, ['authorization']],
        [b, []],
        [b, []],
      ],
    ],
    [
      'within the origin',
      { 'x-s': '1' },
      (url) => (url === a ? 'https://a.example/v2.gguf' : 206),
      2,
      [
        [a, ['x-s']],
        [a, []],
        ['https://a.example/v2.gguf', []],
        ['https://a.example/v2.gguf', ['x-s']],
        ['https://a.example/v2.gguf', ['x-s']],
      ],
    ],
    [
      'another port is another origin',
      { 'x-s': '1' },
      (url) => (url === a ? 'https://a.example:8443/m' : 206),
      1,
      [
        [a, ['x-s']],
        [a, []],
        ['https://a.example:8443/m', []],
      ],
    ],
    [
      'another scheme is another origin',
      { 'X-S': '1' },
      (url) => (url === a ? 'http://a.example/m.gguf' : 206),
      1,
      [
        [a, ['x-s']],
        [a, []],
        ['http://a.example/m.gguf', []],
      ],
    ],
  ]) {
    const seen = pretend(hosts)
    const route = routeTo(a, headers)
    for (let request = 0; request < requests; request++)
      await requestPart(route, 'bytes=0-1', new AbortController().signal)
    assert.deepEqual(seen, expected, about)
  }
})

test('a redirect loop within the origin ends', async () => {
  let turn = 0
  const seen = pretend((url, headers) =>
    headers.has('x-s') ? `https://a.example/${++turn}` : url === a || turn < 3 ? 206 : 206,
  )
  const { response } = await requestPart(routeTo(a, { 'x-s': '1' }), undefined, new AbortController().signal)
  assert.equal(response.status, 206)
  assert.ok(seen.length < 20)
})

test('a refusal by a redirect’s target is detected as one', async () => {
  pretend((url) => (url === a ? b : 206))
  const route = routeTo(a, {})
  const signal = new AbortController().signal
  assert.deepEqual(
    [
      (await requestPart(route, 'bytes=0-1', signal)).isResolved,
      (await requestPart(route, 'bytes=0-1', signal)).isResolved,
    ],
    [false, true],
  )
  assert.equal((await requestPart(routeTo(a, { 'x-s': '1' }), undefined, signal)).isStripped, true)
  // A target that refuses is not remembered.
  pretend((url) => (url === a ? b : 403))
  const refused = routeTo(a, {})
  await requestPart(refused, undefined, signal)
  assert.equal(refused.resolved, undefined)
})
