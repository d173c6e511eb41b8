/** An address, or nothing for a text that is none. Without `canParse`, which browsers of early 2023 lack. */
export function urlOf(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
