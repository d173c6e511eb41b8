/** Formats a report as a table. */

const lines = [
  ['adapter', 'adapter'],
  ['shape', 'shape'],
  ['plan', 'kernels of decoding'],
  ['rounding_loss', 'rounding costs logits, deviations'],
  ['rounding_tasks', '… and the tiny model’s tasks'],
  ['read_gbps', 'reading, GB/s'],
  ['matvec_gbps', 'vocabulary product, GB/s'],
  ['matvec_ratio', '… of reading'],
  ['matvec_gweights', '… G weights/s'],
  ['body_gweights', 'layers, G weights/s'],
  ['reference_gweights', 'reference kernel, G weights/s'],
  ['decode_gbps', 'writing, GB/s of weights'],
  ['decode_ratio', '… of reading'],
  ['encode_us_per_dispatch', 'encoding a dispatch, µs'],
  ['encode_ms_per_token', 'encoding a token, ms, at best'],
  ['encode_ms_median', '… the median'],
  ['readback_ms', 'reading 4 bytes back, ms'],
  ['dispatches_per_token', 'dispatches a token'],
  ['readback_bytes_per_token', 'bytes read back a token'],
  ['prefill_tps', 'reading a prompt, tokens/s'],
  ['decode_tps', 'writing, tokens/s'],
  ['first_token_ms', 'first token, ms'],
  ['first_token_cached_ms', '… with a cached prefix'],
  ['left_out', 'left out'],
  ['abort_ms', 'a stopped prompt is reported, ms'],
  ['abort_gpu_ms', '… and the GPU idle, ms'],
  ['load_s', 'loading, s'],
  ['wasm_after_load_mb', 'wasm memory after loading, MB'],
  ['wasm_peak_mb', '… at most, MB'],
  ['gpu_bytes', 'bytes on the GPU'],
  ['file_bytes', 'bytes of the file'],
]

const shown = (value) =>
  typeof value === 'object' && value !== null
    ? Object.entries(value)
        .map(([at, it]) => `${it} (${at})`)
        .join(', ')
    : String(value)

export function table(report) {
  const rows = lines
    .filter(([key]) => (report[key] ?? undefined) !== undefined)
    .map(([key, words]) => `${words.padEnd(32)} ${shown(report[key])}`)
  const peers = Object.entries(report.peers ?? {}).map(
    ([name, it]) =>
      `${name.padEnd(32)} ${it.error ?? `load ${it.load_s} s, prefill ${it.prefill_tps}, decode ${it.decode_tps} tokens/s`}`,
  )
  return [...rows, ...peers].join('\n')
}
