/** A static server on 127.0.0.1 for tests and the demo: right MIME types, optional headers, a log of requests. */

import { createServer } from 'node:http'
import { readFile, stat } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'
import { gzipSync } from 'node:zlib'

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.gguf': 'application/octet-stream',
}

/**
 * Serves `mounts` (URL prefix to folder, longest prefix first) until `close()`. `pages` are additional responses, path
 * to `{ type, body }`; `requests` lists every requested path, in order. With `compress`, compressible files are sent
 * as gzip.
 */
export async function serve(mounts, { headers = {}, port = 0, pages = {}, compress = false } = {}) {
  const requests = []
  const prefixes = Object.keys(mounts).sort((a, b) => b.length - a.length)
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://127.0.0.1').pathname)
    requests.push(path)
    if (Object.hasOwn(pages, path)) {
      const { type, body } = pages[path]
      response.writeHead(200, { 'content-type': type, ...headers }).end(body)
      return
    }
    const prefix = prefixes.find((it) => path.startsWith(it))
    const within = prefix === undefined ? undefined : normalize(path.slice(prefix.length))
    if (within === undefined || within.startsWith(`..${sep}`) || within === '..') {
      response.writeHead(404, headers).end('not found')
      return
    }
    let file = join(mounts[prefix], within)
    try {
      if ((await stat(file)).isDirectory()) file = join(file, 'index.html')
      const bytes = await readFile(file)
      const isSmaller =
        compress && !['.png', '.gguf'].includes(extname(file)) && /\bgzip\b/.test(request.headers['accept-encoding'])
      const body = isSmaller ? gzipSync(bytes) : bytes
      response
        .writeHead(200, {
          'content-type': types[extname(file)] ?? 'application/octet-stream',
          'content-length': body.length,
          'cache-control': 'no-store',
          ...(isSmaller && { 'content-encoding': 'gzip' }),
          ...headers,
        })
        .end(body)
    } catch {
      response.writeHead(404, headers).end('not found')
    }
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(resolve)
      }),
  }
}
