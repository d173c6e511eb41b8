/** A scripted HTTP server on 127.0.0.1, which records requests and writes responses step by step. */

import { createServer } from 'node:http'

/**
 * Serves until `close()`.
 *
 * `answer(request)` gives a reply, `{ status, headers, steps }`. A step is a text or bytes to write, `{ wait: promise
 * }`, or `'cut'`, which tears the connection down in the middle. A reply pushed with `next()` takes precedence over
 * `answer`. It may be a function of the request, and may return a promise.
 *
 * `cors`: `false` for a server without CORS headers, or the request headers that pages may send.
 */
export async function startLoopback({ answer, cors = ['authorization', 'content-type'], port = 0 }) {
  const script = []
  const requests = []
  const server = createServer(async (incoming, outgoing) => {
    if (cors && incoming.headers.origin !== undefined) {
      outgoing.setHeader('access-control-allow-origin', '*')
      if (incoming.method === 'OPTIONS') {
        outgoing.setHeader('access-control-allow-methods', 'POST')
        outgoing.setHeader('access-control-allow-headers', cors.join(', '))
      }
    }
    if (incoming.method === 'OPTIONS') {
      outgoing.writeHead(cors ? 204 : 404).end()
      return
    }
    const request = {
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
      text: await textOf(incoming),
    }
    request.closed = new Promise((resolve) =>
      outgoing.once('close', () => resolve(outgoing.writableFinished ? 'finished' : 'cut')),
    )
    try {
      request.body = JSON.parse(request.text)
    } catch {
      // Left undefined, so that `answer` rejects it with its own message.
    }
    requests.push(request)
    const scripted = script.shift()
    const reply = typeof scripted === 'function' ? scripted(request) : (scripted ?? answer(request))
    await play(await reply, outgoing)
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    requests,
    /** Answers the next request with this reply, whatever the request is. */
    next: (reply) => void script.push(reply),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(resolve)
      }),
  }
}

async function play({ status = 200, headers = {}, steps }, outgoing) {
  let isGone = false
  const gone = new Promise((resolve) =>
    outgoing.once('close', () => {
      isGone = true
      resolve()
    }),
  )
  outgoing.writeHead(status, headers)
  outgoing.flushHeaders()
  for (const step of steps) {
    if (isGone) return
    if (step === 'cut') {
      // Written data must be sent before the connection closes.
      await new Promise((resolve) => outgoing.write('', resolve))
      outgoing.destroy()
      return
    }
    if (typeof step === 'string' || Buffer.isBuffer(step))
      await new Promise((resolve) => (isGone ? resolve() : outgoing.write(step, resolve)))
    else await Promise.race([step.wait, gone])
  }
  outgoing.end()
}

async function textOf(incoming) {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** Returns a reply with one JSON value. */
export function json(value, { status = 200, headers = {} } = {}) {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=UTF-8', ...headers },
    steps: [JSON.stringify(value, null, 2)],
  }
}

/** A promise and the function that resolves it, to delay a reply. */
export function gate() {
  let open
  const opened = new Promise((resolve) => {
    open = resolve
  })
  return { wait: opened, open }
}
