/** Media of a request: converts Blobs and bytes to `data:` URLs, and `data:` URLs to bytes. */

import { invalid } from './errors.js'
import { isObject } from './json.js'
import type { RefuseAt } from './parts.js'

/** Media that must be read before they can be sent; `target` is the part's own object, which then gets its URL. */
export interface Pending {
  readonly source: Blob | ImageBitmap
  readonly path: string
  readonly target: { url: string; contentType?: string }
}

/** Returns the bytes to read of a part's `media`; undefined if it has a URL. Bytes are copied at once. */
export function pendingMedia(content: unknown, path: string, refuse: RefuseAt): Pending | undefined {
  const isWrapped = isObject(content) && !isBlob(content) && !isBitmap(content)
  const { data, contentType } = isWrapped ? content : { data: content, contentType: undefined }
  if (isWrapped && data === undefined) return undefined
  if (contentType !== undefined && typeof contentType !== 'string')
    throw refuse(`${path}.contentType`, 'must be a string')
  const given = contentType === undefined ? {} : { contentType }
  if (isBitmap(data)) return { source: data, path, target: { url: '', contentType: 'image/png' } }
  if (isBlob(data)) {
    if (data.type === '' && contentType === undefined)
      throw refuse(path, 'must name its `contentType`: the Blob has no type')
    return { source: data, path, target: { url: '', contentType: contentType ?? data.type } }
  }
  if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer) {
    if (contentType === undefined) throw refuse(path, 'must name the `contentType` of its bytes')
    return { source: new Blob([data as BlobPart]), path, target: { url: '', ...given } }
  }
  if (isWrapped) throw refuse(`${path}.data`, 'must be a Blob, an ImageBitmap or bytes')
  return undefined
}

/** Reads the media into its part. */
export async function encodeMedia({ source, path, target }: Pending): Promise<void> {
  let bytes: Uint8Array
  try {
    const blob = isBlob(source) ? source : await pictureOf(source)
    bytes = new Uint8Array(await blob.arrayBuffer())
  } catch (cause) {
    throw invalid(`\`${path}\` cannot be read; see the cause`, cause)
  }
  target.url = `data:${target.contentType ?? ''};base64,${base64Of(bytes)}`
}

/**
 * Returns the bytes and the type of a `data:` URL; undefined for any other URL, INVALID_ARGUMENT for a malformed one.
 */
export function readDataUrl(url: string): { type: string; bytes: Uint8Array<ArrayBuffer> } | undefined {
  const [, head, data = ''] = /^data:([^,]*),(.*)$/is.exec(url) ?? []
  if (head === undefined) return undefined
  const [type = '', ...parameters] = head.split(';')
  const isBase64 = parameters.at(-1)?.trim().toLowerCase() === 'base64'
  try {
    const text = isBase64 ? atob(decodeURIComponent(data)) : percentDecoded(data)
    return { type: type.trim().toLowerCase(), bytes: Uint8Array.from(text, (character) => character.charCodeAt(0)) }
  } catch (cause) {
    throw invalid('a `data:` address of the request is malformed', cause)
  }
}

/** Decodes percent-encoded text to one character per byte. A percent sign that encodes nothing is kept. */
function percentDecoded(text: string): string {
  const bytes = new TextEncoder().encode(text)
  const raw = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  return raw.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)))
}

function base64Of(bytes: Uint8Array): string {
  const step = 0x8000
  let text = ''
  for (let at = 0; at < bytes.length; at += step) text += String.fromCharCode(...bytes.subarray(at, at + step))
  return btoa(text)
}

async function pictureOf(bitmap: ImageBitmap): Promise<Blob> {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0)
  return await canvas.convertToBlob({ type: 'image/png' })
}

function isBlob(value: unknown): value is Blob {
  return typeof Blob !== 'undefined' && value instanceof Blob
}

function isBitmap(value: unknown): value is ImageBitmap {
  return typeof ImageBitmap !== 'undefined' && value instanceof ImageBitmap
}
