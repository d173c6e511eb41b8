// Chooses the device model: a known one, an address or a file; says what this device can do with it; loads, pauses and removes it.
import { HybridError, gemmaModel, knownModels } from 'hybridge'
import { tinyModel } from 'hybridge/tiny'

const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${Math.round(bytes / 1e6)} MB`)
const phases = { download: 'Downloading', verify: 'Checking', upload: 'Moving to the device', warmup: 'Warming up' }

/** What `availability()` found, as a sentence with the next step. */
function inWords({ status, reason, bytesToDownload, estimatedTokensPerSecond }) {
  const speed = estimatedTokensPerSecond === undefined ? '' : ` About ${Math.round(estimatedTokensPerSecond)} tokens a second are to be expected.`
  return {
    unavailable: `This device cannot run it: ${reason ?? 'no reason was given'}. The cloud answers instead.`,
    downloadable: `It can run here after a download${bytesToDownload === undefined ? '' : ` of ${size(bytesToDownload)}`}.${speed}`,
    downloading: 'It is being downloaded, perhaps in another tab.',
    available: `It is on this device already.${speed}`,
  }[status]
}

/** Wires the panel; `onModel` gets the model of the moment, or undefined. */
export function modelPanel({ find, onModel }) {
  let model
  let pause

  const say = (text) => (find('model-state').textContent = text)
  const complain = (error) => say(`${error.message}.`)

  function chosen() {
    const [file] = find('model-file').files
    if (file) return file
    const name = find('model-url').value || find('model-name').value
    return name === 'tiny' ? tinyModel : name
  }

  async function check() {
    await model?.dispose()
    model = gemmaModel({ model: chosen(), device: find('model-device').value })
    onModel(model)
    say('Looking at this device…')
    const found = await model.availability()
    say(inWords(found))
    find('model-load').disabled = found.status === 'unavailable'
    find('model-remove').hidden = found.status !== 'available'
  }

  async function load() {
    const bar = find('model-progress')
    pause = new AbortController()
    bar.hidden = find('model-pause').hidden = false
    find('model-load').disabled = true
    try {
      await model.load({
        signal: pause.signal,
        onProgress({ phase, fraction, loadedBytes, totalBytes }) {
          bar.value = fraction
          say(`${phases[phase]}: ${size(loadedBytes)} of ${size(totalBytes)}.`)
        },
      })
      say('Ready: requests can be answered on this device.')
      find('model-remove').hidden = false
    } catch (error) {
      find('model-load').disabled = false
      if (HybridError.isInstance(error) && error.status === 'CANCELLED') say('Paused. What has arrived is kept; Load goes on from there.')
      else complain(error)
    } finally {
      bar.hidden = find('model-pause').hidden = true
    }
  }

  async function remove() {
    await model.remove()
    find('model-remove').hidden = true
    find('model-load').disabled = false
    say('Removed from this device.')
  }

  find('model-name').append(new Option(`tiny, comes with this page, ${size(tinyModel.bytes)}`, 'tiny'))
  for (const [name, { kind, approximateBytes, licence }] of Object.entries(knownModels)) {
    if (kind !== 'generator') continue
    find('model-name').append(new Option(`${name}, about ${size(approximateBytes)}`, name))
    find('model-licence').href = licence
  }
  find('model').addEventListener('submit', (event) => {
    event.preventDefault()
    check().catch(complain)
  })
  find('model-load').addEventListener('click', () => void load())
  find('model-pause').addEventListener('click', () => pause?.abort())
  find('model-remove').addEventListener('click', () => remove().catch(complain))
}
