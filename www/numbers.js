// The page of numbers: measures this device and plots the results.
import { deviceFacts } from 'hybridge'
import { measureCpu, measureGpu } from './memory.js'
import { modelPanel } from './model-panel.js'
import { sentence } from './next-step.js'
import { showPlace } from './place.js'
import { brief, linePlot, table } from './plot.js'
import { measureSpeed } from './speed.js'

const find = (id) => document.getElementById(id)
const lengths = [32, 64, 128, 256, 384, 1024, 2048]
const maxOutputTokens = 32

let model
let chosen
let stopper
let results

modelPanel({ root: find('model'), onModel: (...now) => ([model, chosen] = now) })

const say = (text) => (find('progress-words').textContent = text)

/** A table may be wider than a phone; it can then be scrolled, also by keyboard. */
function scrolling(content, name) {
  const frame = Object.assign(document.createElement('div'), {
    className: 'scrolls',
    tabIndex: 0,
    role: 'region',
    ariaLabel: name,
  })
  frame.append(content)
  return frame
}

/** Each token reads every weight once, so the memory bandwidth limits tokens per second. */
function limitOf({ cpu, gpu }, runsOn, bytes) {
  const readGBps = (runsOn === 'gpu' ? gpu : cpu)?.readGBps
  return readGBps && bytes ? (readGBps * 1e9) / bytes : undefined
}

function showSpeeds({ name, device, rows, limit }) {
  const plots = document.createElement('div')
  plots.className = 'plots'
  for (const [title, key] of [
    ['Prefill', 'prefill'],
    ['Decode', 'decode'],
  ]) {
    const points = rows.map((row) => ({ x: row.inputTokens, value: row[key] }))
    plots.append(
      linePlot({
        title,
        unit: 'tokens/s',
        axis: 'tokens in',
        points,
        ...(key === 'decode' && limit && { limit: { name: 'memory’s limit', value: limit } }),
      }),
    )
  }
  const caption = `${name}, asked to run on ${device}: medians of three, or one run where it takes long. More is better, except for the first token. Decoding is counted from the first piece to the last; few tokens make a rough figure.${limit ? ` Reading the weights once a token, this memory would allow ${brief(limit)} tokens/s.` : ''}`
  const columns = ['prompt', 'prefill, tokens/s', 'decode, tokens/s', 'first token, ms', 'tokens decoded']
  const cells = rows.map(({ inputTokens, prefill, decode, firstMs, decodedTokens }) => [
    `${inputTokens} tokens`,
    brief(prefill),
    brief(decode),
    brief(firstMs),
    String(decodedTokens),
  ])
  find('speeds').replaceChildren(plots, scrolling(table({ caption, columns, rows: cells }), 'Speeds'))
}

function showMemory({ cpu, gpu }) {
  const rows = [
    ['CPU, one thread of JavaScript', cpu],
    ['GPU, WebGPU', gpu],
  ].map(([name, found]) => [name, brief(found?.readGBps), brief(found?.matvecGWps), brief(found?.dispatchMicros)])
  const caption =
    'Best of several. Reading 64 MiB; a matrix of 2048 × 2048 32-bit numbers times a vector. A cache of that size flatters both.'
  find('memory').replaceChildren(
    scrolling(
      table({
        caption,
        columns: ['where', 'reading, GB/s', 'matrix × vector, billion weights/s', 'starting a kernel, µs'],
        rows,
      }),
      'Memory',
    ),
  )
}

async function measure() {
  stopper = new AbortController()
  const { signal } = stopper
  find('measure').disabled = true
  find('stop').hidden = false
  const missing = []
  try {
    say('Measuring: the CPU’s memory…')
    const cpu = await measureCpu(signal)
    say('Measuring: the GPU’s memory…')
    const gpu = await measureGpu(signal).catch((error) => {
      signal.throwIfAborted()
      missing.push(`The GPU was left out: ${error.message}.`)
    })
    if (gpu === undefined && missing.length === 0) missing.push('There is no WebGPU here, so the GPU was left out.')
    results = {
      facts: await deviceFacts(),
      userAgent: navigator.userAgent,
      at: new Date().toISOString(),
      memory: { cpu, gpu },
    }
    showMemory(results.memory)
    if (model?.state === 'ready') {
      const device = find('model').querySelector('#model-device').selectedOptions[0].textContent
      const fitting = lengths.filter(
        (length) => length + maxOutputTokens + 24 <= (model.info.contextWindow ?? Infinity),
      )
      const rows = await measureSpeed(model, {
        lengths: fitting,
        maxOutputTokens,
        signal,
        onStep: (step) => say(`Measuring: ${step}…`),
      })
      const bytes = chosen?.bytes
      const limit = limitOf(results.memory, model.runsOn, bytes)
      results.speed = { name: model.name, device, runsOn: model.runsOn, bytes, limit, rows }
      showSpeeds(results.speed)
    } else missing.push('No model is loaded, so no speed of one was measured: load one above and measure again.')
    say(['Done.', ...missing].join(' '))
  } catch (error) {
    say(signal.aborted ? 'Stopped. What was measured stays below.' : sentence(error))
  } finally {
    find('measure').disabled = false
    if (document.activeElement === find('stop')) find('measure').focus()
    find('stop').hidden = true
    find('export').hidden = results === undefined
  }
}

find('measure').addEventListener('click', () => void measure())
find('stop').addEventListener('click', () => stopper?.abort())
find('export').addEventListener('click', () => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([JSON.stringify(results, null, 2)], { type: 'application/json' }))
  link.download = 'hybridge-numbers.json'
  link.click()
  URL.revokeObjectURL(link.href)
})

await showPlace(find('place'))
document.body.dataset.ready = 'true'
