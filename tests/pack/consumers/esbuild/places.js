// esbuild moves scripts but not other files, so the app configures where they are served.
import { configure } from 'hybridge'
configure({ wasmUrl: '/page.wasm' })
globalThis.hybridgePlaces = { workerUrl: '/worker.js', wasmUrl: '/worker.wasm', cpuWasmUrl: '/cpu.wasm' }
