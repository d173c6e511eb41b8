/** `hybridge/retrieval`: finds texts by meaning and by keywords, on this device. */

export { augment, withRetrieval, type Augmented, type AugmentOptions, type Citation } from './augment.js'
export { chunkText, type ChunkOptions, type TextChunk } from './chunk-text.js'
export { retriever, type RetrievedPassages, type RetrieverOptions } from './retriever.js'
export { deleteVectorStore, vectorStores } from './stored.js'
export { vectorStore } from './vector-store.js'
export type * from './types.js'
