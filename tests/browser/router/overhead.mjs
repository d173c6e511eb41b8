// Measures the router's overhead over calling a branch directly: to the first chunk, and for each chunk after it.

const CHUNKS = 400
const ROUNDS = 60

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

async function timed(model) {
  const started = performance.now()
  let first
  for await (const _ of model.generateStream('x')) first ??= performance.now() - started
  return { first, each: ((performance.now() - started - first) * 1000) / (CHUNKS - 1) }
}

/**
 * Returns medians, in milliseconds to the first chunk and microseconds per later one: direct, routed, and the
 * difference.
 */
export async function overhead({ defineModel, FallbackStrategy, hybridModelOnDeviceCloud, kCloud, kOnDevice }) {
  const branch = defineModel({
    name: 'b',
    generate: async (_, { sendChunk }) => {
      for (let at = 0; at < CHUNKS; at++) {
        await undefined
        sendChunk('a few words of an answer ')
      }
      return {}
    },
  })
  const routed = hybridModelOnDeviceCloud({
    onDevice: branch,
    cloud: branch,
    strategy: new FallbackStrategy([kOnDevice, kCloud]),
  })
  const rows = { direct: [], routed: [] }
  for (let round = 0; round < ROUNDS; round++) {
    // Alternating, so that other load on the machine affects both.
    for (const [name, model] of [
      ['direct', branch],
      ['routed', routed],
    ])
      rows[name].push(await timed(model))
  }
  // The first rounds include compilation.
  const of = (name, what) => median(rows[name].slice(ROUNDS / 3).map((row) => row[what]))
  return {
    firstMs: of('routed', 'first') - of('direct', 'first'),
    eachUs: of('routed', 'each') - of('direct', 'each'),
    directFirstMs: of('direct', 'first'),
    directEachUs: of('direct', 'each'),
  }
}
