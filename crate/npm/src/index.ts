/**
 * hybridge: Gemma on the visitor's own device, Gemini in the cloud, one object that decides.
 * Importing this has no effect; wasm is loaded at the first use.
 */

export { HybridError } from './errors.js'
export { defineModel, type ModelDefinition } from './model.js'
export type * from './types.js'
