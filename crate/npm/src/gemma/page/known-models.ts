/**
 * Models that have a name here: public GGUF files that ask for no account, with their size and where their licence stands.
 *
 * The addresses are those of the hosts' own listings. None of these files was ever downloaded by a test.
 */

export interface KnownModel {
  readonly kind: 'generator' | 'embedder'
  readonly url: string
  /** Approximate; the host reports the exact size. */
  readonly approximateBytes: number
  readonly licence: string
  readonly shape: ModelShape
}

/** `hybridge_core::device::Shape`: what decides how much memory a context takes. */
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

const licence = 'https://ai.google.dev/gemma/terms'

export const knownModels: Readonly<Record<string, KnownModel>> = {
  'gemma-3-270m-it': {
    kind: 'generator',
    url: 'https://huggingface.co/ggml-org/gemma-3-270m-it-GGUF/resolve/main/gemma-3-270m-it-Q8_0.gguf',
    approximateBytes: 292_000_000,
    licence,
    shape: { layers: 18, width: 640, hidden: 2048, heads: 4, kvHeads: 1, headDim: 256, window: 512, context: 32_768 },
  },
  'gemma-3-1b-it': {
    kind: 'generator',
    url: 'https://huggingface.co/ggml-org/gemma-3-1b-it-GGUF/resolve/main/gemma-3-1b-it-Q4_K_M.gguf',
    approximateBytes: 806_000_000,
    licence,
    shape: { layers: 26, width: 1152, hidden: 6912, heads: 4, kvHeads: 1, headDim: 256, window: 512, context: 32_768 },
  },
  'gemma-3-4b-it': {
    kind: 'generator',
    url: 'https://huggingface.co/ggml-org/gemma-3-4b-it-GGUF/resolve/main/gemma-3-4b-it-Q4_K_M.gguf',
    approximateBytes: 2_490_000_000,
    licence,
    shape: {
      layers: 34,
      width: 2560,
      hidden: 10_240,
      heads: 8,
      kvHeads: 4,
      headDim: 256,
      window: 1024,
      context: 131_072,
    },
  },
  'embeddinggemma-300m': {
    kind: 'embedder',
    url: 'https://huggingface.co/ggml-org/embeddinggemma-300M-GGUF/resolve/main/embeddinggemma-300M-Q8_0.gguf',
    approximateBytes: 329_000_000,
    licence,
    shape: { layers: 24, width: 768, hidden: 1152, heads: 3, kvHeads: 1, headDim: 256, window: 512, context: 2048 },
  },
}
