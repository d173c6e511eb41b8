// Caches the demo's files for offline use, except weights, which the package stores. `sw-files.js` is generated with
// the files: it sets `demo.version`, `demo.shell` and `demo.engines`.
importScripts('sw-files.js')

const { version, shell, engines } = self.demo
const prefix = `hybridge-demo ${registration.scope} `
const cacheName = prefix + version
const known = new Set([...shell, ...engines.cpu, ...engines.gpu])

/** Asks the server whether its cached copy is current, so that versions never mix. */
const fresh = (path) => new Request(new URL(path, registration.scope), { cache: 'no-cache' })

/** Returns the requested file relative to the demo; undefined if it isn't one of the demo's. */
function fileOf({ url, method }) {
  if (method !== 'GET' || !url.startsWith(registration.scope)) return undefined
  const [path] = url.slice(registration.scope.length).split(/[?#]/)
  const file = path === '' ? 'index.html' : path
  return known.has(file) ? file : undefined
}

async function answer(request, file) {
  const cache = await caches.open(cacheName)
  const kept = await cache.match(new URL(file, registration.scope))
  return kept ?? fetch(request)
}

/** Only the engine that a model ran on is cached, so that no visitor downloads one that cannot run here. */
async function keepEngine(runsOn) {
  const cache = await caches.open(cacheName)
  for (const path of engines[runsOn] ?? []) {
    if (!(await cache.match(new URL(path, registration.scope)))) await cache.add(fresh(path))
  }
}

addEventListener('install', (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(shell.map(fresh))))
})

addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith(prefix) && name !== cacheName)
      await Promise.all(old.map((name) => caches.delete(name)))
      await clients.claim()
    })(),
  )
})

addEventListener('message', (event) => {
  if (event.data === 'take over') event.waitUntil(skipWaiting())
  const runsOn = event.data?.keepEngine
  if (runsOn)
    event.waitUntil(
      keepEngine(runsOn).then(
        () => event.source?.postMessage('engine kept'),
        () => undefined,
      ),
    )
})

addEventListener('fetch', (event) => {
  const file = fileOf(event.request)
  if (file !== undefined) event.respondWith(answer(event.request, file))
})
