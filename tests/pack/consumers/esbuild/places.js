// esbuild moves scripts and leaves files where they are, so the app says where it serves them.
import { configure } from 'hybridge'
configure({ wasmUrl: '/page.wasm' })
globalThis.hybridgePlaces = { workerUrl: '/worker.js', wasmUrl: '/worker.wasm', cpuWasmUrl: '/cpu.wasm' }
