// The device models to choose from, and their labels.
import { knownModels } from 'hybridge'
import { tinyModel } from 'hybridge/tiny'

export const size = (bytes) =>
  bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(2)} GB`
    : bytes >= 1e7
      ? `${Math.round(bytes / 1e6)} MB`
      : `${(bytes / 1e6).toFixed(1)} MB`

/**
 * Each choice: its label, a description, its licence, and its options for `gemmaModel`, from an input field if there
 * is one.
 */
export const choices = {
  tiny: {
    label: 'Tiny, included with this page',
    // It cannot follow a conversation of unrelated questions.
    isSingleTurn: true,
    about: `${size(tinyModel.bytes)}. Sums, capitals, questions about a text; knows nothing of the world.`,
    licence: { label: 'MIT or Apache-2.0', href: 'https://www.apache.org/licenses/LICENSE-2.0' },
    bytes: tinyModel.bytes,
    contextWindow: 512,
    options: () => ({ model: tinyModel, contextWindow: 512 }),
  },
  ...Object.fromEntries(
    Object.entries(knownModels)
      .filter(([, { kind }]) => kind === 'generator')
      .flatMap(([name, { approximateBytes, licence, url, contextWindow, mmproj }]) => {
        const choice = (label, bytes, options) => ({
          label,
          about: `About ${size(bytes)}, from ${new URL(url).host}.`,
          licence: { label: 'Gemma’s terms', href: licence },
          bytes,
          contextWindow,
          options: () => ({ model: name, ...options }),
        })
        const seeing =
          mmproj && choice(`${name}, reads pictures`, approximateBytes + mmproj.approximateBytes, { mmproj: true })
        return [[name, choice(name, approximateBytes)], ...(seeing ? [[`${name}-seeing`, seeing]] : [])]
      }),
  ),
  url: {
    label: 'Model URL',
    about: 'Any Gemma 3 GGUF file on a server that allows this page.',
    field: 'url',
    options: ({ url }) => (isAddress(url) ? { model: url } : undefined),
  },
  file: {
    label: 'Open a file',
    about: 'A Gemma 3 GGUF file from this device. It is read here and sent nowhere.',
    field: 'file',
    options: ({ file }) => file && { model: file },
  },
}

// `URL.canParse` is missing in browsers of early 2023.
function isAddress(text) {
  try {
    return Boolean(new URL(text))
  } catch {
    return false
  }
}
