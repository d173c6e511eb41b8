/** Counts the costs and savings of answers by day, branch and feature. */

import { HybridError, invalid } from '../border/errors.js'
import type {
  Attempt,
  BudgetLedger,
  GenerateOptions,
  GenerateResponse,
  Model,
  RoutingTrace,
  ShadowResult,
} from '../types.js'
import { addRow, costOf, entriesOf, isRow, type Price, type Row } from './ledger-rows.js'
import { memoryStore, openStore, type LedgerStore } from './ledger-store.js'

/** Options of `createLedger`. */
export interface LedgerOptions {
  /** Prices by branch key; `outer/inner` for a branch of a nested hybrid. A branch without a price is free. */
  prices: Record<string, Price>
  /**
   * The branch against which savings are computed: what it would have charged for all answers. Default: the branch
   * with the highest price.
   */
  baseline?: string
  /** Ledgers with the same name share their data, across tabs and visits. Default 'hybridge'. */
  name?: string
  /** 'auto' stores the data in IndexedDB if available. Default 'auto'. */
  storage?: 'auto' | 'memory'
  /** The time zone in which a day begins. Default 'local'. */
  days?: 'local' | 'utc'
  /** A clock for tests; default Date.now. */
  now?: () => number
}

/** Totals over days, branches or features. Money is in the unit of the prices. */
export interface LedgerTotals {
  /** Attempts with usage, shadows included. */
  attempts: number
  answers: number
  inputTokens: number
  outputTokens: number
  spent: number
  /** What the baseline would have charged for all answers, minus the amount spent. */
  saved: number
}

/** A filter for totals. Days are 'YYYY-MM-DD', both included. */
export interface LedgerRange {
  from?: string
  to?: string
  feature?: string
  branch?: string
}

const nano = 1e9

/**
 * Creates a ledger of what branches cost. Prices are set by the caller; tokens come from each attempt's usage,
 * including rejected and failed attempts.
 *
 * @example
 * const ledger = createLedger({ prices: { [kCloud]: { inputPerMillion: 0.1, outputPerMillion: 0.4 } } })
 * const ai = ledger.track(hybridModelOnDeviceCloud({ onDevice, cloud, strategy }), { feature: 'summaries' })
 * await ai.generate('Summarise this')
 * const { spent, saved } = await ledger.totals()
 */
export function createLedger(options: LedgerOptions): Ledger {
  return new Ledger(options)
}

/** See `createLedger`. */
export class Ledger implements BudgetLedger {
  readonly #prices: Record<string, Price>
  readonly #baseline: Price | undefined
  readonly #days: 'local' | 'utc'
  readonly #now: () => number
  readonly #opening: Promise<LedgerStore>
  /** Rows that could not be stored, and are counted for this visit only. */
  readonly #unwritten = memoryStore()
  #problem: string | undefined
  #isPersisted = false

