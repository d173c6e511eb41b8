/** The time and the names of runs: the two things every model needs from its host. */

/** Milliseconds since 1970 that never run backwards, so that differences are durations. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** A name for one run. `randomUUID` exists in secure contexts only, and a trace must not depend on that. */
export function newId(): string {
  return (
    globalThis.crypto?.randomUUID?.() ?? `${Math.random().toString(16).slice(2)}-${Math.random().toString(16).slice(2)}`
  )
}
