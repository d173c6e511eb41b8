/** wllama with the same file and number of tokens. Runs in the page, because wllama starts its own worker. */

export async function wllama({ tokens, prompts: [length], threads }) {
  const { Wllama, LoggerWithoutDebug } = await import('/wllama/esm/index.js')
  const instance = new Wllama(
    { default: '/wllama/esm/wasm/wllama.wasm' },
    { suppressNativeLog: true, logger: LoggerWithoutDebug },
  )
  const blob = await (await fetch('/model/model.gguf')).blob()
  const start = performance.now()
  await instance.loadModel([blob], {
    n_ctx: length + tokens + 64,
    n_threads: threads ? navigator.hardwareConcurrency : 1,
    n_gpu_layers: 0,
  })
  const load = performance.now() - start
  // About one token per word: the exact number is in the result.
  const text = 'the weather is fine '.repeat(Math.ceil(length / 4))
  const { timings } = await instance.createCompletion({
    prompt: text,
    max_tokens: tokens,
    temperature: 0,
    cache_prompt: false,
    ignore_eos: true,
  })
  await instance.exit()
  return {
    load_s: load / 1000,
    prefill_tps: timings.prompt_per_second,
    decode_tps: timings.predicted_per_second,
    prompt_tokens: timings.prompt_n,
  }
}
