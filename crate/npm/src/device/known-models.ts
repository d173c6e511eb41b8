/**
 * Models that have a name here: public GGUF files that ask for no account, with their size and where their licence stands.
 *
 * The addresses are those of the hosts' own listings. None of these files was ever downloaded by a test.
 */

export interface KnownModel {
  readonly kind: 'generator' | 'embedder'
  readonly url: string
  /** About; the host tells the exact size. */
  readonly approximateBytes: number
  readonly licence: string
}

const licence = 'https://ai.google.dev/gemma/terms'

export const knownModels: Readonly<Record<string, KnownModel>> = {
  'gemma-3-270m-it': { kind: 'generator', url: 'https://huggingface.co/ggml-org/gemma-3-270m-it-GGUF/resolve/main/gemma-3-270m-it-Q8_0.gguf', approximateBytes: 292_000_000, licence },
  'gemma-3-1b-it': { kind: 'generator', url: 'https://huggingface.co/ggml-org/gemma-3-1b-it-GGUF/resolve/main/gemma-3-1b-it-Q4_K_M.gguf', approximateBytes: 806_000_000, licence },
  'gemma-3-4b-it': { kind: 'generator', url: 'https://huggingface.co/ggml-org/gemma-3-4b-it-GGUF/resolve/main/gemma-3-4b-it-Q4_K_M.gguf', approximateBytes: 2_490_000_000, licence },
  'embeddinggemma-300m': { kind: 'embedder', url: 'https://huggingface.co/ggml-org/embeddinggemma-300M-GGUF/resolve/main/embeddinggemma-300M-Q8_0.gguf', approximateBytes: 329_000_000, licence },
}
