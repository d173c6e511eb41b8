/**
 * hybridge: Gemma on the visitor's own device, Gemini in the cloud, one object that decides.
 * Importing this has no effect; wasm is loaded at the first use.
 */

export { geminiModel } from './cloud/gemini.js'
export { openAICompatibleModel, type OpenAICompatibleOptions } from './cloud/openai-compatible.js'
export { promptApiModel } from './cloud/prompt-api.js'
export { configure } from './configure.js'
export { gpuSelfTest } from './device/self-test.js'
export type { GpuReport } from './device/protocol.js'
export type { WorkerPlaces } from './device/worker-client.js'
export type { WasmSource } from './glue/page.js'
export { deviceFacts } from './device-facts.js'
export { listCachedModels, type CachedModel } from './device/cached-models.js'
export { gemmaEmbedder } from './device/embedder.js'
export { gemmaModel } from './device/gemma.js'
export { knownModels, type KnownModel } from './device/known-models.js'
export { HybridError } from './errors.js'
export { cascadeModel, confidenceCascade, hybridModel, hybridModelOnDeviceCloud } from './hybrid.js'
export { kCloud, kOnDevice } from './keys.js'
export { defineModel, type ModelDefinition } from './model.js'
export { runTools, type RunToolsOptions, type ToolFunction } from './run-tools.js'
export * from './strategies/index.js'
export type * from './types.js'
