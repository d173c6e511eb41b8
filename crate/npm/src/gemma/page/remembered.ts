/** What was found out about this machine, kept for the next visit where the browser lets us. */

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
    // Then it is looked at again.
  }
}
