// Errors as people read them: what went wrong, and what can be done about it.

const byCode = {
  MODEL_ABSENT: 'Load a device model in its panel, or choose a strategy that may ask the cloud.',
  MODEL_LOADING: 'Wait until it is loaded, or choose a strategy that may ask the cloud meanwhile.',
  MODEL_FAILED: 'Load the model again, or run it on the CPU.',
  CLOUD_ABSENT: 'Name one in the panel “Cloud”.',
  OFFLINE: 'Load a device model to go on without a network.',
  GPU_UNAVAILABLE: 'Choose “the CPU” in the panel “Device model”, or ask the cloud.',
  DEVICE_LOST: 'Ask again: the engine is built anew from what is kept.',
  CRASHED_BEFORE: 'Choose a smaller model.',
  CHECKSUM_MISMATCH: 'Remove the model and fetch it again.',
  QUOTA_EXCEEDED: 'Free some room on this device, or choose a smaller model.',
  API_KEY_INVALID: 'Type another key in the panel “Cloud”.',
}

const byStatus = {
  UNAVAILABLE: 'Try again in a moment, or choose a strategy with another branch.',
  DEADLINE_EXCEEDED: 'Try again, or choose a strategy with another branch.',
  RESOURCE_EXHAUSTED: 'Wait a little, or let this device answer.',
  UNAUTHENTICATED: 'Type a key in the panel “Cloud”.',
  PERMISSION_DENIED: 'Check the key and what it may do.',
  NOT_FOUND: 'Check the address and the model’s name.',
  INVALID_ARGUMENT: 'Change what was asked for.',
  UNIMPLEMENTED: 'Choose a strategy that sends this elsewhere.',
  FAILED_PRECONDITION: 'Choose another model.',
}

/** An error as one or two sentences; the second says what to do. */
export function sentence({ message, code, status }) {
  const said = `${message.charAt(0).toUpperCase()}${message.slice(1)}`.replace(/\.?$/, '.')
  const step = byCode[code] ?? byStatus[status] ?? 'Try again; if it stays, reload the page.'
  return `${said} ${step}`
}
