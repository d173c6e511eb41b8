/** Images of a request, decoded by the browser and passed to the engine in bands of rows. */

import { readDataUrl } from '../../border/media.js'
import type { ModelRequest } from '../../border/request.js'
import { fromThrown } from '../../border/thrown.js'
import type { Message, Part } from '../../types.js'
import { Refusal, stopped } from './refusal.js'
import type { Generation, Model, Picture } from './wasm.js'

/** The number of pixels copied at once: 4 MB. */
const bandPixels = 1 << 20

/** Whether a request contains anything to decode. */
export function hasMedia({ messages }: ModelRequest): boolean {
  return messages.some(({ content }) => content.some(isMedia))
}

/** Returns the request as the engine reads it: with placeholders for the images. */
export function withoutBytes(request: ModelRequest): ModelRequest {
  const strip = (part: Part): Part => (isMedia(part) ? { media: { url: 'data:,' } } : part)
  const messages = request.messages.map((message): Message => ({ ...message, content: message.content.map(strip) }))
  return { ...request, messages }
}

/** Returns width and height of each image that the user sent, in order. */
export async function sidesOf(request: ModelRequest): Promise<Uint32Array> {
  const sides: number[] = []
  for (const bitmap of bitmapsOf(request)) {
    const decoded = await bitmap()
    sides.push(decoded.width, decoded.height)
    decoded.close()
  }
  return Uint32Array.from(sides)
}

/** A generation whose images are decoded at the first pull, so that an abort also stops the decoding. */
export class SeeingGeneration {
  readonly #model: Model
  readonly #request: ModelRequest
  readonly #seed: number
  readonly #work = new AbortController()
  #generation: Generation | undefined
  #report: (share: number) => void = () => {}
  /** In steps of a hundredth, so that listeners are called rarely. */
  #share = -1

  constructor(model: Model, request: ModelRequest, seed: number) {
    this.#model = model
    this.#request = request
    this.#seed = seed
  }

  /** `report` receives the finished share of the work on each image, from 0 to 1. */
  async next(report: (share: number) => void): Promise<string> {
    this.#report = report
    if (this.#generation !== undefined) return await this.#generation.next()
    const pictures: Picture[] = []
    try {
      for (const bitmap of bitmapsOf(this.#request))
        pictures.push(await pictureOf(await bitmap(), this.#model, this.#work.signal))
      if (this.#work.signal.aborted) throw stopped()
    } catch (thrown) {
      for (const picture of pictures) picture.free()
      throw thrown
    }
    // The engine takes ownership of the images.
    this.#generation = this.#model.start(
      JSON.stringify(withoutBytes(this.#request)),
      pictures,
      this.#seed,
      (share: number) => this.#onShare(share),
    )
    return '{}'
  }

  #onShare(share: number): void {
    const hundredths = Math.floor(share * 100)
    if (hundredths === this.#share) return
    this.#share = hundredths
    this.#report(hundredths / 100)
  }

  cancel(): void {
    this.#work.abort()
    this.#generation?.cancel()
  }
}

interface Decoded {
  readonly width: number
  readonly height: number
  /** Draws rows from `top` on, and returns their bytes: four per pixel. */
  rows(top: number, count: number): Uint8Array
  close(): void
}

/** Returns how to decode each image. The engine rejects media of other roles by name. */
function bitmapsOf({ messages }: ModelRequest): Array<() => Promise<Decoded>> {
  const parts = messages.filter(({ role }) => role === 'user').flatMap(({ content }) => content)
  return parts.filter(isMedia).map(
    ({ media }) =>
      () =>
        decode(media),
  )
}

async function decode({ url, contentType }: { url: string; contentType?: string | undefined }): Promise<Decoded> {
  const { type, bytes } = read(url)
  const named = contentType ?? type
  if (!/^image\//i.test(named))
    throw refusal('MEDIA_UNSUPPORTED', `the device supports pictures and no other media (${named || 'no type'})`)
  let bitmap: ImageBitmap
  try {
    // Upright by its EXIF orientation, in sRGB; the first frame of an animation.
    bitmap = await createImageBitmap(new Blob([bytes], { type: named }), { premultiplyAlpha: 'none' })
  } catch {
    throw refusal('PICTURE_INVALID', `a picture (${named}) cannot be decoded: convert it to PNG, JPEG or WebP`)
  }
  const { width, height } = bitmap
  let context: OffscreenCanvasRenderingContext2D | null = null
  return {
    width,
    height,
    rows(top, count) {
      context ??= new OffscreenCanvas(width, bandOf(width)).getContext('2d', { willReadFrequently: true })
      if (context === null) throw refusal('PICTURE_INVALID', 'the browser has no canvas for decoding pictures')
      context.clearRect(0, 0, width, count)
      context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count)
      return new Uint8Array(context.getImageData(0, 0, width, count).data.buffer)
    },
    close: () => bitmap.close(),
  }
}

function read(url: string): { type: string; bytes: Uint8Array<ArrayBuffer> } {
  let found: ReturnType<typeof readDataUrl>
  try {
    found = readDataUrl(url)
  } catch (thrown) {
    throw refusal('PICTURE_INVALID', fromThrown(thrown).message)
  }
  if (found === undefined)
    throw refusal('MEDIA_UNSUPPORTED', 'the device does not fetch media: pass the picture itself or a data: URL')
  return found
}

const bandOf = (width: number): number => Math.max(1, Math.floor(bandPixels / width))

async function pictureOf(decoded: Decoded, model: Model, signal: AbortSignal): Promise<Picture> {
  const { width, height } = decoded
  const step = bandOf(width)
  const picture = model.picture(width, height)
  try {
    for (let top = 0; top < height; top += step) {
      if (signal.aborted) throw stopped()
      picture.rows(decoded.rows(top, Math.min(step, height - top)))
      // Large images take a while, during which an abort may arrive.
      if (top + step < height) await new Promise((resolve) => setTimeout(resolve))
    }
    return picture
  } catch (thrown) {
    picture.free()
    throw thrown
  } finally {
    decoded.close()
  }
}

function isMedia(part: Part): part is Part & { media: { url: string; contentType?: string } } {
  return part.media !== undefined
}

function refusal(code: 'PICTURE_INVALID' | 'MEDIA_UNSUPPORTED', message: string): Refusal {
  return new Refusal({ status: 'INVALID_ARGUMENT', code, message })
}
