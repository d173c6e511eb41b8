// Error messages for people: what went wrong, and what to do.

const byCode = {
  MODEL_ABSENT: 'Load a device model in its panel, or choose a strategy that may ask the cloud.',
  MODEL_LOADING: 'Wait until it is loaded, or choose a strategy that may ask the cloud meanwhile.',
  MODEL_FAILED: 'Load the model again, or run it on the CPU.',
  CLOUD_ABSENT: 'Enter one in the panel “Cloud”.',
  OFFLINE: 'Load a device model to continue without a network.',
  GPU_UNAVAILABLE: 'Choose “CPU” in the panel “Device model”, or ask the cloud.',
  DEVICE_LOST: 'Ask again: the engine is rebuilt from the stored file.',
  CRASHED_BEFORE: 'Choose a smaller model.',
  CHECKSUM_MISMATCH: 'Remove the model and load it again.',
  QUOTA_EXCEEDED: 'Free some storage, or choose a smaller model.',
  API_KEY_INVALID: 'Enter another key in the panel “Cloud”.',
}

const byStatus = {
  UNAVAILABLE: 'Try again in a moment, or choose a strategy with another branch.',
  DEADLINE_EXCEEDED: 'Try again, or choose a strategy with another branch.',
  RESOURCE_EXHAUSTED: 'Wait a little, or let this device answer.',
  UNAUTHENTICATED: 'Enter a key in the panel “Cloud”.',
  PERMISSION_DENIED: 'Check the key and what it may do.',
  NOT_FOUND: 'Check the address and the model’s name.',
  INVALID_ARGUMENT: 'Change the request.',
  UNIMPLEMENTED: 'Choose a strategy that sends this elsewhere.',
  FAILED_PRECONDITION: 'Choose another model.',
}

/** Describes a file that isn't a model, by its error code. */
const notAModel = (code, message) => {
  if (/^GGUF_|^MODEL_KEY_|^TOKENIZER_/.test(code ?? ''))
    return /\bit has 0\b|is empty/.test(message) ? 'The file is empty.' : 'This file is not a usable GGUF model.'
}

/** Returns an error as one or two sentences; the second is the advice. */
export function sentence({ message, code, status }) {
  const file = notAModel(code, message)
  if (file !== undefined) return `${file} Choose a .gguf file of a Gemma 3 model.`
  const said = `${message.charAt(0).toUpperCase()}${message.slice(1)}`.replace(/\.?$/, '.')
  const step = byCode[code] ?? byStatus[status] ?? 'Try again, or reload the page.'
  return `${said} ${step}`
}
