/**
 * Serialises functions and values for browsers that are driven without Playwright.
 */

/**
 * Returns the body of an async function that runs `work` in a page and returns its result as text. Results and
 * arguments are JSON, or `undefined`.
 */
export function callOf(work, argument) {
  const call = typeof work === 'function' ? `(${work})(decode(${JSON.stringify(encode(argument))}))` : `(${work})`
  return `const encode = ${encode}; const decode = ${decode}; return JSON.stringify(encode(await ${call}))`
}

export function resultOf(text) {
  return decode(JSON.parse(text))
}

function encode(value) {
  if (value === undefined) return { $: 'undefined' }
  if (Array.isArray(value)) return value.map((item) => encode(item))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encode(item)]))
  return value
}

function decode(value) {
  if (Array.isArray(value)) return value.map((item) => decode(item))
  if (typeof value !== 'object' || value === null) return value
  if (value.$ === 'undefined') return undefined
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item)]))
}
