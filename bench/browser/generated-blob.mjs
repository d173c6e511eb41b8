/** A model whose bytes are computed when read, with the part of Blob that the engine uses. */

export class GeneratedBlob {
  #header
  #patterns
  #regions

  constructor(header, patterns, { size, regions }) {
    this.size = size
    this.#header = header
    this.#patterns = patterns
    this.#regions = regions
  }

  /** Opens a folder written by `synthetic`. */
  static async fetch(folder) {
    const bytes = async (name) => new Uint8Array(await (await fetch(`${folder}/${name}`)).arrayBuffer())
    const [layout, header, all] = [
      await (await fetch(`${folder}/layout.json`)).json(),
      await bytes('header'),
      await bytes('patterns'),
    ]
    let at = 0
    const patterns = layout.patterns.map((length) => all.subarray(at, (at += length)))
    const weights = layout.regions.reduce((sum, [, length]) => sum + length, 0)
    return { blob: new GeneratedBlob(header, patterns, layout), shape: layout.shape, weights }
  }

  slice(start, end) {
    return { size: end - start, arrayBuffer: async () => this.#bytes(start, end) }
  }

  #bytes(start, end) {
    const out = new Uint8Array(end - start)
    this.#copy(out, start, end, 0, this.#header.length, this.#header)
    for (const [from, length, pattern] of this.#regions) {
      if (from >= end) break
      this.#copy(out, start, end, from, length, this.#patterns[pattern])
    }
    return out.buffer
  }

  /** Writes the bytes between `start` and `end` of `pattern`, repeated over `length` bytes from `from` on. */
  #copy(out, start, end, from, length, pattern) {
    const last = Math.min(end, from + length)
    for (let at = Math.max(start, from); at < last;) {
      const phase = (at - from) % pattern.length
      const part = pattern.subarray(phase, Math.min(pattern.length, phase + last - at))
      out.set(part, at - start)
      at += part.length
    }
  }
}
