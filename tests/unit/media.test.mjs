// Converts `data:` URLs to bytes, for models without support for URLs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importSource } from '../support/source.mjs'

const { readDataUrl, conversationOf } = await importSource('border/media.ts', 'built-in/prompt-api-messages.ts')

test('the bytes of a URL are decoded correctly', () => {
  for (const [url, type, bytes] of [
    ['data:image/svg+xml,%C3%A9', 'image/svg+xml', [0xc3, 0xa9]],
    ['data:image/svg+xml,é', 'image/svg+xml', [0xc3, 0xa9]],
    ['DATA:Image/PNG;BASE64,AAEC', 'image/png', [0, 1, 2]],
    ['data:image/png;base64,AAE%3D', 'image/png', [0, 1]],
    ['data:text/plain;charset=utf-8;base64,QQ==', 'text/plain', [0x41]],
    ['data:,100%', '', [0x31, 0x30, 0x30, 0x25]],
    ['data:,%zz%4', '', [0x25, 0x7a, 0x7a, 0x25, 0x34]],
    ['data:text/plain,a,b', 'text/plain', [0x61, 0x2c, 0x62]],
  ]) {
    const read = readDataUrl(url)
    assert.deepEqual([read?.type, [...(read?.bytes ?? [])]], [type, bytes], url)
  }
  for (const url of ['https://example.test/a.png', 'data', 'data:text/plain', ''])
    assert.equal(readDataUrl(url), undefined, url)
})

test('a malformed URL is the request’s own fault, and no other branch is tried', () => {
  for (const url of ['data:image/png;base64,A', 'data:image/png;base64,%', 'data:image/png;base64,ä']) {
    const request = { messages: [{ role: 'user', content: [{ media: { url } }] }], tools: [], config: {} }
    assert.throws(() => conversationOf(request), { status: 'INVALID_ARGUMENT' }, url)
  }
})
