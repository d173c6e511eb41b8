/** Serves this folder with the two headers that isolate a page: `node server.mjs`, then open the address it prints. */

import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'

const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }

const server = createServer(async (request, response) => {
  response.setHeader('cross-origin-opener-policy', 'same-origin')
  response.setHeader('cross-origin-embedder-policy', 'require-corp')
  const path = normalize(new URL(request.url, 'http://localhost').pathname)
  const file = join(import.meta.dirname, path.endsWith('/') ? `${path}index.html` : path)
  try {
    const bytes = await readFile(file)
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream')
    response.end(bytes)
  } catch {
    response.writeHead(404).end('not found')
  }
})
server.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
)
