/** Formats a benchmark as one JSON object, for sending by owners of other devices. */

const share = (part, whole) => (part > 0 && whole > 0 ? Math.round((1000 * part) / whole) / 1000 : undefined)

/**
 * Returns the report: the adapter and the kernels, counts, ratios, and the underlying measurements. A token reads the
 * weights once, so tokens per second and the file's size give the achieved bandwidth.
 */
export function reportOf(plan, measured, machine, date) {
  const { shape, body, precision, prompts, contexts, tokens } = plan
  const { adapter, software, plan: kernels, read_gbps, decode_tps = {}, file_bytes } = measured
  const gbps = (rate) => (rate * file_bytes) / 1e9
  return {
    format: 1,
    date,
    machine,
    asked: { shape, body, precision, prompts, contexts, tokens },
    adapter,
    software,
    kernels,
    counts: {
      dispatches_per_token: measured.dispatches_per_token,
      readback_bytes_per_token: measured.readback_bytes_per_token,
      prefill_submits: measured.prefill_submits,
    },
    ratios: {
      matvec_of_reading: share(measured.matvec_gbps, read_gbps),
      decode_of_reading: Object.fromEntries(
        Object.entries(decode_tps).map(([context, rate]) => [context, share(gbps(rate), read_gbps)]),
      ),
      matvec_of_reference: share(measured.matvec_gweights, measured.reference_gweights),
      gpu_bytes_of_file: share(measured.gpu_bytes, file_bytes),
    },
    measured,
  }
}
