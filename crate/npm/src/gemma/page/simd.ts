/**
 * Whether this browser supports WebAssembly SIMD, without which the engine is not even downloaded.
 */

import { HybridError } from '../../border/errors.js'

/** The smallest module with a SIMD instruction: one function that returns zeros. */
const vectors = Uint8Array.of(
  0,
  97,
  115,
  109,
  1,
  0,
  0,
  0,
  1,
  5,
  1,
  96,
  0,
  1,
  123,
  3,
  2,
  1,
  0,
  10,
  10,
  1,
  8,
  0,
  65,
  0,
  253,
  15,
  253,
  98,
  11,
)

export function hasSimd(): boolean {
  return typeof WebAssembly !== 'undefined' && WebAssembly.validate(vectors)
}

export function checkSimd(): void {
  if (hasSimd()) return
  throw new HybridError(
    'FAILED_PRECONDITION',
    'this browser has no WebAssembly SIMD, which the engine needs (in Safari since 16.4)',
    { code: 'SIMD_UNAVAILABLE' },
  )
}
