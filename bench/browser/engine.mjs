/** Loads the built engine from the file that a visitor's worker would choose for this device. */

export async function startEngine(device) {
  const place = device === 'cpu' ? '/hybridge/wasm/cpu/hybridge_cpu' : '/hybridge/wasm/worker/hybridge_worker'
  const engine = await import(`${place}.js`)
  const { memory } = await engine.default({ module_or_path: `${place}_bg.wasm` })
  return { engine, memory }
}
