/** Runs in the dedicated worker: loads the engine's file that a call needs, and answers each call once. */

import type {
  Abort,
  Answer,
  Call,
  Calls,
  Collapse,
  Failure,
  Farewell,
  FromWorker,
  Method,
  Step,
  ThreadsWish,
} from '../protocol.js'
import type { Arriving } from './arriving.js'
import { EarlyLoad } from './early-load.js'
import { fileFor, seenGpu, type EngineFile } from './engine-file.js'
import { JoinedMeter } from './joined-meter.js'
import { obtain } from './obtain.js'
import { hasMedia, SeeingGeneration, sidesOf, withoutBytes } from './pictures.js'
import { Refusal, stopped } from './refusal.js'
import { askForSubgroups } from './subgroups.js'
import { help, isHelper, isThreadLost, threadsFor } from './threads.js'
import { isShared, loadEngine, type Engine, type Generation, type Model } from './wasm.js'

interface Run {
  readonly signal: AbortSignal
  report(step: Step): void
  readonly share: (share: number) => void
  engine(file: EngineFile, threads?: ThreadsWish): Promise<Engine>
}

type Handlers = {
  [M in Method]: (params: Calls[M]['params'], run: Run) => Promise<Calls[M]['result']> | Calls[M]['result']
}

let model: Model | undefined
const generations = new Map<number, Pick<Generation, 'cancel'> & { next(share: Run['share']): Promise<string> }>()
let lastGeneration = 0

const handlers: Handlers = {
  selfTest: async ({ burn }, run) => {
    const engine = await run.engine('gpu')
    const started = performance.now()
    const found = JSON.parse(await engine.self_test(burn)) as Omit<Calls['selfTest']['result'], 'checkMilliseconds'>
    return { ...found, checkMilliseconds: performance.now() - started }
  },
  cpuRate: async ({ precision, threads }, run) =>
    (await run.engine('cpu', threads)).cpu_rate(JSON.stringify(precision)),
  load: async (params, run) => {
    const { contextWindow, device, template, precision, kind, gpuIsRight, gpuPlan, imageTokens, mmproj, adapters } =
      params
    const gpu = await seenGpu(params)
    const shared = { contextWindow, device, template, precision, kind, gpuIsRight, gpuPlan, gpu, imageTokens }
    const options = JSON.stringify({ ...shared, adapterScales: adapters.map(({ scale }) => scale) })
    const engine = await run.engine(fileFor(params, gpu), params.threads)
    let isHere = false
    // The download determines the progress until it is complete.
    const onProgress = (phase: Step['phase'], loadedBytes: number, totalBytes: number): void => {
      if (isHere) run.report({ phase, loadedBytes, totalBytes })
    }
    const companions = [...(mmproj === undefined ? [] : [mmproj]), ...adapters.map(({ source }) => source)]
    const others: Array<readonly Blob[]> = []
    const open = async (files: ReadonlyArray<Blob | Arriving>): Promise<Model> => {
      model?.free()
      model = undefined
      const towers = mmproj === undefined ? [] : [...(others[0] ?? [])]
      const adapted = others.slice(mmproj === undefined ? 0 : 1)
      return await engine.Model.load([...files], towers, adapted, options, onProgress)
    }
    const early = new EarlyLoad(open)
    let blobs: readonly Blob[]
    try {
      const meter = new JoinedMeter((step) => run.report(step), [params.source, ...companions])
      blobs = await obtain(engine, params, options, {
        ...run,
        report: meter.of(0),
        // Without its companions the model cannot be opened.
        onArriving: (file) => companions.length === 0 && early.begin(file),
      })
      for (const [index, source] of companions.entries())
        others.push(
          await obtain(engine, { ...params, source }, undefined, {
            ...run,
            report: meter.of(index + 1),
            onArriving: () => {},
          }),
        )
    } catch (thrown) {
      await early.giveUp()
      throw thrown
    }
    isHere = true
    run.report({ phase: 'upload', loadedBytes: 0, totalBytes: blobs.reduce((sum, { size }) => sum + size, 0) })
    const loaded = await (early.model ?? early.giveUp().then(() => open(blobs))).catch((thrown: unknown) => {
      throw [params.source, ...companions].some((it) => 'key' in it) ? storedFailure(thrown) : thrown
    })
    if (run.signal.aborted) {
      loaded.free()
      throw stopped()
    }
    model = loaded
    const facts = JSON.parse(loaded.facts()) as Calls['load']['result']
    if (facts.device === 'gpu') return facts
    return { ...facts, threads: isShared(engine) ? threadsFor(params.threads) : 1 }
  },
  count: async ({ request }) => {
    const sides = hasMedia(request) ? await sidesOf(request) : new Uint32Array()
    return loaded().count(JSON.stringify(withoutBytes(request)), sides)
  },
  start: ({ request, seed }) => {
    const model = loaded()
    const generation = hasMedia(request)
      ? new SeeingGeneration(model, request, seed)
      : model.start(JSON.stringify(request), [], seed)
    generations.set(++lastGeneration, generation)
    return lastGeneration
  },
  next: async ({ generation }, run) => {
    const running = generations.get(generation)
    if (running === undefined) throw stopped()
    return JSON.parse(await running.next(run.share)) as Calls['next']['result']
  },
  drop: ({ generation }) => {
    const running = generations.get(generation)
    generations.delete(generation)
    running?.cancel()
    return null
  },
  embed: (params) => loaded().embed(JSON.stringify(params)),
}

