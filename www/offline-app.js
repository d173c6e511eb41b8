// The page as an app: cached for offline use, and updated when there is a newer version.

/** Shows in `bar` that a newer version is available, with a button to switch to it. */
function offer(bar, change) {
  const button = Object.assign(document.createElement('button'), {
    type: 'button',
    className: 'small',
    textContent: 'Reload',
  })
  button.addEventListener('click', change)
  bar.replaceChildren('A new version of this page is ready. ', button)
  bar.hidden = false
}

const workers = navigator.serviceWorker
let isChanging = false

function change(waiting) {
  isChanging = true
  waiting.postMessage('take over')
}

/** Switches to a version that was downloaded during the last visit. Called first, before the visitor starts. */
export async function takeWaiting() {
  workers?.addEventListener('controllerchange', () => {
    if (isChanging) location.reload()
  })
  const registration = await workers?.getRegistration()
  if (registration?.waiting && workers.controller) change(registration.waiting)
}

/** Registers the service worker. A version that is found from now on is offered in `bar`. */
export async function keepPage(bar) {
  if (workers === undefined) return
  const registration = await workers.register('sw.js', { updateViaCache: 'none' })
  const watch = (next) => {
    const offerIt = () => {
      // The first version replaces nothing.
      if (next.state === 'installed' && workers.controller) offer(bar, () => change(next))
    }
    offerIt()
    next.addEventListener('statechange', offerIt)
  }
  for (const next of [registration.waiting, registration.installing]) if (next) watch(next)
  registration.addEventListener('updatefound', () => watch(registration.installing))
}

/** Caches the engine for this device, too. Settles when it is cached; never settles without a service worker. */
export async function keepEngine(runsOn) {
  if (workers === undefined) return
  const { active } = await workers.ready
  await new Promise((resolve) => {
    workers.addEventListener('message', ({ data }) => data === 'engine kept' && resolve())
    active.postMessage({ keepEngine: runsOn })
  })
  document.body.dataset.engineKept = 'true'
}