  constructor({
    prices,
    baseline,
    name = 'hybridge',
    storage = 'auto',
    days = 'local',
    now = Date.now,
  }: LedgerOptions) {
    if (typeof prices !== 'object' || prices === null)
      throw invalid('prices must be an object: a price for each branch')
    this.#prices = Object.fromEntries(Object.entries(prices).map(([key, price]) => [key, priceArgument(price, key)]))
    if (baseline !== undefined && !Object.hasOwn(this.#prices, baseline))
      throw invalid(`baseline names the branch \`${baseline}\`, which has no price`)
    if (typeof name !== 'string' || name === '') throw invalid('name must be a text')
    this.#baseline = baseline === undefined ? highest(Object.values(this.#prices)) : this.#prices[baseline]
    this.#days = days
    this.#now = now
    this.#opening = storage === 'memory' ? Promise.resolve(memoryStore()) : this.#open(name)
  }

  /** Whether the data outlives the page. Known after the first write or read. */
  get persisted(): boolean {
    return this.#isPersisted
  }

  /** Why the data is not stored, if it isn't. */
  get problem(): string | undefined {
    return this.#problem
  }

  /**
   * Returns a model whose runs are counted before their answers are returned, so that the cost of a returned answer is
   * stored. `context: { feature }` of a request names its feature, unless `feature` is given here.
   */
  track<T extends Model>(model: T, { feature }: { feature?: string } = {}): T {
    const counted = async <Output>(
      work: Promise<GenerateResponse<Output>>,
      options: GenerateOptions | undefined,
    ): Promise<GenerateResponse<Output>> => {
      const named = feature ?? options?.context?.['feature']
      const label = typeof named === 'string' ? { feature: named } : {}
      try {
        const response = await work
        await this.record(response.routing, label)
        return response
      } catch (error) {
        if (HybridError.isInstance(error) && error.routing !== undefined) await this.record(error.routing, label)
        throw error
      }
    }
    const tracked: Pick<Model, 'generate' | 'generateStream'> = {
      generate: (request, options) => counted(model.generate(request, options), options),
      generateStream: (request, options) => {
        const source = model.generateStream(request, options)
        const response = counted(source.response, options)
        response.catch(() => {})
        return over(source, { response })
      },
    }
    return over(model, tracked as Partial<T>)
  }

  /** Counts a finished run, each run once. Resolves when it is stored. */
  async record(trace: RoutingTrace, { feature = '' }: { feature?: string } = {}): Promise<void> {
    await this.#write(trace.id, entriesOf(trace.attempts), feature)
  }

  /** Counts a shadow's answer, for `shadow.onResult`. Savings come only from the answer that was shown. */
  async recordShadow(result: ShadowResult, { feature = '' }: { feature?: string } = {}): Promise<void> {
    const { shadow } = result
    if (shadow === undefined) return
    const attempt: Attempt = {
      branch: shadow.branch,
      outcome: 'stopped',
      startedAtMs: 0,
      durationMs: shadow.latencyMs,
      usage: shadow.usage,
    }
    await this.#write(`${result.id} shadow`, entriesOf([attempt]), feature)
  }

  /** Returns totals: of everything, or of a range of days, a branch or a feature. */
  async totals(range: LedgerRange = {}): Promise<LedgerTotals> {
    return totalled(await this.#rows(range))
  }

  /** Returns totals by day, the oldest first. */
  byDay(range: LedgerRange = {}): Promise<Array<LedgerTotals & { day: string }>> {
    return this.#grouped(range, 'day')
  }

  /** Returns totals by feature; '' is for requests without one. */
  byFeature(range: LedgerRange = {}): Promise<Array<LedgerTotals & { feature: string }>> {
    return this.#grouped(range, 'feature')
  }

  /** Returns totals by branch. */
  byBranch(range: LedgerRange = {}): Promise<Array<LedgerTotals & { branch: string }>> {
    return this.#grouped(range, 'branch')
  }

  /** Returns the amount spent today, in all tabs. */
  async spentToday(): Promise<number> {
    const today = this.#today()
    return (await this.totals({ from: today, to: today })).spent
  }

  /** Deletes all counts. */
  async clear(): Promise<void> {
    await Promise.all([(await this.#opening).clear(), this.#unwritten.clear()])
  }

  /** Closes the database. A closed ledger counts for this visit only. */
  async close(): Promise<void> {
    ;(await this.#opening).close()
  }

  async #write(id: string, entries: ReturnType<typeof entriesOf>, feature: string): Promise<void> {
    if (entries.length === 0) return
    const day = this.#today()
    const rows = entries.map(({ path, key, usage, isAnswer }): Row => {
      const price = this.#priceOf(path, key)
      const cost = price === undefined ? 0 : costOf(usage, price)
      const baseline = isAnswer && this.#baseline !== undefined ? costOf(usage, this.#baseline) : 0
      return {
        day,
        feature,
        branch: path,
        attempts: 1,
        answers: isAnswer ? 1 : 0,
        inputTokens: whole(usage.inputTokens),
        outputTokens: whole(usage.outputTokens),
        cost,
        baseline,
      }
    })
    const store = await this.#opening
    try {
      await store.add(id, day, rows)
    } catch (cause) {
      // A failure to store its price must not fail an answer.
      this.#problem = `the counts could not be stored: ${cause instanceof Error ? cause.name : 'unknown'}`
      await this.#unwritten.add(id, day, rows)
    }
  }

  #priceOf(path: string, key: string): Price | undefined {
    const prices = this.#prices
    if (Object.hasOwn(prices, path)) return prices[path]
    return Object.hasOwn(prices, key) ? prices[key] : undefined
  }

  async #rows({ from = '', to = '9999-99-99', feature, branch }: LedgerRange): Promise<Row[]> {
    const store = await this.#opening
    let kept: unknown[] = []
    try {
      kept = await store.read()
    } catch (cause) {
      this.#problem = `the counts could not be read: ${cause instanceof Error ? cause.name : 'unknown'}`
    }
    // Invalid rows, left by a later version or a bug, are skipped.
    const rows = [...kept, ...(await this.#unwritten.read())].filter(isRow)
    return rows.filter(
      (row) =>
        row.day >= from &&
        row.day <= to &&
        (feature === undefined || row.feature === feature) &&
        (branch === undefined || row.branch === branch),
    )
  }

  async #grouped<K extends 'day' | 'feature' | 'branch'>(
    range: LedgerRange,
    by: K,
  ): Promise<Array<LedgerTotals & Record<K, string>>> {
    const groups = new Map<string, Row[]>()
    for (const row of await this.#rows(range)) groups.set(row[by], [...(groups.get(row[by]) ?? []), row])
    const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.map(([name, rows]) => ({ [by]: name, ...totalled(rows) }) as LedgerTotals & Record<K, string>)
  }

  async #open(name: string): Promise<LedgerStore> {
    try {
      const store = await openStore(name)
      if (store !== undefined) {
        this.#isPersisted = true
        return store
      }
    } catch (cause) {
      this.#problem = cause instanceof Error ? cause.message : 'the database could not be opened'
    }
    return memoryStore()
  }

  #today(): string {
    const date = new Date(this.#now())
    const [year, month, day] =
      this.#days === 'utc'
        ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
        : [date.getFullYear(), date.getMonth(), date.getDate()]
    return `${String(year).padStart(4, '0')}-${String(month + 1).padStart(2, '0')}-${String(day).padStart(2, '0')}`
  }
}

/** Returns an object with some members replaced. */
function over<T extends object>(source: T, own: Partial<T>): T {
  return new Proxy(source, {
    get: (target, key) => {
      if (Object.hasOwn(own, key)) return own[key as keyof T]
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function totalled(rows: readonly Row[]): LedgerTotals {
  const empty: Row = {
    day: '',
    feature: '',
    branch: '',
    attempts: 0,
    answers: 0,
    inputTokens: 0,
    outputTokens: 0,
    cost: 0,
    baseline: 0,
  }
  const { attempts, answers, inputTokens, outputTokens, cost, baseline } = rows.reduce(addRow, empty)
  return { attempts, answers, inputTokens, outputTokens, spent: cost / nano, saved: (baseline - cost) / nano }
}

function highest(prices: readonly Price[]): Price | undefined {
  const weight = ({ inputPerMillion, outputPerMillion }: Price): number => inputPerMillion + outputPerMillion
  return [...prices].sort((a, b) => weight(b) - weight(a))[0]
}

function priceArgument(price: Price, key: string): Price {
  const { inputPerMillion, outputPerMillion, cachedInputPerMillion = inputPerMillion, perRequest = 0 } = price ?? {}
  const isPrice = (it: unknown): boolean => typeof it === 'number' && Number.isFinite(it) && it >= 0
  if (![inputPerMillion, outputPerMillion, cachedInputPerMillion, perRequest].every(isPrice))
    throw invalid(
      `the price of \`${key}\` must be { inputPerMillion, outputPerMillion }, numbers that are not negative`,
    )
  return { inputPerMillion, outputPerMillion, cachedInputPerMillion, perRequest }
}

function whole(count: number | undefined): number {
  return count !== undefined && Number.isSafeInteger(count) && count >= 0 ? count : 0
}

export type { Price } from './ledger-rows.js'
