// `URL.canParse` is missing in browsers of early 2023.
/** Parses a URL; returns undefined for invalid text. */
export function urlOf(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
