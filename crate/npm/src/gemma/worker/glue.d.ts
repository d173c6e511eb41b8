/** Types of the CPU build's glue, which is generated without types: it is the same crate with fewer features. */
declare module '*/hybridge_cpu.js' {
  type Glue = import('./wasm.js').Glue
  const init: Glue['default']
  export default init
  export const Model: Glue['Model']
  export const Download: Glue['Download']
  export const Digest: Glue['Digest']
  export const self_test: Glue['self_test']
  export const cpu_rate: Glue['cpu_rate']
}
