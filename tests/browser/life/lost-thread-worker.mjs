/**
 * Replaces the engine's worker: its helpers break off inside the wasm after the milliseconds that the test sets.
 */
import '/hybridge/dist/worker.js'

if (self.name === 'hybridge-thread') {
  const request = new XMLHttpRequest()
  request.open('GET', '/fault', false)
  request.send()
  const milliseconds = Number(request.responseText)
  const { instantiate } = WebAssembly
  if (milliseconds > 0)
    WebAssembly.instantiate = async (...given) => {
      const { exports } = await instantiate(...given)
      const help_leader = () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
        throw new WebAssembly.RuntimeError('unreachable')
      }
      return Object.create(WebAssembly.Instance.prototype, { exports: { value: { ...exports, help_leader } } })
    }
}