/**
 * A stored file vanished while it was read, for example because the user cleared the site's data; there is no file to
 * choose again.
 */
function storedFailure(thrown: unknown): unknown {
  if (typeof thrown !== 'string' || (JSON.parse(thrown) as Failure).code !== 'SOURCE_LOST') return thrown
  return new Refusal({
    status: 'UNAVAILABLE',
    code: 'SOURCE_LOST',
    message: 'the stored model was deleted while it was loaded; load it again',
  })
}

/** Stops all calls and releases what they and the model hold: locks, files, the GPU device with every buffer. */
async function farewell(): Promise<null> {
  for (const running of generations.values()) running.cancel()
  generations.clear()
  for (const work of calls.values()) work.abort()
  await Promise.allSettled(answers)
  try {
    model?.free()
  } catch {
    // It is running right now, and ends with its worker.
  }
  model = undefined
  return null
}

function loaded(): Model {
  if (model === undefined)
    throw new Refusal({ status: 'UNAVAILABLE', code: 'MODEL_ABSENT', message: 'the worker has no model' })
  return model
}

const calls = new Map<number, AbortController>()
const answers = new Set<Promise<void>>()

/** The engine throws our error as JSON text, downloads and storage throw a Refusal; anything else is a bug. */
function failureOf(thrown: unknown): Failure {
  if (typeof thrown === 'string') return JSON.parse(thrown) as Failure
  return thrown instanceof Refusal ? thrown.failure : panic
}

const panic: Failure = {
  status: 'INTERNAL',
  code: 'ENGINE_PANIC',
  message: 'the engine stopped unexpectedly; the browser console holds the cause',
}

const threadLost: Failure = {
  status: 'INTERNAL',
  code: 'THREAD_LOST',
  message: 'a thread of the engine stopped; the model is loaded again',
}

async function answer<M extends Method>({ id, method, params, wasmUrls }: Call<M>): Promise<Answer> {
  const work = new AbortController()
  calls.set(id, work)
  try {
    const report = (progress: Step): void => say({ report: id, progress })
    const share = (share: number): void => say({ report: id, share })
    const engine = (file: EngineFile, threads: ThreadsWish = 1): Promise<Engine> =>
      loadEngine(file, wasmUrls, { threads: threadsFor(threads), onLost: collapse })
    return { id, result: await handlers[method](params, { signal: work.signal, report, share, engine }) }
  } catch (thrown) {
    if (typeof thrown !== 'string' && !(thrown instanceof Refusal)) console.error(thrown)
    return { id, failure: failureOf(thrown) }
  } finally {
    calls.delete(id)
  }
}

function say(message: FromWorker): void {
  self.postMessage(message)
}

/** The wasm cannot be trusted from here on. */
function collapse(): void {
  const message: Collapse = { collapse: isThreadLost() ? threadLost : panic }
  say(message)
}
function serve(): void {
  askForSubgroups()
  self.addEventListener('message', (event: MessageEvent<Call | Abort | Farewell>) => {
    const message = event.data
    if ('abort' in message) calls.get(message.abort)?.abort()
    else if ('farewell' in message) void farewell().then((result) => say({ id: message.farewell, result }))
    else {
      const answered = answer(message)
        .then(say)
        .finally(() => answers.delete(answered))
      answers.add(answered)
    }
  })

  // An unreadable message does not identify its call, so all calls fail.
  self.addEventListener('messageerror', collapse)

  // A trap inside a Rust future settles no promise: it surfaces here.
  self.addEventListener('unhandledrejection', collapse)
  self.addEventListener('error', (event) => {
    if (!(event.error instanceof WebAssembly.RuntimeError)) return
    // Reported by its name, and not a second time as an unknown end of the worker.
    event.preventDefault()
    console.error(event.error)
    collapse()
  })

  // Held for the worker's lifetime: a page that waits for it learns that the worker ended. Unavailable in insecure
  // contexts.
  const locks = (navigator as { locks?: LockManager }).locks
  if (locks !== undefined) {
    const lock = `hybridge-worker-${crypto.randomUUID()}`
    void locks.request(lock, () => {
      say({ lock })
      return new Promise<never>(() => {})
    })
  }
}

if (isHelper) help()
else serve()
