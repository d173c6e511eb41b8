/** Converts `GemmaOptions.model` to one form. */

import { HybridError } from '../../border/errors.js'
import type { GemmaOptions } from '../../types.js'
import { knownModels, type KnownModel } from './known-models.js'
import { knownShapes, type ModelShape } from './known-shapes.js'
import type { RemoteFile } from '../protocol.js'

export type ModelSource =
  | { readonly kind: 'blob'; readonly name: string; readonly blob: Blob }
  | {
      readonly kind: 'remote'
      readonly name: string
      readonly files: readonly RemoteFile[]
      /** Approximate, unless the exact size is promised. */ readonly approximateBytes: number | undefined
      readonly shape: ModelShape | undefined
    }

/** Reads the option. A malformed one is INVALID_ARGUMENT at once, not at the first load. */
export function sourceOf(model: GemmaOptions['model'], kind: KnownModel['kind'], option = 'model'): ModelSource {
  if (typeof Blob !== 'undefined' && model instanceof Blob)
    return { kind: 'blob', name: model instanceof File && model.name !== '' ? model.name : 'file', blob: model }
  if (typeof model === 'string') {
    const known = Object.hasOwn(knownModels, model) ? knownModels[model] : undefined
    if (known !== undefined) {
      if (known.kind !== kind)
        throw invalid(
          known.kind === 'embedder'
            ? `'${model}' is an embedding model: use gemmaEmbedder`
            : `'${model}' is a model that generates text: use gemmaModel`,
        )
      return {
        kind: 'remote',
        name: model,
        files: [{ url: known.url }],
        approximateBytes: known.approximateBytes,
        shape: knownShapes[model],
      }
    }
    if (!looksLikeAddress(model))
      throw invalid(
        `there is no model named '${model}'; known are ${Object.keys(knownModels).join(', ')}, and any address of a GGUF file`,
      )
    return remote([{ url: absolute(model) }])
  }
  if (typeof model !== 'object' || model === null || !('url' in model))
    throw invalid(`\`${option}\` must be a name, an address, { url } or a Blob`)
  const urls = Array.isArray(model.url) ? model.url : [model.url]
  const digests = model.sha256 === undefined ? [] : Array.isArray(model.sha256) ? model.sha256 : [model.sha256]
  if (urls.length === 0 || !urls.every((url) => typeof url === 'string' && url !== ''))
    throw invalid(`\`${option}.url\` must be an address, or several`)
  if (digests.length !== 0 && digests.length !== urls.length)
    throw invalid(`\`${option}.sha256\` must name one digest for each of ${urls.length} files, found ${digests.length}`)
  if (!digests.every((digest) => /^[0-9a-f]{64}$/i.test(digest)))
    throw invalid(`\`${option}.sha256\` must be 64 hexadecimal digits`)
  if (model.bytes !== undefined && !(Number.isSafeInteger(model.bytes) && model.bytes > 0))
    throw invalid(`\`${option}.bytes\` must be a positive whole number`)
  const files = urls.map((url, index): RemoteFile => {
    const sha256 = digests[index]
    // For a split model `bytes` is the sum, which does not describe a single part.
    return {
      url: absolute(url),
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(model.bytes === undefined || urls.length > 1 ? {} : { bytes: model.bytes }),
    }
  })
  return { ...remote(files), approximateBytes: model.bytes }
}

/** Reads the vision tower's option; undefined if there is none. */
export function towerOf({ model, mmproj, imageTokens = 280 }: Partial<GemmaOptions>): ModelSource | undefined {
  if (![70, 140, 280, 560, 1120].includes(imageTokens)) throw invalid('`imageTokens` must be 70, 140, 280, 560 or 1120')
  if (mmproj === undefined) return undefined
  if (mmproj === true) {
    const known = typeof model === 'string' && Object.hasOwn(knownModels, model) ? knownModels[model] : undefined
    if (known?.mmproj === undefined)
      throw invalid('`mmproj: true` needs a known model that reads pictures; name the address of its mmproj file')
    return { ...remote([{ url: known.mmproj.url }]), approximateBytes: known.mmproj.approximateBytes }
  }
  if (typeof mmproj === 'string' && !looksLikeAddress(mmproj))
    throw invalid('`mmproj` must be the address of a GGUF file, { url }, a Blob or true')
  return sourceOf(mmproj, 'generator', 'mmproj')
}

/** A low-rank adapter and the strength with which it is applied. */
export interface AdapterSource {
  readonly source: ModelSource
  readonly scale: number
}

/** Reads the adapters' option. */
export function adaptersOf({ adapters = [] }: Partial<GemmaOptions>): readonly AdapterSource[] {
  if (!Array.isArray(adapters)) throw invalid('`adapters` must be an array of addresses, { url }, { file } or Blobs')
  return adapters.map((adapter: NonNullable<GemmaOptions['adapters']>[number], index): AdapterSource => {
    const option = `adapters[${index}]`
    if (typeof adapter === 'string' && !looksLikeAddress(adapter))
      throw invalid(`\`${option}\` must be the address of a GGUF file, { url }, { file } or a Blob`)
    if (typeof adapter !== 'object' || adapter === null || adapter instanceof Blob)
      return { source: sourceOf(adapter, 'generator', option), scale: 1 }
    const { scale = 1 } = adapter
    if (typeof scale !== 'number' || !Number.isFinite(scale))
      throw invalid(`\`${option}.scale\` must be a finite number`)
    return { source: sourceOf('file' in adapter ? adapter.file : adapter, 'generator', option), scale }
  })
}

/** Returns the name of its folder: readable, and unique to its addresses. */
export async function keyOf({ name, files }: Extract<ModelSource, { kind: 'remote' }>): Promise<string> {
  const text = files.map(({ url }) => url).join('\n')
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  const hex = [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${name.replace(/[^\w.-]+/g, '_').slice(0, 80)}-${hex}`
}

function remote(files: RemoteFile[]): Extract<ModelSource, { kind: 'remote' }> {
  const path = new URL(files[0]?.url ?? '').pathname
  return {
    kind: 'remote',
    name: decoded(path.slice(path.lastIndexOf('/') + 1).replace(/\.gguf$/i, '')) || 'model',
    files,
    approximateBytes: undefined,
    shape: undefined,
  }
}

function looksLikeAddress(text: string): boolean {
  return (
    /^(https?|blob|data):/i.test(text) ||
    text.startsWith('/') ||
    text.startsWith('./') ||
    text.startsWith('../') ||
    /\.gguf([?#]|$)/i.test(text)
  )
}

function absolute(url: string): string {
  const base = (globalThis as { location?: Location }).location?.href
  try {
    return new URL(url, base).href
  } catch {
    throw invalid('the model’s address cannot be read; outside of a page it must be absolute')
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function invalid(message: string): HybridError {
  return new HybridError('INVALID_ARGUMENT', message)
}
