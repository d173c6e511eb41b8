// Stores RESULTS results, of which `left` are needed.
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [OUT_STRIDE]
fn store(at: u32, left: u32, total: vec4<f32>) {
    for (var i = 0u; i < min(RESULTS, left); i += 1u) { output[at + i] = kept(progress.tokens - 1u, at + i, total[i]); }
}
