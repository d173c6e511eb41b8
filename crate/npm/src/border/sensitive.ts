/** The kinds of personal data that can be detected, in the order of `hybridge_core::SensitiveKind`. */

import { invalid } from './errors.js'
import type { SensitiveKind } from '../types.js'

export const sensitiveKinds: readonly SensitiveKind[] = [
  'email',
  'phone',
  'credit-card',
  'iban',
  'ssn',
  'ip-address',
  'api-key',
  'date-of-birth',
  'national-id',
]

const known: ReadonlySet<unknown> = new Set(sensitiveKinds)

export function kindsArgument(kinds: readonly SensitiveKind[], what: string): void {
  if (!(Array.isArray(kinds) && kinds.every((it) => known.has(it))))
    throw invalid(`${what} must be a list of ${sensitiveKinds.join(', ')}`)
}
