import { DataStrategy, invalid, keyArgument } from './strategy.js'

/** What a request may need. */
export type Capability = 'vision' | 'audio' | 'tools' | 'json'

const capabilities: ReadonlySet<unknown> = new Set<Capability>(['vision', 'audio', 'tools', 'json'])

/**
 * The branches that can do what the request needs: pictures, sound, tools, JSON. No opinion where none can.
 * Video and documents are not looked for.
 *
 * @example
 * new CapabilityStrategy({ supports: { onDevice: ['json'], cloud: ['vision', 'audio', 'tools', 'json'] } })
 */
export class CapabilityStrategy extends DataStrategy {
  readonly name = 'CapabilityStrategy'

  constructor({ supports, order }: { supports: Record<string, Capability[]>; order?: string[] }) {
    if (typeof supports !== 'object' || supports === null) throw invalid('supports must tell for each branch what it can')
    // A list keeps the order in which the branches were written.
    const listed = Object.entries(supports).map(([key, able]) => {
      if (!Array.isArray(able) || !able.every((it) => capabilities.has(it))) throw invalid(`supports.${key} must be a list of vision, audio, tools and json`)
      return [key, [...able]]
    })
    const fixed = order?.map((key, index) => keyArgument(key, `order[${index}]`))
    super(() => ({ capability: { supports: listed, ...(fixed === undefined ? {} : { order: fixed }) } }))
  }
}
