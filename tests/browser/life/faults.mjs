/** Runs in the worker before the real script: breaks what a test asks to be broken, over a channel. */

const channel = new BroadcastChannel('faults')
let instance
let isTrapArmed = false
const devices = []

const { instantiate, instantiateStreaming } = WebAssembly

// A wasm's imports run in the middle of its functions: what one throws passes through it like a trap.
function armed(imports) {
  return Object.fromEntries(Object.entries(imports).map(([module, values]) => [module, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value !== 'function' ? value : (...args) => {
    if (isTrapArmed) {
      isTrapArmed = false
      throw new WebAssembly.RuntimeError('unreachable')
    }
    return value(...args)
  }]))]))
}

WebAssembly.instantiateStreaming = async (source, imports) => {
  const made = await instantiateStreaming.call(WebAssembly, source, armed(imports))
  instance = made.instance
  return made
}
WebAssembly.instantiate = async (source, imports) => {
  const made = await instantiate.call(WebAssembly, source, armed(imports))
  instance = made.instance ?? made
  return made
}

if (globalThis.GPUAdapter !== undefined) {
  const { requestDevice } = GPUAdapter.prototype
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args)
    devices.push(device)
    return device
  }
}

channel.onmessage = ({ data }) => {
  if (data === 'trap') isTrapArmed = true
  if (data === 'close') self.close()
  if (data === 'reject') void Promise.reject(new WebAssembly.RuntimeError('unreachable'))
  if (data === 'lose') for (const device of devices) device.destroy()
  if (data === 'memory') channel.postMessage({ memory: instance?.exports.memory.buffer.byteLength })
}
