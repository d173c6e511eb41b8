/** The options of `redacting`, and the kinds of data that they define. */

import { invalid } from '../border/errors.js'
import { isObject, kindOf, optionsArgument } from '../border/json.js'
import { sensitiveKinds, kindsArgument } from '../border/sensitive.js'
import type { Model, SensitiveKind } from '../types.js'

/**
 * How to find a custom kind: all matches of a regular expression, texts to replace as whole words, or the results of a
 * function.
 */
export type CustomDetector = RegExp | readonly string[] | ((text: string) => readonly string[])

export interface RedactionOptions {
  /** The kinds to replace. All by default. */
  detectors?: readonly SensitiveKind[]
  /** Custom kinds, by name: letters, `-` and `_`. Elements of an array are of the kind `custom`. */
  custom?: Readonly<Record<string, CustomDetector>> | ReadonlyArray<Exclude<CustomDetector, readonly string[]> | string>
  /**
   * The format of a placeholder: a text with `{kind}` and `{n}`, or a function of both. Default `[{kind}_{n}]`, with
   * the kind in capitals. It must begin and end with a bracket-like character.
   */
  placeholder?: string | ((kind: string, n: number) => string)
  /**
   * A model on this device that finds the names of persons, places and organisations. If it fails, the request fails
   * with UNAVAILABLE.
   */
  names?: Model
}

/** A kind of data to replace, with the two halves of its placeholders. */
export type RedactedKind = readonly [name: string, prefix: string, suffix: string]

/** The kinds of names, for placeholders and for the model's answer. */
export const nameKinds = { person: 'persons', place: 'places', organisation: 'organisations' } as const

/** The validated options. */
export interface RedactionPlan {
  readonly kinds: readonly RedactedKind[]
  /** Custom detectors: the number of the kind, and a function that returns the findings in a text. */
  readonly finders: ReadonlyArray<readonly [kind: number, find: (text: string) => readonly string[]]>
  /** Texts to replace everywhere. */
  readonly terms: ReadonlyArray<readonly [kind: number, text: string]>
  readonly names?: Model
}

export function planOf(options: RedactionOptions): RedactionPlan {
  const { detectors = sensitiveKinds, custom = {}, placeholder, names } = optionsArgument(options, 'redacting')
  kindsArgument(detectors, 'detectors')
  if (names !== undefined) namesArgument(names)
  const own = ownKinds(custom)
  const kinds = [...new Set(detectors), ...(names === undefined ? [] : Object.keys(nameKinds))]
  for (const [name] of own) {
    if (!/^[a-z][a-z_-]{0,39}$/i.test(name))
      throw invalid('a kind of custom must be named by up to 40 letters, - and _')
    if (!kinds.includes(name)) kinds.push(name)
  }
  const numbered = own.map(([name, detector]) => [kinds.indexOf(name), detector] as const)
  return {
    kinds: kinds.map((name) => [name, ...halvesOf(name, placeholder)]),
    finders: numbered.flatMap(([kind, it]) => (isList(it) ? [] : [[kind, finderOf(it)] as const])),
    terms: numbered.flatMap(([kind, it]) => (isList(it) ? it.map((text) => [kind, text] as const) : [])),
    ...(names === undefined ? {} : { names }),
  }
}

function ownKinds(custom: NonNullable<RedactionOptions['custom']>): Array<[kind: string, detector: CustomDetector]> {
  if (Array.isArray(custom))
    return custom.map((it: Exclude<CustomDetector, readonly string[]> | string) => [
      'custom',
      typeof it === 'string' ? [it] : it,
    ])
  if (!isObject(custom)) throw invalid(`custom must be an object of detectors by kind, found ${kindOf(custom)}`)
  return Object.entries(custom)
}

function namesArgument(names: Model): void {
  if (typeof names?.generate !== 'function') throw invalid('names must be a model')
  if (names.info?.inferenceSource === 'in_cloud')
    throw invalid('names must be a model on this device, because it reads data that must not be sent')
}

function isList(detector: CustomDetector): detector is readonly string[] {
  if (!Array.isArray(detector)) return false
  if (!detector.every((it) => typeof it === 'string' && it.length > 1))
    throw invalid('a list of custom must hold texts of at least two characters')
  return true
}

function finderOf(detector: Exclude<CustomDetector, readonly string[]>): (text: string) => readonly string[] {
  if (typeof detector === 'function') return detector
  if (!(detector instanceof RegExp)) throw invalid('custom must hold expressions, lists of texts or functions')
  const every = new RegExp(detector.source, detector.flags.includes('g') ? detector.flags : `${detector.flags}g`)
  return (text) => Array.from(text.matchAll(every), ([found]) => found)
}

/** Two numbers, used to locate the number in a placeholder. */
const probes = [7, 4_096_803] as const

/** Returns the text before and after the number of a placeholder. */
function halvesOf(kind: string, placeholder: RedactionOptions['placeholder']): [prefix: string, suffix: string] {
  const capitals = kind.replaceAll('-', '_').toUpperCase()
  const write =
    typeof placeholder === 'string'
      ? (_: string, n: number) => placeholder.replaceAll('{kind}', capitals).replaceAll('{n}', String(n))
      : (placeholder ?? ((_: string, n: number) => `[${capitals}_${n}]`))
  if (typeof write !== 'function') throw invalid('placeholder must be a text with {kind} and {n}, or a function')
  const [short, long] = probes.map((n) => write(kind, n))
  const at = typeof short === 'string' ? short.lastIndexOf(String(probes[0])) : -1
  const [prefix, suffix] = at < 0 ? ['', ''] : [short!.slice(0, at), short!.slice(at + 1)]
  if (at < 0 || long !== `${prefix}${probes[1]}${suffix}`)
    throw invalid('placeholder must put the number in once, and change nothing else with it')
  return [prefix, suffix]
}
