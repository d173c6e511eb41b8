/** The models and embedders of a face, by the names that its clients use. */

import { HybridError } from '../index.js'
import type { Embedder, Model } from '../index.js'

/** Models and embedders by the names that clients request. */
export interface ServedModels {
  models: Readonly<Record<string, Model>>
  embedders?: Readonly<Record<string, Embedder>>
}

/** One model under its own name, models by name, or models and embedders by name. */
export type Servable = Model | ServedModels | Readonly<Record<string, Model>>

/** The models and embedders of a face, by name. */
export interface Served {
  readonly models: ReadonlyMap<string, Model>
  readonly embedders: ReadonlyMap<string, Embedder>
}

/** Reads the options of a face; anything that isn't a model is INVALID_ARGUMENT at once, not at the first request. */
export function servedOf(given: Servable, face: string): Served {
  if (isModel(given)) return { models: new Map([[given.name, given]]), embedders: new Map() }
  if (typeof given !== 'object' || given === null) throw invalid(`${face} needs a model, or \`{ models }\` by name`)
  const named = given as Partial<ServedModels>
  const isWhole = typeof named.models === 'object' && named.models !== null && !isModel(named.models)
  const models = new Map(Object.entries(isWhole ? (named.models ?? {}) : (given as Record<string, Model>)))
  const embedders = new Map(Object.entries((isWhole ? named.embedders : undefined) ?? {}))
  for (const [name, model] of models) {
    if (!isModel(model)) throw invalid(`${face}: \`${name}\` is not a model; make one with defineModel()`)
  }
  for (const [name, embedder] of embedders) {
    if (typeof embedder?.embed !== 'function') throw invalid(`${face}: \`${name}\` is not an embedder`)
  }
  if (models.size + embedders.size === 0) throw invalid(`${face} needs at least one model`)
  return { models, embedders }
}

/** Whether a value has the two methods of a model. */
export function isModel(value: unknown): value is Model {
  const model = value as Partial<Model> | null | undefined
  return typeof model?.generate === 'function' && typeof model.generateStream === 'function'
}

function invalid(message: string): HybridError {
  return new HybridError('INVALID_ARGUMENT', message)
}
