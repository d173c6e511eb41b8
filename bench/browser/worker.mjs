/** Runs in a dedicated worker: loads a generated model with the built engine and measures it. */

import { ceilings, readbackMilliseconds, threadReading } from './ceilings.mjs'
import { startEngine } from './engine.mjs'
import { GeneratedBlob } from './generated-blob.mjs'
import { encodeMilliseconds, median, recorded, replayed, seen, watchMemory } from './observed.mjs'

const round = (value, digits = 3) => Number(value.toPrecision(digits + 1))

const user = (text, maxOutputTokens) =>
  JSON.stringify({ messages: [{ role: 'user', content: [{ text }] }], config: { temperature: 0, maxOutputTokens } })

/** Returns a text of about this many tokens, with a different beginning each time. */
function textOf(model, tokens, salt) {
  const text = (words) => `${salt} ` + 'the weather is fine '.repeat(words)
  let [low, high] = [0, tokens]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (model.count(user(text(middle), 1), new Uint32Array()) <= tokens) low = middle
    else high = middle - 1
  }
  return text(low)
}

/** Processes a prompt, then decodes; returns times and counts. */
async function answer(model, text, tokens) {
  const generation = model.start(user(text, tokens), [], 1)
  const start = performance.now()
  const prompt = model.count(user(text, tokens), new Uint32Array())
  const begun = performance.now()
  let pulled = JSON.parse(await generation.next())
  const read = performance.now()
  const times = []
  let [first, last] = [undefined, performance.now()]
  while (pulled.reply === undefined) {
    pulled = JSON.parse(await generation.next())
    const now = performance.now()
    const count = pulled.logprobs?.length ?? 0
    if (first === undefined && count > 0) first = now
    else for (let i = 0; i < count; i++) times.push((now - last) / count)
    last = now
  }
  generation.free()
  return {
    prompt,
    cached: pulled.reply.usage.cachedContentTokens,
    prefillMs: read - begun,
    firstTokenMs: (first ?? read) - start,
    tokenMs: median(times),
    times,
  }
}

/**
 * Returns milliseconds from aborting a prompt until the error arrives, and until the GPU is idle: the maximum of six;
 * undefined if prompts are too fast to be aborted.
 */
async function stopping(model, length) {
  const [reported, idle] = [[], []]
  for (let turn = 0; turn < 6; turn++) {
    const generation = model.start(user(textOf(model, length, `stop ${turn}`), 2), [], 1)
    const reading = generation.next().then(
      () => false,
      () => true,
    )
    await new Promise((resolve) => setTimeout(resolve, 40 + 37 * turn))
    const start = performance.now()
    generation.cancel()
    const isStopped = await reading
    const arrived = performance.now()
    await seen.device.queue.onSubmittedWorkDone()
    generation.free()
    if (isStopped) (reported.push(arrived - start), idle.push(performance.now() - start))
  }
  return reported.length === 0 ? {} : { abort_ms: round(Math.max(...reported)), abort_gpu_ms: round(Math.max(...idle)) }
}

/**
 * Returns tokens per second at each context. Each text extends the previous one, so that cached tokens are reused.
 */
async function writing(model, plan, leaveOut) {
  const found = { decode_tps: {} }
  let [held, rate] = [0, Infinity]
  for (const context of plan.contexts.toSorted((a, b) => a - b)) {
    if (leaveOut(`writing at ${context}`, (context - held) / rate)) continue
    const { prompt, cached, prefillMs, times } = await answer(model, textOf(model, context, 'write'), plan.tokens)
    rate = ((prompt - cached) * 1000) / prefillMs
    held = prompt
    found.decode_tps[context] = round(1000 / median(times))
  }
  return found
}

/** The adapter's name in the browser. */
async function adapterName(device) {
  if (device === 'cpu') return 'cpu'
  const { vendor, architecture } = (await navigator.gpu.requestAdapter()).info
  return `${vendor} ${architecture}`.trim()
}

