/**
 * Runs before the real script, in a page or in its worker: this browser's software GPU poses as a hardware one.
 * In a worker the page's host is asked for the worker's fault: `gone` is a GPU that is missing, `vanishes` one that is
 * there when it is first requested, and missing when the engine asks.
 */

const isWorker = typeof WorkerGlobalScope !== 'undefined'
let fault = ''
if (isWorker) {
  const request = new XMLHttpRequest()
  request.open('GET', '/fault', false)
  request.send()
  fault = request.responseText
}

if (globalThis.GPU !== undefined) {
  const { requestAdapter } = GPU.prototype
  let asked = 0
  GPU.prototype.requestAdapter = async function (...wish) {
    asked++
    return fault === 'gone' || (fault === 'vanishes' && asked > 1) ? null : await requestAdapter.apply(this, wish)
  }
  const info = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, 'info').get
  Object.defineProperty(GPUAdapter.prototype, 'info', {
    get() {
      const { subgroupMinSize, subgroupMaxSize } = info.call(this)
      const name = { vendor: 'acme', architecture: 'rocket', device: '', description: '' }
      return { ...name, isFallbackAdapter: false, subgroupMinSize, subgroupMaxSize }
    },
  })
  if (isWorker) {
    const { requestDevice } = GPUAdapter.prototype
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await requestDevice.apply(this, args)
      new BroadcastChannel('posing').onmessage = () => device.destroy()
      return device
    }
  }
}
