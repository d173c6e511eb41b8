/** The network sizes of the known models, so that their memory is known before their files are. */

/**
 * The sizes of a network, which determine how much memory a context takes. The twin of `hybridge_core::device::Shape`.
 */
export interface ModelShape {
  readonly layers: number
  readonly width: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly window: number
  readonly context: number
}

/** The network sizes of each known model, by name. */
export const knownShapes: Readonly<Record<string, ModelShape>> = {
  'gemma-3-270m-it': {
    layers: 18,
    width: 640,
    hidden: 2048,
    heads: 4,
    kvHeads: 1,
    headDim: 256,
    window: 512,
    context: 32_768,
  },
  'gemma-3-1b-it': {
    layers: 26,
    width: 1152,
    hidden: 6912,
    heads: 4,
    kvHeads: 1,
    headDim: 256,
    window: 512,
    context: 32_768,
  },
  'gemma-3-4b-it': {
    layers: 34,
    width: 2560,
    hidden: 10_240,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    window: 1024,
    context: 131_072,
  },
  'embeddinggemma-300m': {
    layers: 24,
    width: 768,
    hidden: 1152,
    heads: 3,
    kvHeads: 1,
    headDim: 256,
    window: 512,
    context: 2048,
  },
}
