/** Known models and the addresses of their files. */

/** A known model: a public GGUF file that needs no account, its size and the address of its licence. */
export interface KnownModel {
  readonly kind: 'generator' | 'embedder'
  readonly url: string
  /** Approximate; the host reports the exact size. */
  readonly approximateBytes: number
  readonly licence: string
  /** The context length with which the network was trained. */
  readonly contextWindow: number
  /** The vision tower of a model that reads images. Downloaded only with `mmproj: true`. */
  readonly mmproj?: { readonly url: string; readonly approximateBytes: number }
}

const licence = 'https://ai.google.dev/gemma/terms'

/**
 * The known models. Their addresses come from the hosts' own listings; the project's tests download none of them.
 *
 * @example
 * const small = Object.entries(knownModels).filter(([, { approximateBytes }]) => approximateBytes < 1e9)
 */
export const knownModels: Readonly<Record<string, KnownModel>> = /* @__PURE__ */ Object.freeze({
  'gemma-3-270m-it': {
    kind: 'generator',
    url: 'https://huggingface.co/ggml-org/gemma-3-270m-it-GGUF/resolve/main/gemma-3-270m-it-Q8_0.gguf',
    approximateBytes: 292_000_000,
    licence,
    contextWindow: 32_768,
  },
  'gemma-3-1b-it': {
    kind: 'generator',
    url: 'https://huggingface.co/ggml-org/gemma-3-1b-it-GGUF/resolve/main/gemma-3-1b-it-Q4_K_M.gguf',
    approximateBytes: 806_000_000,
    licence,
    contextWindow: 32_768,
  },
  'gemma-3-4b-it': {
    kind: 'generator',
    url: 'https://huggingface.co/ggml-org/gemma-3-4b-it-GGUF/resolve/main/gemma-3-4b-it-Q4_K_M.gguf',
    approximateBytes: 2_490_000_000,
    licence,
    contextWindow: 131_072,
    mmproj: {
      url: 'https://huggingface.co/ggml-org/gemma-3-4b-it-GGUF/resolve/main/mmproj-model-f16.gguf',
      approximateBytes: 851_000_000,
    },
  },
  'embeddinggemma-300m': {
    kind: 'embedder',
    url: 'https://huggingface.co/ggml-org/embeddinggemma-300M-GGUF/resolve/main/embeddinggemma-300M-Q8_0.gguf',
    approximateBytes: 329_000_000,
    licence,
    contextWindow: 2048,
  },
} satisfies Record<string, KnownModel>)
