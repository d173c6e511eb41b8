// A picture to ask about: chosen, photographed, pasted or dropped. It is shown with the size that the model receives.
import { element } from './entries.js'

/** The side of the square that becomes one token in Gemma 4, in pixels. */
const unit = 48

/**
 * Returns the size to which a model resizes a picture, and its number of tokens: Gemma 3 stretches every picture to
 * one square, Gemma 4 keeps its approximate shape within a budget of tokens.
 */
export function seenAs({ width, height }, family, budget = 280) {
  if (family === 3) return { width: 896, height: 896, tokens: 256 }
  const factor = Math.sqrt((budget * unit * unit) / (width * height))
  const whole = (side) => Math.floor((factor * side) / unit) * unit
  const long = (side, other) => Math.min(Math.floor(side / other), budget) * unit
  let [across, down] = [whole(width), whole(height)]
  if (across === 0) [across, down] = [unit, long(height, width)]
  else if (down === 0) [across, down] = [long(width, height), unit]
  return { width: across, height: down, tokens: (across / unit) * (down / unit) }
}

/**
 * Sets up the form's field for pictures, pasting and the preview. `familyOf()` is 3 or 4 if the device model supports
 * pictures, else undefined.
 */
export function pictureField({ find, familyOf }) {
  let held
  const [state, frame] = [find('picture-state'), find('picture-frame')]

  function drop() {
    held = undefined
    find('picture').value = state.textContent = ''
    frame.replaceChildren()
    find('picture-drop').hidden = true
  }

  async function take(file) {
    if (!file?.type.startsWith('image/')) return false
    drop()
    try {
      const bitmap = await createImageBitmap(file)
      const { width, height } = bitmap
      bitmap.close()
      held = { width, height, type: file.type, url: await addressOf(file) }
    } catch {
      state.textContent = `${file.name || 'This picture'} cannot be decoded. Choose a PNG, JPEG or WebP file.`
      return true
    }
    frame.replaceChildren(element('img', { src: held.url, alt: 'The picture to send with your message' }))
    find('picture-drop').hidden = false
    show()
    return true
  }

  /** Updates the description after the model changed. */
  function show() {
    if (!held) return
    const { width, height } = held
    const family = familyOf()
    const seen = family && seenAs(held, family)
    state.textContent = seen
      ? `${width} × ${height} pixels, which this device's model receives as ` +
        `${seen.width} × ${seen.height}: ${seen.tokens} tokens.`
      : `${width} × ${height} pixels. No model on this device supports pictures, so a cloud must answer.`
  }

  find('picture').addEventListener('change', ({ target }) => void take(target.files[0]))
  find('picture-drop').addEventListener('click', () => {
    drop()
    find('picture').focus()
  })
  find('prompt').addEventListener('paste', (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/'))
    if (!file) return
    event.preventDefault()
    void take(file)
  })
  return {
    take,
    show,
    drop,
    /** The picture to send with one message. */
    get media() {
      return held && { url: held.url, contentType: held.type }
    },
  }
}

/** The file's bytes as an address, which a stored conversation keeps. */
const addressOf = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.addEventListener('load', () => resolve(reader.result))
    reader.addEventListener('error', () => reject(reader.error))
    reader.readAsDataURL(file)
  })
