/**
 * Runs before the real script, in a page or in its worker: makes this browser's software GPU look like a hardware one.
 * In a worker the fault is fetched from the page's host: `gone` is a missing GPU, `vanishes` one that exists at the
 * first request and is missing when the engine requests it.
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
