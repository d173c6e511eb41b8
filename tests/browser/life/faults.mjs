/**
 * Runs in the worker before the real script and injects faults. Faults during this worker's life are requested over a
 * channel, those at its start are fetched from the page's host, which returns each fault once.
 */

import { forgetYoungNames } from './young-names.mjs'

const channel = new BroadcastChannel('faults')
let instance
let isTrapArmed = false
const devices = []

const { instantiate, instantiateStreaming } = WebAssembly

// A wasm's imports run in the middle of its functions, so an exception of one passes through it like a trap.
function armed(imports) {
  return Object.fromEntries(
    Object.entries(imports).map(([module, values]) => [
      module,
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          name,
          typeof value !== 'function'
            ? value
            : (...args) => {
                if (isTrapArmed) {
                  isTrapArmed = false
                  throw new WebAssembly.RuntimeError('unreachable')
                }
                return value(...args)
              },
        ]),
      ),
    ]),
  )
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

/** The fault of this worker: `name` or `name:count`, at the count-th time from now. */
let fault = { name: '', left: 0 }
function plan(text) {
  const [name, count = '1'] = text.split(':')
  fault = { name, left: Number(count) }
}
function isDue(name) {
  if (fault.name !== name || --fault.left > 0) return false
  fault = { name: '', left: 0 }
  return true
}

/** Requests this worker's fault synchronously, before its script runs, so that no message is lost. */
function askHost() {
  const request = new XMLHttpRequest()
  request.open('GET', '/fault', false)
  request.send()
  if (request.status === 200) plan(request.responseText)
}
askHost()

// The engine reads a file only while it loads.
const { arrayBuffer } = Blob.prototype
Blob.prototype.arrayBuffer = function () {
  if (isDue('trap-on-read')) isTrapArmed = true
  if (isDue('close-on-read')) self.close()
  if (isDue('hang-on-read')) return new Promise(() => {})
  return arrayBuffer.call(this)
}

// APIs that Safari 16.4, Firefox 115 or Chrome 113 lack.
if (isDue('old')) forgetYoungNames()

const isCramped = isDue('little-room')
// WebKitGTK has none in automation.
if (globalThis.StorageManager !== undefined) {
  const { estimate } = StorageManager.prototype
  StorageManager.prototype.estimate = async function () {
    return isCramped ? { quota: 100_000, usage: 0 } : await estimate.call(this)
  }
  if (isDue('no-store')) delete StorageManager.prototype.getDirectory
}

/** Bytes in buffers that were not destroyed: those left to garbage collection count as in use. */
const held = new Map()
const heldBytes = () => [...held.values()].reduce((sum, { size }) => sum + size, 0)
if (globalThis.GPUAdapter !== undefined) {
  const { requestDevice } = GPUAdapter.prototype
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args)
    devices.push(device)
    return device
  }
  const { createBuffer, pushErrorScope, popErrorScope, destroy } = GPUDevice.prototype
  const scopes = []
  let isFull = false
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor)
    held.set(buffer, { device: this, size: descriptor.size })
    if (isDue('lose-on-buffer')) this.destroy()
    if (isDue('full')) isFull = true
    return buffer
  }
  GPUDevice.prototype.pushErrorScope = function (filter) {
    scopes.push(filter)
    return pushErrorScope.call(this, filter)
  }
  GPUDevice.prototype.popErrorScope = async function () {
    const filter = scopes.pop()
    const found = await popErrorScope.call(this)
    if (!isFull || filter !== 'out-of-memory') return found
    isFull = false
    return new GPUOutOfMemoryError('as if there were no room')
  }
  GPUDevice.prototype.destroy = function () {
    const before = heldBytes()
    for (const [buffer, { device }] of held) if (device === this) held.delete(buffer)
    channel.postMessage({ destroyed: before, left: heldBytes() })
    return destroy.call(this)
  }
  const { destroy: destroyBuffer } = GPUBuffer.prototype
  GPUBuffer.prototype.destroy = function () {
    held.delete(this)
    return destroyBuffer.call(this)
  }
  const { submit } = GPUQueue.prototype
  GPUQueue.prototype.submit = function (buffers) {
    submit.call(this, buffers)
    if (isDue('trap-on-submit')) isTrapArmed = true
    if (isDue('close-on-submit')) self.close()
    if (isDue('lose-on-submit')) for (const device of devices) device.destroy()
    // A buffer without a use is rejected, outside any error scope.
    if (isDue('invalid')) for (const device of devices) createBuffer.call(device, { size: 4, usage: 0 })
  }
  const { getMappedRange } = GPUBuffer.prototype
  GPUBuffer.prototype.getMappedRange = function (...args) {
    const range = getMappedRange.apply(this, args)
    if (fault.name !== 'wrong' || (this.usage & GPUBufferUsage.MAP_READ) === 0) return range
    return new Float32Array(range).map((value) => value * 1.01 + 0.01).buffer
  }
}

channel.onmessage = ({ data }) => {
  if (typeof data === 'object' && data.plan !== undefined) {
    plan(data.plan)
    channel.postMessage({ planned: data.plan })
  }
  if (data === 'trap') isTrapArmed = true
  if (data === 'close') self.close()
  if (data === 'reject') void Promise.reject(new WebAssembly.RuntimeError('unreachable'))
  if (data === 'lose') for (const device of devices) device.destroy()
  if (data === 'memory') channel.postMessage({ memory: instance?.exports.memory.buffer.byteLength, gpu: heldBytes() })
}
