// Chooses the device model, shows how it can run on this device, and loads, pauses, resumes and removes it.
import { HybridError, gemmaModel, listCachedModels } from 'hybridge'
import { choices, size } from './model-choices.js'
import { inWords } from './model-words.js'
import { sentence } from './next-step.js'
import { keepsFiles } from './place.js'

const phases = { download: 'Downloading', verify: 'Checking', upload: 'Moving to the device', warmup: 'Warming up' }

const markup = `
  <form class="models">
    <fieldset class="choices"><legend>Model</legend></fieldset>
    <div data-field="url" hidden>
      <label for="model-url">URL of a GGUF file</label>
      <input id="model-url" type="url" placeholder="https://…/model.gguf">
    </div>
    <div data-field="file" hidden>
      <label for="model-file">GGUF file</label>
      <input id="model-file" type="file" accept=".gguf">
    </div>
    <label for="model-device">Run on</label>
    <select id="model-device">
      <option value="auto">Automatic</option>
      <option value="gpu">GPU (even software-emulated)</option>
      <option value="cpu">CPU</option>
    </select>
    <button id="model-load">Load</button>
    <button id="model-pause" type="button" class="quiet" hidden>Pause</button>
    <button id="model-remove" type="button" class="quiet" hidden>Remove from this device</button>
  </form>
  <progress id="model-progress" max="1" value="0" hidden aria-label="Loading the model"></progress>
  <p id="model-state" class="hint" role="status">Nothing is downloaded before you press Load.</p>
  <p id="model-kept" class="hint"></p>`

function choiceField([name, { label, about, licence }]) {
  const field = document.createElement('div')
  field.className = 'choice'
  const button = Object.assign(document.createElement('input'), {
    type: 'radio',
    name: 'model',
    id: `model-${name}-choice`,
    value: name,
  })
  const words = Object.assign(document.createElement('label'), { htmlFor: button.id, textContent: label })
  const more = Object.assign(document.createElement('p'), {
    id: `${button.id}-about`,
    className: 'hint',
    textContent: about,
  })
  button.setAttribute('aria-describedby', more.id)
  if (licence)
    more.append(
      ' ',
      Object.assign(document.createElement('a'), { href: licence.href, textContent: licence.label, rel: 'external' }),
    )
  field.append(button, words, more)
  return field
}

