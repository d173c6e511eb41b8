/** Validates and flattens filters and metadata from callers. */

import { invalid, isObject, kindOf } from './checks.js'
import type { Comparison, PlainFilter, PlainValue } from './protocol.js'

/** The maximum depth: deeper filters are mistakes, and Rust evaluates them recursively. */
const deepest = 32

const singles: Readonly<Record<string, Comparison>> = {
  eq: 'equal',
  lt: 'less',
  lte: 'lessOrEqual',
  gt: 'greater',
  gte: 'greaterOrEqual',
}

type Part = PlainFilter[number]

/** Returns a filter in postfix order, in which operands precede their operator. An absent filter is an empty list. */
export function readFilter(filter: unknown): PlainFilter {
  return filter === undefined ? [] : read(filter, 'filter', 0)
}

function read(filter: unknown, path: string, depth: number): Part[] {
  if (!isObject(filter)) throw invalid(`\`${path}\` must be an object, found ${kindOf(filter)}`)
  if (depth > deepest) throw invalid(`\`${path}\` is nested too deeply: at most ${deepest} levels are possible`)
  const conditions: Part[][] = []
  for (const [name, value] of Object.entries(filter)) {
    const at = `${path}.${name}`
    if (value === undefined) continue
    if (name === 'and' || name === 'or') {
      if (!Array.isArray(value)) throw invalid(`\`${at}\` must be an array of filters, found ${kindOf(value)}`)
      const parts = Array.from(value as unknown[], (part, index) => read(part, `${at}[${index}]`, depth + 1))
      conditions.push([...parts.flat(), name === 'and' ? { all: parts.length } : { any: parts.length }])
    } else if (name === 'not') conditions.push([...read(value, at, depth + 1), { not: true }])
    else conditions.push(...readField(name, value, at))
  }
  return [...conditions.flat(), { all: conditions.length }]
}

function readField(field: string, value: unknown, path: string): Part[][] {
  if (isValue(value)) return [[{ compare: field, how: 'equal', values: [value] }]]
  if (!isObject(value)) throw invalid(`\`${path}\` must be a value or an object of comparisons, found ${kindOf(value)}`)
  return Object.entries(value).flatMap(([operator, operand]): Part[][] => {
    if (operand === undefined) return []
    const at = `${path}.${operator}`
    const equal = (values: PlainValue[]): Part => ({ compare: field, how: 'equal', values })
    switch (operator) {
      case 'in':
        return [[equal(readValues(operand, at))]]
      case 'nin':
        return [[equal(readValues(operand, at)), { not: true }]]
      case 'ne':
        return [[equal([readValue(operand, at)]), { not: true }]]
      case 'exists':
        if (typeof operand !== 'boolean') throw invalid(`\`${at}\` must be a boolean, found ${kindOf(operand)}`)
        return [operand ? [{ exists: field }] : [{ exists: field }, { not: true }]]
      default: {
        const how = Object.hasOwn(singles, operator) ? singles[operator] : undefined
        if (how === undefined)
          throw invalid(`\`${at}\` is unknown; the comparisons are eq, ne, in, nin, lt, lte, gt, gte and exists`)
        return [[{ compare: field, how, values: [readValue(operand, at)] }]]
      }
    }
  })
}

function readValues(values: unknown, path: string): PlainValue[] {
  if (!Array.isArray(values)) throw invalid(`\`${path}\` must be an array, found ${kindOf(values)}`)
  return Array.from(values as unknown[], (value, index) => readValue(value, `${path}[${index}]`))
}

function readValue(value: unknown, path: string): PlainValue {
  if (isValue(value)) return value
  throw invalid(`\`${path}\` must be a string, a number, a boolean or null, found ${kindOf(value)}`)
}

function isValue(value: unknown): value is PlainValue {
  return (
    value === null ||
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    (typeof value === 'number' && !Number.isNaN(value))
  )
}

/**
 * Returns the metadata that filters can compare: values, and lists of values; members of nested objects by their path.
 */
export function fieldsOf(metadata: Record<string, unknown>): Array<readonly [string, readonly PlainValue[]]> {
  const fields: Array<readonly [string, readonly PlainValue[]]> = []
  const visit = (object: Record<string, unknown>, prefix: string): void => {
    for (const [name, value] of Object.entries(object)) {
      const path = `${prefix}${name}`
      if (isValue(value)) fields.push([path, [value]])
      else if (Array.isArray(value)) fields.push([path, value.filter(isValue)])
      else if (isObject(value)) visit(value, `${path}.`)
    }
  }
  visit(metadata, '')
  return fields
}