async function measure(plan) {
  const progress = () => {}
  const report = { where: 'browser', device: plan.device, shape: plan.shape, precision: plan.precision }
  watchMemory()
  const { engine, memory } = await startEngine(plan.device)
  const megabytes = () => round(memory.buffer.byteLength / 1e6)
  const { blob, shape, weights } = await GeneratedBlob.fetch('/model')
  const longest = Math.max(...plan.prompts, ...plan.contexts)
  const options = {
    contextWindow: longest + 4 * plan.tokens + 64,
    device: plan.device,
    precision: plan.precision,
    kind: 'generator',
  }
  const start = performance.now()
  const model = await engine.Model.load([blob], [], [], JSON.stringify(options), progress)
  Object.assign(report, {
    load_s: round((performance.now() - start) / 1000),
    adapter: await adapterName(plan.device),
    plan: JSON.parse(model.facts()).gpuPlan,
    gpu_bytes: seen.gpuBytes,
    file_bytes: blob.size,
  })
  report.wasm_after_load_mb = megabytes()
  await answer(model, textOf(model, 20, 'warm'), 4)

  report.prefill_tps = {}
  /** Whether a duration exceeds the time limit; the report then lists what was left out. */
  const leaveOut = (what, seconds) => {
    const isLong = seconds > plan.patience
    if (isLong) report.left_out = { ...report.left_out, [what]: `about ${Math.round(seconds)} s to read` }
    return isLong
  }
  let rate = Infinity
  for (const length of plan.prompts) {
    if (leaveOut(`reading ${length}`, (plan.turns * length) / rate)) continue
    const turns = []
    for (let turn = 0; turn < plan.turns; turn++)
      turns.push(await answer(model, textOf(model, length, `read ${length} ${turn}`), 2))
    const { prompt, cached } = turns[0]
    rate = ((prompt - cached) * 1000) / median(turns.map((it) => it.prefillMs))
    report.prefill_tps[length] = round(rate)
    if (report.first_token_ms === undefined) {
      report.first_token_ms = round(median(turns.map((it) => it.firstTokenMs)))
      const text = textOf(model, length, 'kept')
      await answer(model, text, 2)
      report.first_token_cached_ms = round((await answer(model, `${text} and more`, 2)).firstTokenMs)
    }
  }
  Object.assign(report, await writing(model, plan, leaveOut))
  if (plan.isBrief) return report
  if (plan.device === 'gpu')
    Object.assign(report, await stopping(model, Math.max(...plan.prompts)), await internals(model, shape))
  else {
    const read = await threadReading()
    const perToken = weights * Math.max(...Object.values(report.decode_tps))
    Object.assign(report, {
      read_gbps: round(read / 1e9),
      decode_gbps: round(perToken / 1e9),
      decode_ratio: round(perToken / read),
    })
  }
  report.wasm_peak_mb = megabytes()
  return report
}

/** Returns the GPU work of one decoded token, and how close its parts are to the adapter's limits. */
async function internals(model, shape) {
  const text = textOf(model, 20, 'inside')
  const tokens = 9
  const found = await recorded(async () => void (await answer(model, text, tokens)))
  const lists = []
  for (const dispatch of found.dispatches) {
    if (dispatch.label === 'embed' && lists.at(-1)?.at(-1)?.label !== 'embed') lists.push([])
    lists.at(-1)?.push(dispatch)
  }
  const last = lists.at(-1)
  const heads = last.filter((it) => it.label === 'head')
  const body = last.filter((it) => !['head', 'slices', 'pick'].includes(it.label))
  const headMs = await replayed(heads)
  const bodyMs = await replayed(body)
  const { read, reference } = await ceilings()
  const encoding = await encodeMilliseconds(last.length, async () => void (await answer(model, text, 16)))
  const headWeights = shape.vocabulary * shape.width
  const layer = shape.width * (2 * shape.heads * 256 + 2 * shape.kvHeads * 256 + 3 * shape.hidden)
  return {
    read_gbps: round(read / 1e9),
    reference_gweights: round(reference / 1e9),
    matvec_gbps: round((headWeights * 34) / 32 / headMs / 1e6),
    matvec_gweights: round(headWeights / headMs / 1e6),
    matvec_ratio: round((headWeights * 34) / 32 / headMs / 1e6 / (read / 1e9)),
    body_gweights: round((layer * shape.layers) / bodyMs / 1e6),
    encode_us_per_dispatch: round((encoding.best * 1000) / last.length),
    encode_ms_per_token: round(encoding.best),
    encode_ms_median: round(encoding.median),
    dispatches_per_token: last.length,
    readback_bytes_per_token: Math.round(found.readBytes / tokens),
    readback_ms: round(await readbackMilliseconds()),
  }
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ report: await measure(data) })
  } catch (error) {
    self.postMessage({ error: typeof error === 'string' ? error : `${error?.message}\n${error?.stack}` })
  }
}
