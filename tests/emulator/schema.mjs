/** JSON Schema as the two services support it: unsupported keywords, and an example value. */

const known = new Set([
  '$id',
  '$defs',
  '$ref',
  '$anchor',
  'type',
  'format',
  'title',
  'description',
  'enum',
  'items',
  'prefixItems',
  'minItems',
  'maxItems',
  'minimum',
  'maximum',
  'anyOf',
  'oneOf',
  'properties',
  'additionalProperties',
  'required',
  'propertyOrdering',
])

/** Returns the first keyword that Gemini's `responseJsonSchema` does not support, with its path. */
export function refusedKeyword(schema, path = '') {
  if (typeof schema !== 'object' || schema === null) return undefined
  for (const [keyword, value] of Object.entries(schema)) {
    if (!known.has(keyword)) return `${path}${keyword}`
    const inner = ['properties', '$defs'].includes(keyword)
      ? Object.entries(value)
      : ['items', 'additionalProperties', 'anyOf', 'oneOf', 'prefixItems'].includes(keyword)
        ? [value].flat().map((it, index) => [index, it])
        : []
    for (const [name, child] of inner) {
      const found = refusedKeyword(child, `${path}${keyword}.${name}.`)
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** Returns a value that matches the schema, with `text` in place of free text. */
export function sampleOf(schema, text, root = schema) {
  if (typeof schema !== 'object' || schema === null) return text
  if (schema.$ref !== undefined)
    return sampleOf(
      schema.$ref
        .split('/')
        .slice(1)
        .reduce((at, key) => at?.[key], root),
      text,
      root,
    )
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.const !== undefined) return schema.const
  const choice = schema.anyOf ?? schema.oneOf
  if (choice !== undefined) return sampleOf(choice[0], text, root)
  const type = String([schema.type].flat()[0] ?? (schema.properties ? 'object' : 'string')).toLowerCase()
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, it]) => [name, sampleOf(it, text, root)]),
      )
    case 'array':
      return Array.from({ length: schema.minItems ?? 1 }, () => sampleOf(schema.items, text, root))
    case 'integer':
      return Math.ceil(schema.minimum ?? 1)
    case 'number':
      return schema.minimum ?? 0.5
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return text
  }
}
