// Describes how a device can run a model.
import { size } from './model-choices.js'
import { sentence } from './next-step.js'

/** Converts the result of `availability()` to a sentence with the next step. */
export function inWords({ status, reason, code, bytesToDownload, estimatedTokensPerSecond }) {
  // A fault of the file or its host isn't a fault of the device.
  const isAboutTheFile = status === 'unavailable' && /^(GGUF|MODEL|TOKENIZER|NETWORK|OFFLINE|SOURCE)_?/.test(code ?? '')
  if (isAboutTheFile) return sentence({ message: reason ?? 'the model cannot be read', code, status: 'UNAVAILABLE' })
  const speed =
    estimatedTokensPerSecond === undefined
      ? ''
      : ` Expect about ${Math.round(estimatedTokensPerSecond)} tokens a second.`
  const caution = status === 'unavailable' || reason === undefined ? '' : ` Note: ${reason}.`
  return {
    unavailable: `This device cannot run it: ${reason ?? 'no reason was given'}. Choose a smaller model, or let the cloud answer.`,
    downloadable: `It can run here after a download${bytesToDownload === undefined ? '' : ` of ${size(bytesToDownload)}`}.${speed}${caution}`,
    downloading: 'It is being downloaded, perhaps in another tab. Load joins that download.',
    available: `It is stored on this device.${speed}${caution}`,
  }[status]
}
