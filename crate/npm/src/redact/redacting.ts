/**
 * Models that receive placeholders instead of personal data. `engine.ts`, which is loaded on demand, replaces and
 * restores.
 */

import { unlessAborted } from '../border/abort.js'
import { HybridError, invalid, withPartial } from '../border/errors.js'
import { readRequest, wantsJson, type ModelRequest } from '../border/request.js'
import { sensitiveKinds } from '../border/sensitive.js'
import { CallerFault, fromThrown } from '../border/thrown.js'
import { loadPage } from '../border/wasm.js'
import { RunnableModel } from '../model/model.js'
import type { Runner } from '../model/runner.js'
import { withRestOf } from '../model/wrap.js'
import type { GenerateOptions, GenerateRequest, Model } from '../types.js'
import { planOf, type RedactionOptions, type RedactionPlan } from './options.js'

type Engine = typeof import('./engine.js')
type Hidden = import('./engine.js').Hidden
type Redacted = { request: ModelRequest; hidden: Hidden; engine: Engine }

/**
 * Returns a model that receives placeholders such as `[EMAIL_1]` instead of personal data. Its answers are restored
 * while they stream: text, JSON and the arguments of tool calls. The original values stay in this page's memory.
 *
 * A hybrid's `PrivacyStrategy` and `SensitivityStrategy` accept such a model as `redacted`.
 *
 * @example
 * const cloud = redacting(geminiModel({ model: 'gemini-2.5-flash', apiKey }), { custom: { customer: /\bC-\d{6}\b/ } })
 */
export function redacting<M extends Model>(model: M, options: RedactionOptions = {}): M {
  if (typeof model?.generate !== 'function' || typeof model.generateStream !== 'function')
    throw invalid('redacting needs a model; make one with defineModel()')
  const plan = planOf(options)
  const redact = redactorOf(plan)
  const redacts = plan.kinds.map(([name]) => name)
  const wrapped = RunnableModel.around(model, (runner) => redacted(runner, redact), { redacts })
  const { countTokens } = model as { countTokens?: TokenCounter }
  if (typeof countTokens === 'function') {
    // Services would count over the network.
    const counted: TokenCounter = async (asked, given) => {
      const signal = given?.signal ?? new AbortController().signal
      const { request } = await redact(await readRequest(asked), signal).catch((thrown: unknown) => {
        throw thrown instanceof CallerFault ? thrown.fault : thrown
      })
      return await countTokens.call(model, request, given)
    }
    Object.defineProperty(wrapped, 'countTokens', { value: counted, enumerable: true })
  }
  return withRestOf(model, wrapped)
}

type TokenCounter = (request: string | GenerateRequest, options?: GenerateOptions) => Promise<number>
type Redact = (request: ModelRequest, signal: AbortSignal) => Promise<Redacted>

/** Redacts requests with the numbers assigned in earlier requests of the same model. */
function redactorOf({ kinds, finders, terms, names }: RedactionPlan): Redact {
  let parts: Promise<Pick<Redacted, 'engine'> & Parts> | undefined
  const make = async (): Promise<Pick<Redacted, 'engine'> & Parts> => {
    const [{ sensitiveSpans }, engine] = await Promise.all([loadPage(), loadEngine()])
    const written = kinds.map((kind) => {
      const read = engine.kindOf(...kind)
      if (read !== undefined) return read
      throw invalid(
        'a placeholder must be a bracket, the kind in ASCII letters, the number and a bracket, such as [EMAIL_1]',
      )
    })
    if (new Set(written.map(({ words }) => words.join(''))).size < written.length)
      throw invalid('two kinds have placeholders that could be confused')
    const redactor = new engine.Redactor(written, sensitiveKinds, sensitiveSpans, failed)
    return { engine, redactor, ...(names && { finder: new engine.NameFinder(names, kinds, failed) }) }
  }
  return async (request, signal) => {
    const { engine, redactor, finder } = await (parts ??= make().catch((thrown: unknown) => {
      parts = undefined
      throw thrown
    }))
    const found = (await finder?.find(request, signal)) ?? []
    const words = [...terms, ...found].map(([kind, text]) => ({ kind, text, isWord: true }))
    const finds = (text: string): Array<{ kind: number; text: string; isWord: boolean }> =>
      finders.flatMap(([kind, find]) => textsOf(() => find(text)).map((it) => ({ kind, text: it, isWord: false })))
    return { ...redactor.redact(request, words, finds), engine }
  }
}

interface Parts {
  redactor: InstanceType<Engine['Redactor']>
  finder?: InstanceType<Engine['NameFinder']>
}

/** Checks the findings of a custom detector. Its exceptions go to the caller. */
function textsOf(find: () => readonly string[]): string[] {
  try {
    const found = [...find()]
    if (!found.every((it) => typeof it === 'string')) throw invalid('a function of custom must return texts')
    return found
  } catch (thrown) {
    throw new CallerFault(thrown)
  }
}

function redacted(runner: Runner, redact: Redact): Runner {
  return async (asked, run) => {
    const { request, hidden, engine } = await unlessAborted(redact(asked, run.signal), run.signal)
    const isJson = wantsJson(asked)
    const stream = new engine.StreamRestorer(hidden, isJson, run.sendChunk)
    try {
      const answer = await runner(request, { ...run, sendChunk: stream.send })
      stream.end()
      return {
        ...answer,
        message: engine.restoreMessage(answer.message, hidden, isJson),
        redacted: hidden.counts,
      }
    } catch (thrown) {
      if (thrown instanceof CallerFault) throw thrown
      // If nothing was shown yet, another branch may still answer.
      if (stream.hasShown) stream.end()
      const error = fromThrown(thrown)
      const { partial } = error
      throw partial === undefined ? error : copyWith(error, engine.restoreMessage(partial, hidden, isJson))
    }
  }
}

/** Returns the error with another partial answer. */
function copyWith(error: HybridError, partial: NonNullable<HybridError['partial']>): HybridError {
  const { status, message, code, retryAfterMs, cause, branch, routing } = error
  const copy = new HybridError(status, message, {
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(cause === undefined ? {} : { cause }),
  })
  Object.assign(copy, branch === undefined ? {} : { branch }, routing === undefined ? {} : { routing })
  return withPartial(copy, partial)
}

function failed(message: string, cause?: unknown): HybridError {
  const options = { code: 'REDACTION_FAILED', ...(cause === undefined ? {} : { cause }) }
  return new HybridError('UNAVAILABLE', message, options)
}

let engine: Promise<Engine> | undefined

/** Loads the rest of this module, once. A failed load is retried by the next request; until then nothing is sent. */
function loadEngine(): Promise<Engine> {
  engine ??= import('./engine.js').catch((cause: unknown) => {
    engine = undefined
    throw failed('redact.js could not be loaded, so the request was not sent: serve it beside the script', cause)
  })
  return engine
}
