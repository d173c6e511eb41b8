/**
 * Sends one request to a model's host. The caller's headers are for the named address: a redirect to another origin
 * gets none of them, except that the browser itself decides about `authorization` (current ones drop it).
 */

/** The address of one file, with what earlier requests found out about it. */
export interface Route {
  url: string
  readonly headers: Readonly<Record<string, string>>
  /** The target of a redirect to another origin. Discarded once that address refuses. */
  resolved: string | undefined
  /** Whether the address redirects, so that headers other than `authorization` are withheld. */
  redirects: boolean
}

/** The maximum number of same-origin redirects followed by hand, so that the headers can be sent along. */
const mostHops = 3

export function routeTo(url: string, headers: Readonly<Record<string, string>>): Route {
  return { url, headers, resolved: undefined, redirects: false }
}

/** The response, and whether the request went to a redirect's earlier target. */
export interface PartAnswer {
  readonly response: Response
  readonly isResolved: boolean
  /** Whether headers of the caller were left out because of a redirect. */
  readonly isStripped: boolean
}

/** Requests a range of bytes, or the whole file. */
export async function requestPart(route: Route, range: string | undefined, signal: AbortSignal): Promise<PartAnswer> {
  const ask = (url: string, own: Readonly<Record<string, string>>, redirect: RequestRedirect): Promise<Response> => {
    const headers = new Headers(own)
    if (range !== undefined) headers.set('range', range)
    return fetch(url, {
      headers,
      signal,
      redirect,
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    })
  }
  if (route.resolved !== undefined)
    return { response: await ask(route.resolved, {}, 'follow'), isResolved: true, isStripped: false }
  const custom = Object.keys(route.headers).filter((name) => name.toLowerCase() !== 'authorization')
  for (let hops = 0; ; hops++) {
    if (Object.keys(route.headers).length > 0 && !route.redirects) {
      const response = await ask(route.url, route.headers, 'manual')
      if (response.type !== 'opaqueredirect') return { response, isResolved: false, isStripped: false }
      // Scripts cannot see the target, so the redirect is followed once without the headers that must not be sent
      // there.
      route.redirects = true
    }
    const response = await ask(route.url, without(route.headers, custom), 'follow')
    const isElsewhere = response.redirected && new URL(response.url).origin !== new URL(route.url).origin
    if (isElsewhere && response.ok) route.resolved = response.url
    if (!response.redirected || isElsewhere || custom.length === 0 || hops === mostHops) {
      return { response, isResolved: false, isStripped: custom.length > 0 }
    }
    route.url = response.url
    route.redirects = false
    await response.body?.cancel()
  }
}

function without(headers: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))
}
