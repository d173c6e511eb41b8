/** Fetches a WebAssembly file, with a clear message for each way in which that can fail. */

/** Its message names the address, the cause, and what to do. */
export class WasmFault extends Error {}

/** How the file's location can be configured, for the messages. */
type Option = 'configure({ wasmUrl })' | 'wasmUrl' | 'cpuWasmUrl' | 'threadsWasmUrl'

const beside = (option: Option): string => `serve the file beside the script, or name its place with ${option}`

export async function fetchWasm(address: string, option: Option): Promise<Response> {
  let response: Response
  try {
    response = await fetch(address)
  } catch (cause) {
    throw unreachable(address, cause)
  }
  if (response.ok) return response
  throw new WasmFault(`${address} is not there (the server answered ${response.status}): ${beside(option)}`)
}

export function unreachable(address: string, cause: unknown): WasmFault {
  return new WasmFault(
    `${address} ${
      address.startsWith('file:')
        ? 'is a file, which fetch does not read: serve the page over http, or give the bytes with configure({ wasmUrl })'
        : "could not be fetched: the network is down, or the page's Content Security Policy (connect-src) or the server's CORS headers forbid it"
    }`,
    { cause },
  )
}

/** The response is something else, such as a server's page for unknown paths. */
export function foreign(address: string, response: Response, option: Option): WasmFault {
  const type = response.headers.get('content-type') ?? 'an unknown type'
  return new WasmFault(
    `${address} is not WebAssembly (the server answered ${type}, perhaps a fallback page): ${beside(option)}`,
  )
}

/** Returns why bytes that were received could not be compiled. */
export function startFault(cause: unknown): string {
  if (typeof WebAssembly === 'undefined') return 'this host has no WebAssembly'
  return /content security policy|unsafe-eval|disallowed by embedder/i.test(String(cause))
    ? "the page's Content Security Policy forbids WebAssembly; add 'wasm-unsafe-eval' to its script-src"
    : 'it does not compile; is it the file of this very version of the package?'
}
