// The badge under an answer: device, speed, confidence, cost, attempts and reason.
import { inWords } from './private-data.js'
import { timeline } from './trace-panel.js'

const places = { on_device: 'on this device', in_cloud: 'in the cloud', unknown: 'somewhere' }

export const seconds = (milliseconds) =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`

function speed({ usage, routing }) {
  const { firstTokenMs, durationMs } = routing.attempts.find(({ outcome }) => outcome === 'answered') ?? {}
  if (firstTokenMs === undefined) return []
  const rate =
    usage.outputTokens > 1 && durationMs > firstTokenMs
      ? (usage.outputTokens - 1) / ((durationMs - firstTokenMs) / 1000)
      : undefined
  return [rate && `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} tokens/s`, `first token ${seconds(firstTokenMs)}`]
}

/** Returns the cost of an answer, from its usage and the visitor's price. */
function cost({ inferenceSource, usage }, price) {
  const { inputTokens = 0, outputTokens = 0, thoughtsTokens = 0, totalTokens } = usage
  const tokens = totalTokens === undefined ? 'tokens not reported' : `${totalTokens} tokens`
  if (inferenceSource === 'on_device') return `${tokens}, free`
  if (price === undefined) return `${tokens}, price unknown`
  const dollars = (inputTokens * price.input + (outputTokens + thoughtsTokens) * price.output) / 1e6
  return dollars === 0 ? `${tokens}, free here` : `${tokens}, about $${dollars.toPrecision(2)}`
}

const names = { onDevice: 'this device', cloud: 'the cloud' }
const nameOf = (branch) => names[branch] ?? branch

/** Returns why this branch answered: the data found, earlier failures, or the strategy's own reason. */
function reason({ branch, routing, pinned }) {
  if (pinned?.length > 0) return `Stayed on this device: it contains ${inWords(pinned)}.`
  const failed = routing.attempts
    .filter(({ outcome }) => outcome !== 'answered')
    .map(
      ({ branch, status, outcome }) =>
        `${nameOf(branch)} ${outcome === 'rejected' ? 'was not sure enough' : `failed (${status ?? outcome})`}`,
    )
  // A model without a router has no strategy.
  const why = routing.reason ?? (routing.strategy === 'none' ? '' : `strategy “${routing.strategy}”`)
  if (failed.length === 0) return why
  const taker = nameOf(branch)
  return `${failed.join(', ')}; ${taker} took over. ${routing.reason ?? ''}`
}

const chip = (className, text) =>
  Object.assign(document.createElement('span'), { className: `chip ${className}`, textContent: text })

/** Creates the badge of a response. `cloud` has the cloud's label and its price. */
export function badge(response, cloud) {
  const { branch, inferenceSource, confidence, latencyMs } = response
  const where = inferenceSource === 'in_cloud' ? `${places.in_cloud}: ${cloud.label()}` : places[inferenceSource]
  const fast = speed(response).filter(Boolean)
  const chips = [
    chip(`where ${inferenceSource}`, where),
    ...(fast.length > 0 ? fast : [`total ${seconds(latencyMs)}`]).map((it) => chip('', it)),
    chip(
      '',
      confidence ? `confidence ${Math.round(Math.exp(confidence.meanLogprob) * 100)} %` : 'confidence not reported',
    ),
    chip('', cost(response, cloud.price())),
  ]
  const why = Object.assign(document.createElement('span'), { className: 'reason', textContent: reason(response) })
  const note = document.createElement('div')
  note.className = 'badge'
  note.dataset.branch = branch
  note.append(...chips.flatMap((it) => [it, ' ']), timeline(response.routing), why)
  return note
}
