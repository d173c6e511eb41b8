/**
 * The part of `redacting` that is loaded at its first request, as `dist/redact.js`, so that other pages don't download
 * it. It imports only small stateless functions of the core; errors are created by the core, so that there is one
 * error class.
 */

export { NameFinder } from './names.js'
export { kindOf, type Kind } from './placeholders.js'
export { Redactor } from './redactor.js'
export { restoreMessage, StreamRestorer } from './restore.js'
export type { Hidden } from './text-restorer.js'
