/**
 * Transformers.js on WebGPU with an exported model and the same number of tokens. It takes token IDs, because an
 * export of generated weights has no tokenizer.
 */

export async function transformers({ tokens, prompts: [length], dtype }) {
  const { AutoModelForCausalLM, Tensor, env } = await import('/transformers/transformers.min.js')
  Object.assign(env, {
    allowRemoteModels: false,
    allowLocalModels: true,
    localModelPath: '/onnx/',
    useBrowserCache: false,
  })
  env.backends.onnx.wasm.wasmPaths = `${location.origin}/ort/`
  const start = performance.now()
  const model = await AutoModelForCausalLM.from_pretrained('exported', { device: 'webgpu', dtype })
  const load = performance.now() - start
  const answer = async (count) => {
    const tensor = (value) =>
      new Tensor(
        'int64',
        BigInt64Array.from({ length }, (_, at) => BigInt(value(at))),
        [1, length],
      )
    const times = []
    // Called before the prompt is processed, then for every token.
    const streamer = { put: () => void times.push(performance.now()), end: () => {} }
    await model.generate({
      input_ids: tensor((at) => 5 + (at % 200)),
      attention_mask: tensor(() => 1),
      max_new_tokens: count,
      min_new_tokens: count,
      do_sample: false,
      streamer,
    })
    return times
  }
  // Everything is compiled after the first use.
  await answer(2)
  const [begun, first, ...rest] = await answer(Math.max(2, tokens))
  await model.dispose()
  return {
    load_s: load / 1000,
    prefill_tps: (length * 1000) / (first - begun),
    decode_tps: (rest.length * 1000) / (rest.at(-1) - first),
    prompt_tokens: length,
  }
}
