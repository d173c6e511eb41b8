/**
 * What `redacting` loads at its first request, as `dist/redact.js`: pages that redact nothing do not pay for it. It
 * imports nothing of the core but small functions that need no state; errors come from the core, so that there is one
 * class of them.
 */

export { NameFinder } from './names.js'
export { kindOf, type Kind } from './placeholders.js'
export { Redactor } from './redactor.js'
export { restoreMessage, StreamRestorer } from './restore.js'
export type { Hidden } from './text-restorer.js'
