/**
 * OpenAI's API for hybridge models: a `fetch` for the official client or a service worker, and a client without HTTP.
 * Importing this has no effect.
 */

export {
  openAIClient,
  OpenAIFaceError,
  type Create,
  type OpenAIFaceClient,
  type OpenAIRequestOptions,
} from './client.js'
export { openAIFetch } from './fetch.js'
export type { OutputItem, ResponseEvent, ResponseObject } from './responses.js'
export type { OpenAIServable } from './service.js'
export type { Servable, ServedModels } from '../served.js'
export type * from './wire.js'
