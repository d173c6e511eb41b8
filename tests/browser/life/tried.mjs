/**
 * Reports to a channel which kernels are compiled for measuring, and whether devices lack subgroups that their
 * adapters have.
 */

const told = new BroadcastChannel('tried')
const { createComputePipeline } = GPUDevice.prototype
GPUDevice.prototype.createComputePipeline = function (descriptor) {
  if (descriptor.label === 'tried product') told.postMessage(descriptor.label)
  return createComputePipeline.call(this, descriptor)
}
const { requestDevice } = GPUAdapter.prototype
GPUAdapter.prototype.requestDevice = async function (descriptor) {
  const device = await requestDevice.call(this, descriptor)
  if (this.features.has('subgroups') && !device.features.has('subgroups')) told.postMessage('no subgroups')
  return device
}
