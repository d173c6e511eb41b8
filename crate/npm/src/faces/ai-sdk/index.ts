/** hybridge models for Vercel's AI SDK. Importing this has no effect. */

export { downloadStore, type DownloadState, type DownloadStore, type Loadable } from '../download-store.js'
export type { Servable, ServedModels } from '../served.js'
export { AiSdkCallError, AiSdkNoSuchModelError } from './error.js'
export { aiSdkModel, type AiSdkModelOptions } from './language-model.js'
export { aiSdkEmbeddingModel, hybridgeProvider } from './provider.js'
export type { AiSdkEmbeddingModel, AiSdkLanguageModel, AiSdkProvider } from './spec.js'
