/**
 * A model's host on 127.0.0.1 with scripted faults: it cuts, stalls, corrupts, refuses and redirects, and sends false
 * headers.
 */

import { createServer } from 'node:http'
import { createHash } from 'node:crypto'

/**
 * Serves `files` (path to bytes). `moods` is a list from which each GET request takes the first entry; `rule(request)`
 * may return the mood instead. `requests` records path, range and headers.
 *
 * A mood: `{ cut }` ends the body after so many bytes, `{ stall }` stops sending after so many, `{ shift }` begins the
 * range too late, `{ corrupt }` flips all bits, `{ flip }` one of the last byte, `{ until }` waits for a promise, `{
 * more }` sends more than announced, `{ size }` states a wrong total size, `{ status, headers }` refuses, `{ redirect
 * }` redirects.
 */
export async function modelHost(files) {
  const host = {
    files,
    moods: [],
    rule: undefined,
    knowsRanges: true,
    exposes: true,
    etag: undefined,
    requests: [],
    sockets: new Set(),
    open: 0,
  }
  const server = createServer((request, response) => answer(host, request, response))
  server.on('connection', (socket) => {
    host.sockets.add(socket)
    socket.on('close', () => host.sockets.delete(socket))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  host.origin = `http://127.0.0.1:${server.address().port}`
  host.close = () =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(resolve)
    })
  return host
}

async function answer(host, request, response) {
  const { pathname } = new URL(request.url, 'http://127.0.0.1')
  const cors = {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': '*, authorization',
    ...(host.exposes ? { 'access-control-expose-headers': 'etag, content-range, accept-ranges' } : {}),
  }
  if (request.method === 'OPTIONS') return void response.writeHead(204, cors).end()
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  host.requests.push({ path: pathname, range: request.headers.range, headers: request.headers })
  const file = host.files[pathname]
  const mood =
    host.rule?.({ path: pathname, range: request.headers.range, headers: request.headers }) ?? host.moods.shift() ?? {}
  await mood.until
  if (mood.redirect !== undefined) return void response.writeHead(302, { ...cors, location: mood.redirect }).end()
  if (mood.status !== undefined)
    return void response.writeHead(mood.status, { ...cors, ...mood.headers }).end(mood.body ?? '')
  if (file === undefined) return void response.writeHead(404, cors).end()
  const isPart = range !== null && host.knowsRanges
  if (isPart && Number(range[1]) >= file.length)
    return void response.writeHead(416, { ...cors, 'content-range': `bytes */${file.length}` }).end()
  const start = isPart ? Math.min(Number(range[1]) + (mood.shift ?? 0), file.length - 1) : 0
  const end = isPart ? Math.min(Number(range[2]) + 1, file.length) : file.length
  let body = Buffer.from(file.subarray(start, end))
  if (mood.corrupt) body = body.map((byte) => byte ^ 0xff)
  if (mood.flip) body[body.length - 1] ^= 1
  const length = body.length
  if (mood.more) body = Buffer.concat([body, Buffer.alloc(mood.more, 0xee)])
  const etag = host.etag ?? `"${createHash('sha256').update(file).digest('hex').slice(0, 16)}"`
  response.writeHead(isPart ? 206 : 200, {
    ...cors,
    'content-type': 'application/octet-stream',
    ...(etag === 'none' ? {} : { etag }),
    // A body longer than announced can only be sent without a length.
    ...(mood.more ? {} : { 'content-length': length }),
    ...(isPart ? { 'content-range': `bytes ${start}-${end - 1}/${file.length + (mood.size ?? 0)}` } : {}),
  })
  host.open++
  response.on('close', () => host.open--)
  if (mood.cut !== undefined && mood.cut < length) {
    // A page loses unread data when its connection breaks, so it is given a moment to read.
    response.write(body.subarray(0, mood.cut), () => setTimeout(() => request.socket.end(), 10))
    if (mood.cut === 0) request.socket.end()
  } else if (mood.stall !== undefined) {
    response.write(body.subarray(0, mood.stall))
  } else response.end(body)
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
