/**
 * Isolates a page whose host sends no headers, so that Gemma computes with threads. Load it first, as a classic script:
 * <script src="isolate.js"></script>. The same file is the service worker, which adds the headers to every answer. The
 * first visit loads the page twice.
 */

if (typeof document === 'undefined') {
  self.addEventListener('install', () => self.skipWaiting())
  self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
  self.addEventListener('fetch', (event) => {
    const { request } = event
    // A request of developer tools, which fetch refuses.
    if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return
    event.respondWith(fetch(request).then(isolated))
  })
} else if (!crossOriginIsolated && 'serviceWorker' in navigator) {
  // Only once: if the headers do not help, the page stays as it is.
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (sessionStorage.getItem('isolate') === null) {
      sessionStorage.setItem('isolate', 'tried')
      location.reload()
    }
  })
  navigator.serviceWorker.register(document.currentScript.src)
}

function isolated(response) {
  // The headers of other origins and of redirects cannot be changed.
  if (response.status === 0) return response
  const { body, status, statusText } = response
  const headers = new Headers(response.headers)
  headers.set('cross-origin-opener-policy', 'same-origin')
  headers.set('cross-origin-embedder-policy', 'require-corp')
  return new Response(body, { status, statusText, headers })
}
