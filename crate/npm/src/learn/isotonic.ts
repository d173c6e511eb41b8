/** Isotonic regression by pooling adjacent violators: maps a signal to the probability that an answer is right. */

/** A block of signals, from `from` up to the next block, with the same probability, and its number of samples. */
export interface Block {
  from: number
  right: number
  count: number
}

/** Fits an increasing function to pairs of a signal and whether the answer was right, by least squares. */
export function fitIsotonic(pairs: ReadonlyArray<{ signal: number; right: boolean }>): Block[] {
  const sorted = [...pairs].sort((a, b) => a.signal - b.signal)
  // Counts are integers, so that means do not depend on the order of additions.
  const pools: Array<{ from: number; right: number; count: number }> = []
  let last: number | undefined
  for (const { signal, right } of sorted) {
    const pool = pools.at(-1)
    if (pool !== undefined && signal === last) {
      // Equal signals form one pool, because no threshold separates them.
      pool.right += right ? 1 : 0
      pool.count++
    } else {
      merge(pools)
      pools.push({ from: signal, right: right ? 1 : 0, count: 1 })
    }
    last = signal
  }
  merge(pools)
  return pools.map(({ from, right, count }) => ({ from: finite(from), right: right / count, count }))
}

/** Makes a number finite: JSON has no infinity, but a token of probability 0 has an infinite signal. */
export function finite(signal: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, signal))
}

/** Merges the last block with earlier ones while they are not lower. */
function merge(pools: Array<{ right: number; count: number }>): void {
  for (
    let before = pools.at(-2), last = pools.at(-1);
    before !== undefined && last !== undefined;
    before = pools.at(-2), last = pools.at(-1)
  ) {
    if (before.right * last.count < last.right * before.count) return
    before.right += last.right
    before.count += last.count
    pools.pop()
  }
}

/** Returns the probability that an answer with this signal is right; `undefined` before fitting. */
export function probabilityAt(blocks: readonly Block[], signal: number): number | undefined {
  return (blocks.findLast(({ from }) => from <= signal) ?? blocks[0])?.right
}
