/**
 * Schemas from callers: JSON Schema, or a Standard Schema that exports it. Types are inferred from both; neither is a
 * dependency.
 */

import { invalid } from './errors.js'
import { isObject, kindOf } from './json.js'
import type { JsonSchema } from '../types.js'

/** The part of https://standardschema.dev that is used here; zod 4, valibot, arktype and others implement it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/**
 * A JSON Schema, or a Standard Schema with a JSON Schema export (zod 4.2, arktype 2.1.28, `toStandardJsonSchema` of
 * valibot).
 */
export type Schema = JsonSchema | StandardSchema

/**
 * The type of values that a schema describes. A JSON Schema literal is inferred as far as types allow; others are
 * `unknown`.
 */
export type InferSchema<S> =
  S extends StandardSchema<infer Input> ? Input : S extends object ? InferJsonSchema<S> : unknown

type InferJsonSchema<S extends object> = S extends { readonly const: infer Value }
  ? Value
  : S extends { readonly enum: readonly (infer Value)[] }
    ? Value
    : S extends { readonly anyOf: readonly (infer Option)[] }
      ? InferSchema<Option>
      : S extends { readonly type: infer Type }
        ? InferType<Type, S>
        : unknown

type InferType<Type, S> = Type extends readonly (infer One)[]
  ? InferType<One, S>
  : Type extends 'string'
    ? string
    : Type extends 'number' | 'integer'
      ? number
      : Type extends 'boolean'
        ? boolean
        : Type extends 'null'
          ? null
          : Type extends 'array'
            ? S extends { readonly items: infer Item }
              ? Array<InferSchema<Item>>
              : unknown[]
            : Type extends 'object'
              ? InferObject<S>
              : unknown

type InferObject<S> = S extends { readonly properties: infer Properties }
  ? Flat<
      { [Key in keyof Properties & RequiredKeys<S>]: InferSchema<Properties[Key]> } & {
        [Key in Exclude<keyof Properties, RequiredKeys<S>>]?: InferSchema<Properties[Key]>
      }
    >
  : Record<string, unknown>

type RequiredKeys<S> = S extends { readonly required: readonly (infer Key)[] } ? Key : never

/** One object type instead of an intersection, for the editor's tooltip. */
type Flat<T> = { -readonly [Key in keyof T]: T[Key] }

/** Converts a schema to JSON Schema. `what` names its place in messages. */
export function jsonSchemaOf(schema: unknown, what: string): JsonSchema {
  const standard = (schema as Partial<StandardSchema> | null | undefined)?.['~standard'] as
    { jsonSchema?: { input?: (options: { target: string }) => unknown } } | undefined
  if (standard === undefined) {
    if (!isObject(schema)) throw invalid(`\`${what}\` must be a JSON Schema object, found ${kindOf(schema)}`)
    return schema
  }
  const { toJSONSchema, toJsonSchema } = schema as { toJSONSchema?: () => unknown; toJsonSchema?: () => unknown }
  let exported: unknown
  try {
    exported =
      standard.jsonSchema?.input?.({ target: 'draft-2020-12' }) ??
      toJSONSchema?.call(schema) ??
      toJsonSchema?.call(schema)
  } catch (cause) {
    throw invalid(`\`${what}\` has no form as JSON Schema; see the cause`, cause)
  }
  if (!isObject(exported))
    throw invalid(
      `\`${what}\` is a Standard Schema without JSON Schema export; give it as JSON Schema, e.g. z.toJSONSchema(schema) or toStandardJsonSchema(schema)`,
    )
  // The address of the specification is of no use to a model.
  const { $schema, ...rest } = exported
  return rest
}
