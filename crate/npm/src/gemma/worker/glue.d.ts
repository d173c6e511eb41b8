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

/** The same with shared memory, and the functions that helpers call. */
declare module '*/hybridge_threads.js' {
  type Glue = import('./wasm.js').Glue
  const init: (options: {
    module_or_path: WebAssembly.Module
    memory?: WebAssembly.Memory
    thread_stack_size?: number
  }) => Promise<{ readonly memory: WebAssembly.Memory }>
  export default init
  export const Model: Glue['Model']
  export const Download: Glue['Download']
  export const Digest: Glue['Digest']
  export const self_test: Glue['self_test']
  export const cpu_rate: Glue['cpu_rate']
  export const lead_threads: (count: number) => void
  export const help_leader: () => void
  export const lose_thread: () => void
  export const is_thread_lost: () => boolean
}
