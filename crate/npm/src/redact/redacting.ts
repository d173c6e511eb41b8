/** Models that see placeholders instead of personal data. What is replaced and restored is decided in `hybridge_core::redact`. */

import { unlessAborted } from '../border/abort.js'
import { fromCore, HybridError, invalid, withPartial, type CoreError } from '../border/errors.js'
import { toJson } from '../border/json.js'
import { readRequest, wantsJson, type ModelRequest } from '../border/request.js'
import { CallerFault, fromThrown } from '../border/thrown.js'
import { loadPage, type Redacted, type Redaction } from '../border/wasm.js'
import { RunnableModel } from '../answer/model.js'
import type { Runner, RunOptions } from '../answer/runner.js'
import { withRestOf } from '../answer/wrap.js'
import type { GenerateOptions, GenerateRequest, Model } from '../types.js'
import { NameFinder } from './names.js'
import { planOf, type RedactionOptions, type RedactionPlan } from './options.js'
import { restoreMessage, StreamRestorer } from './restore.js'

/**
 * The same model, which gets placeholders such as `[EMAIL_1]` where a request holds personal data. Its answers are restored while they
 * stream: text, JSON and the arguments of tool calls. What stands behind a placeholder stays in this page's memory.
 *
 * A hybrid's `PrivacyStrategy` and `SensitivityStrategy` may name such a model as `redacted`.
 *
 * @example
 * const cloud = redacting(geminiModel({ model: 'gemini-2.5-flash', apiKey }), { custom: { customer: /\bC-\d{6}\b/ } })
 */
export function redacting<M extends Model>(model: M, options: RedactionOptions = {}): M {
  if (typeof model?.generate !== 'function' || typeof model.generateStream !== 'function')
    throw invalid('redacting needs a model; make one with defineModel()')
  const redactor = new Redactor(planOf(options))
  const wrapped = RunnableModel.around(model, (runner) => redacted(runner, redactor), {
    redacts: redactor.plan.kinds.map(([name]) => name),
  })
  const { countTokens } = model as { countTokens?: TokenCounter }
  if (typeof countTokens === 'function') {
    // Services count over the network.
    const counted: TokenCounter = async (asked, given) => {
      const hidden = await redactor.redact(await readRequest(asked), given?.signal ?? new AbortController().signal)
      try {
        return await countTokens.call(model, JSON.parse(hidden.request()) as ModelRequest, given)
      } finally {
        hidden.free()
      }
    }
    Object.defineProperty(wrapped, 'countTokens', { value: counted, enumerable: true })
  }
  return withRestOf(model, wrapped)
}

type TokenCounter = (request: string | GenerateRequest, options?: GenerateOptions) => Promise<number>

/** Redacts requests with the numbers that earlier requests of the same model gave. */
class Redactor {
  readonly #names: NameFinder | undefined
  #redaction: Redaction | undefined

  constructor(readonly plan: RedactionPlan) {
    this.#names = plan.names && new NameFinder(plan.names, plan.kinds)
  }

  async redact(request: ModelRequest, signal: AbortSignal): Promise<Redacted> {
    const page = await loadPage()
    const names = (await this.#names?.find(request, signal)) ?? []
    const { kinds, terms, finders } = this.plan
    let fault: CallerFault | undefined
    const finds = (text: string): string => {
      try {
        return toJson(
          finders.flatMap(([kind, find]) => [...find(text)].filter((it) => it !== '').map((it) => [kind, it])),
          'what was found',
        )
      } catch (thrown) {
        fault ??= new CallerFault(thrown)
        return '[]'
      }
    }
    const hidden = ours(() => {
      this.#redaction ??= new page.Redaction(toJson(kinds, 'the kinds'))
      return this.#redaction.redact(
        toJson(request, 'the request'),
        toJson([...terms, ...names], 'the terms'),
        finders.length === 0 ? undefined : finds,
      )
    })
    if (fault === undefined) return hidden
    hidden.free()
    throw fault
  }
}

function redacted(runner: Runner, redactor: Redactor): Runner {
  return async (request, run) => {
    const hidden = await unlessAborted(redactor.redact(request, run.signal), run.signal)
    const isJson = wantsJson(request)
    try {
      const stream = new StreamRestorer(hidden, isJson, run.sendChunk)
      const sendChunk: RunOptions['sendChunk'] = (content, details) => stream.send(content, details)
      try {
        const answer = await runner(JSON.parse(hidden.request()) as ModelRequest, { ...run, sendChunk })
        stream.end()
        const counts = Object.fromEntries(JSON.parse(hidden.counts()) as Array<[string, number]>)
        return { ...answer, message: restoreMessage(answer.message, hidden, isJson), redacted: counts }
      } catch (thrown) {
        if (thrown instanceof CallerFault) throw thrown
        const error = fromThrown(thrown)
        // Where nothing was shown yet another branch may still answer.
        if (stream.hasShown) stream.end()
        throw error.partial === undefined ? error : restoredError(error, hidden, isJson)
      } finally {
        stream.free()
      }
    } finally {
      hidden.free()
    }
  }
}

/** The same error with its partial answer restored. */
function restoredError(error: HybridError, hidden: Redacted, isJson: boolean): HybridError {
  const { status, message, code, retryAfterMs, cause, branch, routing, partial } = error
  const copy = new HybridError(status, message, {
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(cause === undefined ? {} : { cause }),
  })
  Object.assign(copy, branch === undefined ? {} : { branch }, routing === undefined ? {} : { routing })
  return withPartial(copy, partial && restoreMessage(partial, hidden, isJson))
}

/** Errors of Rust's, which come as JSON, as ours. */
function ours<T>(call: () => T): T {
  try {
    return call()
  } catch (thrown) {
    throw typeof thrown === 'string' ? fromCore(JSON.parse(thrown) as CoreError) : thrown
  }
}