/** Sets up `root`; `onModel` is called with the current model and its choice, or with undefined. */
export function modelPanel({ root, onModel }) {
  root.innerHTML = markup
  const find = (name) => root.querySelector(`#model-${name}`)
  const form = root.querySelector('form')
  root.querySelector('.choices').append(...Object.entries(choices).map(choiceField))
  const wanted = new URLSearchParams(location.search).get('model')
  form.elements.model.value = Object.hasOwn(choices, wanted ?? '') ? wanted : 'tiny'

  let model
  let stopper
  let turn = 0

  const say = (text) => (find('state').textContent = text)
  const isCurrent = (mine) => mine === turn

  let listing = 0
  /** Shows what is stored. Only the latest call updates the panel, because an earlier one may end later. */
  async function showKept() {
    const mine = ++listing
    const kept = await listCachedModels().catch(() => [])
    if (mine !== listing) return
    const bytes = kept.reduce((sum, it) => sum + it.bytes, 0)
    find('kept').textContent =
      kept.length === 0
        ? ''
        : `${kept.length} ${kept.length === 1 ? 'model' : 'models'} stored on this device, ${size(bytes)}.`
  }

  /** Returns the choice as options; undefined if the URL or the file is missing. */
  const chosen = () =>
    choices[form.elements.model.value].options({ url: find('url').value, file: find('file').files[0] })

  /**
   * Disposes of the previous model, creates the chosen one and shows how it can run on this device. `isUnasked` skips
   * the last step, which measures the device.
   */
  async function look({ isUnasked = false } = {}) {
    const mine = ++turn
    stopper?.abort()
    void model?.dispose()
    model = undefined
    onModel(undefined)
    for (const field of root.querySelectorAll('[data-field]'))
      field.hidden = field.dataset.field !== choices[form.elements.model.value].field
    find('remove').hidden = find('progress').hidden = true
    find('load').textContent = 'Load'
    const options = chosen()
    find('load').disabled = options === undefined
    if (options === undefined)
      return say(
        form.elements.model.value === 'file'
          ? 'Choose a .gguf file.'
          : find('url').value === ''
            ? 'Enter the URL of a .gguf file.'
            : 'That is not a web address.',
      )
    say('Checking this device…')
    const made = gemmaModel({ ...options, device: find('device').value, cache: (await keepsFiles()) ? 'opfs' : 'none' })
    if (!isCurrent(mine)) return
    model = made
    if (isUnasked) return onModel(made, choices[form.elements.model.value])
    const found = await made.availability()
    if (!isCurrent(mine)) return
    made.runsOn = found.device
    onModel(made, choices[form.elements.model.value])
    say(inWords(found))
    find('load').disabled = found.status === 'unavailable'
    find('remove').hidden = found.status !== 'available' || options.model instanceof Blob
  }

  async function load(options) {
    if (model === undefined) await look(options)
    if (model === undefined || find('load').disabled) return
    const mine = turn
    const bar = find('progress')
    const began = { at: performance.now(), bytes: undefined }
    stopper = new AbortController()
    bar.hidden = find('pause').hidden = false
    // Keeps the keyboard focus on an enabled button.
    if (document.activeElement === find('load')) find('pause').focus()
    find('load').disabled = true
    find('remove').hidden = true
    try {
      await model.load({
        signal: stopper.signal,
        onProgress({ phase, fraction, loadedBytes, totalBytes }) {
          if (!isCurrent(mine)) return
          began.bytes ??= loadedBytes
          const rate = (loadedBytes - began.bytes) / ((performance.now() - began.at) / 1000)
          const left =
            phase === 'download' && rate > 0
              ? `, ${size(rate)} a second, ${Math.ceil((totalBytes - loadedBytes) / rate)} s left`
              : ''
          bar.value = fraction
          say(`${phases[phase]}: ${size(loadedBytes)} of ${size(totalBytes)}${left}.`)
        },
      })
      if (!isCurrent(mine)) return
      bar.hidden = true
      say('Ready: this device can answer.')
      find('remove').hidden = !(await keepsFiles()) || form.elements.model.value === 'file'
      onModel(model, choices[form.elements.model.value])
    } catch (error) {
      if (!isCurrent(mine)) return
      find('load').disabled = false
      const isPaused = HybridError.isInstance(error) && error.status === 'CANCELLED'
      if (!isPaused) bar.hidden = true
      find('load').textContent = isPaused ? 'Resume' : 'Try again'
      say(isPaused ? 'Paused. Resume continues where it stopped.' : sentence(error))
    } finally {
      if (isCurrent(mine)) {
        if (document.activeElement === find('pause'))
          (find('load').disabled ? (find('remove').hidden ? find('device') : find('remove')) : find('load')).focus()
        find('pause').hidden = true
      }
      void showKept()
    }
  }

  async function remove() {
    await model.remove()
    await Promise.all([look(), showKept()])
    say('Removed from this device. Load downloads it again.')
    find('load').focus()
  }

  const complain = (error) => say(sentence(error))
  form.addEventListener('change', () => void look().catch(complain))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    load().catch(complain)
  })
  find('pause').addEventListener('click', () => stopper?.abort())
  find('remove').addEventListener('click', () => void remove().catch(complain))
  void showKept()

  return {
    /** Loads the chosen model, as the button does. */
    load: (options) => load(options).catch(complain),
    /** Shows how the chosen model can run on this device. */
    look: () => look().catch(complain),
    isTiny: () => form.elements.model.value === 'tiny',
  }
}
