// What can be chosen as the device model, and how it is named to the visitor.
import { knownModels } from 'hybridge'
import { tinyModel } from 'hybridge/tiny'

export const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : bytes >= 1e7 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e6).toFixed(1)} MB`)

/** Each choice: its label, a line about it, its licence, and what `gemmaModel` takes for it (with a field's help where the visitor says more). */
export const choices = {
  tiny: {
    label: 'Tiny, comes with this page',
    about: `${size(tinyModel.bytes)}. Sums, capitals, questions about a text; knows nothing of the world.`,
    licence: { label: 'MIT or Apache-2.0', href: 'https://www.apache.org/licenses/LICENSE-2.0' },
    options: () => ({ model: tinyModel, contextWindow: 512 }),
  },
  ...Object.fromEntries(
    Object.entries(knownModels).filter(([, { kind }]) => kind === 'generator').map(([name, { approximateBytes, licence, url }]) => [
      name,
      {
        label: name,
        about: `About ${size(approximateBytes)}, from ${new URL(url).host}.`,
        licence: { label: 'Gemma’s terms', href: licence },
        options: () => ({ model: name }),
      },
    ]),
  ),
  url: { label: 'An address', about: 'Any Gemma 3 GGUF file on a server that allows this page.', field: 'url', options: ({ url }) => (url === '' ? undefined : { model: url }) },
  file: { label: 'A file of yours', about: 'A Gemma 3 GGUF file from this device. It is read here and sent nowhere.', field: 'file', options: ({ file }) => file && { model: file } },
}
