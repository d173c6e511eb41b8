// Chooses the cloud: the demo's emulator, or a service with the visitor's key.
import { geminiModel, openAICompatibleModel } from 'hybridge'

const dialects = { gemini: geminiModel, openai: openAICompatibleModel }
const none = { baseUrl: '', model: '', apiKey: '', label: '' }

/** The page may be served without emulators; then a simulated cloud answers until the visitor chooses one. */
async function emulatorsOfThisMachine() {
  try {
    return { gemini: none, openai: none, ...(await (await fetch('demo.json')).json()) }
  } catch {
    return { gemini: none, openai: none }
  }
}

/** Sets up the panel. `model()`, `label()` and `price()` return the current choice. */
export async function cloudPanel({ find, onCloud }) {
  const emulators = await emulatorsOfThisMachine()
  let model = emulators.gemini === none && (await import('./simulated-cloud.js')).simulatedCloud
  let label = 'simulated in this page'
  let isEmulator = true

  /** Returns the emulator of the chosen API, until the visitor enters a service. */
  function suggest() {
    const { baseUrl, model, apiKey } = emulators[find('cloud-dialect').value]
    find('cloud-url').value = baseUrl
    find('cloud-model').value = model
    find('cloud-key').value = apiKey
  }

  function use() {
    const dialect = find('cloud-dialect').value
    const baseUrl = find('cloud-url').value
    if (baseUrl === '') {
      find('cloud-state').textContent =
        'Now: simulated in this page. Enter an endpoint, a model and a key for a real one.'
      return
    }
    const apiKey = find('cloud-key').value
    model = dialects[dialect]({ model: find('cloud-model').value, baseUrl, ...(apiKey && { apiKey }) })
    isEmulator = baseUrl === emulators[dialect].baseUrl
    label = isEmulator ? emulators[dialect].label : new URL(baseUrl).host
    find('cloud-state').textContent = `Now: ${label}.${isEmulator ? ' No text leaves this machine.' : ''}`
  }

  suggest()
  use()
  find('cloud-dialect').addEventListener('change', suggest)
  find('cloud').addEventListener('submit', (event) => {
    event.preventDefault()
    use()
    onCloud()
  })

  return {
    model: () => model,
    label: () => label,
    /** Gemini's models have a window of 2²⁰ tokens; other services do not report theirs. */
    contextWindow: () => (find('cloud-dialect').value === 'gemini' ? 1_048_576 : undefined),
    /** Dollars per million tokens: zero for an emulator, undefined if unknown. */
    price() {
      if (isEmulator) return { input: 0, output: 0 }
      const [input, output] = ['price-input', 'price-output'].map((id) => find(id).valueAsNumber)
      return Number.isNaN(input) || Number.isNaN(output) ? undefined : { input, output }
    },
  }
}
