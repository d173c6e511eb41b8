/**
 * hybridge: Gemma on the visitor's device, Gemini in the cloud, and a router between them. Importing this has no
 * effect; wasm is loaded at the first use.
 */

export { geminiModel } from './cloud/gemini.js'
export { openAICompatibleModel, type OpenAICompatibleOptions } from './cloud/openai-compatible.js'
export { promptApiModel } from './built-in/prompt-api.js'
export { configure, type WasmSource } from './border/wasm.js'
export { deviceFacts } from './border/device-facts.js'
export { listCachedModels, removeCached, type CachedModel } from './gemma/page/cached-models.js'
export { gemmaEmbedder } from './gemma/page/embedder.js'
export { gemmaModel } from './gemma/page/gemma.js'
export { knownModels, type KnownModel } from './gemma/page/known-models.js'
export { HybridError } from './border/errors.js'
export { cascadeModel, confidenceCascade, hybridModel, hybridModelOnDeviceCloud } from './hybrid/hybrid.js'
export { kCloud, kOnDevice } from './hybrid/keys.js'
export { chat, chatFromJSON, deleteChat } from './chat/chat.js'
export { storedChats } from './chat/store.js'
export { defineAgent, type Agent, type AgentOptions } from './agent/agent.js'
export {
  streamTools,
  type ExecutableTool,
  type PausedRun,
  type StreamToolsOptions,
  type ToolCall,
  type ToolCallContext,
  type ToolEvent,
  type ToolRun,
  type ToolStream,
} from './agent/stream-tools.js'
export {
  defineFlow,
  type Flow,
  type FlowContext,
  type FlowRequest,
  type FlowOptions,
  type FlowSchema,
  type FlowStep,
  type FlowTrace,
  type StandardValidator,
} from './flow/flow.js'
export { defineModel, type ModelDefinition } from './model/model.js'
export { redacting } from './redact/redacting.js'
export type { CustomDetector, RedactionOptions } from './redact/options.js'
export { runTools, type RunToolsOptions, type ToolFunction } from './answer/run-tools.js'
export { wrapModel, type HookContext, type ModelHooks } from './model/wrap.js'
export { tool, type Tool, type ToolCallInfo } from './answer/tool.js'
export type { InferSchema, Schema, StandardSchema } from './border/schema.js'
export * from './hybrid/strategies.js'
export type * from './types.js'

// The other entries share the core's one copy of these. They are not public: the types leave them out.
/** @internal */
export { withResults } from './chat/history.js'
/** @internal */
export { configuredFile } from './border/wasm.js'
/** @internal */
export { gpuLimits } from './border/device-facts.js'
/** @internal */
export { gpuSelfTest } from './gemma/page/self-test.js'
/** @internal */
export { knownShapes } from './gemma/page/known-shapes.js'
