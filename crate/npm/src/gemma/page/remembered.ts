/** Stores findings about this machine for the next visit, if the browser allows it. */

export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined
  } catch {
    return undefined
  }
}

export function remember(name: string, verdict: string): void {
  try {
    localStorage.setItem(name, verdict)
  } catch {
    // Without storage, the machine is examined again.
  }
}
