/** Gemma as a model of this package: the public interface of the engine. */

import { Watchers } from '../../model/watchers.js'
import { HybridError } from '../../border/errors.js'
import { infoOf, RunnableModel } from '../../model/model.js'
import { optionsArgument } from '../../border/json.js'
import { normaliseRequest, type ModelRequest } from '../../border/request.js'
import type { Reply } from '../../border/replies.js'
import { enforceContract, type RunOptions } from '../../model/runner.js'
import type { GemmaOptions, Model, ModelState, OnDeviceModel } from '../../types.js'
import { availabilityOf } from './availability.js'
import { removeModel } from './cached-models.js'
import { inDeclaredOrder } from './declared-order.js'
import { EngineHost } from './host.js'
import { Turns } from './turns.js'

/**
 * Creates a Gemma model on the visitor's device, in its own worker. Nothing is fetched or started before `load`.
 *
 * With `mmproj`, the vision tower's file, it reads pictures in the user's messages.
 *
 * `model` is a known name (`'gemma-3-270m-it'`, `'gemma-3-1b-it'`, `'gemma-3-4b-it'`), the address of a GGUF file, the
 * addresses of its parts, or a file that the user chose.
 *
 * @example
 * const gemma = gemmaModel({ model: 'gemma-3-270m-it' })
 * if ((await gemma.availability()).status !== 'unavailable') {
 *   await gemma.load({ onProgress: ({ fraction }) => bar.value = fraction })
 *   for await (const { text } of gemma.generateStream('Why is the sky blue?')) print(text)
 * }
 */
export function gemmaModel(options: GemmaOptions): OnDeviceModel {
  const host = new EngineHost(optionsArgument(options, 'gemmaModel'), 'generator', () => changed())
  const turns = new Turns(() => changed())
  const watchers = new Watchers<ModelState>()
  const changed = (): void => {
    // A model that continues texts supports neither turns nor tools. Only its file shows which kind it is.
    if (host.loaded !== undefined) Object.assign(info.supports, host.loaded.isRaw ? ofTexts : ofTurns)
    watchers.notify({
      state: host.state,
      queued: turns.queued,
      ...(host.progress === undefined ? {} : { progress: host.progress }),
      ...(reading === undefined ? {} : { reading }),
    })
  }
  let reading: number | undefined
  const onShare = (share: number | undefined): void => {
    if (share === reading) return
    reading = share
    changed()
  }
  const info = infoOf(host.source.name, {
    inferenceSource: 'on_device',
    contextWindow: host.contextWindow,
    supports: {
      ...(options.template === 'none' ? ofTexts : ofTurns),
      media: host.tower !== undefined,
      json: 'constrained',
      prefix: true,
    },
  })
  const waitForLoad = options.waitForLoad ?? false
  const model: Model = new RunnableModel(
    info,
    enforceContract((request, run) => generate({ host, turns, waitForLoad, onShare }, request, run)),
  )
  const lifecycle: Omit<OnDeviceModel, keyof typeof model | 'state'> = {
    availability: () => availabilityOf(host),
    onStateChange: watchers.add,
    load: (load) => host.load(load),
    countTokens: async (request) => {
      const normalised = normaliseRequest(request)
      refuseMedia(host, normalised)
      await host.ready({ waitForLoad, signal: new AbortController().signal })
      return await host.call('count', { request: inDeclaredOrder(normalised) })
    },
    dispose: () => host.dispose(),
    remove: (options) => removeModel(host, options),
  }
  return Object.defineProperties(Object.assign(model, lifecycle), {
    state: { get: () => host.state, enumerable: true },
    queued: { get: () => turns.queued, enumerable: true },
  }) as OnDeviceModel
}

const ofTurns = { multiturn: true, systemRole: true, tools: true }
const ofTexts = { multiturn: false, systemRole: false, tools: false }

interface Setting {
  host: EngineHost
  turns: Turns
  waitForLoad: boolean
  /** Receives the finished share of the work on an image; undefined once none is being read. */
  readonly onShare: (share: number | undefined) => void
}

/**
 * With `waitForLoad`, retries once if the GPU is lost before the first chunk: the engine is rebuilt, on the CPU if the
 * GPU is gone, and answers.
 */
async function generate(setting: Setting, request: ModelRequest, run: RunOptions): Promise<Reply> {
  let hasSpoken = false
  const sendChunk: RunOptions['sendChunk'] = (content, details) => {
    hasSpoken = true
    run.sendChunk(content, details)
  }
  try {
    return await attempt(setting, request, { ...run, sendChunk })
  } catch (thrown) {
    const wasLost = HybridError.isInstance(thrown) && thrown.code === 'DEVICE_LOST'
    if (!wasLost || hasSpoken || !setting.waitForLoad || run.signal.aborted) throw thrown
    return await attempt(setting, request, run)
  }
}

async function attempt(setting: Setting, request: ModelRequest, run: RunOptions): Promise<Reply> {
  const { host, turns, waitForLoad, onShare } = setting
  const { signal } = run
  refuseMedia(host, request)
  await host.ready({ waitForLoad, signal })
  const leave = await turns.enter(signal)
  let generation: number | undefined
  let onAbort: (() => void) | undefined
  try {
    // The engine may have failed while this request waited for its turn.
    await host.ready({ waitForLoad, signal })
    const started = (generation = await host.call('start', { request: inDeclaredOrder(request), seed: seed() }))
    onAbort = () => void drop(host, started)
    signal.addEventListener('abort', onAbort, { once: true })
    while (!signal.aborted) {
      const { content, logprobs, reply } = await host.call('next', { generation }, { onShare })
      onShare(undefined)
      host.succeeded()
      if (reply !== undefined) return { ...reply, ...(host.loaded === undefined ? {} : { device: host.loaded.device }) }
      if (content !== undefined) run.sendChunk(content, logprobs === undefined ? {} : { logprobs })
    }
    throw new HybridError('CANCELLED', 'stopped by the caller')
  } finally {
    onShare(undefined)
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
    // The next request may start only once this one's last token is finished.
    if (generation !== undefined && host.state === 'ready') await drop(host, generation)
    leave()
  }
}

/** A model without a vision tower never reads images. */
function refuseMedia({ source, tower }: EngineHost, { messages }: ModelRequest): void {
  if (tower !== undefined || !messages.some(({ content }) => content.some(({ media }) => media !== undefined))) return
  throw new HybridError(
    'INVALID_ARGUMENT',
    `${source.name} supports no pictures: pass its vision tower as \`mmproj\`, or route by need (CapabilityStrategy)`,
    { code: 'MEDIA_UNSUPPORTED' },
  )
}

async function drop(host: EngineHost, generation: number): Promise<void> {
  try {
    await host.call('drop', { generation })
  } catch {
    // A worker that has ended runs nothing.
  }
}

/** Seeds come from the page, because the engine has no source of randomness. */
function seed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
}
