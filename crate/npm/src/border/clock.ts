/** The time and IDs of runs, which every model takes from its host. */

/** Returns milliseconds since 1970. The clock never goes backwards, so that differences are durations. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** Returns an ID for one run. `randomUUID` exists in secure contexts only, and a trace must not depend on that. */
export function newId(): string {
  return (
    globalThis.crypto?.randomUUID?.() ?? `${Math.random().toString(16).slice(2)}-${Math.random().toString(16).slice(2)}`
  )
}
