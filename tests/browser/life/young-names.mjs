/** Removes APIs that the oldest supported browsers lack: Safari 16.4, Firefox 115, Chrome 113. */

const young = [
  ['AbortSignal', ['any']],
  ['Promise', ['withResolvers', 'try']],
  ['Array', ['fromAsync']],
  ['Object', ['groupBy']],
  ['Map', ['groupBy']],
  ['URL', ['canParse', 'parse']],
  ['Response', ['json']],
  ['Uint8Array', ['fromBase64', 'fromHex']],
  ['RegExp', ['escape']],
  ['Iterator', ['from']],
]
const youngMethods = [
  ['ArrayBuffer', ['transfer', 'transferToFixedLength', 'resize']],
  ['Blob', ['bytes']],
  ['Response', ['bytes']],
  ['Request', ['bytes']],
  ['ReadableStream', [Symbol.asyncIterator, 'values']],
  [
    'Set',
    ['union', 'intersection', 'difference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom', 'symmetricDifference'],
  ],
  ['String', ['isWellFormed', 'toWellFormed']],
  ['Uint8Array', ['toBase64', 'toHex', 'setFromBase64']],
]

export function forgetYoungNames() {
  for (const [owner, names] of young) for (const name of names) delete globalThis[owner]?.[name]
  for (const [owner, names] of youngMethods) for (const name of names) delete globalThis[owner]?.prototype[name]
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()))
  for (const name of [
    'map',
    'filter',
    'take',
    'drop',
    'flatMap',
    'reduce',
    'toArray',
    'forEach',
    'some',
    'every',
    'find',
  ])
    delete iterator[name]
  delete globalThis.Iterator
  delete globalThis.Float16Array
}
