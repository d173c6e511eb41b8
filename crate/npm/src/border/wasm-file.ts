/** A file of WebAssembly over the network, and a sentence for each way in which that fails. */

/** Its message names the address, the cause, and what to do. */
export class WasmFault extends Error {}

/** Where the file's place can be named, for the sentences. */
type Option = 'configure({ wasmUrl })' | 'wasmUrl' | 'cpuWasmUrl'

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

/** Something else is at the address, such as a server's page for unknown ones. */
export function foreign(address: string, response: Response, option: Option): WasmFault {
  const type = response.headers.get('content-type') ?? 'an unknown type'
  return new WasmFault(
    `${address} is not WebAssembly (the server answered ${type}, perhaps a fallback page): ${beside(option)}`,
  )
}

/** Why bytes that are here could not be started. */
export function startFault(cause: unknown): string {
  if (typeof WebAssembly === 'undefined') return 'this host has no WebAssembly'
  return /content security policy|unsafe-eval|disallowed by embedder/i.test(String(cause))
    ? "the page's Content Security Policy forbids WebAssembly; add 'wasm-unsafe-eval' to its script-src"
    : 'it does not compile; is it the file of this very version of the package?'
}
